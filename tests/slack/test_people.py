"""Whom the bot mentions, and how often it asks Slack."""

import asyncio
from datetime import timedelta

from handlers.conversation import Mention, Message, Paragraph, text
from tests.slack.conftest import ALERTS, ENGINEER, LEAD, World


def _mention(person: str, name: str) -> Message:
    said = text("Owner: ", Mention(person=person, name=name))
    return Message(summary=f"Owner: {name}", blocks=(Paragraph(text=said),))


async def _post(world: World, message: Message) -> str:
    key = f"m{world.slack.counters['chat.postMessage']}"
    await world.kernel.turn(lambda turn: turn.post("alerts", key, message))
    await world.delivery.drain()
    return str(world.slack.messages(ALERTS)[-1]["blocks"][0]["text"]["text"])


async def test_an_owner_with_an_account_is_mentioned(world: World) -> None:
    assert await _post(world, _mention("lead@example.com", "Lee")) == f"Owner: <@{LEAD}>"


async def test_an_owner_without_an_account_is_named(world: World) -> None:
    assert await _post(world, _mention("who@example.com", "Wu & Co")) == "Owner: Wu &amp; Co"


async def test_an_account_is_looked_up_once_an_hour(world: World) -> None:
    for _ in range(3):
        await _post(world, _mention("lead@example.com", "Lee"))
        await _post(world, _mention("who@example.com", "Wu"))
    assert world.slack.counters["users.lookupByEmail"] == 2
    world.clock.now += timedelta(hours=2)
    await _post(world, _mention("lead@example.com", "Lee"))
    assert world.slack.counters["users.lookupByEmail"] == 3


async def test_when_slack_cannot_be_asked_the_account_seen_before_is_used(world: World) -> None:
    message = await world.thing()
    await world.hands.press(LEAD, ALERTS, message, "Who am I")
    await world.surface.people.close()
    world.slack.fault("users.lookupByEmail", "error", "fatal_error")
    assert await _post(world, _mention("lead@example.com", "Lee")) == f"Owner: <@{LEAD}>"


async def test_without_the_scope_for_emails_people_are_named(world: World) -> None:
    world.slack.scopes.discard("users:read.email")
    assert await _post(world, _mention("lead@example.com", "Lee")) == "Owner: Lee"


async def test_many_clicks_at_once_ask_slack_once(world: World) -> None:
    messages = [await world.thing(f"thing-{n}") for n in range(8)]
    await asyncio.gather(*(world.hands.press(ENGINEER, ALERTS, m, "Take") for m in messages))
    assert world.slack.counters["users.info"] == 1
    assert world.slack.counters["usergroups.list"] == 1
    assert all(world.state(f"thing-{n}") == "investigating" for n in range(8))


async def test_someone_whose_account_has_no_address_is_known_by_the_account(world: World) -> None:
    world.slack.add_user("U0NOMAIL1", "Kim", None)
    message = await world.thing()
    await world.hands.press("U0NOMAIL1", ALERTS, message, "Take")
    assert "you have no role" in await world.note()
    actor = await world.surface.people.actor("U0NOMAIL1")
    assert actor.person == f"slack:{world.slack.team}:U0NOMAIL1"
