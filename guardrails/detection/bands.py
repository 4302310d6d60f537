"""What each step of each series should have been: expected value, band and score.

Strictly causal: column ``t`` of everything given here comes from columns before ``t`` (the score also
from the value at ``t`` itself). Nothing is carried from one step to the next but the values, so
the same past always gives the same band, whatever came after and wherever the reading stopped.

The method, per candidate season (none; the week for days; the day and the week for minutes):

1. Level: the median of the last ``block`` steps, a whole number of seasons. A spike does not move it,
   a level shift becomes the level once it fills half the block.
2. Season: each step's distance from the level around it, relative to the size of the series; the
   median of the last ``cycles`` steps of the same phase.
3. Drift: the median of the last ``drift`` relative errors of 1 + 2; growth makes the level lag, and the
   lag is a constant error.
4. Spread: the robust deviation of the relative errors of 1 + 2 + 3 over the last ``spread`` steps: the
   larger of the median and the 80 % quantile of their absolute values, each over what it would be
   for a standard normal variable (Rousseeuw & Croux 1993 for the first), so that heavy tails widen it.

Of the candidates, each series uses at each step the one with the smallest spread so far. Series that
are mostly zero have no level to speak of; their band comes from their values that are not zero.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.rolling import (
    Counts,
    Matrix,
    earlier,
    median_of_earlier_cycles,
    trailing_median,
    trailing_quantiles,
)

MEDIAN_OF_NORMAL = 0.6745  # 50 % and 80 % quantiles of the absolute value of a standard normal
Q80_OF_NORMAL = 1.2816
TAIL = 2.0  # what the tail's quantile is divided by: the band is a little wider than that quantile
BURST_REACH = 1.4
BURSTS = 3  # separate ways out of the band that make one more usual
SCORE_CAP = 100.0  # a constant series that moves has no finite score of its own


@dataclass(frozen=True)
class Tuning:
    """How much past is used, in steps. The defaults are for days."""

    periods: tuple[int, ...] = (1, 7)
    block: int = 14
    cycles: int = 8
    drift: int = 28
    spread: int = 90
    min_points: int = 14
    tail: float | None = None
    """For many steps with heavy tails: a quantile of the relative errors that the spread must reach, 0.99."""
    floor: float = 0.02
    """The smallest robust deviation, as a share of the level: constant series are never exact."""


@dataclass(frozen=True)
class Bands:
    """Series × steps each; NaN where nothing can be claimed. ``score`` is signed, in robust deviations.

    ``deviation`` is one robust deviation in the unit of the values.
    """

    expected: Matrix
    lower: Matrix
    upper: Matrix
    score: Matrix
    deviation: Matrix


def bands(
    values: Matrix,
    *,
    width: float = 3.5,
    tuning: Tuning | None = None,
    recurs: tuple[NDArray[np.int64], ...] = (),
) -> Bands:
    """The band of each step from the steps before it.

    ``values``: series × steps, float64, NaN for missing. ``width``: half width of the band in robust
    deviations. ``recurs``: keys of the steps (length of steps each); steps with an equal key may repeat
    a jump, as days of the month do (rent on the first, true-up on the last).
    """
    tuning = tuning or Tuning()
    if values.ndim != 2:
        raise ValueError("values must be series × steps")
    values = np.where(np.isfinite(values), values, np.nan).astype(np.float64, copy=False)
    _, seen = trailing_median(values, max(tuning.spread, tuning.min_points))
    expected, deviation = _best(values, tuning)
    never_negative = earlier(np.fmin.accumulate(values, axis=1), 1) >= 0
    expected = np.where(never_negative, np.maximum(expected, 0), expected)

    sparse = _sparse(values, width, tuning)
    unknown = np.isnan(expected)
    lower = np.where(unknown, sparse.lower, expected - width * deviation)
    upper = np.where(unknown, sparse.upper, expected + width * deviation)
    expected = np.where(unknown, sparse.expected, expected)
    deviation = np.where(unknown, sparse.deviation, deviation)
    lower = np.where(never_negative, np.maximum(lower, 0), lower)

    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(unknown, _sparse_score(values, sparse), (values - expected) / deviation)
    score = np.where(np.isnan(score) & ~np.isnan(values) & ~np.isnan(expected), 0.0, score)
    lower, upper, score = _bursts(values, expected, lower, upper, score, width, tuning)
    for keys in recurs:
        lower, upper, score = _recurring(
            values, expected, deviation, lower, upper, score, keys, width
        )
    score = np.clip(score, -SCORE_CAP, SCORE_CAP)
    silent = seen < tuning.min_points
    return Bands(*(np.where(silent, np.nan, m) for m in (expected, lower, upper, score, deviation)))


def _best(values: Matrix, tuning: Tuning) -> tuple[Matrix, Matrix]:
    """Expected value and robust deviation of the candidate that erred least so far."""
    best_expected = np.full_like(values, np.nan)
    best_deviation = np.full_like(values, np.nan)
    for period in tuning.periods:
        expected, deviation = _candidate(values, period, tuning)
        better = ~np.isnan(deviation) & ~(best_deviation <= deviation)
        best_expected = np.where(better, expected, best_expected)
        best_deviation = np.where(better, deviation, best_deviation)
    return best_expected, best_deviation


def _candidate(values: Matrix, period: int, tuning: Tuning) -> tuple[Matrix, Matrix]:
    block = max(period, -(-tuning.block // period) * period)
    level, known = trailing_median(values, block)
    size, _ = trailing_median(np.abs(values), block)
    if (
        values < 0
    ).any():  # around zero a short block's size is noise; refunds alone are no such series
        (low,), _ = trailing_quantiles(values, tuning.spread, (0.1,))
        steady, _ = trailing_median(np.abs(values), tuning.spread)
        size = np.where(low < 0, steady, size)
    thin = known < max(3, min(period, known.max(initial=0) or period))
    size = np.where(thin | (size <= 0), np.nan, size)
    base = level
    if period > 1:
        # the level around step u is that of the block which ends one season after it
        around = _later(level, period), _later(size, period)
        relative = (values - around[0]) / around[1]
        season, _ = median_of_earlier_cycles(relative, period, tuning.cycles)
        base = level + size * season
    size = (
        size + np.abs(base)
    ) / 2  # quiet phases vary less than busy ones, though not in proportion
    error = (values - base) / size
    drift, count = trailing_median(error, tuning.drift)
    expected = base + size * np.where(count >= 5, drift, 0.0)
    miss = np.abs(values - expected) / size
    tail = tuning.tail or 0.8
    (middle, high, far), count = trailing_quantiles(miss, tuning.spread, (0.5, 0.8, tail))
    spread = np.maximum(middle / MEDIAN_OF_NORMAL, high / Q80_OF_NORMAL)
    if tuning.tail is not None:
        spread = np.maximum(spread, far / TAIL)
    spread = np.maximum(spread * (1 + 3 / np.maximum(count, 1)), tuning.floor)
    spread = np.where(count >= 5, spread, np.nan)
    return expected, size * spread


def _later(values: Matrix, steps: int) -> Matrix:
    """The matrix moved left: only for lookups that are moved right again by at least as much."""
    moved = np.full_like(values, np.nan)
    if steps < values.shape[1]:
        moved[:, : values.shape[1] - steps] = values[:, steps:]
    return moved


@dataclass(frozen=True)
class _Sparse:
    expected: Matrix
    lower: Matrix
    upper: Matrix
    deviation: Matrix
    typical: Matrix


def _sparse(values: Matrix, width: float, tuning: Tuning) -> _Sparse:
    """Bands for series that are mostly zero, from the size of what is not zero.

    Expected is the mean that this gives (share of steps that are not zero × their median); the
    band reaches from zero to what such a step usually is, plus its spread, at least 30 % of its size, all
    of its size while fewer than three are known.
    """
    active: Matrix = np.where(values == 0, np.nan, values)
    (median,), count = trailing_quantiles(active, tuning.spread, (0.5,))
    _, total = trailing_median(values, tuning.spread)
    size = np.abs(median)
    miss = np.abs(active - median)
    (middle, high), misses = trailing_quantiles(miss, tuning.spread, (0.5, 0.8))
    spread = np.maximum(middle / MEDIAN_OF_NORMAL, high / Q80_OF_NORMAL)
    least: Matrix = np.where(count >= 3, 0.3, 1.0) * size
    deviation = np.where(misses >= 3, np.fmax(spread, least), least)
    nothing: Counts = count == 0
    share = count / np.maximum(total, 1)
    typical = np.where(nothing, 0.0, median)
    deviation = np.where(nothing, 0.0, deviation)
    reach = width * deviation
    unknown = np.where(total == 0, np.nan, 0.0)
    return _Sparse(
        expected=share * typical + unknown,
        lower=np.minimum(0.0, typical) - reach + unknown,
        upper=np.maximum(0.0, typical) + reach + unknown,
        deviation=deviation + unknown,
        typical=typical + unknown,
    )


def _sparse_score(values: Matrix, sparse: _Sparse) -> Matrix:
    """Zero between nothing and the usual size, then in robust deviations beyond it."""
    above = values - np.maximum(sparse.typical, 0)
    below = values - np.minimum(sparse.typical, 0)
    beyond = np.where(above > 0, above, np.where(below < 0, below, 0.0))
    beyond = np.where(np.isnan(values), np.nan, beyond)
    return np.where(beyond == 0, 0.0, beyond / sparse.deviation)


def _bursts(
    values: Matrix,
    expected: Matrix,
    lower: Matrix,
    upper: Matrix,
    score: Matrix,
    width: float,
    tuning: Tuning,
) -> tuple[Matrix, Matrix, Matrix]:
    """Widens the band of series that leave it again and again to where they usually go.

    After ``BURSTS`` separate ways out within ``spread`` steps, the edge is ``BURST_REACH`` times as far from
    the expected value as the median of their first steps. With a ``tail`` (many steps, so many values that
    were out) all of those count, and their spread as well. The score is scaled so that the edge still
    has a score of ``width``.
    """
    edges, scores = {1: upper, -1: lower}, score
    for side in (1, -1):
        with np.errstate(invalid="ignore"):
            out = side * score > width
        if not out.any():
            continue
        began = out & ~np.concatenate([np.zeros_like(out[:, :1]), out[:, :-1]], axis=1)
        counts = np.cumsum(began, axis=1)
        counts[:, tuning.spread :] -= counts[:, : -tuning.spread].copy()
        often = earlier(counts.astype(np.float64), 1) >= BURSTS
        if not often.any():
            continue
        counted = began if tuning.tail is None else out
        beyond = np.where(counted, side * (values - expected), np.nan)
        (middle, high), _ = trailing_quantiles(beyond, tuning.spread, (0.5, 0.8))
        reach = BURST_REACH * middle
        if tuning.tail is not None:
            reach = np.maximum(reach, middle + width * (high - middle))
        usual = side * (edges[side] - expected)
        wider = often & (reach > usual)
        edges[side] = np.where(wider, expected + side * reach, edges[side])
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = width * (values - expected) / reach
        scores = np.where(wider & (side * scores > 0), scaled, scores)
    return edges[-1], edges[1], scores


def _recurring(
    values: Matrix,
    expected: Matrix,
    deviation: Matrix,
    lower: Matrix,
    upper: Matrix,
    score: Matrix,
    keys: NDArray[np.int64],
    width: float,
) -> tuple[Matrix, Matrix, Matrix]:
    """Widens the band by the jump that the last step with the same key made, in money or in proportion.

    The jump counts when it was outside its own band. The score is zero between the expected value with
    and without it, and is measured from the nearer end beyond that.
    """
    lower, upper, score = lower.copy(), upper.copy(), score.copy()
    raw = score.copy()
    for key in np.unique(keys[keys >= 0]):
        columns = np.flatnonzero(keys == key)
        for before, now in pairwise(columns):
            size = np.maximum(np.abs(expected), deviation)[:, [before, now]]
            with np.errstate(divide="ignore", invalid="ignore"):
                jump = values[:, before] - expected[:, before]
                bump = jump * np.fmax(
                    size[:, 1] / size[:, 0], 1.0
                )  # a fee, or a share of a larger bill
                counts = (np.abs(raw[:, before]) > width) & np.isfinite(bump)
                bump = np.where(counts, bump, 0.0)
                other = (values[:, now] - expected[:, now] - bump) / deviation[:, now]
            lower[:, now] = np.where(bump < 0, lower[:, now] + bump, lower[:, now])
            upper[:, now] = np.where(bump > 0, upper[:, now] + bump, upper[:, now])
            between = np.sign(other) != np.sign(score[:, now])
            nearer = np.where(np.abs(other) < np.abs(score[:, now]), other, score[:, now])
            score[:, now] = np.where(counts, np.where(between, 0.0, nearer), score[:, now])
    return lower, upper, score
