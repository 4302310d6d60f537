"""Buttons and menus as actions of a card, and what comes back when one is pressed.

An action carries ``{"sandrail": {"action", "subject", "version"}}``: never an amount, never a role. What
comes back is a claim that the handler checks against the database. Source of the shapes:
learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/, pages cards-actions and
universal-actions-for-adaptive-cards/overview.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.cutting import clip, one_line
from bot.teams.card_limits import (
    ACTIONS,
    BUTTON,
    CHOICE,
    CONFIRM,
    CONTROLS,
    FALLBACK,
    HEADING,
    ID,
    INTRO,
    MENU,
    weight,
)
from bot.teams.card_text import Mentions, elements, heading, literal, markdown, split
from handlers.conversation import Button, Control, Menu, Option, Plain, Text, text

log = logging.getLogger(__name__)

#: The key of what is ours in an action's data; everything else in it is a person's input or the platform's.
OURS = "sandrail"
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.5"

_CHOICE = "sandrail.choice."  # with a number: the input of a long menu
_STYLE = {"default": "default", "primary": "positive", "danger": "destructive"}
_SET = 100  # bytes around the actions of a set
_LISTED = 12  # options that are buttons; more of them are a list to choose from


@dataclass(frozen=True)
class Pressed:
    """What a pressed action says of itself."""

    action: str
    subject: str
    version: int
    choice: str | None


@dataclass(frozen=True)
class Opener:
    """A command whose form is opened by a button."""

    name: str
    text: str


def pressed(data: Mapping[str, Any]) -> Pressed:
    """What the data of a pressed action carries; ValueError for anything that is no button or menu of ours."""
    carried = ours(data)
    choice = carried.get("choice")
    where = carried.get("chosen")
    if where is not None:
        choice = data.get(where) if isinstance(where, str) and where.startswith(_CHOICE) else None
        if not isinstance(choice, str) or not choice:
            raise ValueError("nothing was chosen")
    return Pressed(
        action=_word(carried, "action", least=1),
        subject=_word(carried, "subject"),
        version=version_of(carried),
        choice=choice if isinstance(choice, str) else None,
    )


def opened(data: Mapping[str, Any]) -> Opener | None:
    """The command whose form the button opens, None when the data is of something else."""
    try:
        carried = ours(data)
        return Opener(_word(carried, "command", least=1), _word(carried, "text"))
    except ValueError:
        return None


def opener_card(title: str, intro: Text, opener: Opener) -> dict[str, Any]:
    """A card with one button that opens the form of a command in a dialog (``task/fetch``)."""
    head, tail = split(intro, INTRO)
    said = elements((*head, *text("…")) if tail else head, Mentions({}))
    button = {
        "type": "Action.Submit",
        "title": "Open the form",
        "style": "positive",
        "data": {
            "msteams": {"type": "task/fetch"},
            OURS: {"command": opener.name, "text": opener.text},
        },
    }
    return {
        "type": "AdaptiveCard",
        "$schema": SCHEMA,
        "version": VERSION,
        "fallbackText": markdown(one_line(title, FALLBACK)),
        "body": [
            heading(one_line(title, HEADING)),
            *said,
            {"type": "ActionSet", "actions": [button]},
        ],
    }


def ours(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an action of this bot carries in its data; ValueError when it is not one."""
    carried = data.get(OURS) if isinstance(data, Mapping) else None
    if not isinstance(carried, Mapping):
        raise ValueError("the action is not one of this bot's")
    return carried


def version_of(carried: Mapping[str, Any]) -> int:
    """The version that an action carries; ValueError for what is none."""
    version = carried.get("version")
    # A client may have made a float of it on the way.
    if isinstance(version, float) and version.is_integer():
        version = int(version)
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < 2**31:
        raise ValueError("the action carries no version")
    return version


def _word(carried: Mapping[str, Any], name: str, least: int = 0) -> str:
    said = carried.get(name)
    if not isinstance(said, str) or len(said) < least:
        raise ValueError(f"the action carries no {name}")
    return said


def label(words: str, limit: int = BUTTON) -> str:
    """Words of a button, a field or an option: on one line, cut, never empty, never evaluated."""
    return literal(one_line(words, limit))


def singles(controls: Iterable[Control], may: Callable[[str], bool] | None) -> list[Control]:
    """The controls that may be shown, long menus in parts; what no action can carry is left out."""
    out: list[Control] = []
    for control in controls:
        if may is not None and not may(control.action):
            continue
        for part in _parts(control) if isinstance(control, Menu) else [control]:
            if part.action and weight(action(part)) <= CONTROLS - _SET:
                out.append(part)
            else:
                log.error("a %s for %s cannot be shown in Teams", part.kind, part.action[:200])
    return out


def _parts(menu: Menu) -> list[Control]:
    options = tuple(o for o in menu.options if 0 < len(o.value) <= ID)
    menu = menu.model_copy(update={"options": options})
    if len(options) < 2 or weight(action(menu)) <= MENU:
        return [menu] if options else []
    half = len(options) // 2
    parts = (options[:half], options[half:])
    return [c for part in parts for c in _parts(menu.model_copy(update={"options": part}))]


def sets(controls: Iterable[Control], first: int = 0) -> list[dict[str, Any]]:
    """The controls as sets of at most six actions; ``first`` is how many controls the card has before them."""
    made = [action(control, first + i) for i, control in enumerate(controls)]
    return [
        {"type": "ActionSet", "actions": made[i : i + ACTIONS]}
        for i in range(0, len(made), ACTIONS)
    ]


def action(control: Control, number: int = 0) -> dict[str, Any]:
    """The control as one action; ``number`` is another one for each control of a card."""
    if isinstance(control, Menu):
        return _menu(control, number)
    if control.opens_form:
        return _asking(
            {
                "type": "Action.Submit",
                "title": label(control.label),
                "data": {"msteams": {"type": "task/fetch"}, OURS: _carried(control)},
            },
            control,
        )
    if control.confirm is None:
        return _styled(execute(label(control.label), control.action, _carried(control)), control)
    return _asking(execute(label(control.label), control.action, _carried(control)), control)


def execute(title: str, verb: str, carried: dict[str, Any]) -> dict[str, Any]:
    """An Action.Execute; a client that does not know it sends the same as Action.Submit."""
    data = {OURS: carried}
    return {
        "type": "Action.Execute",
        "title": title,
        "verb": verb,
        "data": data,
        "fallback": {"type": "Action.Submit", "title": title, "data": data},
    }


def _carried(control: Control, choice: str | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "action": control.action,
        "subject": control.subject,
        "version": control.version,
    }
    if choice is not None:
        said["choice"] = choice
    return said


def _styled(made: dict[str, Any], button: Button) -> dict[str, Any]:
    if button.style != "default":
        made["style"] = _STYLE[button.style]
    return made


def _asking(made: dict[str, Any], button: Button) -> dict[str, Any]:
    """The question before the action, which a card can ask only by showing a further card."""
    if button.confirm is None:
        return _styled(made, button)
    question = (Plain(text=clip(button.confirm.strip(), CONFIRM) or "Are you sure?"),)
    shown = _shown(label(button.label), elements(question, Mentions({})), [_styled(made, button)])
    return _styled(shown, button)


def _shown(title: str, body: list[dict[str, Any]], acts: list[dict[str, Any]]) -> dict[str, Any]:
    sets_of_six = [
        {"type": "ActionSet", "actions": acts[i : i + ACTIONS]}
        for i in range(0, len(acts), ACTIONS)
    ]
    card = {"type": "AdaptiveCard", "version": VERSION, "body": [*body, *sets_of_six]}
    return {"type": "Action.ShowCard", "title": title, "card": card}


def _menu(menu: Menu, number: int) -> dict[str, Any]:
    title = label(menu.label)
    if len(menu.options) <= _LISTED:
        acts = [execute(label(o.label), menu.action, _carried(menu, o.value)) for o in menu.options]
        return _shown(title, [], acts)
    choose = {
        "type": "Input.ChoiceSet",
        "id": f"{_CHOICE}{number}",
        "style": "compact",
        "label": title,
        "isRequired": True,
        "errorMessage": "Please choose one.",
        "choices": choices(menu.options),
    }
    carried = {**_carried(menu), "chosen": choose["id"]}
    return _shown(title, [choose], [execute("OK", menu.action, carried)])


def choices(options: Iterable[Option]) -> list[dict[str, str]]:
    """Options of a list to choose from."""
    return [{"title": label(o.label, CHOICE), "value": o.value} for o in options]
