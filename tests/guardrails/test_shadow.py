"""When unclaimed spend is asked about, and what a claim does to the numbers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.shadow import AGAIN, LEAST, AiSpend, QuestionState, clean_name, next_step

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
money = st.decimals(0, 10**9, places=6)


@given(
    st.sampled_from([None, *get_args(QuestionState)]),
    st.timedeltas(timedelta(0), timedelta(days=90)),
    st.decimals(-(10**6), 10**6, places=6),
)
def test_a_question_is_asked_once_a_month_and_only_while_it_is_nobodys(
    state: QuestionState | None, ago: timedelta, amount: Decimal
) -> None:
    step = next_step(state, None if state is None else NOW - ago, amount, NOW)
    if step == "ask":
        assert amount >= LEAST
        assert state not in ("claimed", "not-ai")
        assert state != "asked" or ago >= AGAIN
    if step == "end":
        assert (state, amount <= 0) == ("asked", True)
    if state is None and amount >= LEAST:
        assert step == "ask"


@given(money, money, money)
def test_a_claim_moves_money_and_what_is_no_ai_leaves_it(
    claimed: Decimal, other: Decimal, amount: Decimal
) -> None:
    before = AiSpend("USD", claimed + other + amount, other + amount)
    with_claim, without = before.with_claim(amount), before.without(amount)
    assert with_claim.total == before.total
    assert with_claim.claimed == before.claimed + amount
    assert without.claimed == before.claimed
    assert without.total == before.total - amount
    assert 0 <= before.share <= with_claim.share <= 1
    assert before.share <= without.share + 1e-9


def test_the_sentence_is_to_the_cent() -> None:
    spend = AiSpend("USD", Decimal("1234.567"), Decimal(1234))
    assert spend.sentence() == "$0.57 of $1,234.57 (0.0 %)"
    assert AiSpend("USD", Decimal(0), Decimal(0)).share == 1.0


@pytest.mark.parametrize("said", ["", "  ", "a" * 81, "a\x00b", "a\u202eb", "\u200b"])
def test_names_that_nobody_could_read_are_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        clean_name(said)


@given(st.text())
def test_a_clean_name_is_clean_again(said: str) -> None:
    try:
        name = clean_name(said)
    except ValueError:
        return
    assert clean_name(name) == name
    assert name == name.strip()
    assert "\n" not in name
