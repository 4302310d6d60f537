"""What Slack refuses in blocks and views: docs.slack.dev/reference/block-kit, checked one limit at a time.

Lengths are counted in UTF-16 units, the strictest reading of "characters".
"""

import re
from collections.abc import Iterator
from typing import Any

_FILE = re.compile(r"F[A-Z0-9]{8,}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INTERACTIVE = {"button", "static_select", "overflow", "datepicker", "plain_text_input"}


def size(text: str) -> int:
    """Characters as Slack may count them."""
    return len(text.encode("utf-16-le")) // 2


def problems(blocks: Any, where: str = "message") -> list[str]:
    """All that Slack would refuse; ``where`` is ``message``, ``modal`` or ``home``."""
    if not isinstance(blocks, list):
        return ["blocks must be an array"]
    most = 50 if where == "message" else 100
    found = [f"no more than {most} items allowed"] if len(blocks) > most else []
    ids: list[str] = []
    for i, block in enumerate(blocks):
        found += [f"{p} [json-pointer:/blocks/{i}]" for p in _block(block, where)]
        if isinstance(block, dict) and "block_id" in block:
            ids.append(block["block_id"])
    if len(ids) != len(set(ids)):
        found.append("block_id must be unique")
    return found


def too_long(blocks: list[dict[str, Any]]) -> bool:
    """Whether Slack would answer msg_blocks_too_long."""
    return sum(_texts(blocks)) > 13_200


def view_problems(view: Any) -> list[str]:
    """All that Slack would refuse in a modal."""
    if not isinstance(view, dict) or view.get("type") != "modal":
        return ["a modal was expected"]
    found = list(_plain(view.get("title"), 24, "title"))
    for key in ("submit", "close"):
        if key in view:
            found += _plain(view[key], 24, key)
    if not view.get("blocks"):
        found.append("a modal has 1 to 100 blocks")
    if size(view.get("private_metadata", "")) > 3000:
        found.append("private_metadata must be less than 3001 characters")
    if size(view.get("callback_id", "")) > 255:
        found.append("callback_id must be less than 256 characters")
    inputs = [b for b in view.get("blocks", []) if b.get("type") == "input"]
    if inputs and "submit" not in view:
        found.append("a submit is required when an input block is present")
    return found + problems(view.get("blocks"), "modal")


def home_problems(view: Any) -> list[str]:
    """All that Slack would refuse in a home tab."""
    if not isinstance(view, dict) or view.get("type") != "home":
        return ["a home tab was expected"]
    found = [f"{k} is not for a home tab" for k in ("title", "submit", "close") if k in view]
    if not view.get("blocks"):
        found.append("a home tab has 1 to 100 blocks")
    if size(view.get("private_metadata", "")) > 3000:
        found.append("private_metadata must be less than 3001 characters")
    return found + problems(view.get("blocks"), "home")


def _texts(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and key in ("text", "alt_text", "value", "url"):
                yield size(inner)
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _block(block: Any, where: str) -> Iterator[str]:
    if not isinstance(block, dict):
        yield "a block must be an object"
        return
    yield from _id(block, "block_id")
    match block.get("type"):
        case "header":
            yield from _plain(block.get("text"), 150, "text")
        case "section":
            yield from _section(block)
        case "context":
            elements = block.get("elements") or []
            if not 1 <= len(elements) <= 10:
                yield "a context has 1 to 10 elements"
            for element in elements:
                yield from _text(element, 3000, "elements")
        case "actions":
            yield from _actions(block)
        case "image":
            yield from _image(block)
        case "input" if where == "modal":
            yield from _input(block)
        case "divider":
            pass
        case other:
            yield f"unsupported block type {other}"


def _section(block: dict[str, Any]) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield "a section needs text or fields"
    if "text" in block:
        yield from _text(block["text"], 3000, "text")
    if "fields" in block:
        if not 1 <= len(block["fields"]) <= 10:
            yield "a section has 1 to 10 fields"
        for field in block["fields"]:
            yield from _text(field, 2000, "fields")


def _actions(block: dict[str, Any]) -> Iterator[str]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 25:
        yield "actions have 1 to 25 elements"
    names = [e.get("action_id") for e in elements]
    if len(names) != len(set(names)):
        yield "action_id must be unique in its block"
    for element in elements:
        if element.get("type") == "file_input":
            yield "a file_input stands in an input block of a modal only"
        else:
            yield from _element(element)


def _image(block: dict[str, Any]) -> Iterator[str]:
    alt = block.get("alt_text")
    if not isinstance(alt, str) or not 1 <= size(alt) <= 2000:
        yield "alt_text has 1 to 2000 characters"
    file = block.get("slack_file")
    if ("image_url" in block) == (file is not None):
        yield "give image_url or slack_file"
    if file is not None and not _FILE.fullmatch(str(file.get("id", ""))):
        yield "input must match regex pattern: ^[F][A-Z0-9]{8,}$"
    if "title" in block:
        yield from _plain(block["title"], 2000, "title")


def _input(block: dict[str, Any]) -> Iterator[str]:
    yield from _plain(block.get("label"), 2000, "label")
    if "hint" in block:
        yield from _plain(block["hint"], 2000, "hint")
    if not isinstance(block.get("element"), dict):
        yield "an input needs an element"
    else:
        yield from _element(block["element"])


def _element(element: dict[str, Any]) -> Iterator[str]:
    kind = element.get("type")
    if kind == "file_input":
        yield from _file_input(element)
        return
    if kind not in _INTERACTIVE:
        yield f"unsupported element {kind}"
        return
    yield from _id(element, "action_id")
    if "placeholder" in element:
        yield from _plain(element["placeholder"], 150, "placeholder")
    if "confirm" in element:
        yield from _confirm(element["confirm"])
    if kind == "button":
        yield from _plain(element.get("text"), 75, "text")
        if size(element.get("value", "")) > 2000:
            yield "value must be less than 2001 characters"
        if element.get("style", "primary") not in ("primary", "danger"):
            yield "style must be primary or danger"
    elif kind == "static_select":
        yield from _select(element)
    elif kind == "datepicker":
        if not _DATE.fullmatch(element.get("initial_date", "2026-01-01")):
            yield "initial_date must be YYYY-MM-DD"
    elif kind == "plain_text_input":
        most = element.get("max_length", 3000)
        if not 1 <= most <= 3000:
            yield "max_length is 1 to 3000"
        if size(element.get("initial_value", "")) > most:
            yield "initial_value is longer than max_length"


def _file_input(element: dict[str, Any]) -> Iterator[str]:
    yield from _id(element, "action_id")
    most = element.get("max_files", 10)
    if not isinstance(most, int) or not 1 <= most <= 10:
        yield "max_files is 1 to 10"
    kinds = element.get("filetypes", [])
    if not all(isinstance(k, str) and re.fullmatch(r"[a-z0-9]+", k) for k in kinds):
        yield "filetypes are extensions without a dot"


def _select(element: dict[str, Any]) -> Iterator[str]:
    groups = element.get("option_groups")
    if (groups is None) == ("options" not in element):
        yield "give options or option_groups"
        return
    if groups is not None and not 1 <= len(groups) <= 100:
        yield "option_groups has 1 to 100 groups"
    options: list[dict[str, Any]] = []
    for group in groups or [{"options": element.get("options")}]:
        if "label" in group:
            yield from _plain(group["label"], 75, "label")
        if not 1 <= len(group["options"]) <= 100:
            yield "options has 1 to 100 options"
        options += group["options"]
    for option in options:
        yield from _plain(option.get("text"), 75, "option")
        if not 1 <= size(str(option.get("value", ""))) <= 150:
            yield "an option's value has 1 to 150 characters"
    if "initial_option" in element and element["initial_option"] not in options:
        yield "initial_option must be one of the options"


def _confirm(confirm: dict[str, Any]) -> Iterator[str]:
    yield from _plain(confirm.get("title"), 100, "confirm title")
    yield from _text(confirm.get("text"), 300, "confirm text")
    yield from _plain(confirm.get("confirm"), 30, "confirm")
    yield from _plain(confirm.get("deny"), 30, "deny")


def _id(holder: dict[str, Any], key: str) -> Iterator[str]:
    if key in holder and not (isinstance(holder[key], str) and 1 <= size(holder[key]) <= 255):
        yield f"{key} has 1 to 255 characters"


def _plain(text: Any, most: int, name: str) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") != "plain_text":
        yield f"{name} must be plain_text"
        return
    yield from _text(text, most, name)


def _text(text: Any, most: int, name: str) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn"):
        yield f"{name} must be a text object"
        return
    said = text.get("text")
    if not isinstance(said, str) or not said.strip():
        yield f"{name} must be more than 0 characters"
    elif size(said) > most:
        yield f"{name} must be less than {most + 1} characters"
    if text["type"] == "mrkdwn" and "emoji" in text:
        yield "emoji is for plain_text only"
    if text["type"] == "plain_text" and "verbatim" in text:
        yield "verbatim is for mrkdwn only"
