"""Budgets on stored history: their courses, and what was recorded of nudges and overruns."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from guardrails.budgets import GRANTS, Span, span_of
from guardrails.burn import Burn, Spent, burn
from guardrails.periods import Period
from guardrails.policy.budgets import Budget
from guardrails.policy.model import Policy
from guardrails.replay.budgets import Begun, Course, Grant, Morning, Past, Ran, run
from guardrails.replay.events import Event
from guardrails.replay.ladder import Recorded
from handlers.budgets.standing import CENT, FOUR_WEEKS, HISTORY
from handlers.overruns.facts import over_of
from handlers.replay.rounds import DAY, Rounds, looks
from storage import budgets, history, sandboxes
from storage.budgets import in_workspace
from storage.spend import rate

#: A budget's name, and one that began or would have begun.
Opened = tuple[str, Begun]


@dataclass
class Books:
    """What is stored of budgets, read once for both policies."""

    connection: Connection
    rounds: Rounds
    overruns: Sequence[Any]
    openings: dict[str, dict[str, Any]]
    entries: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    nudges: Sequence[Any] = ()
    sandboxes: Sequence[Any] = ()
    _spent: dict[Any, Spent] = field(default_factory=dict)
    _burns: dict[Any, Burn] = field(default_factory=dict)
    _complete: dict[Any, date | None] = field(default_factory=dict)

    def spent(self, policy: Policy, budget: Budget) -> Spent:
        """Every day of a budget's scope that any look of the replay can see."""
        key = (policy.workspace.model_dump_json(), str(budget.scope))
        if key not in self._spent:
            first = self.rounds.first - HISTORY - timedelta(days=400)
            period = Period(first, max(self.rounds.last, first))
            self._spent[key] = budgets.spend_of(self.connection, policy, budget.scope.parts, period)
        return self._spent[key]

    def through(self, policy: Policy, budget: Budget, day: date) -> date:
        """The last day of a budget's scope that was complete on a morning. A bill that is late now may have been
        then: how late is not kept."""
        key = (
            ",".join(f"{b.name} {b.complete_after_days}" for b in policy.bills),
            str(budget.scope),
        )
        if key not in self._complete:
            self._complete[key] = budgets.last_complete_day(
                self.connection, policy, budget.scope.parts
            )
        then, now = self.rounds.through(policy, day), self._complete[key]
        return then if now is None else min(then, now)

    def burn(self, policy: Policy, budget: Budget, span: Span, through: date, day: date) -> Burn:
        """The course as it was known on a day; a limit changes nothing that is looked at here. What was billed by
        then of the days after ``through`` is what is billed of them now: how it grew is not kept."""
        key = (
            policy.workspace.model_dump_json(),
            str(budget.scope),
            span.first,
            span.last,
            through,
            day,
        )
        if key not in self._burns:
            first = min(span.first, through - HISTORY)
            known = self.spent(policy, budget)
            begin = max((first - known.first).days, 0)
            end = (max(first, through) - known.first).days + 1
            newest = (self.rounds.seen(day) - known.first).days + 1
            seen = Spent(first, known.days[begin:end], known.days[end:newest])
            self._burns[key] = burn(seen, span.first, span.last, None, day, interval=False)
        return self._burns[key]


def read_books(connection: Connection, rounds: Rounds) -> Books:
    """All that is stored of budgets."""
    books = Books(
        connection,
        rounds,
        history.overruns_all(connection),
        history.openings(connection),
        nudges=history.nudges(connection),
        sandboxes=history.sandboxes(connection),
    )
    for entry in history.ledger(connection):
        books.entries[entry.budget].append(entry)
    return books


def run_budgets(books: Books, policy: Policy) -> dict[str, Ran]:
    """What a policy would have done with each of its budgets and with those of sandboxes, by name."""
    every = [*policy.budgets, *(sandboxes.budget(r) for r in books.sandboxes if was_given(r))]
    ends = {
        sandboxes.budget(r).name: r.ended_at
        for r in books.sandboxes
        if was_given(r) and r.state != "graduated"
    }
    return {
        b.name: run(
            _course(books, policy, b, ends.get(b.name)), policy.nudges, policy.ladder.least_percent
        )
        for b in every
    }


def was_given(row: Any) -> bool:
    """Whether a sandbox ever had money."""
    return row.starts_on is not None and row.state not in ("requested", "declined", "withdrawn")


def nudge_events(ran: dict[str, Ran], *, bare: bool = False) -> list[Event]:
    """The nudges; ``bare`` ones without channels, which are not recorded."""
    return [
        Event(name, _share(n.period, n.basis, n.percent), n.day, "" if bare else ", ".join(n.to))
        for name, one in sorted(ran.items())
        for n in one.nudged
    ]


def recorded_nudges(books: Books, policy: Policy) -> list[Event]:
    """What people were told on the days of the replay."""
    zone = policy.workspace.zone
    found = []
    for row in books.nudges:
        day = row.at.astimezone(zone).date()
        if books.rounds.first <= day <= books.rounds.last:
            found.append(Event(row.budget, _share(row.period, row.basis, row.percent), day))
    return found


def opened(ran: dict[str, Ran]) -> list[Opened]:
    """Every overrun that began, the oldest first."""
    every = [(name, begun) for name, one in ran.items() for begun in one.begun]
    return sorted(every, key=lambda o: (o[1].at, o[0]))


def as_requests(books: Books, policy: Policy, every: Sequence[Opened]) -> list[Recorded]:
    """Overruns that began, for placing them on a ladder. Raises storage.budgets.NoRate."""
    zone = policy.workspace.zone
    rows = {row.id: row for row in books.overruns}
    found = []
    for name, begun in every:
        budget = next((b for b in policy.budgets if b.name == name), None)
        row = next((r for r in books.sandboxes if sandboxes.budget(r).name == name), None)
        scope = budget or (sandboxes.budget(row) if row is not None else None)
        lately = Period(begun.day - 60 * DAY, books.rounds.seen(begun.day))
        mine = (
            budgets.main_allocation(books.connection, policy, scope.scope.parts, lately)
            if scope is not None
            else {}
        )
        was = rows.get(begun.of)
        granted = (
            in_workspace(policy, was.granted_micros, was.currency, name) if was else Decimal(0)
        )
        before = tuple(
            (e.at.astimezone(zone).date(), in_workspace(policy, e.amount_micros, e.currency, name))
            for e in books.entries[name]
            if e.kind in GRANTS and e.at < begun.at and e.key != f"overrun:{begun.of}"
        )
        found.append(
            Recorded(
                subject=f"{name} {begun.period}",
                day=begun.day,
                amount=begun.amount,
                limit=begun.base,
                granted=granted,
                was_granted=was is not None and was.state == "granted",
                group=name,
                stage=mine.get("stage", ""),
                workload=mine.get("workload", ""),
                reviewers=tuple(was.facts.get("reviewers") or ()) if was is not None else (),
                before=before,
                auto=True,
            )
        )
    return found


def overrun_event(name: str, begun: Begun, rung: str) -> Event:
    """An overrun that began, as an event: its day, amount and rung."""
    return Event(name, f"overrun in {begun.period}", begun.day, rung, begun.amount)


def recorded_overruns(books: Books, policy: Policy) -> list[Event]:
    """The overruns that began by themselves on the days of the replay, as they were opened."""
    zone = policy.workspace.zone
    found = []
    for row in books.overruns:
        day = row.opened_at.astimezone(zone).date()
        if row.kind in ("actual", "forecast") and books.rounds.first <= day <= books.rounds.last:
            amount, rung = opening_of(books, policy, row)
            found.append(Event(row.budget, f"overrun in {row.period}", day, rung, amount))
    return found


def opening_of(books: Books, policy: Policy, row: Any) -> tuple[Decimal, str]:
    """With which amount, in the workspace's currency, and on which rung a request was opened."""
    kept = books.openings.get(row.id)
    if kept is None:
        return in_workspace(policy, row.amount_micros, row.currency, row.budget), row.rung_name
    micros = int(Decimal(kept["amount"]) * 1_000_000)
    return in_workspace(policy, micros, kept.get("currency", ""), row.budget), kept["rung"]


def _share(period: str, basis: str, percent: int) -> str:
    return f"{percent} % {'spent' if basis == 'actual' else 'forecast'} in {period}"


def _course(books: Books, policy: Policy, budget: Budget, ended: Any) -> Course:
    zone = policy.workspace.zone
    mornings = []
    for at, day in looks(policy, books.rounds.days):
        span = span_of(budget, day)
        if span is None or (ended is not None and at >= ended):
            continue
        base = _base(books, policy, budget, span, day, at)
        if base is None:
            continue
        through = books.through(policy, budget, day)
        mornings.append(
            Morning(at, day, span, books.burn(policy, budget, span, through, day), base)
        )
    spent = books.spent(policy, budget)
    daily = tuple((spent.first + n * DAY, money) for n, money in enumerate(spent.days) if money)
    past, of_past = _past(books, policy, budget.name)
    return Course(
        budget,
        tuple(mornings),
        tuple((d, m) for d, m in daily if d <= books.rounds.last),
        tuple(
            g
            for e in books.entries[budget.name]
            if e.kind in GRANTS and e.key not in of_past
            if (g := _grant(policy, e)) is not None
        ),
        past,
        frozenset(
            (n.period, n.basis, n.percent)
            for n in books.nudges
            if n.budget == budget.name and n.at.astimezone(zone).date() < books.rounds.first
        ),
    )


def _past(books: Books, policy: Policy, name: str) -> tuple[tuple[Past, ...], set[str]]:
    """The recorded overruns of a budget, and the keys of what the ledger got of those that began by themselves."""
    entries = {e.key: e for e in books.entries[name] if e.kind in GRANTS}
    found, keys = [], set()
    for row in books.overruns:
        if row.budget != name:
            continue
        entry = entries.get(f"overrun:{row.id}")
        past = Past(
            row.id,
            row.period,
            row.kind,
            row.opened_at,
            row.opened_at.astimezone(policy.workspace.zone).date(),
            row.decided_at,
            row.state,
            in_workspace(policy, row.amount_micros, row.currency, name),
            over_of(row),
            _grant(policy, entry) if entry is not None else None,
        )
        if past.by_itself:
            keys.add(f"overrun:{row.id}")
        found.append(past)
    return tuple(found), keys


def _grant(policy: Policy, entry: Any) -> Grant:
    money = in_workspace(policy, entry.amount_micros, entry.currency, entry.budget)
    return Grant(entry.at, entry.period, money, entry.until)


def _base(
    books: Books, policy: Policy, budget: Budget, span: Span, day: date, at: Any
) -> Decimal | None:
    """The limit without grants, as handlers.budgets.standing.base_of counts it, but on a day that is past."""
    worth = rate(policy, budget.currency or policy.workspace.currency)
    if budget.limit is not None:
        return budget.limit * worth
    if budget.per_unit is None:  # a sandbox's is its ledger
        mine = [
            e
            for e in books.entries[budget.name]
            if e.period == span.key and e.kind not in GRANTS and e.at <= at
        ]
        counts = [e for e in mine if e.until is None or e.until >= day]
        found = (in_workspace(policy, e.amount_micros, e.currency, budget.name) for e in counts)
        return sum(found, Decimal(0)) if mine else None
    parts, metric = budget.scope.parts, budget.per_unit.metric
    through = min(books.through(policy, budget, day), span.last)
    recent = Period(through - FOUR_WEEKS + DAY, through)
    a_day = budgets.units_of(books.connection, parts, metric, recent) / FOUR_WEEKS.days
    so_far = Decimal(0)
    if through >= span.first:
        so_far = budgets.units_of(books.connection, parts, metric, Period(span.first, through))
    units = so_far + a_day * (span.last - max(through, span.first - DAY)).days
    return (budget.per_unit.limit * units * worth).quantize(CENT) if units else None
