"""Jumps that the bill shows and a forecast does not have yet: it believes them from their fourth day."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Standing, applies
from guardrails.detection.found import Found
from guardrails.money import Money
from guardrails.policy.bills import DIMENSIONS
from handlers.alerts.record import found_of
from handlers.turn import Turn
from storage import anomalies
from storage.anomalies import AnomalyRow

#: Complete days from which on a jump is a change of level for the forecast (docs/overruns.md, Forecast).
BELIEVED = timedelta(days=4)
_SIGNALS = ("spend", "gpu-usage", "cost-per-unit")


def open_jumps(turn: Turn) -> Iterator[tuple[AnomalyRow, Found]]:
    """The open anomalies by which more is spent."""
    for row in anomalies.shown(turn.connection):
        found = found_of(row)
        if found.signal in _SIGNALS and found.direction == "up":
            yield row, found


def is_part(s: Standing, found: Found) -> bool:
    """Whether what an anomaly is about spends of a budget."""
    allocation = {d: v for d in DIMENSIONS if (v := found.allocation.get(d))}
    for dimension in DIMENSIONS:
        if dimension == found.scope.dimension:
            allocation[dimension] = found.scope.value
    return applies(s.budget.scope, allocation)


def not_forecast(found: Found, s: Standing) -> Decimal:
    """What an anomaly adds by the month's end and the forecast leaves out."""
    change = s.burn.change
    if change is not None and change.on >= found.started_on:
        return Decimal(0)
    return max(found.impact_by_month_end - found.impact, Decimal(0))


def young(turn: Turn, s: Standing) -> str:
    """That a jump of the last days is not in the forecast, and what it would add; empty when there is none.

    Of several only the greatest is said: they may be the same money, seen from an experiment and from its team.
    """
    through = s.burn.through
    if through is None:
        return ""
    jumps = [
        found
        for _, found in open_jumps(turn)
        if found.started_on + BELIEVED > through + timedelta(days=1) and is_part(s, found)
    ]
    greatest = max(jumps, key=lambda f: (not_forecast(f, s), f.started_on), default=None)
    more = not_forecast(greatest, s) if greatest is not None else Decimal(0)
    if greatest is None or more <= 0:
        return ""
    money = Money(more.quantize(Decimal(1)), turn.policy.workspace.currency)
    return (
        f"a jump since {words.day(greatest.started_on)}, which counts from its fourth day; if it goes on, "
        f"about {money} more by the end of the month"
    )
