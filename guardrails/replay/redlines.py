"""A sandbox's redlines look by look under one policy: what each line does, and when the sandbox is halted.

The steps are those of guardrails/redlines. A halted sandbox is resumed when it was recorded to be; what it spends
is what it spent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

from guardrails.policy.redlines import Redline
from guardrails.redlines.reading import Crossing
from guardrails.redlines.step import CaseSoFar, after, keep, step

#: Judges a line on a day; earlier days than the second one do not count.
Judge = Callable[[Redline, date, date], Crossing]


@dataclass(frozen=True)
class Life:
    """One sandbox as it was recorded. ``runs``: the times (from, to) in which it could be stopped, without the
    halts of redlines themselves; ``resumed``: when people resumed it; ``kept``: (redline, when) of Keep running.
    """

    name: str
    starts_on: date
    zone: tzinfo
    runs: tuple[tuple[datetime, datetime | None], ...]
    resumed: tuple[datetime, ...] = ()
    kept: tuple[tuple[str, datetime], ...] = ()


@dataclass(frozen=True)
class Did:
    """One action of a line."""

    redline: str
    action: str
    at: datetime
    day: date


@dataclass(frozen=True)
class Ran:
    """What one policy's lines did, and the (first, last) days on which the sandbox was halted whole: None while it
    was not resumed."""

    did: tuple[Did, ...]
    halted: tuple[tuple[date, date | None], ...]

    def after_halts(self, daily: Sequence[tuple[date, Decimal]], last: date) -> Decimal:
        """What was recorded to be spent on days on which it would have been halted, up to ``last``."""
        return sum(
            (
                money
                for day, money in daily
                if day <= last and any(a <= day and (b is None or day <= b) for a, b in self.halted)
            ),
            Decimal(0),
        )


@dataclass
class _Case:
    so_far: CaseSoFar = field(default_factory=CaseSoFar)
    again_at: datetime | None = None


@dataclass
class _Run:
    life: Life
    cases: dict[str, _Case] = field(default_factory=dict)
    did: list[Did] = field(default_factory=list)
    halted: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    first: date = date.min
    kept: set[tuple[str, datetime]] = field(default_factory=set)


def run(
    life: Life,
    lines: Callable[[date], Sequence[Redline]],
    looks: Sequence[datetime],
    judge: Judge,
    level: Callable[[date], int],
    exempt: Callable[[date], bool],
) -> Ran:
    """What the lines would have done at these looks and when their countdowns end between them.

    ``lines``, ``level`` and ``exempt`` (whether the stage is never stopped) are those of a day.
    """
    state = _Run(life, first=life.starts_on)
    for n, at in enumerate(looks):
        following = looks[n + 1] if n + 1 < len(looks) else None
        now: datetime | None = at
        while now is not None:
            _look(state, now, lines, judge, level, exempt)
            due = [c.again_at for c in state.cases.values() if c.again_at and c.again_at > now]
            due = [d for d in due if following is not None and d < following]
            now = min(due, default=None)
    zone = life.zone
    halted = tuple(
        (
            a.astimezone(zone).date() + timedelta(days=1),
            None if b is None else b.astimezone(zone).date() - timedelta(days=1),
        )
        for a, b in state.halted
    )
    return Ran(tuple(state.did), halted)


def _look(
    state: _Run,
    now: datetime,
    lines: Callable[[date], Sequence[Redline]],
    judge: Judge,
    level: Callable[[date], int],
    exempt: Callable[[date], bool],
) -> None:
    day = now.astimezone(state.life.zone).date()
    _resume(state, now)
    if not _runs(state, now):
        state.cases.clear()
        return
    mine = lines(day)
    for name in sorted(set(state.cases) - {line.name for line in mine}):
        del state.cases[name]
    for line in mine:
        case = state.cases.setdefault(line.name, _Case())
        for name, at in state.life.kept:
            waits = case.so_far.act_at is not None and (name, at) not in state.kept
            if name == line.name and at <= now and waits:
                state.kept.add((name, at))
                case.so_far = keep(line, case.so_far, at)
        crossing = judge(line, day, state.first)
        asks = crossing.kind == "crossed" or bool(case.so_far.taken)
        decision = step(
            line,
            case.so_far,
            crossing,
            now=now,
            level=level(day) if asks else 0,
            exempt=exempt(day),
        )
        case.again_at = decision.again_at
        if decision.kind == "ended":
            state.cases[line.name] = _Case()
        elif decision.kind in ("nudge", "warn", "throttle", "halt", "withheld"):
            case.so_far = after(case.so_far, decision, now)
            if decision.kind != "withheld":
                state.did.append(Did(line.name, decision.kind, now, day))
        if decision.kind == "halt":
            state.halted.append((now, None))
            state.cases.clear()
            return


def _resume(state: _Run, now: datetime) -> None:
    if not state.halted or state.halted[-1][1] is not None:
        return
    since = state.halted[-1][0]
    resumed = next((r for r in state.life.resumed if since < r <= now), None)
    if resumed is not None:
        state.halted[-1] = (since, resumed)
        state.first = max(
            state.first, resumed.astimezone(state.life.zone).date() + timedelta(days=1)
        )


def _runs(state: _Run, now: datetime) -> bool:
    if state.halted and state.halted[-1][1] is None:
        return False
    return any(a <= now and (b is None or now < b) for a, b in state.life.runs)
