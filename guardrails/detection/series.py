"""The matrix that detection reads: series × days, with what each series belongs to."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.found import Direction, Scope
from guardrails.policy.alerts import Signal
from guardrails.policy.bills import Dimension


@dataclass(frozen=True)
class SeriesMatrix:
    """Series of one signal and unit. ``days`` follow each other without a gap.

    ``values``: series × days in ``unit``, NaN where nothing is known. ``complete``: series × days, False
    while a day still grows. ``worth``: series × days, the money in ``currency`` that one unit of the
    value is worth on that day: 1 for spend, the price of a GPU hour, the number of units for a cost
    per unit, 0 where a change is not money. ``watched``: the directions that are findings, for each series.
    """

    signal: Signal
    unit: str
    currency: str
    days: tuple[date, ...]
    scopes: tuple[Scope, ...]
    values: NDArray[np.float64]
    complete: NDArray[np.bool_]
    worth: NDArray[np.float64]
    allocations: tuple[dict[Dimension, str], ...]
    watched: tuple[tuple[Direction, ...], ...]

    def __post_init__(self) -> None:
        shape = (len(self.scopes), len(self.days))
        for name in ("values", "complete", "worth"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must be series × days: {shape}")
        if not len(self.scopes) == len(self.allocations) == len(self.watched):
            raise ValueError(
                "each series needs its scope, its allocation and what is watched of it"
            )


def since_first_activity(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values with everything before the first that is not zero made unknown: a series begins there."""
    begun = np.maximum.accumulate(np.nan_to_num(values) != 0, axis=1)
    return np.where(begun, values, np.nan)
