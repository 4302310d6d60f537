"""Forms in Teams: in a dialog, and as a card where there is none."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.teams import turns
from tests.contract.seats import field_errors
from tests.fakes.teams_cards import card_of, inputs, words
from tests.fakes.teams_state import Message
from tests.teams import handlers
from tests.teams.house import House

OPEN = "Open the form"
GOOD = {"why": "A launch & a <sale>", "until": "2026-11-30"}


def values(card: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one.get("value", "") for one in inputs(card)}


async def opened(home: House, who: str = "lead") -> Any:
    """The dialog of a thing's form."""
    return await home.press(who, await home.thing(), "Expected")


async def test_a_dialog_keeps_what_was_typed_and_says_what_is_wrong(home: House) -> None:
    lead = home.users["lead"]
    form = await opened(home)
    wrong = {**GOOD, "until": "2026-11-01"}
    sent = await home.hands.submit(lead, form, wrong)
    assert field_errors(sent.card()) == {"until": "This day is over; choose a later one."}
    assert values(sent.card())["why"] == "A launch & a <sale>"
    assert values(sent.card())["until"] == "2026-11-01"
    assert home.state() == "open"
    sent = await home.hands.submit(lead, sent, GOOD)
    await home.settle()
    assert sent.json() == {}
    assert home.state() == "expected"
    assert "A launch & a <sale>" in home.fake.thread(home.channel("ml-search"), home.root()["id"])[
        0
    ]["activity"]["summary"].replace("\\", "")


@pytest.mark.parametrize("new_id", [False, True])
async def test_trap_52_the_same_submission_again_has_one_effect(home: House, new_id: bool) -> None:
    lead = home.users["lead"]
    form = await opened(home)
    first = await home.hands.submit(lead, form, GOOD)
    again = await home.hands.submit(lead, form, GOOD, not new_id, new_id=new_id)
    await home.settle()
    assert again.text == first.text
    assert len(home.audited()) == 1
    assert len(home.fake.thread(home.channel("ml-search"), home.root()["id"])) == 1


async def test_two_submissions_at_once_have_one_effect(home: House) -> None:
    lead = home.users["lead"]
    form = await opened(home)
    sent = await asyncio.gather(*(home.hands.submit(lead, form, GOOD) for _ in range(3)))
    await home.settle()
    assert {one.text for one in sent} == {"{}"}
    assert len(home.audited()) == 1


async def test_another_person_cannot_send_in_somebody_elses_form_as_theirs(home: House) -> None:
    form = await opened(home)
    await home.hands.submit(home.users["lead"], form, GOOD)
    sent = await home.hands.submit(home.users["engineer"], form, GOOD)
    assert "has already decided this" in sent.told()
    assert home.audited() == [("lead@example.com", "test.expected")]


async def test_trap_20_what_a_form_carries_is_believed_in_nothing(home: House) -> None:
    executive = home.users["executive"]
    form = await opened(home)
    sent = await home.hands.submit(executive, form, GOOD)
    assert "This needs the role" in sent.told()
    forged = {**form.activity}
    data = {"sandrail": {"form": "test.slack.take", "subject": "recs-v2", "version": 1}}
    data["sandrail"] |= {"fields": ["role"], "carried": {"form": "x", "role": "lead"}}
    value = {"data": {**data, "role": "lead", "amount": "0"}, "context": {}}
    make = home.hands.make.invoke
    where = forged["conversation"]["id"]
    sent = await home.hands.send(make(executive, where, "task/submit", value))
    assert "not known here" in sent.told()
    assert home.state() == "open"
    assert home.audited() == []


async def test_a_form_of_a_role_that_was_lost_meanwhile(home: House) -> None:
    form = await opened(home)
    home.fake.remove_user(home.users["lead"])
    home.clock.now += timedelta(seconds=61)
    sent = await home.hands.submit(home.users["lead"], form, GOOD)
    assert "another organisation" in sent.told()
    assert home.state() == "open"


async def test_an_old_form_of_a_newer_version(home: House) -> None:
    lead = home.users["lead"]
    form = await opened(home)
    card = form.card()
    ours = next(a for a in card["actions"])["data"]["sandrail"] | {"version": 7}
    value = {"data": {"sandrail": ours, **GOOD, "cause": ""}, "context": {}}
    where = form.activity["conversation"]["id"]
    sent = await home.hands.send(home.hands.make.invoke(lead, where, "task/submit", value))
    assert "older version" in sent.told()
    assert home.state() == "open"


# --- as a card ------------------------------------------------------------------------------------


async def in_chat(home: House, text: str = "test sandbox") -> tuple[str, Message]:
    """The form that a command shows in the personal chat."""
    engineer = home.users["engineer"]
    await home.hands.say(engineer, text)
    await home.settle()
    chat = home.fake.personal_chat(engineer)
    return chat, home.fake.messages(chat)[-1]


async def test_in_the_personal_chat_a_form_is_a_card(home: House) -> None:
    engineer = home.users["engineer"]
    chat, form = await in_chat(home)
    short = {"why": "Try", "machine": "p5.48xlarge", "days": "7"}
    sent = await home.hands.submit_card(engineer, chat, form, "Ask", short)
    assert field_errors(sent.card()) == {"why": "Say in a sentence what it is for."}
    assert values(sent.card())["machine"] == "p5.48xlarge"
    assert home.audited() == []
    good = {**short, "why": "Trying a new model"}
    sent = await home.hands.submit_card(engineer, chat, form, "Ask", good)
    await home.settle()
    assert words(sent.card()) == "You have it for 7 days."
    assert home.audited() == [("engineer@example.com", "test.asked")]
    assert words(form) == "You have it for 7 days."  # for good: nobody sends it in twice
    assert inputs(card_of(form)) == []


async def test_the_same_card_sent_in_again_has_one_effect(home: House) -> None:
    engineer = home.users["engineer"]
    chat, form = await in_chat(home)
    good = {"why": "Trying a new model", "days": "1"}
    await home.hands.submit_card(engineer, chat, form, "Ask", good)
    await home.hands.submit_card(engineer, chat, form, "Ask", good, new_id=True)
    await home.settle()
    assert len(home.audited()) == 1


async def test_a_client_that_knows_no_execute_sends_the_form_as_a_message(home: House) -> None:
    engineer = home.users["engineer"]
    chat, form = await in_chat(home)
    action = next(a for a in card_of(form)["actions"])["fallback"]
    assert action["type"] == "Action.Submit"
    value = {**action["data"], "why": "Trying a new model", "days": "1", "machine": ""}
    sent = await home.hands.send(home.hands.make.posted_back(engineer, chat, form, value))
    await home.settle()
    assert sent.status == 200
    assert home.audited() == [("engineer@example.com", "test.asked")]
    assert home.chat("engineer")[-1] == "You have it for 1 days."


async def test_in_a_channel_a_button_opens_the_form(home: House) -> None:
    engineer, channel = home.users["engineer"], home.channel("ml-search")
    await home.hands.mention(engineer, channel, "test sandbox")
    await home.settle()
    (root,) = home.fake.roots(channel, people=True)
    (button,) = home.fake.thread(channel, root["id"])
    form = await home.hands.open(engineer, channel, button, OPEN)
    assert [one["id"] for one in inputs(form.card())] == ["why", "machine", "days"]
    good = {"why": "Trying a new model", "days": "1"}
    sent = await home.hands.submit(engineer, form, good)
    assert sent.told() == "You have it for 1 days."
    other = await home.hands.open(home.users["lead"], channel, button, OPEN)
    await home.hands.submit(home.users["lead"], other, good)
    assert len(home.audited()) == 2  # whoever opens it has a form of their own


async def test_a_dialog_that_takes_long_is_told_later(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(turns.PATIENCE, "dialog", 0.1)
    engineer, channel = home.users["engineer"], home.channel("ml-search")
    await home.hands.mention(engineer, channel, "test slowform")
    await home.settle()
    (root,) = home.fake.roots(channel, people=True)
    (button,) = home.fake.thread(channel, root["id"])
    sent = await home.hands.open(engineer, channel, button, OPEN)
    assert sent.seconds < handlers.SLOW
    assert "takes a moment" in sent.told()
    await home.settle()
    assert "What for?" in home.chat("engineer")[-1]
