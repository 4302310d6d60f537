"""Spans of days, and how they are said: :mod:`guardrails.typed_periods` reads each of these words back."""

from dataclasses import dataclass
from datetime import date, timedelta

from babel.dates import format_date

LONGEST = 731
_DAY = timedelta(days=1)
#: Days without a year are said of what began so recently, and read as being so recent.
RECENT = timedelta(days=300)


class PeriodError(ValueError):
    """The words do not name a period; the message is one sentence."""


@dataclass(frozen=True)
class Period:
    """``first`` to ``last``, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        """``2026-10-01 to 2026-10-14``: as it can be typed."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    def before(self) -> "Period":
        """As many days, directly before."""
        return Period(self.first - timedelta(days=self.days), self.first - _DAY)

    def newest(self, days: int) -> "Period":
        """The last ``days`` of it."""
        return Period(self.last - timedelta(days=days - 1), self.last)


def months(first: date, count: int) -> Period:
    """So many calendar months, from the one that ``first`` is in."""
    begin = first.replace(day=1)
    number = begin.year * 12 + begin.month - 1 + count
    return Period(begin, date(number // 12, number % 12 + 1, 1) - _DAY)


def quarter(day: date) -> Period:
    """The calendar quarter that a day is in."""
    return months(date(day.year, day.month - (day.month - 1) % 3, 1), 3)


def so_far(whole: Period, today: date) -> Period:
    """The days of it that are over; its first day when none is."""
    yesterday = today - _DAY
    return Period(whole.first, max(whole.first, min(whole.last, yesterday)))


def in_words(period: Period, today: date) -> str:
    """``1 Oct to 14 Oct``, ``Sun 22 Nov``, ``October``, ``Q3 2026``; with years where they are not obvious."""
    first, last = period.first, period.last
    recent = today - RECENT <= first and last <= today
    whole = last < today  # of one that is not over, the name means the days so far
    if whole and period == months(first, 1):
        return f"{first:%B}" if recent else f"{first:%B %Y}"
    if whole and period == quarter(first):
        return f"Q{(first.month + 2) // 3} {first.year}"
    pattern = "d MMM" if recent else "d MMM y"
    if first == last:
        return format_date(first, f"EEE {pattern}", locale="en_GB")
    ends = [format_date(d, pattern, locale="en_GB") for d in (first, last)]
    return " to ".join(ends)


def span(period: Period, today: date) -> str:
    """``30 days to Sun 22 Nov``; ``Sun 22 Nov`` for one day."""
    if period.days == 1:
        return in_words(period, today)
    last = in_words(Period(period.last, period.last), today)
    return f"{period.days} days to {last}"
