"""What detection gives: a finding with everything that an alert shows."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from guardrails.policy.alerts import Severity, Signal
from guardrails.policy.bills import Dimension

Direction = Literal["up", "down"]


@dataclass(frozen=True, order=True)
class Scope:
    """What a series belongs to: ``experiment:ranker-v2``, ``account:ml-shared``."""

    dimension: str
    value: str

    def __str__(self) -> str:
        return f"{self.dimension}:{self.value}"

    @classmethod
    def parse(cls, text: str) -> "Scope":
        dimension, _, value = text.partition(":")
        return cls(dimension, value)


@dataclass(frozen=True)
class DayPoint:
    """One day of a series, in the signal's unit. ``complete`` is False while the day still grows."""

    day: date
    observed: float
    expected: float
    lower: float
    upper: float
    score: float
    anomalous: bool
    complete: bool = True


@dataclass(frozen=True)
class Driver:
    """A part of the bill that explains the change: money a day, and its share of the whole change.

    ``price_share`` and ``volume_share`` split the change of this part (they add up to 1); None where
    the bill has no usable quantity.
    """

    facet: str
    value: str
    change: Decimal
    share: float
    price_share: float | None = None
    volume_share: float | None = None
    is_new: bool = False


@dataclass(frozen=True)
class Found:
    """One anomaly as the detector sees it, from its first day to its last.

    ``observed``, ``expected``, ``lower``, ``upper`` and ``score`` are of the last anomalous day, in
    ``unit``. ``impact`` is the money beyond the expected value since the start (negative when less was
    spent), ``impact_by_month_end`` the same if it goes on to the end of the month; both in ``currency``.
    ``ongoing`` is False when the series was back inside its band for the policy's quiet days by then;
    ``settled`` then says that it did not go back: the new level became what is expected.
    For a changed resource mix, ``impact`` is the money that moved; for quality it is zero.
    """

    signal: Signal
    scope: Scope
    direction: Direction
    started_on: date
    last_on: date
    ongoing: bool
    unit: str
    observed: float
    expected: float
    lower: float
    upper: float
    score: float
    severity: Severity
    impact: Decimal
    impact_by_month_end: Decimal
    currency: str
    drivers: tuple[Driver, ...] = ()
    history: tuple[DayPoint, ...] = ()
    allocation: dict[Dimension, str] = field(default_factory=dict)
    is_new_series: bool = False
    settled: bool = False
