"""The bands of any series with times, of any sampling: what ``sandrail score`` gives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.bands import Tuning, bands

DAY = 86_400.0
#: The sampling interval is the median of so many first intervals: later rows never change earlier ones.
FIRST_INTERVALS = 100
#: A grid that is so many times longer than its rows is no grid; then only the order of the rows counts.
MOSTLY_EMPTY = 20
#: Cells that are computed at once, for many series, and how many times more than they have themselves.
CELLS = 2_000_000
EMPTY = 1.5


@dataclass(frozen=True)
class Scored:
    """By row, in the order in which the rows were given; NaN where nothing can be claimed.

    ``score`` is how far outside, in robust deviations, without sign.
    """

    expected: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    score: NDArray[np.float64]


def tuning_for(step: float) -> Tuning:
    """How much past is used for steps of so many seconds."""
    if step > 1.5 * DAY:
        return Tuning(periods=(1,), block=12, drift=24, spread=60, min_points=10)
    if step > DAY / 2:
        return Tuning()
    day = round(DAY / step)
    return Tuning(
        periods=(1, day, 7 * day),
        block=max(day // 4, 8),
        cycles=10,
        drift=max(day // 8, 8),
        spread=7 * day,
        min_points=max(min(day, 100), 14),
        tail=0.99,
        floor=0.01,
    )


def score_many(
    series: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], width: float
) -> list[Scored]:
    """The bands of each series of (times in seconds, values); times may be unsorted, repeated, irregular.

    A row's band comes from the rows before its time only; rows of one time share a band and count as
    their mean for later ones. Values may be NaN: such rows get a band and no score.
    """
    nothing = np.empty(0)
    result = [Scored(nothing, nothing, nothing, nothing)] * len(series)
    placed = [_place(times) for times, _ in series]
    by_step: dict[float, list[int]] = {}
    for i, (step, numbers) in enumerate(placed):
        if numbers.size:
            by_step.setdefault(step, []).append(i)
    for step, members in by_step.items():
        spans = {i: (int(placed[i][1].min()), int(placed[i][1].max()) + 1) for i in members}
        batch: list[int] = []
        start = end = own = 0
        for i in sorted(members, key=lambda i: spans[i]):
            first, last = spans[i]
            cells = (len(batch) + 1) * (max(end, last) - start)
            if batch and (cells > CELLS or cells > EMPTY * (own + last - first)):
                _score_batch(batch, placed, series, step, width, result)
                batch = []
            if not batch:
                start, end, own = first, last, 0
            batch.append(i)
            end, own = max(end, last), own + last - first
        _score_batch(batch, placed, series, step, width, result)
    return result


def _place(times: NDArray[np.float64]) -> tuple[float, NDArray[np.int64]]:
    """The step in seconds, and the step's number for each row: on the clock, or by order alone."""
    different = np.unique(times)
    intervals = np.diff(different[: FIRST_INTERVALS + 1])
    order = np.searchsorted(different, times).astype(np.int64)
    if not intervals.size:
        return DAY, order
    step = float(np.median(intervals))
    if step > 1.5 * DAY:  # weeks and months: they have no season that a few years could show
        return step, order
    step = DAY / max(round(DAY / step), 1)
    first = different[0]
    numbers = np.rint((times - first) / step).astype(np.int64) + int(first // step)
    numbers = _without_long_gaps(numbers, week=7 * round(DAY / step))
    if numbers.max() - numbers.min() > MOSTLY_EMPTY * max(len(different), 50):
        return 2 * DAY, order
    return step, numbers


def _without_long_gaps(numbers: NDArray[np.int64], week: int) -> NDArray[np.int64]:
    """The steps' numbers with gaps of more than two weeks cut by whole weeks, so that seasons stay in phase.

    A row's number depends on the rows before it only.
    """
    different, place = np.unique(numbers, return_inverse=True)
    gaps = np.diff(different)
    cut = np.where(gaps > 2 * week, (gaps - week) // week * week, 0)
    moved: NDArray[np.int64] = (different - np.concatenate([[0], np.cumsum(cut)]))[place]
    return moved


def _score_batch(
    members: Sequence[int],
    placed: Sequence[tuple[float, NDArray[np.int64]]],
    series: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    step: float,
    width: float,
    result: list[Scored],
) -> None:
    start = min(int(placed[i][1].min()) for i in members)
    length = max(int(placed[i][1].max()) for i in members) - start + 1
    sums, counts = np.zeros((len(members), length)), np.zeros((len(members), length))
    for row, i in enumerate(members):
        values = series[i][1]
        known = np.isfinite(values)
        columns = placed[i][1][known] - start
        np.add.at(sums[row], columns, values[known])
        np.add.at(counts[row], columns, 1)
    with np.errstate(invalid="ignore"):
        grid = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    found = bands(grid, width=width, tuning=tuning_for(step))
    for row, i in enumerate(members):
        at = (row, placed[i][1] - start)
        values, expected = series[i][1], found.expected[at]
        lower, upper, score = found.lower[at], found.upper[at], np.abs(found.score[at])
        shared = counts[at] > 1
        if shared.any():  # rows of one time are scored one by one, by the same band
            with np.errstate(invalid="ignore", divide="ignore"):
                own = np.abs(values - expected) / found.deviation[at]
            score = np.where(shared, np.nan_to_num(own, nan=0.0, posinf=100.0), score)
        score = np.where(np.isfinite(values), score, np.nan)
        result[i] = Scored(expected, lower, upper, score)
