"""Who decides what: traps 14 to 22 and 35 of the platform rules."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from storage import identities
from tests.slack.conftest import (
    ALERTS,
    ENGINEER,
    FINANCE,
    GONE,
    GUEST,
    LEAD,
    STRANGER,
    World,
)


async def test_trap_14_a_double_click_acts_once(world: World) -> None:
    message = await world.thing()
    await asyncio.gather(
        world.hands.press(ENGINEER, ALERTS, message, "Take"),
        world.hands.press(ENGINEER, ALERTS, message, "Take"),
    )
    await world.deliver()
    assert len(world.audited()) == 1
    assert [e["text"] for e in world.slack.ephemerals] == [
        "Erin has already decided this: investigating."
    ]
    assert len(world.slack.called("chat.update")) == 1


async def test_trap_15_of_two_approvers_one_wins_and_the_other_is_told_who(world: World) -> None:
    message = await world.thing()
    await asyncio.gather(
        world.hands.press(LEAD, ALERTS, message, "Approve"),
        world.hands.press(FINANCE, ALERTS, message, "Approve"),
    )
    await world.deliver()
    assert len(world.audited()) == 1
    winner = "Lee" if world.audited()[0][0] == "lead@example.com" else "Fin"
    loser = FINANCE if winner == "Lee" else LEAD
    said = {e["user"]: e["text"] for e in world.slack.ephemerals}
    assert said[loser] == f"{winner} has already decided this: expected."


async def test_trap_16_nobody_approves_their_own_even_from_another_platform(world: World) -> None:
    # asked for on the console, where a person is known by e-mail
    message = await world.thing(owner="engineer@example.com")
    await world.hands.press(ENGINEER, ALERTS, message, "Approve")
    assert "someone else must approve it" in await world.note()
    assert world.state() == "open"


async def test_trap_17_two_accounts_of_one_human_are_one_person(world: World) -> None:
    listed = world.kernel.loaded.policy.people[0].model_copy(update={"slack": "U0SECOND1"})
    policy = world.kernel.loaded.policy.model_copy(update={"people": (listed,)})
    world.surface.loaded = type(world.kernel.loaded)(policy, "hash", world.kernel.loaded.folder)
    world.slack.add_user("U0SECOND1", "Erin too", "erin@private.example")
    message = await world.thing(owner="engineer@example.com")
    await world.hands.press("U0SECOND1", ALERTS, message, "Approve")
    assert "someone else must approve it" in await world.note()


async def test_trap_17_an_address_that_was_only_typed_is_nobodys(world: World) -> None:
    world.slack.add_user("U0FORGER1", "Erin", "engineer@example.com", is_email_confirmed=False)
    message = await world.thing()
    await world.hands.press("U0FORGER1", ALERTS, message, "Take")
    assert "you have no role" in await world.note()
    assert world.state() == "open"


async def test_trap_18_a_role_that_was_taken_away_since_is_gone(world: World) -> None:
    message = await world.thing()
    await world.hands.press(LEAD, ALERTS, message, "Who am I")
    assert await world.note() == "lead@example.com member lead"
    world.slack.groups[0]["users"] = []
    world.clock.now += timedelta(seconds=61)
    await world.hands.press(LEAD, ALERTS, message, "Take")
    assert "you have no role" in await world.note()
    assert world.state() == "open"


async def test_trap_18_someone_deactivated_since_is_refused(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Who am I")
    world.slack.users[ENGINEER]["deleted"] = True
    world.clock.now += timedelta(seconds=61)
    await world.hands.press(ENGINEER, ALERTS, message, "Take")
    assert "deactivated" in await world.note()
    assert world.state() == "open"


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        (GUEST, "Guests cannot decide here"),
        (GONE, "deactivated"),
        ("U0NOTHERE", "another organisation"),
    ],
)
async def test_trap_18_guests_and_the_gone_are_refused(
    world: World, user: str, sentence: str
) -> None:
    message = await world.thing()
    await world.hands.press(user, ALERTS, message, "Take")
    assert sentence in await world.note()
    assert world.state() == "open"


@pytest.mark.parametrize(
    "fault",
    [("error", "fatal_error"), ("rate", 30), ("drop", None), ("status", 503), ("error", "oops")],
)
async def test_trap_18_who_cannot_be_checked_is_refused(
    world: World, fault: tuple[str, Any]
) -> None:
    message = await world.thing()
    world.slack.fault("users.info", *fault, times=2)  # a read is asked twice when it broke
    await world.hands.press(ENGINEER, ALERTS, message, "Take")
    assert "could not be checked just now" in await world.note()
    assert world.state() == "open"


async def test_trap_18_without_the_groups_roles_by_email_still_stand(world: World) -> None:
    message = await world.thing()
    world.slack.fault("usergroups.list", "error", "fatal_error", times=9)
    await world.hands.press(LEAD, ALERTS, message, "Take")
    assert "could not be checked just now" in await world.note()
    await world.hands.press(ENGINEER, ALERTS, message, "Take")
    assert world.state() == "investigating"


async def test_a_plan_without_user_groups_falls_back_to_emails(world: World) -> None:
    world.slack.paid = False
    message = await world.thing()
    await world.hands.press(LEAD, ALERTS, message, "Take")
    assert "you have no role" in await world.note()
    await world.hands.press(ENGINEER, ALERTS, message, "Take")
    assert world.state() == "investigating"


async def test_trap_19_a_slack_connect_outsider_is_refused(world: World) -> None:
    message = await world.thing()
    await world.hands.press(STRANGER, ALERTS, message, "Take")
    assert "another organisation" in await world.note()
    assert world.state() == "open"


async def test_trap_19_an_outsider_with_an_employees_address_is_refused(world: World) -> None:
    world.slack.add_user("U0OTHER11", "Erin", "engineer@example.com", team_id="T0OTHER")
    message = await world.thing()
    await world.hands.press("U0OTHER11", ALERTS, message, "Take")
    assert "another organisation" in await world.note()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "not json",
        "[]",
        '{"s": "someone-elses", "v": 1}',
        '{"s": {"a": 1}, "v": 1}',
        '{"s": "recs-v2", "v": 99}',
        '{"s": "recs-v2", "v": "1; DROP TABLE"}',
        '{"s": "recs-v2\\u0000", "v": 1e400}',
    ],
)
async def test_trap_20_a_forged_or_stale_value_changes_nothing(world: World, value: str) -> None:
    message = await world.thing()
    payload = world.hands.press_payload(ENGINEER, ALERTS, message, "Take")
    payload["actions"][0]["value"] = value
    sent = await world.hands.send_payload(payload)
    assert sent.status == 200
    note = await world.note()
    assert "not known here" in note or "older version" in note
    assert world.state() == "open"


async def test_trap_20_an_action_that_does_not_exist_is_answered(world: World) -> None:
    message = await world.thing()
    payload = world.hands.press_payload(ENGINEER, ALERTS, message, "Take")
    payload["actions"][0]["action_id"] = "test.slack.steal"
    await world.hands.send_payload(payload)
    assert "not known here" in await world.note()


async def test_trap_21_a_button_from_before_a_change_is_void(world: World) -> None:
    """What was changed meanwhile is not what was approved: the version that was seen comes with the press."""
    message = await world.thing()
    payload = world.hands.press_payload(LEAD, ALERTS, message, "Approve")
    payload["actions"][0]["value"] = '{"s":"recs-v2","v":0}'
    await world.hands.send_payload(payload)
    assert "from an older version" in await world.note()
    assert (world.state(), world.audited()) == ("open", [])


async def test_trap_22_an_old_button_answers_politely(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Take")
    await world.deliver()
    await world.hands.press(LEAD, ALERTS, message, "Approve")  # an app that still shows the old one
    assert await world.note() == "Erin has already decided this: investigating."
    assert world.state() == "investigating"
    assert len(world.audited()) == 1


async def test_trap_35_the_record_of_a_decision_is_the_message_not_a_private_note(
    world: World,
) -> None:
    message = await world.thing()
    world.slack.fault("response_url", "error", times=9)
    world.slack.fault("chat.postEphemeral", "error", "user_not_in_channel", times=9)
    world.slack.fault("views.open", "error", "fatal_error", times=9)
    await world.hands.press(LEAD, ALERTS, message, "Approve")
    await world.deliver()
    assert world.slack.ephemerals == []
    assert "expected by Lee" in world.slack.messages(ALERTS)[0]["text"]


async def test_accounts_that_were_seen_are_remembered_by_person(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Take")
    await world.hands.press(STRANGER, ALERTS, message, "Take")
    await world.surface.people.close()
    with world.kernel.database.read() as connection:
        known = identities.accounts_of(
            connection, "slack", world.slack.team, ["engineer@example.com", "sam@other.example"]
        )
    assert known == {"engineer@example.com": ENGINEER}
