"""A budget day by day under one policy: whom it nudges, which overruns begin, what is spent before one is asked.

The rules are those that the daily look asks (guardrails/overruns.py, guardrails/budgets.py). What people decided
is taken as it was recorded: an overrun that begins is decided as the recorded one was, after as many hours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from guardrails.budgets import Span, Standing, crossed
from guardrails.burn import Burn
from guardrails.overruns import is_another, is_enough, is_worse, kind_of, rounded, still_refused
from guardrails.policy.budgets import Budget, Nudges

#: How long before its record an overrun may begin and still be the recorded one.
NEAR = timedelta(hours=12)


@dataclass(frozen=True)
class Morning:
    """A budget at one look. ``base``: its limit then without what was granted, by the policy that is replayed."""

    at: datetime
    today: date
    span: Span
    burn: Burn
    base: Decimal


@dataclass(frozen=True)
class Grant:
    """Money beyond the limit, as the ledger has it; after ``until`` it no longer counts."""

    at: datetime
    period: str
    amount: Decimal
    until: date | None = None


@dataclass(frozen=True)
class Past:
    """A recorded overrun, opened on a ``day`` of the workspace. ``kind``: actual, forecast, asked, sandbox.
    ``grant`` is what the ledger got of it."""

    id: str
    period: str
    kind: str
    opened: datetime
    day: date
    decided: datetime | None
    state: str
    amount: Decimal
    over: Decimal
    grant: Grant | None = None

    @property
    def by_itself(self) -> bool:
        return self.kind in ("actual", "forecast")

    def waits_at(self, at: datetime) -> bool:
        return self.opened <= at and (self.decided is None or at < self.decided)


@dataclass(frozen=True)
class Course:
    """One budget over the days of a replay. ``grants``: those that came of no overrun that began by itself.
    ``told``: (period, basis, percent) of nudges from before. ``daily``: what was spent on each day."""

    budget: Budget
    mornings: tuple[Morning, ...]
    daily: tuple[tuple[date, Decimal], ...] = ()
    grants: tuple[Grant, ...] = ()
    past: tuple[Past, ...] = ()
    told: frozenset[tuple[str, str, int]] = frozenset()


@dataclass(frozen=True)
class Nudged:
    """That people would have been told of a share."""

    period: str
    basis: str
    percent: int
    day: date
    to: tuple[str, ...]


@dataclass(frozen=True)
class Begun:
    """An overrun that would have begun. ``base``: the limit without grants, for the ladder; ``of``: the recorded
    one whose decision it is given, empty when there is none."""

    period: str
    kind: str
    at: datetime
    day: date
    amount: Decimal
    base: Decimal
    of: str = ""


@dataclass(frozen=True)
class Through:
    """What was spent beyond the limit in a period, and how much of that before anybody was asked."""

    period: str
    overspend: Decimal
    unasked: Decimal


@dataclass(frozen=True)
class Ran:
    """What one policy did with one budget."""

    nudged: tuple[Nudged, ...]
    begun: tuple[Begun, ...]
    through: tuple[Through, ...]


@dataclass
class _Waiting:
    begun: Begun
    over: Decimal
    decided: datetime | None
    past: Past | None


@dataclass(frozen=True)
class _Outcome:
    """What was decided, when, about how much beyond the limit; and what was granted of it."""

    at: datetime
    period: str
    kind: str
    over: Decimal
    asked: Decimal
    grant: Grant | None


@dataclass
class _Run:
    course: Course
    least_percent: Decimal
    grants: list[Grant]
    begun: list[Begun] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    waiting: _Waiting | None = None
    outcomes: list[_Outcome] = field(default_factory=list)


def run(course: Course, nudges: Nudges, least_percent: Decimal) -> Ran:
    """What this policy would have done with the budget. ``least_percent``: of the limit; what is beyond it by less
    begins nothing."""
    state = _Run(course, least_percent, list(course.grants))
    if course.mornings:
        _remember(state, course.mornings[0])
    told = set(course.told)
    nudged: list[Nudged] = []
    limits: list[tuple[date, Span, Decimal]] = []
    for morning in course.mornings:
        _decide(state, morning)
        standing = _standing(course.budget, morning, state.grants)
        limits.append((morning.today, morning.span, standing.limit))
        _begin_or_follow(state, morning, standing)
        nudged += _nudge(nudges, standing, morning, told)
    return Ran(tuple(nudged), tuple(state.begun), _through(course, state, limits))


def _remember(state: _Run, first: Morning) -> None:
    """What was decided about requests, whenever; and all that had begun before the day of the first look. What
    began on that day counts to the replay whatever the hour: a bot that is started reads the bills at once."""
    begin = first.at
    for past in sorted(state.course.past, key=lambda p: (p.opened, p.id)):
        if past.by_itself and past.day >= first.today:
            continue
        if past.by_itself:
            state.used.add(past.id)
            state.grants += [past.grant] if past.grant is not None else []
            if past.waits_at(begin):
                of = Begun(
                    past.period, past.kind, past.opened, first.today, past.amount, Decimal(0)
                )
                state.waiting = _Waiting(of, past.over, past.decided, past)
        if past.decided is not None and past.state != "withdrawn":
            state.outcomes.append(
                _Outcome(past.decided, past.period, past.kind, past.over, past.amount, past.grant)
            )


def _standing(budget: Budget, morning: Morning, grants: Iterable[Grant]) -> Standing:
    mine = [g for g in grants if g.period == morning.span.key and g.at <= morning.at]
    now, ends = Decimal(0), Decimal(0)
    for grant in mine:
        if grant.until is None or grant.until >= morning.today:
            now += grant.amount
            if grant.until is not None and grant.until < morning.span.last:
                ends += grant.amount
    return Standing(budget, morning.span, morning.base + now, morning.burn, ends)


def _decide(state: _Run, morning: Morning) -> None:
    """What people decided since the look before."""
    waits = state.waiting
    if waits is None:
        return
    if waits.begun.period != morning.span.key:
        state.waiting = None
    elif waits.decided is not None and waits.decided <= morning.at and waits.past is not None:
        grant = waits.past.grant
        if waits.begun.at == waits.past.opened and waits.begun not in state.begun:
            state.waiting = None  # it had begun before the first look: its outcome is known already
            return
        if grant is not None:
            state.grants.append(Grant(waits.decided, grant.period, grant.amount, grant.until))
        if waits.past.state != "withdrawn":
            begun = waits.begun
            state.outcomes.append(
                _Outcome(waits.decided, begun.period, begun.kind, waits.over, waits.over, grant)
            )
        state.waiting = None


def _begin_or_follow(state: _Run, morning: Morning, s: Standing) -> None:
    amount = rounded(s.over)
    waits = state.waiting
    if waits is not None:
        if not s.is_over:
            state.waiting = None
        elif is_another(waits.over, amount):
            waits.over = amount
        return
    if not is_enough(s, state.least_percent):
        return
    asked = next(
        (
            p
            for p in state.course.past
            if not p.by_itself and p.period == s.span.key and p.waits_at(morning.at)
        ),
        None,
    )
    if asked is not None and asked.kind != "asked":
        return
    if not is_worse(amount, asked.amount if asked is not None else _refused(state, morning)):
        return
    past = _recorded(state, morning)
    of = past.id if past is not None else ""
    begun = Begun(s.span.key, kind_of(s), morning.at, morning.today, amount, morning.base, of)
    decided = None
    if past is not None:
        state.used.add(past.id)
        if past.decided is not None and past.state != "withdrawn":
            # One that begins when it did is decided when it was.
            late = past.opened - morning.at
            same = abs(late) < NEAR
            decided = past.decided if same else morning.at + (past.decided - past.opened)
    state.begun.append(begun)
    state.waiting = _Waiting(begun, amount, decided, past)


def _recorded(state: _Run, morning: Morning) -> Past | None:
    """The recorded overrun that this is: the next one of the period, else the last before."""
    mine = [
        p
        for p in state.course.past
        if p.by_itself and p.period == morning.span.key and p.id not in state.used
    ]
    later = [p for p in mine if p.opened >= morning.at - NEAR]
    if later:
        return min(later, key=lambda p: (p.opened, p.id))
    return max(mine, key=lambda p: (p.opened, p.id), default=None)


def _refused(state: _Run, morning: Morning) -> Decimal:
    """How much beyond the limit was decided not to be granted in this period, as far as that still holds."""
    mine = [o for o in state.outcomes if o.period == morning.span.key and o.at <= morning.at]
    if not mine:
        return Decimal(0)
    last = max(mine, key=lambda o: o.at)
    granted, until = (last.grant.amount, last.grant.until) if last.grant else (Decimal(0), None)
    return still_refused(last.over, last.kind, last.asked, granted, until, morning.today)


def _nudge(
    nudges: Nudges, s: Standing, morning: Morning, told: set[tuple[str, str, int]]
) -> list[Nudged]:
    """The shares that are reached anew; each is told once."""
    found: dict[tuple[str, int], list[str]] = {}
    for one in crossed(nudges, s):
        if (s.span.key, one.basis, one.nudge.at) not in told:
            found.setdefault((one.basis, one.nudge.at), []).extend(one.nudge.to)
    told.update((s.span.key, basis, at) for basis, at in found)
    return [
        Nudged(s.span.key, basis, at, morning.today, tuple(dict.fromkeys(to)))
        for (basis, at), to in found.items()
    ]


def _through(
    course: Course, state: _Run, limits: Sequence[tuple[date, Span, Decimal]]
) -> tuple[Through, ...]:
    """By period: the growth, day by day, of what is spent beyond the limit of the day."""
    by_day = {day: (span, limit) for day, span, limit in limits}
    spent = dict(course.daily)
    found = []
    for span in dict.fromkeys(span for _, span, _ in limits):
        asked = min(
            (
                *(b.day for b in state.begun if b.period == span.key),
                *(
                    p.day
                    for p in course.past
                    if p.period == span.key
                    and (not p.by_itself or p.id in state.used)
                    and not any(b.of == p.id for b in state.begun)
                ),
            ),
            default=None,
        )
        cumulative = sum((m for d, m in spent.items() if span.first <= d < min(by_day)), Decimal(0))
        beyond: Decimal | None = None
        overspend = unasked = Decimal(0)
        for day in sorted(d for d, (s, _) in by_day.items() if s == span):
            limit = by_day[day][1]
            before = max(cumulative - limit, Decimal(0)) if beyond is None else beyond
            cumulative += spent.get(day, Decimal(0))
            beyond = max(cumulative - limit, Decimal(0))
            grown = max(beyond - before, Decimal(0))
            overspend += grown
            if asked is None or day < asked:
                unasked += grown
        found.append(Through(span.key, overspend, unasked))
    return tuple(found)
