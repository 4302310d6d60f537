"""The week: how much of a day's spend is its weekday."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Weekdays = NDArray[np.int64]

WEEK = 7
#: Weeks of history that the factors are made of.
WEEKS = 8
#: How many weeks the factors are drawn towards: few weeks prove little.
EVEN_WEEKS = 0.5
#: In how many weeks something comes before it is usual.
RECURS = 3


def usual_largest(values: Vector) -> float:
    """The largest |value| that is usual: the ``RECURS``-th largest of the weeks' largest, or the smallest of
    fewer weeks. What came in so many weeks is no outlier, whatever its size."""
    weeks = np.abs(values[values.size % WEEK :]).reshape(-1, WEEK).max(axis=1)
    return float(np.sort(weeks)[-min(RECURS, weeks.size)]) if weeks.size else 0.0


def factors(values: Vector, weekdays: Weekdays) -> Vector:
    """Seven factors with mean 1, Monday first: a weekday's spend against its week's mean.

    Classical multiplicative decomposition (Hyndman & Athanasopoulos, Forecasting: Principles and
    Practice, 3rd ed., section 3.4): each day against the mean of the seven days around it, then the trimmed
    mean of each weekday, so that one spike or holiday does not count, drawn towards 1 by
    ``EVEN_WEEKS`` (James & Stein 1961). Fewer than seven days say nothing: all are 1.
    """
    values, weekdays = values[-WEEKS * WEEK :], weekdays[-WEEKS * WEEK :]
    n = values.size
    even = np.ones(WEEK)
    if n < WEEK:
        return even
    middle = float(np.sort(values)[n // 2])
    reach = usual_largest(values - middle)
    values = np.minimum(np.maximum(values, middle - reach), middle + reach)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means = (sums[WEEK:] - sums[:-WEEK]) / WEEK
    around = means[np.clip(np.arange(n) - WEEK // 2, 0, means.size - 1)]
    usable = np.abs(around) > 0.05 * np.abs(values).mean()
    ratios = np.where(usable, values / np.where(usable, around, 1.0), np.nan)
    padded = np.concatenate([np.full(-n % WEEK, np.nan), ratios]).reshape(-1, WEEK)
    ordered = np.sort(padded, axis=0)  # NaN is sorted to the end
    known = np.isfinite(ordered).sum(axis=0)
    cut = (known >= 3).astype(np.int64)
    rank = np.arange(ordered.shape[0])[:, None]
    kept = (rank >= cut) & (rank < known - cut)
    sums = np.where(kept, ordered, 0.0).sum(axis=0)
    weight = known / (known + EVEN_WEEKS)
    mine = weight * sums / np.maximum(kept.sum(axis=0), 1) + (1 - weight)
    found = np.empty(WEEK)
    found[(weekdays[-1] - np.arange(WEEK)[::-1]) % WEEK] = mine
    found = np.maximum(found, 0.0)
    mean = found.mean()
    return found / mean if mean > 0 else even
