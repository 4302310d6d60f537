"""An entry in a message's own menu: a form at once, about this message; the answer reaches who asked anywhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.slack.manifest import manifest
from bot.slack.payloads import PayloadError, from_message_menu
from bot.slack.scopes import MESSAGE_MENU
from handlers.router import find
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.council import CouncilItem
from tests.slack.conftest import ALERTS, ENGINEER, GUEST, NOBODY, POLICY, SEARCH, STRANGER, World
from tests.stored import rows_of

NAME = "Bring to the council"


@pytest.fixture
def policy() -> LoadedPolicy:
    parsed = parse_policy(POLICY + "council: {channel: alerts}\n")
    return LoadedPolicy(parsed, policy_hash(parsed), Path())


def written(world: World, words: str = "Shall we keep the old ranker?", **more: Any) -> Any:
    """A message that a person wrote in a channel in which the bot is not."""
    world.slack.channels[SEARCH].member = False
    message = {"type": "message", "ts": world.slack.ts(), "user": ENGINEER, "text": words, **more}
    world.slack.messages(SEARCH).append(message)
    return message


def items(world: World) -> list[Any]:
    return rows_of(world.kernel.database, CouncilItem)


async def test_the_form_and_what_comes_of_it(world: World) -> None:
    said = "Shall we keep <@U0LEADER1|Lee>'s ranker &amp; <https://example.com|the old one>?\nMore."
    message = written(world, said)
    sent = await world.hands.menu(ENGINEER, SEARCH, message, NAME)
    assert (sent.status, sent.text) == (200, "")
    assert sent.seconds < 3
    (view,) = world.slack.views
    topic = next(b for b in view["blocks"] if b.get("block_id") == "topic")["element"]
    assert topic["initial_value"] == "Shall we keep @Lee's ranker & the old one?"
    wrong = await world.hands.submit(ENGINEER, view, owner="nobody")
    assert set(wrong.json()["errors"]) == {"owner"}
    done = await world.hands.submit(ENGINEER, view, why="Keep or stop?")
    assert "It is on the agenda of the council" in done.text  # in the form's place
    (row,) = items(world)
    stamp = message["ts"].replace(".", "")
    assert row.subject == f"https://sandrail.slack.com/archives/{SEARCH}/p{stamp}"
    assert (row.why, row.owner, row.asked_name) == (
        "Keep or stop?",
        "engineer@example.com",
        "Erin",
    )


async def test_a_reply_has_its_threads_address(world: World) -> None:
    root = written(world)
    reply = written(world, "A reply", thread_ts=root["ts"])
    await world.hands.menu(ENGINEER, SEARCH, reply, NAME)
    carried = json.loads(world.slack.views[-1]["private_metadata"])
    assert carried["s"].endswith(f"?thread_ts={root['ts']}&cid={SEARCH}")
    assert carried["t"] == root["ts"]


async def test_sent_twice_it_opens_one_form(world: World) -> None:
    payload = world.hands.menu_payload(ENGINEER, SEARCH, written(world), NAME)
    for _ in range(2):
        sent = await world.hands.send_payload(payload)
        assert (sent.status, sent.text) == (200, "")
    await world.settle()
    assert len(world.slack.views) == 1
    assert world.slack.ephemerals == []


async def test_what_is_refused_is_told_where_the_bot_is_not(world: World) -> None:
    for user, words in (
        (NOBODY, "you have no role"),
        (GUEST, "Guests cannot decide here"),
        (STRANGER, "another organisation"),
    ):
        sent = await world.hands.menu(user, SEARCH, written(world), NAME)
        assert sent.status == 200
        assert words in await world.note()
        assert world.slack.ephemerals[-1]["user"] == user
    assert world.slack.views == []


async def test_too_late_says_so(world: World) -> None:
    payload = world.hands.menu_payload(ENGINEER, SEARCH, written(world), NAME)
    world.slack.expire_triggers()
    assert (await world.hands.send_payload(payload)).status == 200
    assert "gave up waiting" in await world.note()


async def test_of_the_bots_own_message_its_summary_is_the_topic(world: World) -> None:
    message = await world.thing()
    await world.hands.menu(ENGINEER, ALERTS, message, NAME)
    topic = next(b for b in world.slack.views[-1]["blocks"] if b.get("block_id") == "topic")
    assert topic["element"]["initial_value"] == "Spend of recs-v2: more than expected"


async def test_an_entry_that_is_no_longer_known(world: World) -> None:
    payload = world.hands.menu_payload(ENGINEER, SEARCH, written(world), NAME)
    sent = await world.hands.send_payload({**payload, "callback_id": "gone"})
    assert sent.status == 200
    assert "not known here" in await world.note()


@pytest.mark.parametrize(
    "change",
    [{"callback_id": ""}, {"user": {}}, {"channel": {}}, {"user": None}, {"channel": "C1"}],
)
def test_what_slack_never_sends_is_not_used(change: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        from_message_menu(_payload() | change)


@pytest.mark.parametrize(
    "change",
    [
        {"team": None},
        {"team": {"id": "T1", "domain": "evil.example/x"}},
        {"message": {"ts": "later", "text": "x"}, "message_ts": "later"},
        {"channel": {"id": "C1/../x"}},
    ],
)
def test_without_a_good_address_there_is_none(change: dict[str, Any]) -> None:
    assert from_message_menu(_payload() | change).inputs["link"] == ""


def _payload() -> dict[str, Any]:
    return {
        "type": "message_action",
        "callback_id": "council.add",
        "user": {"id": "U1"},
        "team": {"id": "T1", "domain": "example"},
        "channel": {"id": "C1"},
        "trigger_id": "1.2.3",
        "message": {"ts": "1700000000.000100", "text": "x"},
    }


def test_the_manifest_has_it_within_slacks_limits() -> None:
    entries = manifest("https://sandrail.example.com")["features"]["shortcuts"]
    assert [e["callback_id"] for e in entries] == list(MESSAGE_MENU)
    assert len(entries) <= 5
    for entry in entries:
        assert entry.keys() == {"name", "type", "callback_id", "description"}
        assert entry["type"] == "message"
        assert 1 <= len(entry["name"]) <= 24
        assert 1 <= len(entry["callback_id"]) <= 255
        assert 1 <= len(entry["description"]) <= 150
        assert find("press", entry["callback_id"])
