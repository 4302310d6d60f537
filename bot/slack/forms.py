"""A form as a modal view, and what its submission says."""

import json
from dataclasses import dataclass
from typing import Any

from bot.cutting import clean, clip, size
from bot.slack import limits
from bot.slack.blocks import Rendered
from bot.slack.controls import option, plain_text
from bot.slack.mrkdwn import Accounts, text_object
from handlers.conversation import ChoiceField, DateField, FileField, Form, FormField, TextField

_INPUT = "value"  # the action_id of every input; the field's name is its block_id


@dataclass(frozen=True)
class Opened:
    """Where the form was opened, so that its submission knows the place it belongs to."""

    channel: str = ""
    thread: str | None = None


#: Field → the file that was uploaded into it, as Slack describes it (a file object).
Uploads = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Submitted:
    """What a ``view_submission`` carries."""

    action: str
    subject: str
    version: int
    inputs: dict[str, str]
    opened: Opened
    fields: tuple[str, ...]
    uploads: Uploads


class FormTooLongError(ValueError):
    """The form's subject cannot be carried by a modal."""


def view(form: Form, opened: Opened, accounts: Accounts | None = None) -> dict[str, Any]:
    """The modal of a form. Raises FormTooLongError when the subject exceeds what a modal carries."""
    carried = json.dumps(
        {
            "a": form.action,
            "s": form.subject,
            "v": form.version,
            "c": opened.channel,
            "t": opened.thread,
        },
        separators=(",", ":"),
    )
    if size(carried) > limits.PRIVATE_METADATA or size(form.action) > limits.ID:
        raise FormTooLongError(f"the form {form.action[:80]} carries more than a modal can")
    blocks: list[dict[str, Any]] = []
    intro = text_object(form.intro, limits.SECTION, accounts or {})
    if intro is not None:
        blocks.append({"type": "section", "text": intro})
    room = limits.MODAL_BLOCKS - len(blocks)
    blocks += [_input(field) for field in form.fields[:room]]
    if not blocks:  # a question without fields: Slack wants one block at least
        blocks.append({"type": "section", "text": plain_text(form.title, limits.SECTION)})
    return {
        "type": "modal",
        "callback_id": form.action,
        "private_metadata": carried,
        "title": plain_text(form.title, limits.MODAL_TITLE),
        "submit": plain_text(form.submit, limits.MODAL_TITLE),
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": blocks,
    }


def home(said: Rendered, page: str = "") -> dict[str, Any]:
    """A person's own page: the app's home tab, with its buttons; ``page`` comes back with what is done there."""
    carried = {"private_metadata": page} if 0 < size(page) <= limits.PRIVATE_METADATA else {}
    return {"type": "home", "blocks": said.blocks} | carried


def notice(title: str, said: Rendered) -> dict[str, Any]:
    """A modal that only says something: a refusal, or an answer, after a submission."""
    return {
        "type": "modal",
        "title": plain_text(title, limits.MODAL_TITLE),
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [block for block in said.blocks if block["type"] != "actions"]
        or [{"type": "section", "text": plain_text(said.text, limits.SECTION)}],
    }


def submitted(shown: dict[str, Any]) -> Submitted:
    """What was typed into the view of a ``view_submission``; raises ValueError for a view not ours."""
    carried = json.loads(shown.get("private_metadata") or "{}")
    if not isinstance(carried, dict) or not isinstance(carried.get("a"), str):
        raise ValueError("the view was not opened by this bot")
    version = carried.get("v")
    values = (shown.get("state") or {}).get("values") or {}
    blocks = shown.get("blocks") or []
    thread = carried.get("t")
    return Submitted(
        action=carried["a"],
        subject=str(carried.get("s", "")),
        version=version if isinstance(version, int) else 0,
        inputs={name: _typed(elements) for name, elements in values.items()},
        opened=Opened(str(carried.get("c") or ""), str(thread) if thread else None),
        fields=tuple(b["block_id"] for b in blocks if b.get("type") == "input"),
        uploads={n: f for n, elements in values.items() if (f := _uploaded(elements)) is not None},
    )


def errors(said: dict[str, str], fields: tuple[str, ...]) -> dict[str, str]:
    """Sentences by block_id. One for a field that the form does not have goes to the first field.

    Slack shows nothing at all when a key is not the block_id of an input.
    """
    shown: dict[str, list[str]] = {}
    for name, sentence in said.items():
        where = name if name in fields else fields[0] if fields else name
        shown.setdefault(where, []).append(sentence)
    return {
        name: clip(clean(" ".join(parts)).strip(), limits.LABEL) or "This cannot be used."
        for name, parts in shown.items()
    }


def _typed(elements: dict[str, Any]) -> str:
    """The value of one input as text: what was typed, the chosen value, the ISO date, or nothing."""
    for element in elements.values():
        chosen = element.get("selected_option")
        if isinstance(chosen, dict):
            return clean(str(chosen.get("value", "")))
        for key in ("value", "selected_date"):
            if isinstance(element.get(key), str):
                return clean(element[key]).strip()
    return ""


def _uploaded(elements: dict[str, Any]) -> dict[str, Any] | None:
    """The file of an input; None where there is none. Some payloads have its id only."""
    for element in elements.values():
        files = element.get("files")
        if isinstance(files, list) and files:
            return files[0] if isinstance(files[0], dict) else {"id": str(files[0])}
    return None


def _input(field: FormField) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": "input",
        "block_id": field.name[: limits.ID],
        "label": plain_text(field.label, limits.LABEL),
        "optional": not field.required,
        "element": _element(field),
    }
    if field.hint.strip():
        block["hint"] = plain_text(field.hint, limits.LABEL)
    return block


def _element(field: FormField) -> dict[str, Any]:
    match field:
        case TextField():
            return _text(field)
        case ChoiceField():
            return _choice(field)
        case DateField():
            picker: dict[str, Any] = {"type": "datepicker", "action_id": _INPUT}
            if field.initial is not None:
                picker["initial_date"] = field.initial.isoformat()
            return picker
        case FileField():
            return {
                "type": "file_input",
                "action_id": _INPUT,
                "filetypes": list(field.endings),
                "max_files": 1,
            }


def _text(field: TextField) -> dict[str, Any]:
    longest = min(max(field.max_length, 1), limits.INPUT)
    element: dict[str, Any] = {
        "type": "plain_text_input",
        "action_id": _INPUT,
        "multiline": field.multiline,
        "max_length": longest,
    }
    initial = clip(clean(field.initial), longest)
    if initial:
        element["initial_value"] = initial
    return element


def _choice(field: ChoiceField) -> dict[str, Any]:
    options = [option(o.value, o.label) for o in field.options if 0 < size(o.value) <= 150]
    element: dict[str, Any] = {"type": "static_select", "action_id": _INPUT}
    if len(options) <= limits.OPTIONS:
        element["options"] = options or [option("-", "Nothing to choose from")]
    else:  # in groups of a hundred, a hundred groups at most
        groups = [options[i : i + 100] for i in range(0, len(options), 100)][: limits.OPTIONS]
        element["option_groups"] = [
            {
                "label": plain_text(f"{i * 100 + 1} to {i * 100 + len(group)}", limits.OPTION),
                "options": group,
            }
            for i, group in enumerate(groups)
        ]
    initial = next((o for o in options if o["value"] == field.initial), None)
    if initial is not None:
        element["initial_option"] = initial
    return element
