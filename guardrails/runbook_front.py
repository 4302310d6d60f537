"""The front matter of a runbook: which events it is for, who is asked when nobody acts, where more stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import yaml

from guardrails.policy.people import ROLES, Role
from guardrails.suggest import did_you_mean

KEYS = ("title", "events", "escalation", "link")
STEP_KEYS = ("role", "after_minutes")
LONGEST_WAIT = 30 * 1440  # minutes


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong in a runbook. ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.path or 'the file'}: {self.message}"


@dataclass
class Front:
    """What the front matter says. ``begins_at``: how many lines it takes; 0 when there is none."""

    file: str
    begins_at: int = 0
    title: str = ""
    events: list[str] = field(default_factory=list)
    escalation: list[tuple[Role, int]] = field(default_factory=list)
    link: str | None = None
    errors: list[Wrong] = field(default_factory=list)
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def wrong(self, path: str, message: str) -> Wrong:
        """An error where the path of keys stands."""
        line, column = self.marks.get(path, (1, 1))
        return Wrong(self.file, line, column, path, message)

    def at(self, line: int, path: str, message: str) -> Wrong:
        """An error in a line of the text."""
        return Wrong(self.file, line, 1, path, message)

    def refuse(self, path: str, message: str) -> None:
        self.errors.append(self.wrong(path, message))


def read_front(file: str, lines: Sequence[str], events: Sequence[str]) -> Front:
    """Reads the front matter at the beginning of ``lines``; ``events`` are those that there are."""
    front = Front(file)
    fences = [i for i, line in enumerate(lines) if line.rstrip() == "---"]
    if not fences or fences[0] != 0 or len(fences) < 2:
        said = "begin with front matter: a line ---, then events: [spend], then a line ---"
        front.refuse(
            "", said if not fences or fences[0] else "its front matter has no second line ---"
        )
        return front
    front.begins_at = fences[1] + 1
    try:
        node = yaml.compose("\n".join(lines[1 : fences[1]]), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 2, mark.column + 1) if mark else (1, 1)
        said = error.problem or error.context or "it cannot be read"
        front.errors.append(Wrong(file, line, column, "", f"not YAML: {said}"))
        return front
    except (yaml.YAMLError, ValueError) as error:
        front.refuse("", f"not YAML: {error}")
        return front
    if node is not None and not isinstance(node, yaml.MappingNode):
        front.refuse("", "its front matter must be a mapping (key: value)")
        return front
    given = dict(_entries(front, node, "", KEYS)) if node is not None else {}
    front.title = _text(front, given.get("title"), "title")
    link = _text(front, given.get("link"), "link")
    if link and not link.startswith(("https://", "http://")):
        front.refuse("link", "must begin with https://")
    front.link = link or None
    _events(front, given.get("events"), events)
    _escalation(front, given.get("escalation"))
    return front


def _entries(
    front: Front, node: yaml.Node, path: str, allowed: Sequence[str]
) -> Iterator[tuple[str, yaml.Node]]:
    """The values of a mapping by their keys; notes where they stand, refuses keys that are not allowed."""
    seen: set[str] = set()
    for key_node, value in node.value:
        key = str(key_node.value)
        here = f"{path}.{key}".lstrip(".")
        front.marks[here] = (key_node.start_mark.line + 2, key_node.start_mark.column + 1)
        if key in seen:
            front.refuse(here, "this key is given twice")
        elif key not in allowed:
            listed = ", ".join(allowed)
            hint = did_you_mean(key, allowed) or "."
            front.refuse(here, f"is not a key here{hint} Allowed: {listed}.")
        else:
            seen.add(key)
            yield key, value


def _text(front: Front, node: yaml.Node | None, path: str) -> str:
    if node is None:
        return ""
    if not isinstance(node, yaml.ScalarNode):
        front.refuse(path, "must be text")
        return ""
    return str(node.value).strip()


def _listed(front: Front, node: yaml.Node, path: str) -> list[tuple[str, yaml.Node]]:
    """The entries of a list with their paths; notes where they stand."""
    if not isinstance(node, yaml.SequenceNode):
        front.refuse(path, "must be a list")
        return []
    entries = [(f"{path}[{i}]", entry) for i, entry in enumerate(node.value)]
    for here, entry in entries:
        front.marks[here] = (entry.start_mark.line + 2, entry.start_mark.column + 1)
    return entries


def _events(front: Front, node: yaml.Node | None, known: Sequence[str]) -> None:
    if node is None:
        front.refuse("events", f"is missing. Allowed: {', '.join(known)}.")
        return
    entries = _listed(front, node, "events")
    if not entries and isinstance(node, yaml.SequenceNode):
        front.refuse("events", "needs at least one entry")
    for path, entry in entries:
        event = _text(front, entry, path)
        if event in front.events:
            front.refuse(path, f"{event} is given twice")
        elif event in known:
            front.events.append(event)
        elif isinstance(entry, yaml.ScalarNode):
            front.refuse(path, _unknown("event", event, known))


def _escalation(front: Front, node: yaml.Node | None) -> None:
    before = 0
    for path, entry in _listed(front, node, "escalation") if node is not None else []:
        if not isinstance(entry, yaml.MappingNode):
            front.refuse(path, "must be a mapping such as { role: lead, after_minutes: 60 }")
            continue
        given = dict(_entries(front, entry, path, STEP_KEYS))
        missing = [key for key in STEP_KEYS if key not in given]
        for key in missing:
            front.refuse(path, f"{key} is missing")
        if missing:
            continue
        wanted = _text(front, given["role"], f"{path}.role")
        role = next((r for r in ROLES if r == wanted), None)
        if role is None:
            front.refuse(f"{path}.role", _unknown("role", wanted, ROLES))
        minutes = _minutes(front, given["after_minutes"], f"{path}.after_minutes", before)
        if role is not None and minutes:
            front.escalation.append((role, minutes))
        before = minutes or before


def _minutes(front: Front, node: yaml.Node, path: str, before: int) -> int:
    """The minutes; 0 when they are refused."""
    written = _text(front, node, path)
    if not (written.isascii() and written.isdigit() and 0 < int(written[:9]) <= LONGEST_WAIT):
        front.refuse(path, f"must be a whole number of minutes from 1 to {LONGEST_WAIT}")
        return 0
    minutes = int(written)
    if minutes <= before:
        front.refuse(path, f"must be more than the {before} of the step before")
        return 0
    return minutes


def _unknown(what: str, given: str, known: Sequence[str]) -> str:
    hint = did_you_mean(given, known) or "."
    return f"there is no {what} {given}{hint} Allowed: {', '.join(known)}."
