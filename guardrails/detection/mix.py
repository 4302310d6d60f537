"""How far a team's spend moved to other resources than it usually uses."""

import numpy as np
from numpy.typing import NDArray

Cube = NDArray[np.float64]


def moved_share(spend: Cube, *, window: int = 28, least: int = 7) -> NDArray[np.float64]:
    """The share of each day's spend that is on other resources than in the days before: 0 to 1.

    ``spend``: teams × resources × days, in money; refunds count as nothing. Gives teams × days, NaN
    while fewer than ``least`` of the ``window`` days before have spend, and on days without spend.

    It is the total variation distance between the day's mix and the mix of the window before it, half
    the sum of the absolute differences of shares (Levin & Peres, Markov Chains and Mixing Times, 4.1): unlike
    the Jensen–Shannon distance it reads as money, for “34 % of the spend moved” is what it means.
    """
    spend = np.maximum(np.nan_to_num(spend), 0.0)
    teams, resources, days = spend.shape
    sums = np.concatenate([np.zeros((teams, resources, 1)), spend.cumsum(axis=2)], axis=2)
    ends = np.arange(days)
    starts = np.maximum(ends - window, 0)
    # differences of running sums leave crumbs where nothing was spent
    before = np.maximum(sums[:, :, ends] - sums[:, :, starts], 0.0)
    before[before < 1e-9 * np.maximum(sums[:, :, ends], 1e-300)] = 0.0
    active = np.concatenate([np.zeros((teams, 1)), (spend.sum(axis=1) > 0).cumsum(axis=1)], axis=1)
    known = active[:, ends] - active[:, starts]
    with np.errstate(invalid="ignore", divide="ignore"):
        now_share = spend / spend.sum(axis=1, keepdims=True)
        usual_share = before / before.sum(axis=1, keepdims=True)
        distance = np.abs(now_share - usual_share).sum(axis=1) / 2
    return np.where((known >= least) & (spend.sum(axis=1) > 0), np.clip(distance, 0, 1), np.nan)
