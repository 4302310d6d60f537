"""Nobody's words format, and no words take longer than their length."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cutting import size
from bot.slack.mrkdwn import _CLOSES, _OPENS, escape, literal, mrkdwn
from handlers.conversation import Plain, Strong

_FORMER = re.compile(r"(?<![^\W_])([*_~`])(?=\S)(?=[^\n]*?\S\1(?![^\W_]))")


@given(st.text(alphabet="*_~`a1 .\n\u00e9<", max_size=30))
def test_marks_are_kept_apart_where_a_pair_of_them_would_format(words: str) -> None:
    """The pattern says what a pair is, and looked at the whole line again for each mark."""
    assert literal(words) == escape(_FORMER.sub(lambda m: m[1] + "\u200a", words))


def test_a_reason_of_nothing_but_marks_does_not_stall_the_bot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """60 KB of " *a", pasted into a reason, once took seconds, in which nobody was answered: each mark looked
    for its partner through the whole line. Now no word behind the limit is looked at."""
    looked: list[int] = []

    def counted(words: str) -> str:
        looked.append(len(words))
        return literal(words)

    monkeypatch.setattr("bot.slack.mrkdwn.literal", counted)
    reason = Plain(text=" *a" * 20_000)
    said = mrkdwn((Strong(text="Reason"), reason), 3000, {})
    assert size(said) <= 3000
    assert max(looked) <= 3000
    assert sum(looked) <= 100_000, "a search for the end, by halves"


def test_each_mark_is_looked_at_once() -> None:
    """What one mark takes does not depend on the others: its pattern is one character and its neighbours."""
    for pattern in (_OPENS, _CLOSES):
        assert not set("+{?*") & set(re.sub(r"\(\?<?[=!]|\[[^]]*\]", "", pattern.pattern))
