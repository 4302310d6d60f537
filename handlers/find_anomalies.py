"""Finds the anomalies of all signals as of a day, and what drives them."""

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import Connection

from guardrails.detection.collapse import collapse
from guardrails.detection.drivers import BASELINE_DAYS, drivers
from guardrails.detection.find import find
from guardrails.detection.found import Found
from guardrails.policy.model import Policy
from storage.series import read_parts, read_series

#: Relative change of the spend from which it has a part in a higher cost per unit.
ROSE = 0.05


def find_anomalies(connection: Connection, policy: Policy, as_of: date) -> list[Found]:
    """All findings of the policy's ``history_days`` up to ``as_of``, the worst first, with their drivers.

    Reads only; what people said of earlier anomalies is not considered here. Raises
    :class:`storage.series.MissingRateError` when a bill has a currency without a rate.
    """
    since = as_of - timedelta(days=policy.detection.history_days)
    found = [
        one
        for matrix in read_series(connection, policy, as_of)
        for one in find(matrix, policy.detection, as_of)
        if one.last_on >= since
    ]
    return [_driven(connection, policy, one) for one in collapse(found)]


def _driven(connection: Connection, policy: Policy, found: Found) -> Found:
    """The finding with the parts of the bill that explain it.

    Quality has none, nor has a cost per unit whose spend did not rise: then its units are the reason.
    """
    if found.signal == "quality":
        return found
    if found.signal == "cost-per-unit" and (found.units is None or found.units.spend < ROSE):
        return found
    start = found.started_on - timedelta(days=BASELINE_DAYS)
    parts = read_parts(connection, policy, found.scope, start, found.last_on, found.signal)
    before = [start + timedelta(days=i) for i in range(BASELINE_DAYS)]
    inside = [p for p in found.history if p.anomalous]
    told = [p for p in inside if p.complete] or inside
    now = [p.day for p in told] or [found.last_on]
    moved = found.signal == "resource-mix"
    return replace(found, drivers=drivers(parts, now, before, moved=moved))
