"""Runbooks: what to do about one kind of event, as Markdown with YAML front matter between ``---`` lines.

    ---
    events: [spend]
    escalation:
      - { role: lead, after_minutes: 60 }
    ---
    # Spend beyond the expected band

    1. Read the top drivers.
    2. Ask the owner what has run since the first day.

The title is the front matter's, else the first heading. The steps are the items of the first ordered list or
task list; a step is one paragraph. Everything else in the file is for those who read the file.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, get_args

from guardrails.policy.people import Role
from guardrails.runbook_front import Front, read_front
from guardrails.runbook_front import Wrong as Wrong

#: What can have a runbook: the signals that are watched, and what happens to budgets and sandboxes.
Event = Literal[
    "spend",
    "gpu-usage",
    "cost-per-unit",
    "quality",
    "resource-mix",
    "overrun",
    "joint-review",
    "budget",
    "sandbox",
    "redline",
    "gate",
]
EVENTS: tuple[Event, ...] = get_args(Event)

MOST_STEPS = 12
LONGEST_STEP = 300  # a checklist is read on a phone; more belongs behind the link
LONGEST_TITLE = 80


@dataclass(frozen=True)
class Escalation:
    """Who is asked when nobody has taken it for so many minutes."""

    role: Role
    after_minutes: int


@dataclass(frozen=True)
class Runbook:
    """What to do about some kinds of event. ``name`` is the file's, without ``.md``."""

    name: str
    title: str
    events: tuple[Event, ...]
    steps: tuple[str, ...]
    escalation: tuple[Escalation, ...] = ()
    link: str | None = None


class RunbookRefusedError(Exception):
    """The text is no runbook; ``errors`` has all that is wrong with it."""

    def __init__(self, errors: list[Wrong]) -> None:
        super().__init__("\n".join(str(e) for e in errors))
        self.errors = errors


def parse(name: str, text: str) -> Runbook:
    """The runbook in a file's text. Raises :class:`RunbookRefusedError` with all errors."""
    runbook, _, errors = _read(f"{name}.md", text)
    if errors or runbook is None:
        raise RunbookRefusedError(errors)
    return runbook


def read_all(files: Mapping[str, str]) -> tuple[dict[Event, Runbook], list[Wrong]]:
    """The runbook of each event from path → text, and all that is wrong, each with its file."""
    found: dict[Event, Runbook] = {}
    first: dict[Event, str] = {}
    wrong: list[Wrong] = []
    for file, text in sorted(files.items()):
        runbook, front, errors = _read(file, text)
        wrong += errors
        for i, event in enumerate(runbook.events if runbook else ()):
            if event in first:
                said = f"{event} has a runbook already: {first[event]}"
                wrong.append(front.wrong(f"events[{i}]", said))
            elif runbook is not None:
                first[event] = file
                found[event] = runbook
    return found, wrong


def token(step: str) -> str:
    """A short name of a step that stays with its words when the runbook around it changes."""
    return hashlib.sha256(step.encode()).hexdigest()[:12]


def plain(step: str) -> str:
    """A step without its Markdown marks, for menus and sentences."""
    return re.sub(r"\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\([^)]*\)", _inner, step)


def local_links(text: str) -> list[tuple[int, int, str]]:
    """Links of the text to files beside it: line, column (both from 1), path as it is written."""
    found = []
    for n, line in _outside_fences(text.splitlines()):
        for match in _LINK.finditer(line):
            path = match.group(1).partition("#")[0]
            if path and not _SCHEME.match(path):
                found.append((n + 1, match.start(1) + 1, path))
    return found


def nobody(runbooks: Iterable[Runbook], staffed: Iterable[Role]) -> list[str]:
    """Escalations that reach nobody because no person and no group has the role, a sentence each."""
    having = set(staffed)
    return [
        f"Nobody has the role {step.role}, so the runbook {runbook.name} asks nobody after "
        f"{in_words(step.after_minutes)}."
        for runbook in sorted(set(runbooks), key=lambda r: r.name)
        for step in runbook.escalation
        if step.role not in having
    ]


def in_words(minutes: int) -> str:
    """``45 minutes``, ``1 hour``, ``2 days``: the largest unit that it is a whole number of."""
    for unit, size in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes >= size and minutes % size == 0:
            return f"{minutes // size} {unit}{'' if minutes == size else 's'}"
    return f"{minutes} minutes"


_LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$")
_ORDERED = re.compile(r"^ {0,3}\d{1,9}[.)](?:\s+(.*))?$")
_TASK = re.compile(r"^ {0,3}[-*+]\s+\[[ xX]\](?:\s+(.*))?$")
_NESTED = re.compile(r"^\s{2,}([-*+]|\d{1,9}[.)])\s")
_OTHER = re.compile(r"^ {0,3}([-*+]\s|>|#{1,6}\s|---|\*\*\*)")
_FENCE = ("```", "~~~")


def _inner(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None)


def _outside_fences(lines: list[str]) -> Iterable[tuple[int, str]]:
    inside = False
    for n, line in enumerate(lines):
        if line.lstrip().startswith(_FENCE):
            inside = not inside
        elif not inside:
            yield n, line


def _read(file: str, text: str) -> tuple[Runbook | None, Front, list[Wrong]]:
    """The runbook when nothing is wrong with it, its front matter for later checks, the errors."""
    lines = text.removeprefix("\ufeff").splitlines()
    front = read_front(file, lines, EVENTS)
    errors = list(front.errors)
    heading, steps = _body(front, lines, errors)
    title = front.title or heading
    if not front.begins_at:
        pass  # the front matter is what is missing; what follows cannot be told from it
    elif not title:
        errors.append(front.wrong("title", "give a title, or begin the text with a # heading"))
    elif len(title) > LONGEST_TITLE:
        said = f"must have at most {LONGEST_TITLE} characters (it has {len(title)})"
        errors.append(front.wrong("title", said))
    if errors:
        return None, front, sorted(errors, key=lambda e: (e.line, e.column))
    escalation = tuple(Escalation(role, minutes) for role, minutes in front.escalation)
    events: tuple[Event, ...] = tuple(e for e in EVENTS if e in front.events)
    ordered = tuple(sorted(events, key=front.events.index))
    name = PurePath(file).stem
    return Runbook(name, title, ordered, tuple(steps), escalation, front.link), front, []


def _body(front: Front, lines: list[str], errors: list[Wrong]) -> tuple[str, list[str]]:
    """The first heading and the steps."""
    heading = ""
    steps: list[tuple[int, str]] = []
    kind: re.Pattern[str] | None = None
    blank = over = False
    for n, line in _outside_fences(lines[front.begins_at :]):
        if over or not line.strip():
            blank = True
            continue
        number = front.begins_at + n + 1
        match = (kind or _ORDERED).match(line)
        if match is None and kind is None:
            match = _TASK.match(line)
        titled = _HEADING.match(line)
        if match is not None:
            kind = match.re
            steps.append((number, (match.group(1) or "").strip()))
        elif kind is None:
            heading = heading or (titled.group(1).strip() if titled else "")
        elif _NESTED.match(line):
            said = "a step has no list of its own; write it as one paragraph, or as two steps"
            errors.append(front.at(number, "steps", said))
        elif line.startswith("  ") or not (blank or _OTHER.match(line)):
            first, begun = steps[-1]
            steps[-1] = (first, f"{begun} {line.strip()}".strip())
        else:
            over = True
        blank = False
    if front.begins_at:
        _check_steps(front, steps, errors)
    return heading, [step for _, step in steps]


def _check_steps(front: Front, steps: list[tuple[int, str]], errors: list[Wrong]) -> None:
    if not steps:
        said = "there are no steps: write them as a list, 1. 2. 3., or with - [ ] boxes"
        errors.append(front.at(front.begins_at + 1, "steps", said))
    if len(steps) > MOST_STEPS:
        said = f"there are {len(steps)} steps; a checklist has at most {MOST_STEPS}"
        errors.append(front.at(steps[MOST_STEPS][0], "steps", said))
    seen: dict[str, int] = {}
    for number, step in steps:
        if not step:
            errors.append(front.at(number, "steps", "this step is empty"))
        elif len(step) > LONGEST_STEP:
            said = f"this step has {len(step)} characters; at most {LONGEST_STEP} fit a checklist"
            errors.append(front.at(number, "steps", said))
        elif step in seen:
            said = f"this step is the same as the one in line {seen[step]}"
            errors.append(front.at(number, "steps", said))
        seen.setdefault(step, number)
