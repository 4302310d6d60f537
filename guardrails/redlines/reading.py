"""Whether a line is crossed, by complete and fresh days alone; else why that cannot be said."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from guardrails.policy.redlines import Redline

INFINITE = Decimal("Infinity")
BELOW_RATE = Decimal("0.05")  # of what was spent a day before: a halt that left less has worked
BEFORE_DAYS = 7


@dataclass(frozen=True)
class Source:
    """Where measures come from: ``the bill``, ``the metric accuracy``.

    ``through`` is the last complete day, None when nothing has come yet; ``late`` how many days a day takes to be
    complete after it ended.
    """

    name: str
    through: date | None
    late: int = 0


@dataclass(frozen=True)
class Measured:
    """One day of a sandbox. ``spent`` in the workspace's currency; ``metric`` the mean of the day, for the unit
    cost the number of units; None when none came."""

    day: date
    spent: Decimal
    metric: Decimal | None = None


@dataclass(frozen=True)
class Reading:
    """All that a line is judged by. ``days`` are all days since the sandbox began, without gaps, the oldest first.

    ``span_days``: how many days the cap is for. ``first``: earlier days do not count, because it began then or was
    resumed the day before.
    """

    days: tuple[Measured, ...]
    cap: Decimal
    span_days: int
    sources: tuple[Source, ...]
    first: date
    today: date
    stale_days: int = 2


@dataclass(frozen=True)
class Crossing:
    """``crossed`` since a day, ``within`` the limit, or ``unknown`` with a reason: young (too few days yet),
    no-data, stale, gap (days without a value). ``values`` are the days that were judged, the oldest first;
    ``source`` is what is late or missing."""

    kind: Literal["crossed", "within", "unknown"]
    reason: str = ""
    through: date | None = None
    since: date | None = None
    values: tuple[tuple[date, Decimal | None], ...] = ()
    source: str = ""


def judge(line: Redline, reading: Reading) -> Crossing:
    """Whether the line is crossed on each of its last complete days.

    A day counts when every source has it whole and it is over. One known day within the limit suffices to be
    within it; a day without a value proves nothing.
    """
    if _young(line, reading):
        return Crossing("unknown", "young")
    for source in reading.sources:
        if source.through is None:
            return Crossing("unknown", "no-data", source=source.name)
    for source in reading.sources:
        if source.through is not None and _is_stale(source, reading):
            return Crossing("unknown", "stale", source.through, source=source.name)
    values = _values(line, reading)
    if len(values) < line.days:
        return Crossing("unknown", "young")
    window, through = values[-line.days :], values[-1][0]
    if any(value is not None and not is_beyond(line, value) for _, value in window):
        return Crossing("within", through=through, values=window)
    if any(value is None for _, value in window):
        names = " and ".join(s.name for s in reading.sources)
        return Crossing("unknown", "gap", through, values=window, source=names)
    since = through
    for day, value in reversed(values):
        if value is None or not is_beyond(line, value):
            break
        since = day
    return Crossing("crossed", through=through, since=since, values=window)


def is_beyond(line: Redline, value: Decimal) -> bool:
    """Whether a value is on the wrong side of the limit; on the limit is within it."""
    if line.above is not None:
        return value > line.above
    return line.below is not None and value < line.below


@dataclass(frozen=True)
class Verified:
    """Whether a halt ended the spend. ``before`` and ``after``: money a day; ``through``: the last day known."""

    stopped: bool
    before: Decimal
    after: Decimal
    through: date


def verify(
    days: tuple[Measured, ...], halted_on: date, bill: Source, today: date
) -> Verified | None:
    """What the complete days after the halt's day say; None while there are none.

    The halt's day itself counts neither before nor after: it has both in it. What stays, such as stored data, may
    cost on: less than 5 % of the rate before is nothing that runs.
    """
    if bill.through is None:
        return None
    through = min(bill.through, today - timedelta(days=1))
    after = [m.spent for m in days if halted_on < m.day <= through]
    if not after:
        return None
    before = [m.spent for m in days if m.day < halted_on][-BEFORE_DAYS:]
    rate_before = sum(before, Decimal(0)) / max(len(before), 1)
    rate_after = sum(after, Decimal(0)) / len(after)
    stopped = rate_after <= 0 or rate_after < rate_before * BELOW_RATE
    return Verified(stopped, rate_before, rate_after, through)


def _young(line: Redline, reading: Reading) -> bool:
    """Whether even data that is in time could not have enough days yet."""
    late = max((s.late for s in reading.sources), default=0)
    known = reading.today - timedelta(days=1 + late)
    return (known - reading.first).days + 1 < line.days


def _is_stale(source: Source, reading: Reading) -> bool:
    expected = reading.today - timedelta(days=1 + source.late)
    return source.through is not None and (expected - source.through).days > reading.stale_days


def _values(line: Redline, reading: Reading) -> tuple[tuple[date, Decimal | None], ...]:
    known = [s.through for s in reading.sources if s.through is not None]
    last = min([*known, reading.today - timedelta(days=1)])
    values: list[tuple[date, Decimal | None]] = []
    spent = Decimal(0)
    for measured in reading.days:
        spent += measured.spent
        if reading.first <= measured.day <= last:
            values.append((measured.day, _value(line, measured, spent, reading)))
    return tuple(values)


def _value(line: Redline, m: Measured, so_far: Decimal, reading: Reading) -> Decimal | None:
    match line.watch:
        case "spend":
            return _percent(so_far, reading.cap)
        case "spend-rate":
            return _percent(m.spent, reading.cap / max(reading.span_days, 1))
        case "unit-cost":
            if m.metric is None or (m.metric <= 0 and m.spent <= 0):
                return None
            return m.spent / m.metric if m.metric > 0 else INFINITE
        case _:
            return m.metric


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    """A cap that was lowered to nothing leaves no percentage: all of it is beyond."""
    if whole <= 0:
        return INFINITE if part > 0 else Decimal(0)
    return part / whole * 100
