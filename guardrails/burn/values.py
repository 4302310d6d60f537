"""What a budget's burn is made of, and what it is: values in, values out."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True)
class Spent:
    """The history of one scope's spend: ``days`` are complete days, oldest first, without a gap.

    ``days[0]`` is the money of ``first``, in one currency; a day without spend is 0, also at the end: the
    last of ``days`` is the last complete day of the bill, not the last day on which the scope spent.
    Nothing was spent before ``first``. ``growing``: what is billed so far of the days after them, which are not
    complete.
    """

    first: date
    days: tuple[Decimal, ...]
    growing: tuple[Decimal, ...] = ()

    @property
    def last(self) -> date:
        """The last day that is known; the day before ``first`` when there is none."""
        return self.first + timedelta(days=len(self.days) - 1)

    def before(self, day: date) -> "Spent":
        """The days that were complete before ``day``; what grows only when that is all of them."""
        count = max((day - self.first).days, 0)
        growing = self.growing if count >= len(self.days) else ()
        return Spent(self.first, self.days[:count], growing)

    def complete_to(self, day: date) -> "Spent":
        """The same days, of which those after ``day`` are not complete."""
        count = max((day - self.first).days + 1, 0)
        return Spent(self.first, self.days[:count], (*self.days[count:], *self.growing))


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

    ``spent``: exact, complete days of the period up to ``through`` (None when none is yet). ``billed``: the
    same with what is billed so far of its other days. ``rate``: the expected spend of an average day of the
    week, now. ``forecast`` with ``lower`` and ``upper`` (80 % interval): spend of the whole period at its end;
    as no day costs less than is billed of it, none of them is below ``billed`` (but for credits to come).
    ``by_day``: for each day to come in the period (day, expected spend of the period up to and with it, lower,
    upper). ``exhausted_on``: the day on which the limit is reached, and ``runway_days``: how many days after
    ``through`` (or after the day before the period) that is; both None without a limit or when it is not
    reached within the period and 400 days. ``runway_days`` is 0 and ``exhausted_on`` is the day it happened
    when it is already reached, by what is billed.
    ``change``: the last lasting change of level that the history shows.
    """

    spent: Decimal
    billed: Decimal
    through: date | None
    rate: Decimal
    forecast: Decimal
    lower: Decimal
    upper: Decimal
    by_day: tuple[tuple[date, Decimal, Decimal, Decimal], ...]
    runway_days: int | None
    exhausted_on: date | None
    change: Change | None
