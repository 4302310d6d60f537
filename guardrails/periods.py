"""Spans of days as people type them: ``last 30d``, ``last 2 weeks``, ``this month``, ``since 2026-11-01``."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

# A period stands between spaces: pythia-410m and gpt-3d-render are names.
_LAST = re.compile(
    r"(?<!\S)(?:last\s+)?(\d{1,6})\s*(d|days?|w|weeks?|m|months?)(?!\S)", re.IGNORECASE
)
_SINCE = re.compile(r"(?<!\S)since\s+(\S+)", re.IGNORECASE)
_NAMED = re.compile(r"(?<!\S)(this|last|previous)\s+(week|month)(?!\S)", re.IGNORECASE)
_DAY = re.compile(r"(?<!\S)(today|yesterday)(?!\S)", re.IGNORECASE)
LONGEST = 731


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


def read_period(words: str, today: date, default_days: int = 30) -> tuple[Period, str]:
    """The period that is named in ``words``, and the words without it. Periods end yesterday, the last
    day that is over, but for ``today``. Raises PeriodError."""
    yesterday = today - timedelta(days=1)
    if found := _NAMED.search(words):
        which, what = found[1].lower(), found[2].lower()
        start = today.replace(day=1) if what == "month" else today - timedelta(days=today.weekday())
        if which == "this":
            period = Period(start, max(start, yesterday))
        elif what == "month":
            last = start - timedelta(days=1)
            period = Period(last.replace(day=1), last)
        else:
            period = Period(start - timedelta(days=7), start - timedelta(days=1))
    elif found := _LAST.search(words):
        count, unit = int(found[1]), found[2][0].lower()
        length = count * {"d": 1, "w": 7, "m": 30}[unit]
        if not 1 <= length <= LONGEST:
            raise PeriodError(f"“{found[0]}” is not a period that can be shown; try last 30d.")
        period = Period(yesterday - timedelta(days=length - 1), yesterday)
    elif found := _SINCE.search(words):
        try:
            first = date.fromisoformat(found[1])
        except ValueError:
            raise PeriodError(f"“{found[1]}” is not a day; write it as 2026-11-01.") from None
        if first > today:
            raise PeriodError(f"{first} is in the future.")
        if (today - first).days > LONGEST:
            raise PeriodError(f"{first} is too long ago; two years can be shown.")
        period = Period(first, max(first, yesterday))
    elif found := _DAY.search(words):
        day = today if found[1].lower() == "today" else yesterday
        period = Period(day, day)
    else:
        return Period(yesterday - timedelta(days=default_days - 1), yesterday), " ".join(
            words.split()
        )
    rest = words[: found.start()] + words[found.end() :]
    return period, " ".join(rest.split())
