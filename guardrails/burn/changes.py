"""Lasting changes of level: launches, scale-ups, shutdowns."""

import numpy as np

from guardrails.burn.level import robust_deviation
from guardrails.burn.week import Vector

#: A new level holds at least so many days before it is one; shorter is a one-off job.
SHORTEST = 4
#: How many standard errors apart two levels are at least, and what share of the larger one.
APART = 6.0
LEAST = 0.15
#: Weekdays with a smaller factor say nothing about the level.
LIGHT = 0.2


def last_change(values: Vector, week: Vector) -> int | None:
    """The index of the first day of the present level; None when the level never changed.

    Binary segmentation (Vostrikova 1981) with the CUSUM statistic, followed into the later part until no
    split is left. Days are first divided by their weekday's factor and smoothed by a running median of
    seven (Tukey 1977), which removes what is shorter than ``SHORTEST`` and keeps edges where they are.
    """
    places = np.flatnonzero(week >= LIGHT)
    if places.size < 2 * SHORTEST:
        return None
    plain = values[places] / week[places]
    noise = robust_deviation(np.diff(plain)) / np.sqrt(2)
    smooth = _running_median(plain)
    floor = 0.01 * float(np.abs(smooth).mean())
    noise = max(noise, floor)
    start, found = 0, None
    while (split := _split(smooth[start:], noise)) is not None:
        start += split
        found = int(places[start])
    return found


def _split(values: Vector, noise: float) -> int | None:
    n = values.size
    if n < 2 * SHORTEST or noise <= 0:
        return None
    sums = np.cumsum(values)
    left = np.arange(SHORTEST, n - SHORTEST + 1)
    right = n - left
    before = sums[left - 1] / left
    after = (sums[-1] - sums[left - 1]) / right
    apart = np.abs(after - before) / (noise * np.sqrt(1 / left + 1 / right))
    best = int(np.argmax(apart))
    larger = max(abs(before[best]), abs(after[best]))
    if apart[best] < APART or abs(after[best] - before[best]) < LEAST * larger:
        return None
    return int(left[best])


def _running_median(values: Vector) -> Vector:
    """The median of each value and its three neighbours on both sides; at the ends, of the outermost seven."""
    half = SHORTEST - 1
    middles = np.clip(np.arange(values.size), half, values.size - 1 - half)
    around = values[middles[:, None] + np.arange(-half, half + 1)]
    found: Vector = np.sort(around, axis=1)[:, half]
    return found
