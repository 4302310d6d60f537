"""The home tab: of the one who looks, with the roles and the state of now."""

import asyncio
import json
from datetime import timedelta

from tests.slack.conftest import ENGINEER, GONE, GUEST, LEAD, NOBODY, World


async def _look(world: World, user: str) -> str:
    sent = await world.hands.open_home(user)
    assert (sent.status, sent.text) == (200, "")
    await world.settle()
    return json.dumps(world.slack.homes[user], ensure_ascii=False)


async def test_the_page_of_the_one_who_looks(world: World) -> None:
    page = await _look(world, ENGINEER)
    assert "engineer@example.com" in page
    assert "Waiting for me" in page
    assert world.slack.homes.keys() == {ENGINEER}


async def test_trap_38_each_sees_their_own_page_however_many_look_at_once(world: World) -> None:
    people = {ENGINEER: "engineer@example.com", LEAD: "lead@example.com"}
    await asyncio.gather(*(world.hands.open_home(u) for u in [*people, *people, *people]))
    await world.settle()
    assert world.slack.homes.keys() == people.keys()
    for user, email in people.items():
        page = json.dumps(world.slack.homes[user])
        assert email in page
        assert not any(other in page for other in people.values() if other != email)


async def test_trap_38_a_payload_that_names_another_person_shows_only_its_sender(
    world: World,
) -> None:
    await _look(world, LEAD)
    before = dict(world.slack.homes)
    world.slack.homes[ENGINEER] = dict(world.slack.homes[LEAD])
    await _look(world, ENGINEER)
    assert "engineer@example.com" in json.dumps(world.slack.homes[ENGINEER])
    assert world.slack.homes[LEAD] == before[LEAD]


async def test_trap_38_roles_are_those_of_now(world: World) -> None:
    assert "lead@example.com" in await _look(world, LEAD)
    world.slack.groups[0]["users"] = []
    world.clock.now += timedelta(seconds=61)
    page = await _look(world, LEAD)
    assert "you have no role" in page
    assert "lead@example.com" not in page


async def test_trap_38_a_redelivered_event_shows_the_roles_of_now_not_of_then(
    world: World,
) -> None:
    sent = await world.hands.open_home(LEAD)
    await world.settle()
    world.slack.groups[0]["users"] = []
    world.clock.now += timedelta(seconds=61)
    await world.hands.again(sent, x_slack_retry_num="1")
    await world.settle()
    assert "you have no role" in json.dumps(world.slack.homes[LEAD])


async def test_a_refusal_is_all_that_the_page_says(world: World) -> None:
    for user, sentence in (
        (NOBODY, "you have no role"),
        (GUEST, "Guests cannot decide here"),
        (GONE, "deactivated"),
    ):
        await _look(world, user)
        (block,) = world.slack.homes[user]["blocks"]
        assert sentence in block["text"]["text"]


async def test_who_cannot_be_checked_sees_that_and_nothing_else(world: World) -> None:
    world.slack.fault("users.info", "error", "fatal_error")
    assert "could not be checked just now" in await _look(world, ENGINEER)
    assert "engineer@example.com" in await _look(world, ENGINEER)


async def test_the_messages_tab_is_not_a_page(world: World) -> None:
    sent = await world.hands.open_home(ENGINEER, "messages")
    await world.settle()
    assert sent.status == 200
    assert world.slack.homes == {}


async def test_after_a_press_the_page_shows_the_outcome(world: World) -> None:
    await world.thing()
    await _look(world, ENGINEER)
    await _with_buttons(world, ENGINEER)
    sent = await world.hands.press_home(ENGINEER, "Take")
    assert (sent.status, sent.text) == (200, "")
    await world.settle()
    assert world.state() == "investigating"
    assert "Waiting for me" in json.dumps(world.slack.homes[ENGINEER])
    assert "Spend of recs-v2" not in json.dumps(world.slack.homes[ENGINEER])


async def test_a_refused_press_is_told_and_the_page_is_made_anew(world: World) -> None:
    await world.thing()
    await _look(world, ENGINEER)
    await _with_buttons(world, NOBODY)
    await world.hands.press_home(NOBODY, "Take")
    await world.settle()
    assert "you have no role" in json.dumps(world.slack.views[-1])  # a notice: there is no channel
    assert "you have no role" in json.dumps(world.slack.homes[NOBODY])
    assert world.state() == "open"


async def test_a_form_from_the_page_refreshes_the_page_when_it_is_submitted(world: World) -> None:
    await world.thing()
    await _with_buttons(world, ENGINEER)
    await world.hands.press_home(ENGINEER, "Expected")
    (view,) = world.slack.views
    await world.settle()
    assert world.slack.called("views.publish") == []
    wrong = await world.hands.submit(ENGINEER, view, why="", until="2026-11-30")
    assert wrong.json()["response_action"] == "errors"
    await world.settle()
    assert world.slack.called("views.publish") == []
    sent = await world.hands.submit(ENGINEER, view, why="Launch", until="2026-11-30")
    assert (sent.status, sent.text) == (200, "")
    await world.settle()
    assert world.state() == "expected"
    (published,) = world.slack.called("views.publish")
    assert published["user_id"] == ENGINEER


async def test_a_double_press_on_the_page_acts_once(world: World) -> None:
    await world.thing()
    await _with_buttons(world, ENGINEER)
    payload = world.hands.press_home_payload(ENGINEER, "Take")
    await asyncio.gather(*(world.hands.send_payload(payload) for _ in range(3)))
    await world.settle()
    assert len(world.audited()) == 1


async def test_a_page_that_slack_refuses_breaks_nothing(world: World) -> None:
    world.slack.fault("views.publish", "error", "not_enabled")
    sent = await world.hands.open_home(ENGINEER)
    assert sent.status == 200
    await world.settle()
    assert world.slack.homes == {}
    assert "engineer@example.com" in await _look(world, ENGINEER)


async def _with_buttons(world: World, user: str) -> None:
    """The buttons of a message on a person's page, as the page of an earlier look may have had them."""
    message = world.slack.messages("C0ALERTS1")[-1]
    world.slack.homes[user] = {"id": f"V0HOME{user}", "type": "home", "blocks": message["blocks"]}
