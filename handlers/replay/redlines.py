"""Sandboxes on stored history: their lives as they were recorded, and what redlines make of their days."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from guardrails.budgets import Entry, limit_on
from guardrails.periods import Period
from guardrails.policy.model import Policy
from guardrails.policy.redlines import Redline
from guardrails.redlines.reading import Crossing, Measured, Reading, Source, judge
from guardrails.replay.events import Event
from guardrails.replay.redlines import Life, Ran, run
from guardrails.sandboxes.budget import budget_name
from handlers.maturity import level_of
from handlers.redlines.cases import REDLINES, WOULD
from handlers.redlines.reading import BILL, applies
from handlers.replay.budgets import Books, was_given
from handlers.replay.rounds import DAY, looks
from handlers.turn import Turn
from storage import budgets, history, redlines
from storage.budgets import in_workspace
from storage.policy_file import LoadedPolicy
from storage.sandboxes import SandboxRow

_BEGINS = ("sandbox.allocated", "sandbox.active", "sandbox.resumed", "sandbox.resume")
_ENDS = ("sandbox.expired", "sandbox.closed", "sandbox.graduated")


@dataclass
class Sandboxes:
    """Every sandbox that had money on a day of the replay, read once for both policies."""

    connection: Connection
    books: Books
    rows: Sequence[SandboxRow]
    lives: dict[str, Life]
    promotions: dict[str, list[Any]]
    cases: Sequence[Any]
    _daily: dict[Any, tuple[tuple[date, Decimal], ...]] = field(default_factory=dict)
    _metrics: dict[tuple[str, str, bool], dict[date, Decimal]] = field(default_factory=dict)

    def daily(self, policy: Policy, row: SandboxRow) -> tuple[tuple[date, Decimal], ...]:
        """What it spent on each day since it began."""
        key = (policy.workspace.model_dump_json(), row.name)
        if key not in self._daily:
            period = Period(row.starts_on, max(self.books.rounds.last, row.starts_on))
            spent = budgets.spend_of(self.connection, policy, {"experiment": row.name}, period)
            days = ((spent.first + n * DAY, money) for n, money in enumerate(spent.days))
            self._daily[key] = tuple(days)
        return self._daily[key]

    def metric(self, row: SandboxRow, name: str, *, whole: bool) -> dict[date, Decimal]:
        """A metric's mean of each day, or its sum."""
        key = (row.name, name, whole)
        if key not in self._metrics:
            period = Period(row.starts_on, max(self.books.rounds.last, row.starts_on))
            self._metrics[key] = redlines.metric_by_day(
                self.connection, row.name, name, period, whole=whole
            )
        return self._metrics[key]

    def stage(self, row: SandboxRow, at: datetime) -> str:
        """Its stage at a time: gates that it passed later had not been passed yet."""
        later = [c for c in self.promotions[row.id] if c.decided_at > at]
        return str(later[0].facts["from"]) if later else str(row.stage)

    def since(self, row: SandboxRow, at: datetime, policy: Policy) -> date | None:
        """The day on which the stage of a time began."""
        passed = [c.decided_at for c in self.promotions[row.id] if c.decided_at <= at]
        began = passed[-1] if passed else row.active_at
        if began is None or began > at:
            return None
        found: date = began.astimezone(policy.workspace.zone).date()
        return found


def read_sandboxes(books: Books, policy: Policy) -> Sandboxes:
    """All sandboxes that were given money, with their lives by the audit."""
    moves = defaultdict(list)
    for move in history.sandbox_moves(books.connection):
        moves[move.subject.partition(":")[2]].append(move)
    promotions = defaultdict(list)
    for case in history.gate_cases(books.connection):
        if case.kind == "promote" and case.state == "done":
            promotions[case.sandbox_id].append(case)
    for some in promotions.values():
        some.sort(key=lambda c: c.decided_at)
    cases = history.redline_cases(books.connection)
    rows = [r for r in books.sandboxes if was_given(r)]
    lives = {
        row.id: _life(policy, row, moves[row.id], [c for c in cases if c.sandbox_id == row.id])
        for row in rows
    }
    return Sandboxes(books.connection, books, rows, lives, promotions, cases)


def run_redlines(them: Sandboxes, loaded: LoadedPolicy) -> dict[str, Ran]:
    """What a policy's lines would have done to each sandbox, by its id."""
    policy = loaded.policy
    rounds = them.books.rounds
    every = list(looks(policy, rounds.days))
    at_of = {day: at for at, day in every}
    levels: dict[tuple[str, date], int] = {}
    found = {}
    for row in them.rows:

        def level(day: date, row: SandboxRow = row) -> int:
            key = (row.team, day)
            if key not in levels:
                turn = Turn(them.connection, loaded, at_of[day], lambda channel: ())
                levels[key] = level_of(turn, row.team).level
            return levels[key]

        def lines(day: date, row: SandboxRow = row) -> list[Redline]:
            stage = them.stage(row, at_of[day])
            every_line = policy.redlines.lines
            return [one for one in every_line if applies(one, row.team, row.workload, stage)]

        def judged(line: Redline, day: date, first: date, row: SandboxRow = row) -> Crossing:
            return judge(line, _reading(them, policy, row, line, day, at_of[day], first))

        def exempt(day: date, row: SandboxRow = row) -> bool:
            return them.stage(row, at_of[day]) in policy.redlines.never_stop

        found[row.id] = run(
            them.lives[row.id], lines, [at for at, _ in every], judged, level, exempt
        )
    return found


def redline_events(them: Sandboxes, ran: dict[str, Ran]) -> list[Event]:
    """What the lines did, as events."""
    return [
        Event(row.name, f"redline {did.redline}: {did.action}", did.day)
        for row in them.rows
        for did in ran[row.id].did
    ]


def recorded_redlines(them: Sandboxes, policy: Policy) -> list[Event]:
    """What lines were recorded to do on the days of the replay."""
    zone, rounds = policy.workspace.zone, them.books.rounds
    names = {row.id: row.name for row in them.rows}
    found = []
    for case in them.cases:
        for action, at in case.taken:
            day = datetime.fromisoformat(at).astimezone(zone).date()
            known = case.sandbox_id in names and not action.startswith(WOULD)
            if known and rounds.first <= day <= rounds.last:
                what = f"redline {case.redline}: {action}"
                found.append(Event(names[case.sandbox_id], what, day))
    return found


def halts(ran: dict[str, Ran]) -> int:
    """How often a sandbox would have been halted."""
    return sum(len(one.halted) for one in ran.values())


def after_halts(them: Sandboxes, policy: Policy, ran: dict[str, Ran]) -> Decimal:
    """What was recorded to be spent while this policy would have had the sandboxes halted."""
    last = them.books.rounds.last
    spent = (ran[row.id].after_halts(them.daily(policy, row), last) for row in them.rows)
    return sum(spent, Decimal(0))


def _life(policy: Policy, row: SandboxRow, moves: Sequence[Any], cases: Sequence[Any]) -> Life:
    """From the audit: what people and the calendar did. Halts of redlines are left out."""
    runs: list[tuple[datetime, datetime | None]] = []
    resumed = []
    since: datetime | None = None
    for move in moves:
        if move.action in _BEGINS:
            since = since or move.at
            if "resume" in move.action:
                resumed.append(move.at)
        stops = move.action in _ENDS or move.action in ("sandbox.halt", "sandbox.halted")
        if (
            stops
            and since is not None
            and not (move.actor == REDLINES and move.action not in _ENDS)
        ):
            runs.append((since, move.at))
            since = None
    if since is not None:
        runs.append((since, None))
    kept = [
        (c.redline, c.kept_until - timedelta(hours=_hours(policy, c.redline)))
        for c in cases
        if c.kept_until is not None
    ]
    return Life(
        row.name,
        row.starts_on,
        policy.workspace.zone,
        tuple(runs),
        tuple(resumed),
        tuple(kept),
    )


def _hours(policy: Policy, name: str) -> int:
    line = next((one for one in policy.redlines.lines if one.name == name), None)
    return line.keep_running.hours if line is not None else 0


def _reading(
    them: Sandboxes,
    policy: Policy,
    row: SandboxRow,
    line: Redline,
    day: date,
    at: datetime,
    first: date,
) -> Reading:
    """What a line is judged by on a day that is past: handlers.redlines.reading, with what was known then."""
    seen = them.books.rounds.seen(day)
    days = tuple(
        Measured(d, money if d <= seen else Decimal(0))
        for d, money in them.daily(policy, row)
        if d <= day
    )
    late = max(b.complete_after_days for b in policy.bills)
    sources = []
    if line.watch in ("spend", "spend-rate", "unit-cost"):
        sources.append(Source(BILL, them.books.rounds.through(policy, day), late))
    if line.metric is not None and line.watch not in ("spend", "spend-rate"):
        known = them.metric(row, line.metric, whole=line.watch == "unit-cost")
        through = max((d for d in known if d < day), default=None)
        sources.append(Source(f"the metric {line.metric}", through))
        days = tuple(Measured(m.day, m.spent, known.get(m.day)) for m in days)
    entries = [
        Entry(e.kind, in_workspace(policy, e.amount_micros, e.currency, row.name), e.until)
        for e in them.books.entries[budget_name(row.name)]
        if e.at <= at
    ]
    return Reading(
        days,
        cap=limit_on(entries, min(day, row.ends_on)),
        span_days=(row.ends_on - row.starts_on).days + 1,
        sources=tuple(sources),
        first=first,
        today=day,
        stale_days=policy.redlines.stale_days,
    )
