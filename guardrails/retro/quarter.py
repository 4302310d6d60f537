"""Quarters, and when a quarter's retrospective is posted."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from guardrails import periods
from guardrails.business_time import Calendar, works_on
from guardrails.periods import Period

DAY = timedelta(days=1)
#: A retrospective that could not be posted in time is posted until so long after.
LATE = timedelta(days=14)


class Quarter(NamedTuple):
    """A quarter of a year, written ``2026-Q3``."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Quarter":
        """The quarter that has the day."""
        return cls(day.year, (day.month + 2) // 3)

    @classmethod
    def parse(cls, text: str) -> "Quarter":
        """Reads ``2026-Q3``. Raises ValueError with a sentence."""
        year, _, number = text.strip().upper().partition("-Q")
        plain = f"{year}{number}"
        if not (plain.isascii() and plain.isdigit() and len(year) == 4 and number in "1234"):
            raise ValueError(f"“{text}” is not a quarter; write it as 2026-Q3.")
        if len(number) != 1 or not 1901 <= int(year) <= 9899:
            raise ValueError(f"“{text}” is not a quarter; write it as 2026-Q3.")
        return cls(int(year), int(number))

    def plus(self, quarters: int) -> "Quarter":
        """The quarter so many later."""
        years, number = divmod(self.year * 4 + self.number - 1 + quarters, 4)
        return Quarter(years, number + 1)

    @property
    def period(self) -> Period:
        """Its days."""
        return periods.quarter(date(self.year, self.number * 3 - 2, 1))

    def times(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """When it begins and when the next one does, in UTC."""
        days = self.period
        begin, end = (
            datetime.combine(day, time(), zone).astimezone(UTC)
            for day in (days.first, days.last + DAY)
        )
        return begin, end

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"


def last_complete(today: date) -> Quarter:
    """The newest quarter that is over."""
    return Quarter.of(today).plus(-1)


def posted_at(calendar: Calendar, quarter: Quarter, at: str) -> datetime:
    """The local time (without a zone) at which a quarter's retrospective is posted: on the first working day after
    it."""
    day = quarter.period.last + DAY
    while not works_on(calendar, day):
        day += DAY
    return datetime.combine(day, time.fromisoformat(at))


def due_quarter(calendar: Calendar, at: str, now: datetime) -> Quarter | None:
    """The quarter whose retrospective is to be posted now, or was to be a short time ago. By the wall
    clock, as the slots of jobs are."""
    local = now.astimezone(calendar.zone).replace(tzinfo=None)
    quarter = last_complete(local.date())
    begin = posted_at(calendar, quarter, at)
    return quarter if begin <= local < begin + LATE else None
