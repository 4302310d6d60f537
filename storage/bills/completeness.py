"""Which days of a bill are whole: the newest are still growing and must not look like a drop."""

import calendar
from datetime import date, timedelta


def period_end(period: date) -> date:
    """The last day of the monthly billing period that begins on this day."""
    year, month = (period.year + 1, 1) if period.month == 12 else (period.year, period.month + 1)
    day = min(period.day, calendar.monthrange(year, month)[1])
    return date(year, month, day) - timedelta(days=1)


def complete_through(period: date, newest: date, today: date, after_days: int) -> date | None:
    """The last complete day of a billing period; None when none of its days is complete.

    ``newest`` is the newest charge day of the whole bill; what is dated after ``today``, such as a
    prepayment at the month's end, says nothing of how far a bill has grown. Both are days in UTC. A
    day is complete ``after_days`` days after it ended (FOCUS gives no other sign), and the last
    ``after_days`` days that a bill knows of are incomplete however old they are, because the bill may
    have been written while they grew. When ``newest`` ends its billing period there is nothing more to
    come of it but what ``today`` says.
    """
    newest = min(newest, today)
    by_clock = today - timedelta(days=1 + after_days)
    end = period_end(period)
    at_edge = newest < end
    by_data = newest - timedelta(days=after_days) if at_edge else end
    through = min(by_clock, by_data, end)
    return through if through >= period else None
