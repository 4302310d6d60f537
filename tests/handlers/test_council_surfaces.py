"""The golden digests as each platform would take them: nothing cut, nothing refused, everything said."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.slack import limits
from bot.slack.blocks import render
from bot.slack.blocks import weight as slack_weight
from bot.teams.card_limits import CARD, weight
from bot.teams.cards import card
from handlers.conversation import Message
from storage.database import Database
from tests.conftest import Clock
from tests.fakes.block_kit import problems as refused_by_slack
from tests.fakes.block_kit import too_long
from tests.fakes.teams_cards import problems as refused_by_teams
from tests.fakes.teams_cards import walk
from tests.handlers.councils import Hall, at, council_policy
from tests.teams.adaptive_schema import problems as against_the_schema

GOLDEN = Path(__file__).parent / "golden"


def busy(hall: Hall) -> None:
    hall.busy()


def quiet(hall: Hall) -> None:
    hall.clock.now = at(24)
    hall.bill(90)


def empty(hall: Hall) -> None:
    hall.clock.now = at(24)


@pytest.fixture(params=[busy, quiet, empty], ids=lambda week: week.__name__)
def messages(request: pytest.FixtureRequest, sqlite: Database, clock: Clock) -> list[Message]:
    """The digest of a golden week, as it is posted."""
    week: Callable[[Hall], None] = request.param
    hall = Hall(sqlite, council_policy(), clock)
    week(hall)
    hall.post()
    digest = hall.digest()
    assert hall.words(digest) == (GOLDEN / f"council-{week.__name__}.txt").read_text()
    return list(digest.every())


def tokens(messages: list[Message]) -> set[str]:
    """The words and amounts of what is said, and of what is on the buttons."""
    said = " ".join(re.findall(r'"(?:text|label|summary)": ?"([^"]*)"', _json(messages)))
    said += " " + " ".join(
        c for m in messages for b in m.blocks if b.kind == "table" for r in b.rows for c in r
    )
    return {w.strip(".,:()") for w in said.split()} - {""}


def _json(messages: list[Message]) -> str:
    return "".join(m.model_dump_json() for m in messages)


def missing(messages: list[Message], shown: str) -> set[str]:
    return {word for word in tokens(messages) if word not in shown}


def test_slack_takes_every_message_whole(messages: list[Message]) -> None:
    shown = ""
    for message in messages:
        rendered = render(message)
        assert rendered.rest is None
        assert refused_by_slack(rendered.blocks) == []
        assert not too_long(rendered.blocks)
        assert slack_weight(rendered.blocks) <= limits.MESSAGE
        assert 0 < len(rendered.text) <= limits.TEXT
        shown += rendered.text + str(rendered.blocks).replace("&amp;", "&")
    assert missing(messages, shown) == set()


def test_teams_takes_every_message_whole(messages: list[Message]) -> None:
    shown = ""
    for message in messages:
        rendered = card(message)
        assert rendered.rest is None
        assert against_the_schema(rendered.card) == []
        assert refused_by_teams(rendered.card, set()) == []
        assert weight(rendered.card) <= CARD
        shown += rendered.summary + " ".join(
            str(one[key]) for one in walk(rendered.card) for key in ("text", "title") if key in one
        ).replace("\\", "")
    assert missing(messages, shown) == set()


def test_the_console_keeps_every_message_as_it_is(messages: list[Message]) -> None:
    for message in messages:
        assert Message.model_validate_json(message.model_dump_json()) == message
        assert message.summary.strip()
        assert len(message.summary) <= 300, (
            "a notification and a screen reader say it in one breath"
        )
