"""A form as a card with inputs, in a dialog or in a chat, and what its submission says.

Source: learn.microsoft.com/adaptive-cards/authoring-cards/input-validation and
learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/task-modules/task-modules-bots. The
inputs' values come back beside the data of the action, so a field's name that could be taken for a key
of ours gets a prefix.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bot.cutting import clean, clip, one_line
from bot.teams.card_controls import OURS, SCHEMA, VERSION, execute, label, ours, version_of
from bot.teams.card_limits import (
    CHOICE,
    CHOICES,
    FIELD_LABEL,
    HEADING,
    HINT,
    INPUT,
    INTRO,
    TEXT,
    weight,
)
from bot.teams.card_text import Mentions, elements, heading, literal, markdown, split
from handlers.conversation import (
    LARGEST_FILE,
    ChoiceField,
    DateField,
    FileField,
    Form,
    FormField,
    Option,
    Text,
    TextField,
    text,
)

Element = dict[str, Any]

#: Names that the platform or this bot reads in the data of an action.
_TAKEN = frozenset(
    {OURS, "msteams", "type", "commandId", "commandContext", "verb", "action", "data"}
)
_PREFIX = "field:"
_NOTHING = "sandrail.nothing"  # a choice needs a value, and this one means none
_PASTE = "Paste the whole text of the file: forms in Teams take no files."
_EXPANDED = 3  # as many choices are shown without being asked for
_PACKED = 12_000  # characters of a form that is carried to be shown again
_UNPACKED = 400_000


@dataclass(frozen=True)
class Submitted:
    """What a submitted form carries. ``form`` is what was shown, to show it again with errors.

    ``form`` went through the client, so it is good for showing and for nothing else; None when it was too long.
    """

    action: str
    subject: str
    version: int
    inputs: dict[str, str]
    files: dict[str, str]
    carried: dict[str, str]
    fields: tuple[str, ...]
    form: Form | None


def form_card(
    form: Form,
    *,
    errors: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
    in_dialog: bool,
    carried: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The card of a form.

    ``errors`` are sentences by field; one for a field that the form does not have stands above the
    first field. ``values`` is what was typed. In a dialog, whose frame shows the title, the card sends
    an Action.Submit; in a chat an Action.Execute. ``carried`` comes back as it is.
    """
    names = [field.name for field in form.fields]
    data = {
        "form": form.action,
        "subject": form.subject,
        "version": form.version,
        "fields": names,
        "carried": dict(carried or {}),
    }
    if files := [field.name for field in form.fields if isinstance(field, FileField)]:
        data["files"] = files
    made: dict[str, Any] = {
        "type": "AdaptiveCard",
        "$schema": SCHEMA,
        "version": VERSION,
        "fallbackText": label(form.title, HEADING),
    }
    room = TEXT - weight(made) - 2 * weight(data) - 1000
    # No form that a person can fill in needs a second look; a card that Teams refuses would be worse.
    for share in (1.0, 0.5, 0.2, 0.05, 0.01):
        made["body"] = _body(form, dict(errors or {}), values or {}, not in_dialog, share)
        if weight(made["body"]) <= room:
            break
    packed = _packed(form)
    times = 1 if in_dialog else 2  # an Action.Execute carries its data twice
    if packed is not None and times * len(packed) <= room - weight(made["body"]):
        data["shown"] = packed
    made["actions"] = [_submit(form, data, in_dialog)]
    return made


def _body(
    form: Form, wrong: Mapping[str, str], values: Mapping[str, str], titled: bool, share: float
) -> list[Element]:
    """Title, intro and fields; ``share`` of the room that each of them may take."""
    names = {field.name for field in form.fields}
    body = [heading(one_line(form.title, HEADING))] if titled else []
    body += _intro(form.intro, int(INTRO * share))
    body += _errors(" ".join(said for name, said in wrong.items() if name not in names))
    for field in form.fields:
        body += _field(field, values.get(field.name), wrong.get(field.name, ""), share)
    return body or elements(text(one_line(form.title, HEADING)), Mentions({}))


def _submit(form: Form, data: dict[str, Any], in_dialog: bool) -> Element:
    title = label(form.submit)
    if in_dialog:
        made: Element = {"type": "Action.Submit", "title": title, "data": {OURS: data}}
    else:
        made = execute(title, form.action, data)
    made["style"] = "positive"
    return made


def submitted(data: Mapping[str, Any]) -> Submitted:
    """What was typed into a form, from the data of its action; ValueError for anything else."""
    said = ours(data)
    action, subject = said.get("form"), said.get("subject")
    if not isinstance(action, str) or not action or not isinstance(subject, str):
        raise ValueError("the data is not of a form")
    names, carried = said.get("fields"), said.get("carried")
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError("the form names no fields")
    if not isinstance(carried, Mapping):
        raise ValueError("the form carries nothing")
    files = said.get("files")
    pasted = {name for name in names if isinstance(files, list) and name in files}
    return Submitted(
        action=action,
        subject=subject,
        version=version_of(said),
        inputs={name: _typed(data.get(_id(name))) for name in names if name not in pasted},
        files={name: _pasted(data.get(_id(name))) for name in names if name in pasted},
        carried={str(key): str(value) for key, value in carried.items()},
        fields=tuple(names),
        form=_unpacked(said.get("shown"), action, subject),
    )


def _typed(value: Any) -> str:
    if not isinstance(value, str) or value == _NOTHING:
        return ""
    return clean(value.replace("\r\n", "\n")).strip()


def _pasted(value: Any) -> str:
    """The text of a file; its first line keeps its indentation."""
    if not isinstance(value, str) or not value.strip():
        return ""
    return clean(value.replace("\r\n", "\n").replace("\r", "\n"))[: LARGEST_FILE + 1]


def _id(name: str) -> str:
    taken = name in _TAKEN or name.startswith((_PREFIX, f"{OURS}."))
    return _PREFIX + name if taken else name


def _packed(form: Form) -> str | None:
    said = zlib.compress(form.model_dump_json().encode(), 9)
    packed = base64.b64encode(said).decode()
    return packed if len(packed) <= _PACKED else None


def _unpacked(packed: Any, action: str, subject: str) -> Form | None:
    if not isinstance(packed, str) or len(packed) > _PACKED:
        return None
    try:
        opener = zlib.decompressobj()
        said = opener.decompress(base64.b64decode(packed, validate=True), _UNPACKED)
        form = Form.model_validate_json(said)
    except (binascii.Error, zlib.error, ValidationError):
        return None
    return form if (form.action, form.subject) == (action, subject) else None


def _intro(intro: Text, limit: int) -> list[Element]:
    head, tail = split(intro, limit)
    return elements((*head, *text("…")) if tail else head, Mentions({}))


def _errors(said: str) -> list[Element]:
    said = " ".join(clean(said).split())
    if not said:
        return []
    made = elements(text(clip(said, HINT)), Mentions({}), color="Attention")
    made[0]["spacing"] = "Small"
    return made


def _field(field: FormField, typed: str | None, wrong: str, share: float) -> list[Element]:
    made: Element = {
        "type": "Input.Text",
        "id": _id(field.name),
        "label": label(field.label, FIELD_LABEL),
        "isRequired": field.required,
    }
    more: list[Element] = []
    match field:
        case TextField():
            made |= _text(field, typed, int(INPUT * share))
        case ChoiceField():
            made["type"] = "Input.ChoiceSet"
            options = _shown(field, int(CHOICES * share))
            made |= _choice(field, options, typed)
            more = _hidden(field, options)
        case DateField():
            made["type"] = "Input.Date"
            made |= _date(field, typed)
        case FileField():
            # What was pasted is not shown again: it is in the person's editor, and may be larger than a card.
            made["isMultiline"] = True
            more = _beneath(_PASTE)
    if field.required:
        made["errorMessage"] = _MISSING[field.kind]
    else:
        del made["isRequired"]
    hint = " ".join(clean(field.hint).split())
    if hint:
        more += _beneath(clip(hint, max(60, int(HINT * share))))
    return [made, *_errors(wrong), *more]


_MISSING = {
    "text": "Please fill this in.",
    "choice": "Please choose one.",
    "date": "Please choose a day.",
    "file": "Please paste the text of the file.",
}


def _beneath(said: str) -> list[Element]:
    made = elements(text(said), Mentions({}), size="Small", isSubtle=True)
    for element in made:
        element["spacing"] = "None"
    return made


def _text(field: TextField, typed: str | None, most: int) -> Element:
    longest = min(max(field.max_length, 1), INPUT)
    made: Element = {"maxLength": longest}
    if field.multiline:
        made["isMultiline"] = True
    value = clean(typed) if typed is not None else clip(clean(field.initial), longest)
    # What was typed stays as it is; more than any input takes was not typed by a person.
    if value:
        made["value"] = value[:most]
    return made


def _choice(field: ChoiceField, options: tuple[Option, ...], typed: str | None) -> Element:
    # Choices that are all shown at once are read as Markdown by some clients, and as words by others.
    safe = all(markdown(o.label) == o.label for o in options)
    expanded = safe and field.required and len(options) <= _EXPANDED
    made: Element = {
        "style": "expanded" if expanded else "compact",
        "choices": [
            {"title": label(o.label, CHOICE), "value": o.value or _NOTHING} for o in options
        ],
    }
    if made["style"] == "compact":
        made["placeholder"] = "Choose one"
    value = field.initial if typed is None else typed
    if value and any(o.value == value for o in options):
        made["value"] = value
    return made


def _shown(field: ChoiceField, room: int) -> tuple[Option, ...]:
    """The choices that fit, with one for none where none may be chosen."""
    none = () if field.required else (Option(value="", label="–"),)
    fitting: list[Option] = []
    for option in field.options:
        if not option.value:
            continue
        room -= weight({"title": label(option.label, CHOICE), "value": option.value}) + 1
        if room < 0:
            break
        fitting.append(option)
    if not fitting:
        return (Option(value="", label="Nothing to choose from"),)
    return (*none, *fitting)


def _hidden(field: ChoiceField, options: tuple[Option, ...]) -> list[Element]:
    hidden = sum(bool(o.value) for o in field.options) - sum(bool(o.value) for o in options)
    if not hidden:
        return []
    words = "choice is" if hidden == 1 else "choices are"
    return _beneath(f"{hidden} more {words} not shown: there is no room for all of them.")


def _date(field: DateField, typed: str | None) -> Element:
    if typed is None:
        return {"value": field.initial.isoformat()} if field.initial is not None else {}
    return {"value": literal(typed)[:30]} if typed else {}
