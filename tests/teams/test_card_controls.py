"""Buttons and menus on cards, and what comes back when one is pressed."""

import json
from typing import Any

import pytest

from bot.teams.card_controls import Opener, Pressed, opened, opener_card, pressed
from bot.teams.cards import REFRESH, card
from handlers.conversation import Button, Controls, Menu, Message, Option, Strong, text
from tests.teams import collected
from tests.teams.adaptive_schema import problems


def _body(*blocks: Any, **how: Any) -> list[dict[str, Any]]:
    made = card(Message(summary="x", blocks=blocks), **how)
    assert made.rest is None
    assert problems(made.card) == []
    body: list[dict[str, Any]] = made.card["body"]
    return body


def _only_action(control: Any) -> dict[str, Any]:
    (made,) = _body(Controls(controls=(control,)))
    action: dict[str, Any]
    (action,) = made["actions"]
    return action


def test_a_button_is_executed_and_falls_back_to_a_submission() -> None:
    button = Button(label="Take", action="anomaly.take", subject="a1", version=7, style="primary")
    action = _only_action(button)
    data = {"sandrail": {"action": "anomaly.take", "subject": "a1", "version": 7}}
    assert action == {
        "type": "Action.Execute",
        "title": "Take",
        "verb": "anomaly.take",
        "style": "positive",
        "data": data,
        "fallback": {"type": "Action.Submit", "title": "Take", "data": data},
    }
    assert pressed(data) == Pressed("anomaly.take", "a1", 7, None)


def test_a_button_that_opens_a_form_fetches_a_dialog() -> None:
    button = Button(label="Resolve…", action="anomaly.resolve", subject="a1", opens_form=True)
    action = _only_action(button)
    assert action["type"] == "Action.Submit"
    assert action["data"]["msteams"] == {"type": "task/fetch"}
    assert pressed(action["data"]) == Pressed("anomaly.resolve", "a1", 1, None)


def test_a_question_stands_before_what_needs_one() -> None:
    button = Button(
        label="Stop", action="stop", subject="s", style="danger", confirm="Stop it for all?"
    )
    action = _only_action(button)
    assert (action["type"], action["title"], action["style"]) == (
        "Action.ShowCard",
        "Stop",
        "destructive",
    )
    assert "Stop it for all?" in collected.strings(action["card"])
    (inner,) = collected.actions(action)
    assert pressed(inner["data"]) == Pressed("stop", "s", 1, None)


def test_the_answers_of_a_menu_are_buttons_or_when_many_a_list() -> None:
    few = tuple(Option(value=str(n), label=f"{n} days") for n in range(8))
    action = _only_action(Menu(label="Snooze", action="snooze", subject="s", options=few))
    assert [len(s["actions"]) for s in action["card"]["body"]] == [6, 2]
    many = tuple(Option(value=str(n), label=f"{n} days") for n in range(40))
    action = _only_action(Menu(label="Snooze", action="snooze", subject="s", options=many))
    choose, _ = action["card"]["body"]
    assert len(choose["choices"]) == 40
    (inner,) = collected.actions(action)
    with pytest.raises(ValueError, match="nothing was chosen"):
        pressed(inner["data"])
    assert pressed({**inner["data"], choose["id"]: "7"}) == Pressed("snooze", "s", 1, "7")


def test_more_than_six_buttons_are_several_sets() -> None:
    buttons = tuple(Button(label=str(n), action="a", subject=str(n)) for n in range(15))
    body = _body(Controls(controls=buttons))
    assert [len(s["actions"]) for s in body] == [6, 6, 3]


def test_a_view_of_ones_own_has_only_what_its_reader_may_do() -> None:
    controls = Controls(
        controls=tuple(Button(label=n, action=n, subject="s") for n in ("take", "approve"))
    )
    (made,) = _body(controls, may=lambda name: name == "take")
    assert [a["verb"] for a in made["actions"]] == ["take"]
    made = card(Message(summary="x", blocks=(controls,)), may=lambda _: False).card
    assert "ActionSet" not in json.dumps(made)
    assert problems(made) == []


def test_a_refresh_is_for_sixty_people_and_is_no_press() -> None:
    ids = [f"29:{n}" for n in range(61)]
    made = card(Message(summary="x", blocks=()), refresh=ids).card
    assert problems(made) == []
    assert made["refresh"]["userIds"] == ids[:60]
    assert made["refresh"]["action"]["verb"] == REFRESH
    with pytest.raises(ValueError, match="carries no action"):
        pressed(made["refresh"]["action"]["data"])


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"sandrail": "x"},
        {"sandrail": {}},
        {"sandrail": {"action": "", "subject": "s", "version": 1}},
        {"sandrail": {"action": "a", "subject": 1, "version": 1}},
        {"sandrail": {"action": "a", "subject": "s", "version": "1"}},
        {"sandrail": {"action": "a", "subject": "s", "version": True}},
        {"sandrail": {"action": "a", "subject": "s", "version": -1}},
        {"sandrail": {"action": "a", "subject": "s", "version": 1, "chosen": "subject"}},
        {"sandrail": {"form": "a", "subject": "s", "version": 1, "fields": [], "carried": {}}},
        {"action": "a", "subject": "s", "version": 1},
    ],
)
def test_what_is_not_ours_is_no_press(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        pressed(data)


def test_a_command_whose_form_a_button_opens() -> None:
    opener = Opener("sandbox", 'request "a b"')
    made = opener_card("Ask for *it*", text("For ", Strong(text="sandbox")), opener)
    assert made["body"][0]["text"] == "Ask for \\*it\\*"
    assert problems(made) == []
    (action,) = collected.actions(made)
    assert action["data"]["msteams"] == {"type": "task/fetch"}
    assert opened(action["data"]) == opener
    assert opened({"sandrail": {"action": "a", "subject": "s", "version": 1}}) is None
    assert opened({}) is None
    with pytest.raises(ValueError):
        pressed(action["data"])
