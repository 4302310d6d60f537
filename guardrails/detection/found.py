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
    """One day of a series, in the signal's unit. ``complete`` is False while the day still grows.

    A series without a past has no band: ``expected``, ``lower`` and ``upper`` are None, and the days
    before its first are zero.
    """

    day: date
    observed: float
    expected: float | None
    lower: float | None
    upper: float | None
    score: float
    anomalous: bool
    complete: bool = True


@dataclass(frozen=True)
class Driver:
    """A part of the bill that explains the change: money a day, and its share of the whole change.

    ``price_share`` and ``volume_share`` split the change of this part (they add up to 1); None where
    the bill has no usable quantity. ``alike``: so many parts of the facet changed about as much as this
    one, the largest of them, and together explain ``alike_share``; 0 when each is named.
    """

    facet: str
    value: str
    change: Decimal
    share: float
    price_share: float | None = None
    volume_share: float | None = None
    is_new: bool = False
    alike: int = 0
    alike_share: float = 0.0


@dataclass(frozen=True)
class UnitChange:
    """What moved a cost per unit: the relative changes of the spend and of the units, -0.5 for half."""

    spend: float
    units: float


@dataclass(frozen=True)
class Found:
    """One anomaly as the detector sees it, from its first day to its last.

    ``observed``, ``expected``, ``lower``, ``upper`` and ``score`` are of ``last_on``, in ``unit``: the last
    anomalous day that is complete. While there is none it is the first one that still grows, and
    ``complete`` is False. ``growing_on`` is a later day that still grows and is anomalous already.

    ``impact`` is the money beyond the expected value since the start, with what the days that still grow
    are beyond it already (negative when less was spent), ``impact_by_month_end`` the same if it goes on
    to the end of the month; both in ``currency``. For quality it is zero, and for a changed resource mix:
    that is no overspend, ``moved`` says how much money moved.
    ``ongoing`` is False when the series was back inside its band for the policy's quiet days by then;
    ``settled`` then says that it did not go back: the new level became what is expected. ``units``: of a
    cost per unit, what of it moved.
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
    complete: bool = True
    growing_on: date | None = None
    moved: Decimal = Decimal(0)
    units: UnitChange | None = None

    @property
    def size(self) -> Decimal:
        """The money it is about, whether beyond the expected value or moved; never negative."""
        return abs(self.impact) or abs(self.moved)
