"""What a budget's burn is made of, and what it is: values in, values out."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True)
class Spent:
    """The history of one scope's spend: ``days`` are complete days, oldest first, without a gap.

    ``days[0]`` is the money of ``first``, in one currency; a day without spend is 0, also at the end: the
    last of ``days`` is the last complete day of the bill, not the last day on which the scope spent.
    Nothing was spent before ``first``.
    """

    first: date
    days: tuple[Decimal, ...]

    @property
    def last(self) -> date:
        """The last day that is known; the day before ``first`` when there is none."""
        return self.first + timedelta(days=len(self.days) - 1)

    def before(self, day: date) -> "Spent":
        """What was known at the beginning of ``day``."""
        return Spent(self.first, self.days[: max((day - self.first).days, 0)])


@dataclass(frozen=True)
class Change:
    """A lasting change of level (launch, scale-up, shutdown): money a day, mean of a week, before and
    from ``on``."""

    on: date
    before: Decimal
    after: Decimal


@dataclass(frozen=True)
class Burn:
    """Where a budget stands and where it goes. Money in the unit of the history, to the millionth.

    ``spent``: exact, complete days of the period up to ``through`` (None when none is yet). ``rate``: the
    expected spend of an average day of the week, now. ``forecast`` with ``lower`` and ``upper`` (80 %
    interval): spend of the whole period at its end. ``by_day``: for each day to come in the period (day,
    expected spend of the period up to and with it, lower, upper). ``exhausted_on``: the day on which the
    limit is reached, and ``runway_days``: how many days after ``through`` (or after the day before the
    period) that is; both None without a limit or when it is not reached within the period and 400
    days. ``runway_days`` is 0 and ``exhausted_on`` is the day it happened when it is already reached.
    ``change``: the last lasting change of level that the history shows.
    """

    spent: Decimal
    through: date | None
    rate: Decimal
    forecast: Decimal
    lower: Decimal
    upper: Decimal
    by_day: tuple[tuple[date, Decimal, Decimal, Decimal], ...]
    runway_days: int | None
    exhausted_on: date | None
    change: Change | None
