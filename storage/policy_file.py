"""Reads ``app.yaml``: every error at once, each with file, line, column and path."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from guardrails.policy.doubts import without_runbook
from guardrails.policy.model import Policy
from guardrails.runbooks import Event, Runbook, nobody
from storage.policy_sentences import Marks, Where, sentences
from storage.runbook_files import read_runbooks


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
    marks: Marks
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
    marks: Marks = {}
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
        errors += [_at(name, where, marks, said) for where, said in sentences(error, marks)]
    if policy is not None:
        errors += [_at(name, where, marks, message) for where, message in policy.crossed()]
    return _Checked(policy, sorted(errors, key=lambda e: (e.line, e.column)), marks, data)


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


def _at(name: str, where: Where, marks: Marks, message: str) -> PolicyError:
    near = where
    while near not in marks and near:
        near = near[:-1]
    line, column = marks.get(near, (1, 1))
    dotted = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in where).lstrip(".")
    return PolicyError(name, line, column, dotted, message)


def _plain(
    node: yaml.Node,
    where: Where,
    marks: Marks,
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
    if node.tag in _NUMBERS and ":" not in node.value:  # 14:00 is a time, not 840 as in YAML 1.1
        return _number(node)
    return node.value  # text, dates and decimals as they are written: money must not become a float


_NUMBERS = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int")
_LARGEST = 64  # bits; what is larger stays text: Python prints no number of 4,300 digits


def _number(node: yaml.Node) -> Any:
    """A number or a truth value; as it is written when it is not what its tag says, so that its key's own rule
    refuses it."""
    try:
        value = yaml.SafeLoader("").construct_object(node, deep=True)
    except (KeyError, IndexError, ValueError):
        return node.value
    return node.value if int(value).bit_length() > _LARGEST else value
