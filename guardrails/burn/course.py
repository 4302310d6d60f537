"""The expected course: what each of the days to come will cost, from the days before."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from guardrails.burn.changes import last_change
from guardrails.burn.level import Level, level, settled
from guardrails.burn.month import bumps, recurring
from guardrails.burn.week import WEEK, Vector, Weekdays, factors

#: Days of history that are looked at.
HISTORY = 120
#: How fast a trend fades: each day grows by so much of the growth of the day before.
DAMPING = 0.98
#: Days before a change that the level before it is made of.
BEFORE = 28
#: A first day with spend after so many without is a job, not a rate; the second makes it one.
SILENT = 7


@dataclass(frozen=True)
class Course:
    """What was learned from the past. ``week``: seven factors, Monday first. ``recurs``: money beyond the
    level by place in the month. ``begun``: index of the first day with spend. ``changed``: index of
    the first day of the present level; ``before``: the level until then."""

    week: Vector
    recurs: dict[int, float]
    level: Level
    begun: int
    changed: int | None
    before: float
    never_negative: bool

    @property
    def rate(self) -> float:
        """Money a day now, mean of a week."""
        return max(self.level.now, 0.0) if self.never_negative else self.level.now

    def ahead(self, first: date, steps: int) -> Vector:
        """Money of each of the ``steps`` days from ``first``, the day after the last that was learned from.

        Level × weekday with a damped trend: level + slope × (φ + φ² + … + φʰ) (Gardner & McKenzie 1985;
        Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 8.2), and what
        recurs every month.
        """
        growth = np.cumsum(DAMPING ** np.arange(1, steps + 1))
        days = (self.level.now + self.level.slope * growth) * self.week[weekdays(first, steps)]
        days = days + bumps(self.recurs, first, steps)
        return np.maximum(days, 0.0) if self.never_negative else days


def weekdays(first: date, days: int) -> Weekdays:
    """The weekday (Monday is 0) of each of ``days`` days from ``first``."""
    return (first.weekday() + np.arange(days)) % WEEK


def learn(values: Vector, first: date) -> Course:
    """The course that ``values`` (money a day, oldest first, from ``first``) set."""
    oldest = max(values.size - HISTORY, 0)
    spent = np.flatnonzero(values[oldest:])
    begun = oldest + int(spent[0]) if spent.size else values.size
    offset = oldest if spent.size == 1 and begun - oldest >= SILENT else begun
    used = values[offset:]
    begins = first + timedelta(days=offset)
    course = _learn(used, begins, {}, offset, begun)
    start = 0 if course.changed is None else course.changed - offset
    age = np.arange(used.size)[::-1]
    expected = (course.level.now - course.level.slope * age) * course.week[
        weekdays(begins, used.size)
    ]
    recurs = recurring((used - expected)[start:], begins + timedelta(days=start))
    return _learn(used, begins, recurs, offset, begun) if recurs else course


def _learn(used: Vector, begins: date, recurs: dict[int, float], offset: int, begun: int) -> Course:
    plain = used - bumps(recurs, begins, used.size)
    days = weekdays(begins, used.size)
    week = factors(plain, days)
    daily = week[days]
    changed = last_change(plain, daily)
    start = changed or 0
    earlier = slice(max(start - BEFORE, 0), start)
    return Course(
        week=week,
        recurs=recurs,
        level=level(plain[start:], daily[start:]),
        begun=begun,
        changed=None if changed is None else changed + offset,
        before=settled(plain[earlier], daily[earlier]),
        never_negative=bool((used >= 0).all()),
    )
