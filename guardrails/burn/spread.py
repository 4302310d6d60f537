"""How far the course may be off: what past forecasts were off by."""

from datetime import date, timedelta

import numpy as np

from guardrails.burn.course import Course, learn
from guardrails.burn.level import Q80_OF_NORMAL, quantile
from guardrails.burn.week import WEEK, Vector, usual_largest

COVERED = 0.8
#: Past forecasts that are made again, days between them, and days of history that each has at least.
FORECASTS = 18
APART = 5
LEAST = 10
#: How unsure a new level is, as a share of it, and in how many days that is halved: few days at a level
#: prove little about the next weeks, however alike they are.
UNKNOWN, GROWN = 0.4, 14


def spread(values: Vector, first: date, course: Course, steps: int) -> Vector:
    """Half widths of the 80 % intervals of the cumulative course over the next 1 to ``steps`` days.

    Forecasts are made again as of earlier days; what the spend of the ``h`` days after each was off by,
    in days of usual spend, is a sample of what ``h`` days may be off by now. The half width is the sample's
    0.8 (m + 1) / m quantile (split conformal prediction, Lei et al. 2018), where m counts the spans of
    ``h`` days that do not overlap; never narrower than what daily noise, an uncertain level and a
    short history alone give, never falling with ``h``.
    """
    horizon = np.arange(1, steps + 1, dtype=np.float64)
    rate = abs(course.level.now)
    misses = _misses(values, first, course.begun, steps)
    found = _sampled(misses, horizon) * max(_usual(values), rate)
    noise = course.level.noise * np.sqrt(horizon * (1 + horizon / max(course.level.days, 1)))
    seen = values.size - max(course.begun, course.changed or 0)
    lately = float(np.abs(values[-WEEK:]).mean()) if values.size else 0.0
    young = max(rate, lately) * horizon * UNKNOWN / (1 + (seen / GROWN) ** 2)
    least = Q80_OF_NORMAL * np.hypot(noise, young)
    wide: Vector = np.maximum.accumulate(np.maximum(found, least))
    return wide


def _sampled(misses: Vector, horizon: Vector) -> Vector:
    found = np.zeros(horizon.size)
    usable = 0
    for h in range(min(horizon.size, misses.shape[1])):
        sample = np.sort(misses[:, h][~np.isnan(misses[:, h])])
        if sample.size < 3:
            break
        apart = min(sample.size, 1 + (sample.size - 1) * APART / (h + 1))
        found[h] = quantile(sample, min(COVERED * (apart + 1) / apart, 1.0))
        usable = h + 1
    if usable:
        found[usable:] = found[usable - 1] * horizon[usable:] / usable
    return found


def _usual(values: Vector) -> float:
    """Mean |spend| of a day in the last weeks, outliers cut to what is usual."""
    recent = np.abs(values[-4 * WEEK :])
    if recent.size < WEEK:
        return float(recent.mean()) if recent.size else 0.0
    return float(np.minimum(recent, usual_largest(recent)).mean())


def _misses(values: Vector, first: date, begun: int, steps: int) -> Vector:
    """Past forecasts × horizons: absolute cumulative errors in days of usual spend, NaN beyond today."""
    origins = range(values.size - APART, max(begun + LEAST, 1) - 1, -APART)
    rows = list(origins)[:FORECASTS]
    found = np.full((len(rows), steps), np.nan)
    for row, origin in enumerate(rows):
        ahead = min(steps, values.size - origin)
        past = values[:origin]
        course = learn(past, first)
        expected = course.ahead(first + timedelta(days=origin), ahead)
        off = np.cumsum(values[origin : origin + ahead] - expected)
        usual = max(_usual(past), abs(course.level.now))
        if usual > 0:
            found[row, :ahead] = np.abs(off) / usual
    return found
