"""A budget's burn: the exact past, the expected course of the days to come, the day the limit is reached."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, localcontext
from itertools import accumulate

import numpy as np

from guardrails.burn.course import Course, learn
from guardrails.burn.spread import spread
from guardrails.burn.values import Burn, Change, Spent
from guardrails.burn.week import Vector
from guardrails.money import MICROS

#: A limit is looked for within so many days after the last complete one.
FARTHEST = 400
DAY = timedelta(days=1)
_MICRO = Decimal(1) / MICROS
_DIGITS = 60

Days = tuple[tuple[date, Decimal, Decimal, Decimal], ...]


def burn(
    history: Spent,
    period_first: date,
    period_last: date,
    limit: Decimal | None,
    today: date,
    *,
    interval: bool = True,
) -> Burn:
    """The burn of the period ``period_first`` to ``period_last`` (both included), as known on ``today``.

    Days from ``today`` on are never looked at. Days of the period after the last one of ``history`` are days to
    come, of which none costs less than is billed of it; a credit that is billed counts. A period of which every
    day is known has its spend as forecast, lower and upper. ``limit`` in the money of ``history``; None: no
    runway.
    ``interval=False`` leaves out the interval, which takes most of the time: lower and upper are then the
    forecast. Forecasts work on shares of the largest day, so money in any unit gives the same burn. Raises
    ValueError when the period ends before it begins.
    """
    if period_last < period_first:
        raise ValueError("a period ends on or after the day it begins")
    with localcontext(prec=_DIGITS):
        known = history.before(today)
        last = min(known.last, today - DAY)
        scale = max((abs(d) for d in known.days), default=Decimal(0)) or Decimal(1)
        values = np.array([float(d / scale) for d in known.days], dtype=np.float64)
        course = learn(values, known.first)
        before = max((period_first - known.first).days, 0)
        daily = known.days[before : max((period_last - known.first).days + 1, 0)]
        spent = sum(daily, Decimal(0))
        open_days = ((last + (i + 1) * DAY, a) for i, a in enumerate(known.growing))
        growing = {day: a for day, a in open_days if a and period_first <= day <= period_last}
        billed = spent + sum(growing.values(), Decimal(0))

        def money(share: float) -> Decimal:
            return (Decimal(share) * scale).quantize(_MICRO)

        skipped = max((period_first - last).days - 1, 0)
        steps = (period_last - last).days
        by_day: Days = ()
        if steps > 0:
            ahead, lower, upper = _to_come(
                values, known.first, last + DAY, course, steps, skipped, interval=interval
            )
            first_to_come = last + (skipped + 1) * DAY
            by_day = tuple(
                (first_to_come + i * DAY, spent + money(a), spent + money(low), spent + money(high))
                for i, (a, low, high) in enumerate(zip(ahead, lower, upper, strict=True))
            )
            by_day = _at_least(by_day, spent, growing)
        _, forecast, least, most = by_day[-1] if by_day else (last, spent, spent, spent)
        begins = max(known.first, period_first)
        runway, exhausted_on = None, None
        if limit is not None and max(spent, billed) >= limit:
            every = (*daily, *growing.values())
            runway, exhausted_on = 0, _reached_on(limit, begins, every) or period_first
        elif limit is not None:
            from_day = max(last, period_first - DAY)
            exhausted_on = next((day for day, so_far, _, _ in by_day if so_far >= limit), None)
            if exhausted_on is not None and (exhausted_on - from_day).days > FARTHEST:
                exhausted_on = None
            runway = None if exhausted_on is None else (exhausted_on - from_day).days
        change = None
        if course.changed is not None:
            on = known.first + course.changed * DAY
            change = Change(on, money(course.before), money(course.rate))
        return Burn(
            spent=spent,
            billed=billed,
            through=min(last, period_last) if last >= period_first else None,
            rate=money(course.rate),
            forecast=forecast,
            lower=least,
            upper=most,
            by_day=by_day,
            runway_days=runway,
            exhausted_on=exhausted_on,
            change=change,
        )


def _to_come(
    values: Vector,
    first: date,
    begin: date,
    course: Course,
    steps: int,
    skipped: int,
    *,
    interval: bool,
) -> tuple[list[float], list[float], list[float]]:
    """Cumulative course of the period's days to come, lower and upper; ``skipped`` days are before it.

    Of the half width over all days, those before the period take their part as independent days would,
    which is the widest that the rest can be.
    """
    ahead = np.cumsum(course.ahead(begin, steps)[skipped:])
    half = spread(values, first, course, steps)[skipped:] if interval else np.zeros(steps - skipped)
    mine = np.arange(1, steps - skipped + 1)
    half = np.maximum.accumulate(half * np.sqrt(mine / (mine + skipped)))
    lower, upper = ahead - half, ahead + half
    if course.never_negative:
        lower = np.maximum.accumulate(np.maximum(lower, 0.0))
    return ahead.tolist(), lower.tolist(), upper.tolist()


def _at_least(by_day: Days, spent: Decimal, growing: Mapping[date, Decimal]) -> Days:
    """The course of which no day costs less than is billed of it. A credit is none of what is usual: one that is
    billed comes off the day, and one that is expected stays beside what is charged."""
    found: list[tuple[date, Decimal, Decimal, Decimal]] = []
    more, floor, before = Decimal(0), spent, spent
    for day, mean, lower, upper in by_day:
        if day in growing:
            billed, usual = growing[day], mean - before
            if billed > 0:
                more += max(billed - max(usual, Decimal(0)), Decimal(0))
            else:
                more += min(billed - min(usual, Decimal(0)), Decimal(0))
            floor += billed
        before = mean
        least = min(floor, mean + more)  # credits to come may bring all of it below
        found.append((day, mean + more, max(lower + more, least), upper + more))
    return tuple(found)


def _reached_on(limit: Decimal, first: date, daily: tuple[Decimal, ...]) -> date | None:
    """The first day by the end of which the limit was reached."""
    reached = (i for i, so_far in enumerate(accumulate(daily)) if so_far >= limit)
    day = next(reached, None)
    return None if day is None else first + day * DAY
