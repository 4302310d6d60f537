"""What a request of Slack says, however it is packed."""

import json
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.payloads import read_body

FORM = "application/x-www-form-urlencoded"
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def test_a_command_in_which_somebody_types_the_word_payload() -> None:
    """Somebody asked for ``/spend payload-service``; Bolt's reader saw the word payload in the form, looked for a
    field of that name, and the command was lost without an answer."""
    raw = urlencode({"command": "/spend", "text": "payload-service last 30d"}).encode()
    assert read_body(raw, FORM) == {"command": "/spend", "text": "payload-service last 30d"}


@given(st.dictionaries(words.filter(lambda k: k != "payload"), words, max_size=6))
def test_a_form_is_read_as_the_standard_library_reads_it(form: dict[str, str]) -> None:
    raw = urlencode(form)
    if raw.startswith("{"):
        return
    assert read_body(raw.encode(), FORM) == dict(parse_qsl(raw, keep_blank_values=True))


@given(st.dictionaries(words, words, max_size=6))
def test_a_payload_in_a_form(payload: dict[str, str]) -> None:
    raw = urlencode({"payload": json.dumps(payload)}).encode()
    assert read_body(raw, FORM) == payload


@pytest.mark.parametrize("raw", [b"payload=%5B1%5D", b"[1]", b"payload=x", b"\xff=1", b'{"a":'])
def test_what_cannot_be_read_is_said_so(raw: bytes) -> None:
    content_type = "application/json" if raw.startswith(b"[") else FORM
    with pytest.raises(ValueError):
        read_body(raw, content_type)
