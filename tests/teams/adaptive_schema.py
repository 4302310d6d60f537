"""The published schema of Adaptive Cards 1.5, as an installed package brings it.

The schema is strict: it knows no further properties. ``msteams`` of the outermost card is Teams' own and
documented apart from it, so it is looked at on its own.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft6Validator


@lru_cache(maxsize=1)
def validator() -> Draft6Validator:
    """Checks against the schema; raises when the package that brings it is not installed."""
    said = files("adaptive_cards").joinpath("schemas", "schema-1.5.json").read_text("utf-8")
    schema = json.loads(said)
    assert "Table" in schema["definitions"], "this is not the schema of version 1.5"
    Draft6Validator.check_schema(schema)
    return Draft6Validator(schema)


def problems(card: dict[str, Any]) -> list[str]:
    """What the card does against the schema or against what Teams says of its own properties."""
    bare = {key: value for key, value in card.items() if key != "msteams"}
    found = [] if validator().is_valid(bare) else list(_where(bare))
    return found + list(_own(card))


def _where(card: dict[str, Any]) -> Iterator[str]:
    """The card's parts one by one: an error of the whole names only its root."""
    for error in validator().iter_errors(card):
        deepest = error
        while deepest.context:
            deepest = max(
                deepest.context, key=lambda e: (len(e.absolute_path), len(e.context or ()))
            )
        path = "/".join(map(str, deepest.absolute_path))
        yield f"{path}: {deepest.message[:300]}"


def _own(card: dict[str, Any]) -> Iterator[str]:
    own = card.get("msteams", {})
    for key in own:
        if key not in ("width", "entities"):
            yield f"msteams/{key} is unknown"
    if own.get("width", "Full") != "Full":
        yield "msteams/width"
    said = json.dumps(card.get("body", []), ensure_ascii=False)
    texts = [entity["text"] for entity in own.get("entities", [])]
    if len(set(texts)) != len(texts):
        yield "two mentions have the same text"
    for entity in own.get("entities", []):
        if set(entity) != {"type", "text", "mentioned"} or set(entity["mentioned"]) != {
            "id",
            "name",
        }:
            yield f"msteams/entities: {entity}"
        if json.dumps(entity["text"], ensure_ascii=False)[1:-1] not in said:
            yield f"{entity['text']} is not in the card"
    for text in _all_strings(card.get("body", [])):
        for found in text.split("<at>")[1:]:
            if f"<at>{found.split('</at>')[0]}</at>" not in texts:
                yield f"a mention of nobody: {text[:80]}"
    if card.get("version") != "1.5" or card.get("type") != "AdaptiveCard":
        yield "type or version"


def _all_strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _all_strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _all_strings(inner)
