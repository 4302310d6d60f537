"""Reads ``app.yaml``: every error at once, each with file, line, column and path."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from guardrails.policy.doubts import without_runbook
from guardrails.policy.model import Policy
from guardrails.runbooks import Event, Runbook, nobody
from guardrails.suggest import did_you_mean, nearest
from storage.runbook_files import read_runbooks

Where = tuple[str | int, ...]


@dataclass(frozen=True)
class PolicyError:
    """One thing that is wrong. ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.path or 'the file'}: {self.message}"


class PolicyRefusedError(Exception):
    """The policy cannot be used; ``errors`` has all that is wrong with it."""

    def __init__(self, errors: list[PolicyError]) -> None:
        super().__init__("\n".join(str(e) for e in errors))
        self.errors = errors


@dataclass(frozen=True)
class LoadedPolicy:
    """A valid policy with its runbooks, the hash of their content that decisions record, and the folder paths
    start at."""

    policy: Policy
    hash: str
    folder: Path
    runbooks: Mapping[Event, Runbook] = field(default_factory=dict)
    text: str = ""  # as it stands in the file, with its own line ends
    name: str = "app.yaml"  # the file's, in its folder

    def changed_to(self, policy: Policy, text: str) -> "LoadedPolicy":
        """Another policy in place of this one, with the same runbooks."""
        return replace(self, policy=policy, hash=policy_hash(policy, self.runbooks), text=text)

    def doubtful(self) -> Iterator[str]:
        """What is allowed but probably a mistake, a sentence each."""
        yield from self.policy.doubtful()
        yield from without_runbook(self.policy, self.runbooks)
        yield from nobody(self.runbooks.values(), self.policy.staffed())


@dataclass(frozen=True)
class _Checked:
    """What is in the file: the policy when it is valid, all errors, where the keys stand."""

    policy: Policy | None
    errors: list[PolicyError]
    marks: dict[Where, tuple[int, int]]
    data: Any


def load_policy(path: Path) -> LoadedPolicy:
    """Reads and checks a policy file. Raises :class:`PolicyRefusedError` with all errors."""
    text = _text_of(path)
    checked = _check(text, str(path))
    runbooks, errors = _runbooks(path, checked)
    if checked.errors or errors or checked.policy is None:
        raise PolicyRefusedError(checked.errors + errors)
    policy = checked.policy
    found = policy_hash(policy, runbooks)
    return LoadedPolicy(policy, found, path.resolve().parent, runbooks, text, path.name)


def load_changed(path: Path, now: LoadedPolicy) -> LoadedPolicy:
    """A changed policy from a file that may stand anywhere: with the runbooks of now, whatever is beside it.
    Raises :class:`PolicyRefusedError` with all errors."""
    text = _text_of(path)
    return now.changed_to(parse_policy(text, str(path)), text)


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise _refused(path, "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _refused(path, f"cannot be read: {reason}") from None


def parse_policy(text: str, name: str = "app.yaml") -> Policy:
    """The policy in ``text``; ``name`` is what errors call the file. Runbooks are not read."""
    checked = _check(text, name)
    if checked.errors or checked.policy is None:
        raise PolicyRefusedError(checked.errors)
    return checked.policy


def _runbooks(path: Path, checked: _Checked) -> tuple[dict[Event, Runbook], list[PolicyError]]:
    """The runbooks in the folder that the policy names, and what is wrong with them."""
    given = checked.data.get("runbooks") if isinstance(checked.data, dict) else None
    named = given if isinstance(given, str) and given.strip() else "runbooks"
    folder = path.parent / named.strip()
    marks = checked.marks
    if not folder.is_dir():
        if not isinstance(given, str):
            return {}, []
        return {}, [_at(str(path), ("runbooks",), marks, f"there is no folder {folder}")]
    runbooks, wrong = read_runbooks(folder)
    errors = [PolicyError(w.file, w.line, w.column, w.path, w.message) for w in wrong]
    if checked.policy is not None and runbooks and not errors:
        for signal in checked.policy.detection.signals:
            if signal not in runbooks:
                said = f"no runbook in {folder} is for the signal {signal}, which is watched"
                errors.append(_at(str(path), ("runbooks",), marks, said))
    return runbooks, errors


def _check(text: str, name: str) -> _Checked:
    marks: dict[Where, tuple[int, int]] = {}
    errors: list[PolicyError] = []
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = _plain(node, (), marks, errors, name) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = error.problem or error.context or "not YAML"
        raise PolicyRefusedError(
            [PolicyError(name, line, column, "", f"not YAML: {said}")]
        ) from None
    except RecursionError:
        said = "it contains itself (an alias inside its own anchor)"
        raise PolicyRefusedError([PolicyError(name, 1, 1, "", f"not YAML: {said}")]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyRefusedError([PolicyError(name, 1, 1, "", f"not YAML: {error}")]) from None

    policy = None
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        seen: set[tuple[Where, str]] = set()
        items = error.errors(include_url=False)
        for item in items:
            if item["type"] == "too_short" and any(
                len(o["loc"]) > len(item["loc"]) and o["loc"][: len(item["loc"])] == item["loc"]
                for o in items
            ):
                continue  # it is only short of the entries that have errors of their own
            where = _known(item["loc"], marks)
            if _about_another_form(item, items, marks):
                continue
            message = _sentence(dict(item), where)
            if (where, message) not in seen:
                seen.add((where, message))
                errors.append(_at(name, where, marks, message))
    if policy is not None:
        errors += [_at(name, where, marks, message) for where, message in policy.crossed()]
    return _Checked(policy, sorted(errors, key=lambda e: (e.line, e.column)), marks, data)


def _about_another_form(item: Any, items: list[Any], marks: dict[Where, tuple[int, int]]) -> bool:
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


def policy_hash(policy: Policy, runbooks: Mapping[Event, Runbook] | None = None) -> str:
    """SHA-256 of what policy and runbooks say, not of how it is written: comments and order do not count."""
    what: dict[str, Any] = policy.model_dump(mode="json", by_alias=True)
    what["runbooks"] = {event: asdict(one) for event, one in (runbooks or {}).items()}
    said = json.dumps(what, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def policy_schema() -> dict[str, Any]:
    """The JSON Schema that editors check ``app.yaml`` with."""
    schema = TypeAdapter(Policy).json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _refused(path: Path, message: str) -> PolicyRefusedError:
    return PolicyRefusedError([PolicyError(str(path), 1, 1, "", message)])


def _at(name: str, where: Where, marks: dict[Where, tuple[int, int]], message: str) -> PolicyError:
    near = where
    while near not in marks and near:
        near = near[:-1]
    line, column = marks.get(near, (1, 1))
    dotted = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in where).lstrip(".")
    return PolicyError(name, line, column, dotted, message)


def _plain(
    node: yaml.Node,
    where: Where,
    marks: dict[Where, tuple[int, int]],
    errors: list[PolicyError],
    name: str,
) -> Any:
    """The node as plain data; notes where each key stands and refuses a key that is given twice."""
    marks.setdefault(where, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*where, key)
            if key in mapping:
                mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
                errors.append(_at(name, here, {here: mark}, "this key is given twice"))
                continue
            marks[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            mapping[key] = _plain(value_node, here, marks, errors, name)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*where, i), marks, errors, name) for i, item in enumerate(node.value)]
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if (
        node.tag in _NUMBERS and ":" not in node.value
    ):  # 14:00 is a time here, not 840 as in YAML 1.1
        return _number(node)
    return node.value  # text, dates and decimals as they are written: money must not become a float


_NUMBERS = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int")
_LARGEST = (
    64  # bits: a larger number is kept as text, because Python refuses to print one of 4,300 digits
)


def _number(node: yaml.Node) -> Any:
    """A number or a truth value; as it is written when it is not what its tag says, so that its key's own rule
    refuses it."""
    try:
        value = yaml.SafeLoader("").construct_object(node, deep=True)
    except (KeyError, IndexError, ValueError):
        return node.value
    return node.value if int(value).bit_length() > _LARGEST else value


def _known(loc: Where, marks: dict[Where, tuple[int, int]]) -> Where:
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
