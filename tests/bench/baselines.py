"""Simple detectors to compare with. Causal, vectorised, given the same rows."""

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.rolling import median_of_earlier_cycles, trailing_median

Matrix = NDArray[np.float64]


def rolling_z(values: Matrix, window: int) -> Matrix:
    """Distance from the mean of the window before, in its standard deviations."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)

    def before(amounts: Matrix) -> Matrix:
        sums = np.concatenate([np.zeros((len(amounts), 1)), np.cumsum(amounts, axis=1)], axis=1)
        ends = np.arange(values.shape[1])
        difference: Matrix = sums[:, ends] - sums[:, np.maximum(ends - window, 0)]
        return difference

    count = before(known.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = before(filled) / count
        spread = np.sqrt(np.maximum(before(filled**2) / count - mean**2, 0))
        score = (values - mean) / np.maximum(spread, 1e-9 * np.maximum(np.abs(mean), 1e-9))
    return np.where(count >= min(14, window), score, np.nan)


def same_phase_median(values: Matrix, period: int, cycles: int = 8) -> Matrix:
    """Distance from the median of the same weekday (or minute of the day), in robust deviations of that."""
    expected, count = median_of_earlier_cycles(values, period, cycles)
    miss, _ = trailing_median(np.abs(values - expected), max(4 * period, 28))
    with np.errstate(invalid="ignore", divide="ignore"):
        score = (values - expected) / np.maximum(
            1.4826 * miss, 1e-9 * np.maximum(np.abs(expected), 1e-9)
        )
    return np.where(count >= 2, score, np.nan)
