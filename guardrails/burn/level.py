"""The level: spend a day without the week, without outliers, with its trend."""

from dataclasses import dataclass

import numpy as np

from guardrails.burn.week import RECURS, WEEK, Vector, usual_largest

MEDIAN_OF_NORMAL = 0.6745  # 50 % and 80 % quantiles of the absolute value of a standard normal
Q80_OF_NORMAL = 1.2816
#: Fewer values have no 80 % quantile to speak of.
TAILED = 10
#: Residuals beyond so many robust deviations count as if they were there (Huber 1964), unless they are usual.
REACH = 2.5
#: Days that the level is made of: the fewest when days are alike, the most when they vary by ``VARIED`` of
#: the level or more.
FEW, MANY, VARIED = 14, 56, 0.5
#: Days that the trend is made of, at most and at least.
TREND, TREND_LEAST = 70, 21
ROUNDS = 8


@dataclass(frozen=True)
class Level:
    """``now``: money a day at the end; ``slope``: its growth a day; ``noise``: robust deviation of a day;
    ``days``: how many days the level is made of."""

    now: float
    slope: float
    noise: float
    days: int


def robust_deviation(values: Vector) -> float:
    """The larger of median and 80 % quantile of |values|, each over what it is for a standard normal."""
    if not values.size:
        return 0.0
    ordered = np.sort(np.abs(values))
    middle = quantile(ordered, 0.5) / MEDIAN_OF_NORMAL
    return max(middle, quantile(ordered, 0.8) / Q80_OF_NORMAL) if values.size >= TAILED else middle


def quantile(ordered: Vector, share: float) -> float:
    """Of sorted values, by linear interpolation between order statistics."""
    place = share * (ordered.size - 1)
    below = int(place)
    low = float(ordered[below])
    if below + 1 >= ordered.size:
        return low
    return low + (float(ordered[below + 1]) - low) * (place - below)


def settled(values: Vector, week: Vector, reach: float = 0.0) -> float:
    """Money a day at a mean day of the week: Huber's M-estimate of ``values`` = level × ``week``.

    Huber 1964, by winsorised residuals: days further away than :func:`usual_reach`, or than ``reach`` when
    that is more, count as if they were just there.
    """
    if not values.size:
        return 0.0
    total = float(week.sum())
    if total <= 0:
        return float(values.mean())
    heavy = week >= 0.2
    level = quantile(np.sort(values[heavy] / week[heavy]), 0.5) if heavy.any() else 0.0
    for _ in range(ROUNDS):
        away = values - level * week
        most = max(usual_reach(away), reach)
        step = float(np.minimum(np.maximum(away, -most), most).sum()) / total
        level += step
        if abs(step) <= 1e-3 * abs(level):
            break
    return level


def usual_reach(away: Vector) -> float:
    """How far from the level a day may be and still count in full: ``REACH`` robust deviations, or what
    is usual in weeks, once there are enough."""
    reach = REACH * robust_deviation(away)
    return max(reach, usual_largest(away)) if away.size >= RECURS * WEEK else reach


def level(values: Vector, week: Vector) -> Level:
    """Level and trend of one segment's days; ``week`` is each day's factor.

    How many days the level is made of follows from how much they vary: the best weight of the newest day
    falls with the ratio of noise to signal (Muth 1960).
    """
    many, factor = values[-MANY:], week[-MANY:]
    usual = settled(many, factor)
    away = many - usual * factor
    noise = robust_deviation(away)
    varied = min(noise / (VARIED * abs(usual)), 1.0) if usual else 1.0
    days = min(round(FEW + varied * (MANY - FEW)), many.size)
    slope = _slope(values[-TREND:], week[-TREND:])
    now = settled(many[-days:], factor[-days:], usual_reach(away)) if days else 0.0
    return Level(now + slope * (days - 1) / 2, slope, noise, days)


def _slope(values: Vector, week: Vector) -> float:
    """Growth a day: least squares on winsorised days, drawn to zero by what chance alone would give.

    The shrinkage is the positive part of James & Stein (1961): 1 - (standard error / slope)², with
    the standard error doubled, because days that follow each other are not independent.
    """
    n = values.size
    if n < TREND_LEAST:
        return 0.0
    usual = settled(values, week)
    away = values - usual * week
    reach = REACH * robust_deviation(away)
    away = np.minimum(np.maximum(away, -reach), reach)
    time = (np.arange(n) - (n - 1) / 2) * week
    size = float((time**2).sum())
    if size <= 0:
        return 0.0
    found = float((time * away).sum()) / size
    error = 2.0 * float(np.sqrt(((away - found * time) ** 2).sum() / (n - 2) / size))
    if abs(found) <= error:
        return 0.0
    return found * (1 - (error / found) ** 2)
