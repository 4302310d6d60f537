"""A case as the rules see it and as it is kept; and which sandbox it stopped."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from guardrails.policy.model import Policy
from guardrails.policy.redlines import Redline
from guardrails.redlines import words
from guardrails.redlines.reading import Crossing
from guardrails.redlines.step import CaseSoFar, Taken
from handlers.turn import Turn
from storage.redlines import CaseRow
from storage.sandboxes import SandboxRow

#: Who does what happens by itself.
REDLINES = "redlines"
#: In front of what was withheld.
WOULD = "would-"


def so_far(case: CaseRow | None) -> CaseSoFar:
    """How far a case's ladder has come; nothing without a case."""
    if case is None:
        return CaseSoFar()
    taken = tuple(
        Taken(did.removeprefix(WOULD), datetime.fromisoformat(at), did.startswith(WOULD))
        for did, at in case.taken
    )
    return CaseSoFar(taken, case.act_at, case.kept_until, case.kept_times, case.doubted)


def kept(case: CaseSoFar) -> dict[str, Any]:
    """The columns of a case."""
    return {
        "taken": [
            [f"{WOULD if t.withheld else ''}{t.action}", t.at.isoformat()] for t in case.taken
        ],
        "act_at": case.act_at,
        "kept_until": case.kept_until,
        "kept_times": case.kept_times,
        "doubted": case.doubted,
    }


def measured(line: Redline, row: SandboxRow, crossing: Crossing, policy: Policy) -> dict[str, Any]:
    """The facts of a crossing, in words, as its card shows them."""
    currency = policy.workspace.currency
    return {
        "sandbox": row.name,
        "title": words.title(line, row.name),
        "watched": words.WATCHED[line.watch],
        "limit": words.limit(line, currency),
        "measured": [
            [day.isoformat(), words.value(line, value, currency)]
            for day, value in crossing.values
            if value is not None
        ],
        "since": crossing.since.isoformat() if crossing.since else "",
        "through": crossing.through.isoformat() if crossing.through else "",
        "resume": list(line.resume),
    }


def is_shown(case: CaseRow) -> bool:
    """Whether people were told of it; on level 0 it is only recorded."""
    return any(not did.startswith(WOULD) for did, _ in case.taken)


def has_stopped(case: CaseRow) -> bool:
    """Whether it throttled or halted the sandbox and nobody has resumed it."""
    return case.stopped_at is not None and case.resumed_at is None


def stopped_by(cases: Iterable[CaseRow]) -> CaseRow | None:
    """The case that throttled or halted the sandbox, when one did."""
    return max(
        (c for c in cases if has_stopped(c)), key=lambda c: (c.stopped_at, c.id), default=None
    )


def first_day(turn: Turn, row: SandboxRow, cases: Iterable[CaseRow]) -> date:
    """From which day on a sandbox is judged: its first, or the first whole one since it was resumed."""
    zone = turn.policy.workspace.zone
    resumed = [
        c.resumed_at.astimezone(zone).date() + timedelta(days=1) for c in cases if c.resumed_at
    ]
    found: date = max([row.starts_on, *resumed])
    return found
