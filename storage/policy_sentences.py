"""What is wrong with a policy, in one sentence each: from Pydantic's errors, with what is allowed."""

import re
from functools import lru_cache
from textwrap import shorten
from typing import Any

from pydantic import ValidationError

from guardrails.policy.model import Policy
from guardrails.suggest import did_you_mean, nearest

#: Where something stands in the file: the keys and the places in lists that lead to it.
Where = tuple[str | int, ...]
#: The line and the column of each, counted from 1.
Marks = dict[Where, tuple[int, int]]


def sentences(error: ValidationError, marks: Marks) -> list[tuple[Where, str]]:
    """Where something is wrong and what, each once, in Pydantic's order."""
    found: dict[tuple[Where, str], None] = {}
    items = error.errors(include_url=False)
    for item in items:
        if item["type"] == "too_short" and any(
            len(o["loc"]) > len(item["loc"]) and o["loc"][: len(item["loc"])] == item["loc"]
            for o in items
        ):
            continue  # it is only short of the entries that have errors of their own
        if not _about_another_form(item, items, marks):
            where = _known(item["loc"], marks)
            found[where, _sentence(dict(item), where)] = None
    return list(found)


def _about_another_form(item: Any, items: list[Any], marks: Marks) -> bool:
    """Whether an error only says that a value is not of the other form it could have had.

    ``stage: [scaled, prod]`` is neither one stage nor, for ``prod``, a list of stages: the error of
    the form that was meant is the deepest, or the one that names what is allowed.
    """
    where = _known(item["loc"], marks)
    rank = {"tuple_type": 2, "string_type": 2, "model_type": 2}.get(item["type"], 1)
    given_list = isinstance(item.get("input"), list | tuple)
    words_for_a_mapping = item["type"] == "literal_error" and isinstance(item["input"], dict)
    for other in items:
        there = _known(other["loc"], marks)
        if other is item or there[: len(where)] != where:
            continue
        if words_for_a_mapping:
            return True
        if len(there) > len(where) and (given_list or rank == 2):
            return True
        if there == where and rank == 2 and other["type"] not in ("tuple_type", "model_type"):
            return True
    return False


def _known(loc: Where, marks: Marks) -> Where:
    """Pydantic's location as a path of the file, without the parts that are its own: the names of
    a union's members, ``[key]`` of a mapping."""
    where: Where = ()
    for i, part in enumerate(loc):
        own = isinstance(part, str) and ("[" in part or part in _MEMBERS)
        if (*where, part) in marks or (i == len(loc) - 1 and not own):
            where = (*where, part)
    return where


_MEMBERS = {"str", "int", "float", "Test", "tuple", "list"}


def _sentence(item: dict[str, Any], where: Where) -> str:
    """One clear sentence from one Pydantic error: what is wrong and what is allowed."""
    kind, said, context = item["type"], str(item["msg"]), item.get("ctx") or {}
    given = item.get("input")
    key = str(where[-1]) if where else ""
    if kind == "extra_forbidden":
        allowed = _keys_beside(item["loc"])
        near = nearest(key, allowed)
        hint = f"; did you mean {near}?" if near else ""
        listed = f" Allowed: {', '.join(sorted(allowed))}." if len(allowed) <= 20 else ""
        return f"is not a key here{hint or '.'}{listed}"
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        expected = str(context.get("expected", "")).replace(" or ", ", ").split(", ")
        words = [w.strip("'\"") for w in expected]
        near = nearest(str(given), words)
        hint = f"; did you mean {near}?" if near else ""
        return f"“{given}” is not allowed{hint or '.'} Allowed: {', '.join(words)}."
    if kind == "value_error":
        return said.removeprefix("Value error, ") + _both_or_neither(said, given)
    if kind == "too_short":
        return "needs at least one entry"
    if kind == "union_tag_invalid":
        kinds, tag = str(context["expected_tags"]).replace("'", ""), str(context["tag"])
        hint = did_you_mean(tag, kinds.split(", "))
        return (
            f"“{tag}” is not allowed for {_discriminator(context)}{hint or '.'} Allowed: {kinds}."
        )
    if kind == "union_tag_not_found":
        return f"{_discriminator(context)} is missing"
    if kind in ("tuple_type", "list_type") and key in _EXAMPLES:
        return (
            f"must be a list, not {_shown(given)}: [] for none, "
            f"or entries that begin with a hyphen, such as - {_EXAMPLES[key]}"
        )
    if kind == "string_pattern_mismatch" and context.get("pattern") in _PATTERNS:
        said = f"must be {_PATTERNS[str(context['pattern'])]}"
    elif kind.startswith("date_"):
        said = "must be a day such as 2026-12-01"
    elif kind in _WANTED:
        said = f"must be {_WANTED[kind]}"
    return f"{said[:1].lower()}{said[1:]} (it is {_shown(given)})"


def _shown(given: Any) -> str:
    """What stands there, in words when it is no single value."""
    if given is None:
        return "nothing"
    if isinstance(given, str | int | float | bool):
        return repr(shorten(given, 80, placeholder="…") if isinstance(given, str) else given)
    return "a list" if isinstance(given, list | tuple) else "a mapping"


def _discriminator(context: dict[str, Any]) -> str:
    """The key whose value says of which kind a mapping is."""
    return str(context["discriminator"]).strip("'")


def _both_or_neither(sentence: str, given: Any) -> str:
    """Which of the two it is, where either one or the other must be given."""
    found = _EITHER.search(sentence)
    if found is None or not isinstance(given, dict):
        return ""
    count = sum(key in given for key in found.groups())
    return {0: "; it has neither", 2: "; it has both"}.get(count, "")


_EITHER = re.compile(r"must have either (?:an? )?(\w+) or (?:an? )?(\w+)")
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_parsing": "a number",
    "decimal_type": "a number",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}
#: The policy's patterns → what they allow.
_PATTERNS = {
    r"^[a-z0-9][a-z0-9._-]{0,59}$": "1 to 60 lower-case letters, digits, dots, hyphens or underscores, "
    "the first a letter or digit, such as search-team",
    r"^[a-z0-9][a-z0-9-]{0,39}$": "1 to 40 lower-case letters, digits or hyphens, the first no hyphen",
    r"^\d\d:\d\d$": "a time of day such as 06:00, both with two digits",
}
_EXAMPLES = {
    "bills": "{name: main, files: bill}",
    "people": "{email: lead@example.com, name: ML lead}",
    "budgets": "{name: search-team, scope: {team: search}, limit: 5000}",
    "zones": "{name: small, cap: 500}",
    "actuators": "{name: by-hand, kind: manual, role: operator}",
}


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return Policy.model_json_schema(by_alias=True)


def _keys_beside(loc: Where) -> set[str]:
    """The keys that are allowed where an unknown key stands, read from the policy's own schema."""
    schema = _schema()
    definitions = schema.get("$defs", {})

    def follow(options: list[dict[str, Any]], part: str | int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for option in _flat(options, definitions):
            if isinstance(part, int):
                found += [option["items"]] if "items" in option else []
            elif part in option.get("properties", {}):
                found.append(option["properties"][part])
            elif isinstance(option.get("additionalProperties"), dict):
                found.append(option["additionalProperties"])
        return found or options

    options: list[dict[str, Any]] = [schema]
    for part in loc[:-1]:
        options = follow(options, part)
    return {key for option in _flat(options, definitions) for key in option.get("properties", {})}


def _flat(options: list[dict[str, Any]], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    flat: list[dict[str, Any]] = []
    for option in options:
        while "$ref" in option:
            option = definitions[option["$ref"].rsplit("/", 1)[1]]
        inner = option.get("anyOf") or option.get("allOf")
        flat += _flat(inner, definitions) if inner else [option]
    return flat
