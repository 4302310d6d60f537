"""The month: what comes on the same day of every month, as licences, support plans and closing batches do."""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from guardrails.burn.level import robust_deviation
from guardrails.burn.week import Vector

#: Days that are counted from the month's end; all others are counted from its beginning.
FROM_END = 3
#: Months in which a day stood out before it is expected to, and how far, in robust deviations.
MONTHS = 2
OUT = 3.5


def places(first: date, days: int) -> NDArray[np.int64]:
    """For each of ``days`` days from ``first``: its day of the month, or -1, -2, -3 for the last, the one before
    it, and the one before that."""
    when = np.datetime64(first, "D") + np.arange(days)
    months = when.astype("datetime64[M]")
    gone = (when - months.astype("datetime64[D]")).astype(np.int64)
    left = ((months + 1).astype("datetime64[D]") - when).astype(np.int64)
    return np.where(left <= FROM_END, -left, gone + 1)


def recurring(away: Vector, first: date) -> dict[int, float]:
    """Money beyond the level by place in the month, where the last ``MONTHS`` such days all stood out.

    ``away``: money a day beyond the level, oldest first, from ``first``. What is expected is the smaller of
    the jumps, so that an incident does not repeat because it fell on a month's first.
    """
    limit = OUT * robust_deviation(away)
    out = np.abs(away) > limit
    if out.sum() < MONTHS:
        return {}
    where = places(first, away.size)
    found: dict[int, float] = {}
    for place in np.unique(where[out]).tolist():
        last = np.flatnonzero(where == place)[-MONTHS:]
        jumps = away[last]
        if last.size == MONTHS and out[last].all() and abs(np.sign(jumps).sum()) == MONTHS:
            found[place] = float(jumps[np.argmin(np.abs(jumps))])
    return found


def bumps(recurs: dict[int, float], first: date, days: int) -> Vector:
    """What recurs, for each of ``days`` days from ``first``."""
    found = np.zeros(days)
    if recurs:
        where = places(first, days)
        for place, jump in recurs.items():
            found[where == place] = jump
    return found
