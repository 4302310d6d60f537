"""From anomalous days to episodes: one anomaly from its first day to its last."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Episode:
    """Columns of its first and last anomalous day; ``ongoing`` unless it was quiet for long enough since."""

    first: int
    last: int
    ongoing: bool


def episodes(
    anomalous: NDArray[np.bool_], quiet: NDArray[np.bool_], quiet_days: int
) -> list[Episode]:
    """The episodes of one series.

    ``anomalous`` and ``quiet`` by day. Days that are neither (missing, incomplete, half way back) neither
    prolong an episode nor help to end it. ``quiet_days`` quiet days in a row end one.
    """
    found: list[Episode] = []
    first = last = None
    calm = 0
    for column in range(len(anomalous)):
        if anomalous[column]:
            first = column if first is None else first
            last, calm = column, 0
        elif first is not None and quiet[column]:
            calm += 1
            if calm >= quiet_days and last is not None:
                found.append(Episode(first, last, ongoing=False))
                first, calm = None, 0
    if first is not None and last is not None:
        found.append(Episode(first, last, ongoing=True))
    return found
