"""Jumps that the bill shows and a forecast does not have yet: it believes them from their fourth day."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from guardrails.alerts import words
from guardrails.burn import Burn
from guardrails.detection.found import Found
from guardrails.money import Money
from handlers.alerts.record import found_of
from handlers.turn import Turn
from storage import anomalies
from storage.anomalies import AnomalyRow

#: Complete days from which on a jump is a change of level for the forecast (docs/overruns.md, Forecast).
BELIEVED = timedelta(days=4)
K = TypeVar("K", bound=str)
_SIGNALS = ("spend", "gpu-usage", "cost-per-unit")


def open_jumps(turn: Turn) -> Iterator[tuple[AnomalyRow, Found]]:
    """The open anomalies by which more is spent."""
    for row in anomalies.shown(turn.connection):
        found = found_of(row)
        if found.signal in _SIGNALS and found.direction == "up":
            yield row, found


def touches(parts: Mapping[K, str], found: Found) -> bool:
    """Whether what an anomaly is about is of something with these parts (a budget's scope, what was asked about),
    or is a part of it."""
    mine: dict[str, str] = {str(d): v for d, v in found.allocation.items()}
    mine[found.scope.dimension] = found.scope.value
    return all(mine.get(key) == value for key, value in parts.items())


def not_forecast(found: Found, course: Burn) -> Decimal:
    """What an anomaly adds by the month's end and the forecast leaves out."""
    change = course.change
    if change is not None and change.on >= found.started_on:
        return Decimal(0)
    return max(found.impact_by_month_end - found.impact, Decimal(0))


def young(
    turn: Turn,
    parts: Mapping[K, str],
    course: Burn,
    jumps: Iterable[tuple[AnomalyRow, Found]] | None = None,
) -> str:
    """That a jump of the last days is not in a forecast of what has these parts, and what it would add; empty when
    there is none. ``jumps``: those that are open, where they are read already.

    Of several only the greatest is said: they may be the same money, seen from an experiment and from its team.
    """
    through = course.through
    if through is None:
        return ""
    mine = [
        found
        for _, found in (open_jumps(turn) if jumps is None else jumps)
        if found.started_on + BELIEVED > through + timedelta(days=1) and touches(parts, found)
    ]
    greatest = max(mine, key=lambda f: (not_forecast(f, course), f.started_on), default=None)
    more = not_forecast(greatest, course) if greatest is not None else Decimal(0)
    if greatest is None or more <= 0:
        return ""
    money = Money(more.quantize(Decimal(1)), turn.policy.workspace.currency)
    return (
        f"a jump since {words.day(greatest.started_on)}, which counts from its fourth day; if it goes on, "
        f"about {money} more by the end of the month"
    )
