"""Buttons and menus as Block Kit elements, and what comes back when one is pressed.

A button carries the handler's name as its action_id and ``{"s": subject, "v": version}`` as its value: never
an amount, never a role. What comes back is a claim that the handler checks against the database.
"""

import json
import logging
import re
from dataclasses import dataclass
from typing import Any

from bot.cutting import clip, one_line, size
from bot.slack.limits import (
    ACTIONS,
    BUTTON,
    CONFIRM_BUTTON,
    CONFIRM_TEXT,
    ID,
    OPTION,
    OPTION_VALUE,
    OPTIONS,
    PLACEHOLDER,
    VALUE,
)
from handlers.conversation import Button, Control, Menu, Option

log = logging.getLogger(__name__)
_REPEAT = re.compile(r"#\d+$")


@dataclass(frozen=True)
class Pressed:
    """What a pressed element says of itself."""

    action: str
    subject: str
    version: int
    choice: str | None


def actions(controls: tuple[Control, ...]) -> list[dict[str, Any]]:
    """The controls as action blocks of at most 25 elements; one that Slack would refuse is left out."""
    elements = [made for control in controls if (made := _element(control)) is not None]
    blocks = []
    for start in range(0, len(elements), ACTIONS):
        some = elements[start : start + ACTIONS]
        seen: dict[str, int] = {}
        for element in some:  # action_ids of one block must differ
            name = element["action_id"]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                element["action_id"] = f"{name}#{seen[name]}"
        blocks.append({"type": "actions", "elements": some})
    return blocks


def pressed(action: dict[str, Any]) -> Pressed:
    """What a ``block_actions`` action carries; a value that is not ours has an empty subject."""
    name = _REPEAT.sub("", str(action.get("action_id", "")))
    option = action.get("selected_option")
    value = option.get("value") if isinstance(option, dict) else action.get("value")
    try:
        carried = json.loads(value) if isinstance(value, str) else {}
    except ValueError:
        carried = {}
    if not isinstance(carried, dict):
        carried = {}
    version = carried.get("v")
    choice = carried.get("c")
    return Pressed(
        action=name,
        subject=str(carried.get("s", "")),
        version=version if isinstance(version, int) and 0 <= version < 2**31 else 0,
        choice=choice if isinstance(choice, str) else None,
    )


def option(value: str, label: str) -> dict[str, Any]:
    """One option of a select."""
    return {"text": plain_text(label, OPTION), "value": value}


def plain_text(words: str, limit: int) -> dict[str, Any]:
    """A plain_text object on one line, cut, never empty; colons do not become pictures."""
    return {"type": "plain_text", "text": one_line(words, limit), "emoji": False}


def _element(control: Control) -> dict[str, Any] | None:
    made = _button(control) if isinstance(control, Button) else _menu(control)
    if made is None or size(control.action) > ID - 4 or not control.action:
        log.error("a %s for %s cannot be shown in Slack", control.kind, control.action)
        return None
    return made


def _carried(control: Control, choice: str | None = None) -> str:
    said: dict[str, Any] = {"s": control.subject, "v": control.version}
    if choice is not None:
        said["c"] = choice
    return json.dumps(said, separators=(",", ":"))


def _button(button: Button) -> dict[str, Any] | None:
    value = _carried(button)
    if size(value) > VALUE:
        return None
    element: dict[str, Any] = {
        "type": "button",
        "text": plain_text(button.label, BUTTON),
        "action_id": button.action,
        "value": value,
    }
    if button.style != "default":
        element["style"] = button.style
    if button.confirm is not None:
        element["confirm"] = {
            "title": {"type": "plain_text", "text": "Are you sure?"},
            "text": {
                "type": "plain_text",
                "text": clip(button.confirm.strip(), CONFIRM_TEXT) or "–",
            },
            "confirm": plain_text(button.label, CONFIRM_BUTTON),
            "deny": {"type": "plain_text", "text": "Cancel"},
        }
    return element


def _menu(menu: Menu) -> dict[str, Any] | None:
    options = [_menu_option(menu, choice) for choice in menu.options[:OPTIONS]]
    fitting = [made for made in options if made is not None]
    if not fitting:
        return None
    return {
        "type": "static_select",
        "placeholder": plain_text(menu.label, PLACEHOLDER),
        "action_id": menu.action,
        "options": fitting,
    }


def _menu_option(menu: Menu, choice: Option) -> dict[str, Any] | None:
    value = _carried(menu, choice.value)
    return option(value, choice.label) if size(value) <= OPTION_VALUE else None
