"""From a post to its outcome: buttons, menus, forms, threads, commands, as people use them."""

import json

from tests.slack.conftest import ALERTS, ENGINEER, LEAD, NOBODY, World


async def test_a_press_changes_the_message_for_everyone(world: World) -> None:
    message = await world.thing()
    assert message["text"].startswith("Spend of recs-v2")
    sent = await world.hands.press(ENGINEER, ALERTS, message, "Take")
    assert (sent.status, sent.text) == (200, "")
    await world.deliver()
    assert world.state() == "investigating"
    (message,) = world.slack.messages(ALERTS)
    assert "investigating by Erin" in json.dumps(message["blocks"])
    assert not any(block["type"] == "actions" for block in message["blocks"])
    assert world.audited() == [("engineer@example.com", "test.investigating")]


async def test_a_menu_presses_with_the_choice(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Snooze", "3 days")
    assert await world.note() == "Snoozed."
    await world.deliver()
    assert "for 3 days" in world.slack.messages(ALERTS)[0]["text"]


async def test_a_form_opens_and_its_submission_is_shown_to_all_and_in_the_thread(
    world: World,
) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    (view,) = world.slack.views
    assert view["title"]["text"] == "Expected"
    sent = await world.hands.submit(ENGINEER, view, why="A launch & a sale", until="2026-11-30")
    assert (sent.status, sent.text) == (200, "")
    await world.deliver()
    root, reply = world.slack.messages(ALERTS)
    assert "expected by Erin: A launch &amp; a sale" in root["text"]
    assert reply["thread_ts"] == root["ts"]


async def test_a_note_after_a_form_is_private_in_the_channel(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    await world.hands.submit(ENGINEER, world.slack.views[0], why="Launch", cause="launch")
    assert await world.note() == "Quiet until then."
    assert world.slack.ephemerals[-1]["user"] == ENGINEER
    assert world.slack.ephemerals[-1]["channel"] == ALERTS


async def test_a_refused_form_says_so_in_the_form(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    await world.hands.press(LEAD, ALERTS, message, "Take")
    sent = await world.hands.submit(ENGINEER, world.slack.views[0], why="Launch")
    answer = sent.json()
    assert answer["response_action"] == "update"
    assert "Lee has already decided this" in json.dumps(answer["view"])


async def test_a_command_is_answered_privately(world: World) -> None:
    sent = await world.hands.command(ENGINEER, "/test", "echo a < b & c")
    assert sent.status == 200
    assert world.slack.ephemerals[-1]["text"] == "You said a &lt; b &amp; c"
    assert world.slack.ephemerals[-1]["blocks"][0]["text"]["text"] == "You said a < b & c"


async def test_a_command_can_open_a_form(world: World) -> None:
    sent = await world.hands.command(ENGINEER, "/test", "form")
    assert (sent.status, sent.text) == (200, "")
    assert len(world.slack.views) == 1


async def test_an_unknown_command_gets_the_nearest_one(world: World) -> None:
    await world.hands.command(ENGINEER, "/test", "ecco hello")
    assert "/test echo" in world.slack.ephemerals[-1]["text"]


async def test_a_mention_in_a_thread_is_a_command_answered_in_that_thread(world: World) -> None:
    message = await world.thing()
    sent = await world.hands.mention(ENGINEER, ALERTS, "test echo hello", thread=message["ts"])
    assert (sent.status, sent.text) == (200, "")
    assert await world.note() == "You said hello"
    assert world.slack.ephemerals[-1]["thread_ts"] == message["ts"]


async def test_someone_without_a_role_is_told_whom_to_ask(world: World) -> None:
    message = await world.thing()
    sent = await world.hands.press(NOBODY, ALERTS, message, "Take")
    assert sent.status == 200
    assert "you have no role" in await world.note()
    assert world.state() == "open"


async def test_a_role_comes_from_a_user_group(world: World) -> None:
    message = await world.thing()
    await world.hands.press(LEAD, ALERTS, message, "Who am I")
    assert await world.note() == "lead@example.com member lead"


async def test_a_channel_may_be_named_instead_of_given_by_id(world: World) -> None:
    message = await world.thing(channel="search")
    assert message["text"].startswith("Spend of recs-v2")
    await world.hands.press(ENGINEER, "C0SEARCH1", message, "Take")
    await world.deliver()
    assert "investigating" in world.slack.messages("C0SEARCH1")[0]["text"]
