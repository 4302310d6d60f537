"""What moved a cost per unit: its spend, or its units."""

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.drivers import BASELINE_DAYS, like_weekdays
from guardrails.detection.found import UnitChange
from guardrails.detection.series import SeriesMatrix


def unit_change(
    matrix: SeriesMatrix, row: int, first: int, now: NDArray[np.int64]
) -> UnitChange | None:
    """How spend and units a day of the columns ``now`` differ from the four weeks before ``first``.

    Weekdays are compared with weekdays, as for drivers. None without a past. A cost per unit is spend
    over units, so the two explain it without a rest: (1 + spend) / (1 + units) is its change.
    """
    values, units = matrix.values[row], matrix.worth[row]
    before = [c for c in range(max(0, first - BASELINE_DAYS), first) if not np.isnan(values[c])]
    if not before or not now.size:
        return None
    days = matrix.days
    weights = like_weekdays([days[c] for c in now.tolist()], [days[c] for c in before])
    spend_before = sum(float(values[c] * units[c]) * weights[days[c]] for c in before)
    units_before = sum(float(units[c]) * weights[days[c]] for c in before)
    if spend_before <= 0 or units_before <= 0:
        return None
    return UnitChange(
        spend=float((values[now] * units[now]).mean()) / spend_before - 1,
        units=float(units[now].mean()) / units_before - 1,
    )
