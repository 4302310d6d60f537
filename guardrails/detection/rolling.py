"""Rolling order statistics over the past of each column, for many series at once."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Longer windows are thinned to every n-th value: a median of 512 values is as good as one of 2,016.
WIDEST = 512
#: Elements that are sorted at once; keeps the memory flat however many series there are.
AT_ONCE = 4_000_000


def trailing_quantiles(
    values: Matrix, window: int, quantiles: Sequence[float]
) -> tuple[list[Matrix], Counts]:
    """Quantiles of the ``window`` columns before each column; NaN counts as missing.

    ``values`` is series × steps. Column ``t`` of each result uses columns ``t - window`` to ``t - 1``
    and no other. Gives one matrix for each quantile (linear interpolation between order statistics,
    NaN where nothing is known), and how many values each is made of.
    """
    rows, steps = values.shape
    padded = np.concatenate([np.full((rows, window), np.nan), values], axis=1)
    view = sliding_window_view(padded, window, axis=1)[:, :steps, :: -(-window // WIDEST)]
    results = [np.full((rows, steps), np.nan) for _ in quantiles]
    counts = np.zeros((rows, steps), dtype=np.int64)
    for row_slice, step_slice in _pieces(rows, steps, view.shape[2]):
        piece = np.sort(view[row_slice, step_slice], axis=2)  # NaN is sorted to the end
        known = piece.shape[2] - np.isnan(piece).sum(axis=2)
        counts[row_slice, step_slice] = known
        for result, quantile in zip(results, quantiles, strict=True):
            result[row_slice, step_slice] = _pick(piece, known, quantile)
    return results, counts


def trailing_median(values: Matrix, window: int) -> tuple[Matrix, Counts]:
    """The median of the ``window`` columns before each column, and how many values it is made of."""
    (median,), counts = trailing_quantiles(values, window, (0.5,))
    return median, counts


def median_of_earlier_cycles(values: Matrix, period: int, cycles: int) -> tuple[Matrix, Counts]:
    """The median of the same phase in the last ``cycles`` cycles: columns t - period, t - 2·period, …"""
    rows, steps = values.shape
    lagged = np.full((rows, steps, cycles), np.nan)
    for cycle in range(1, cycles + 1):
        lag = cycle * period
        if lag >= steps:
            break
        lagged[:, lag:, cycle - 1] = values[:, : steps - lag]
    ordered = np.sort(lagged, axis=2)
    known = cycles - np.isnan(ordered).sum(axis=2)
    return _pick(ordered, known, 0.5), known


def earlier(values: Matrix, steps: int) -> Matrix:
    """The matrix moved right by ``steps`` columns, NaN where nothing is known."""
    moved = np.full_like(values, np.nan)
    if steps < values.shape[1]:
        moved[:, steps:] = values[:, : values.shape[1] - steps]
    return moved


def _pick(ordered: NDArray[np.float64], known: Counts, quantile: float) -> Matrix:
    """The quantile of each sorted last axis, of which the first ``known`` are numbers."""
    place = quantile * np.maximum(known - 1, 0)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(known - 1, 0))
    low = np.take_along_axis(ordered, below[..., None], axis=2)[..., 0]
    high = np.take_along_axis(ordered, above[..., None], axis=2)[..., 0]
    picked: Matrix = low + (high - low) * (place - below)
    return picked


def _pieces(rows: int, steps: int, width: int) -> list[tuple[slice, slice]]:
    each_row = steps * width
    if each_row <= AT_ONCE:
        at_once = max(1, AT_ONCE // max(each_row, 1))
        return [(slice(r, r + at_once), slice(0, steps)) for r in range(0, rows, at_once)]
    at_once = max(1, AT_ONCE // width)
    return [
        (slice(r, r + 1), slice(s, s + at_once))
        for r in range(rows)
        for s in range(0, steps, at_once)
    ]
