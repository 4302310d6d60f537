"""What Teams refuses in Adaptive Cards up to 1.5, what a card says, and what its inputs hold."""

import json
import re
from collections.abc import Iterator
from typing import Any

ADAPTIVE = "application/vnd.microsoft.card.adaptive"
Card = dict[str, Any]

_VERSIONS = {"1.0", "1.1", "1.2", "1.3", "1.4", "1.5"}
_ACTIONS: dict[str, dict[str, type]] = {
    "Action.OpenUrl": {"url": str},
    "Action.Submit": {},
    "Action.ShowCard": {"card": dict},
    "Action.ToggleVisibility": {"targetElements": list},
    "Action.Execute": {},
}
_ELEMENTS: dict[str, dict[str, type]] = {
    "TextBlock": {"text": str},
    "Image": {"url": str},
    "Media": {"sources": list},
    "RichTextBlock": {"inlines": list},
    "Container": {"items": list},
    "ColumnSet": {},
    "FactSet": {"facts": list},
    "ImageSet": {"images": list},
    "ActionSet": {"actions": list},
    "Table": {},
    "Input.Text": {"id": str},
    "Input.Number": {"id": str},
    "Input.Date": {"id": str},
    "Input.Time": {"id": str},
    "Input.Toggle": {"id": str, "title": str},
    "Input.ChoiceSet": {"id": str},
}
_STYLES = {"default", "emphasis", "good", "attention", "warning", "accent"}
_COLOURS = {"default", "dark", "light", "accent", "good", "warning", "attention"}
_SIDES = {"left", "center", "right"}
_ALLOWED: dict[str, dict[str, set[str]]] = {
    "TextBlock": {
        "size": {"default", "small", "medium", "large", "extralarge"},
        "weight": {"default", "lighter", "bolder"},
        "color": _COLOURS,
        "fonttype": {"default", "monospace"},
        "style": {"default", "heading", "columnheader"},
        "horizontalalignment": _SIDES,
    },
    "Image": {
        "size": {"auto", "stretch", "small", "medium", "large"},
        "style": {"default", "person"},
        "horizontalalignment": _SIDES,
    },
    "Container": {"style": _STYLES},
    "ColumnSet": {"style": _STYLES},
    "Column": {"style": _STYLES},
    "TableCell": {"style": _STYLES},
    "Table": {"gridstyle": _STYLES},
    "Input.ChoiceSet": {"style": {"compact", "expanded", "filtered"}},
}
_SPACING = {"none", "small", "default", "medium", "large", "extralarge", "padding"}
_MOST_ACTIONS = 10


def problems(card: Any, known: set[str] | None = None, *, dialog: bool = False) -> list[str]:
    """All that Teams would refuse. ``known`` are the ids of people; a dialog may not Execute."""
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        return ["an AdaptiveCard was expected"]
    found = [] if card.get("version") in _VERSIONS else [f"version {card.get('version')}"]
    found += list(_card(card))
    ids = [e["id"] for e in inputs(card, menus=True) if "id" in e]
    found += [f"input id {i} twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    if dialog:
        found += [
            "Action.Execute in a dialog" for a in actions(card) if a["type"] == "Action.Execute"
        ]
    refresh = card.get("refresh")
    if refresh is not None:
        if refresh.get("action", {}).get("type") != "Action.Execute":
            found.append("refresh.action must be Action.Execute")
        people = refresh.get("userIds", [])
        if len(people) > 60:
            found.append(f"refresh.userIds has {len(people)} entries; 60 are allowed")
        strangers = [p for p in people if known and (p not in known or p[:3] != "29:")]
        found += [f"refresh.userIds: {p} is nobody" for p in strangers]
    entities = card.get("msteams", {}).get("entities", [])
    return found + entity_problems(entities, words(card), known)


def entity_problems(entities: list[Any], said: str, known: set[str] | None) -> list[str]:
    """What is wrong with mentions, given the words that they stand in."""
    found = []
    for entity in entities:
        if entity.get("type") != "mention":
            continue
        who = entity.get("mentioned", {})
        if not who.get("id") or not who.get("name"):
            found.append("a mention needs mentioned.id and mentioned.name")
        elif known is not None and who["id"] not in known:
            found.append(f"mention of {who['id']}, who is nobody")
        if not re.fullmatch(r"<at>.+</at>", entity.get("text", "")):
            found.append(f"mention text {entity.get('text')}")
        elif entity["text"] not in said:
            found.append(f"{entity['text']} does not stand in the text")
    return found


def _card(card: Card) -> Iterator[str]:
    for element in card.get("body", []):
        yield from _element(element)
    yield from _row(card.get("actions", []))


def _row(row: list[Any]) -> Iterator[str]:
    if len(row) > _MOST_ACTIONS:
        yield f"{len(row)} actions in a row; {_MOST_ACTIONS} are allowed"
    for action in row:
        yield from _action(action)
        if isinstance(action, dict) and not action.get("title") and not action.get("iconUrl"):
            yield "a button without a title"


def _action(action: Any) -> Iterator[str]:
    if not isinstance(action, dict) or action.get("type") not in _ACTIONS:
        yield f"unknown action {action if not isinstance(action, dict) else action.get('type')}"
        return
    yield from _required(action, _ACTIONS[action["type"]])
    if str(action.get("style", "default")).lower() not in {"default", "positive", "destructive"}:
        yield f"style {action['style']} of {action['type']}"
    if str(action.get("mode", "primary")).lower() not in {"primary", "secondary"}:
        yield f"mode {action['mode']} of {action['type']}"
    if action["type"] == "Action.OpenUrl" and not re.match(r"https?://", action.get("url", "")):
        yield f"url {action.get('url')}"
    if action["type"] == "Action.ShowCard" and isinstance(action.get("card"), dict):
        if action["card"].get("type") != "AdaptiveCard":
            yield "Action.ShowCard shows an AdaptiveCard"
        yield from _card(action["card"])
    if isinstance(action.get("fallback"), dict):
        yield from _action(action["fallback"])


def _required(thing: dict[str, Any], needs: dict[str, type]) -> Iterator[str]:
    for name, kind in needs.items():
        if not isinstance(thing.get(name), kind):
            yield f"{thing['type']}.{name} must be {kind.__name__}"


def _element(element: Any) -> Iterator[str]:
    if not isinstance(element, dict) or element.get("type") not in _ELEMENTS:
        yield f"unknown element {element if not isinstance(element, dict) else element.get('type')}"
        return
    kind = element["type"]
    yield from _required(element, _ELEMENTS[kind])
    yield from _values(element, kind)
    for child in [*element.get("items", []), *element.get("images", [])]:
        yield from _element(child)
    if kind == "ActionSet":
        yield from _row(element.get("actions", []))
    if kind == "ColumnSet":
        for column in element.get("columns", []):
            yield from _values(column, "Column")
            for child in column.get("items", []):
                yield from _element(child)
    if kind == "Table":
        yield from _table(element)
    if kind == "FactSet":
        for fact in element.get("facts", []):
            if not isinstance(fact.get("title"), str) or not isinstance(fact.get("value"), str):
                yield f"fact {fact}"
    if kind == "RichTextBlock":
        for run in element.get("inlines", []):
            if isinstance(run, dict) and (run.get("type") != "TextRun" or "text" not in run):
                yield f"inline {run}"
    if kind == "Image" and not re.match(r"https?://|data:image/", element.get("url", "")):
        yield f"image url {element.get('url')}"
    if kind.startswith("Input."):
        yield from _input(element)
    if "selectAction" in element:
        if element["selectAction"].get("type") == "Action.ShowCard":
            yield "selectAction cannot show a card"
        yield from _action(element["selectAction"])


def _values(element: dict[str, Any], kind: str) -> Iterator[str]:
    for name, allowed in {**_ALLOWED.get(kind, {}), "spacing": _SPACING}.items():
        given = next((v for k, v in element.items() if k.lower() == name), None)
        if isinstance(given, str) and given.lower() not in allowed:
            yield f"{kind}.{name} {given}"


def _table(table: dict[str, Any]) -> Iterator[str]:
    columns = len(table.get("columns", []))
    for row in table.get("rows", []):
        if row.get("type") != "TableRow":
            yield f"table row {row.get('type')}"
        if columns and len(row.get("cells", [])) > columns:
            yield f"{len(row['cells'])} cells in {columns} columns"
        for cell in row.get("cells", []):
            if cell.get("type") != "TableCell":
                yield f"table cell {cell.get('type')}"
            for child in cell.get("items", []):
                yield from _element(child)


def _input(element: dict[str, Any]) -> Iterator[str]:
    if not element.get("label") and element["type"] != "Input.Toggle":
        yield f"input {element.get('id')} has no label"
    if element.get("isRequired") and not element.get("errorMessage"):
        yield f"input {element.get('id')} is required without an errorMessage"
    for choice in element.get("choices", []):
        if not isinstance(choice.get("title"), str) or not isinstance(choice.get("value"), str):
            yield f"choice {choice}"
    day = element.get("value") if element["type"] == "Input.Date" else None
    if day and not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        yield f"date {day}"


# --- looking --------------------------------------------------------------------------------------


def walk(thing: Any, menus: bool = True) -> Iterator[dict[str, Any]]:
    """Every object in a card, outer before inner, in order; data and fallbacks are left out.

    ``menus`` goes into the cards of Action.ShowCard as well.
    """
    if isinstance(thing, list):
        for one in thing:
            yield from walk(one, menus)
    elif isinstance(thing, dict):
        yield thing
        for name, one in thing.items():
            closed = thing.get("type") == "Action.ShowCard" and not menus
            if name not in ("data", "fallback", "msteams", "refresh") and not closed:
                yield from walk(one, menus)


def actions(card: Card, menus: bool = True) -> list[dict[str, Any]]:
    """Every action of a card, and with ``menus`` those of its menus."""
    return [e for e in walk(card, menus) if str(e.get("type")).startswith("Action.")]


def inputs(card: Card, menus: bool = False) -> list[dict[str, Any]]:
    """Every input of a card, and with ``menus`` those of its menus."""
    return [e for e in walk(card, menus) if str(e.get("type")).startswith("Input.")]


def card_of(message: dict[str, Any]) -> Card:
    """The card of a stored message."""
    for attachment in message["activity"].get("attachments") or []:
        if attachment.get("contentType") == ADAPTIVE:
            return dict(attachment["content"])
    raise AssertionError(f"no card in {json.dumps(message['activity'])[:400]}")


def labels(card: Card) -> list[str]:
    """The titles of a card's actions, those of its menus as well."""
    return [str(a.get("title")) for a in actions(card)]


def words(thing: Any) -> str:
    """What a card or a stored message says, a line for each piece of text."""
    if isinstance(thing, dict) and "activity" in thing:
        activity = thing["activity"]
        cards = [a.get("content") for a in activity.get("attachments") or []]
        return "\n".join(filter(None, [activity.get("text"), *(words(c) for c in cards)]))
    said = []
    for one in walk(thing):
        said += [v for k in ("text", "title", "value", "label", "altText") if (v := one.get(k))]
    return "\n".join(str(v) for v in said)


def find_action(card: Card, label: str, choice: str | None = None) -> tuple[dict[str, Any], Card]:
    """The action with a title and the card that it stands in; ``choice`` looks in a menu's card."""
    found = _find(card, label, choice)
    assert found is not None, f"no button {label} {choice or ''} among {labels(card)}"
    return found


def _find(card: Card, label: str, choice: str | None) -> tuple[dict[str, Any], Card] | None:
    own = actions(card, menus=False)
    shown = [a for a in own if a["type"] == "Action.ShowCard"]
    if choice is not None:
        menu = next((a for a in shown if a.get("title") == label), None)
        return None if menu is None else _find(menu["card"], choice, None)
    for action in own:
        if action.get("title") == label:
            assert action not in shown, f"{label} is a menu: give a choice"
            return action, card
    return next((f for a in shown if (f := _find(a["card"], label, None))), None)


def fill(fields: list[dict[str, Any]], values: dict[str, str], force: bool) -> dict[str, str]:
    """What the client sends for inputs; it refuses by itself what the inputs do not allow."""
    unknown = set(values) - {f["id"] for f in fields}
    assert force or not unknown, f"no inputs {sorted(unknown)} among {[f['id'] for f in fields]}"
    filled: dict[str, str] = dict(values) if force else {}
    for one in fields:
        given = values.get(one["id"], one.get("value"))
        if given is None and one["type"] == "Input.Toggle":
            given = one.get("valueOff", "false")
        if not force:
            _client_checks(one, given)
        if given is not None:
            filled[one["id"]] = given
        elif one["type"] != "Input.ChoiceSet":  # an empty box is an empty string
            filled[one["id"]] = ""
    return filled


def _client_checks(one: dict[str, Any], given: str | None) -> None:
    name = one["id"]
    if not given:
        assert not one.get("isRequired"), f"{name} is required: {one.get('errorMessage')}"
        return
    match one["type"]:
        case "Input.ChoiceSet":
            offered = {c["value"] for c in one.get("choices", [])}
            chosen = set(given.split(",")) if one.get("isMultiSelect") else {given}
            assert chosen <= offered, f"{name}: {given} is not among {sorted(offered)}"
        case "Input.Date":
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", given), f"{name}: {given} is no date"
            assert one.get("min", "0") <= given <= one.get("max", "9999"), f"{name}: {given}"
        case "Input.Text":
            most = one.get("maxLength")
            assert not most or len(given) <= most, f"{name}: more than {most} characters"
            assert re.search(one.get("regex", ""), given), f"{name}: {one.get('errorMessage')}"
