"""Periods as people type them: ``last 30d``, ``this quarter``, ``October``, ``1 Oct to 14 Oct``.

Read leniently; whatever :mod:`guardrails.periods` says of a period is read as that period.
"""

import re
from calendar import isleap
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from textwrap import shorten

from guardrails.periods import LONGEST, RECENT, Period, PeriodError, months, quarter, so_far

#: What the sentence of an error names as allowed.
EXAMPLES = "last 30d, this month, October, 2026-Q3, since 2026-11-01, 1 Oct to 14 Oct"
#: More periods than can be used: nobody needs all of them to say so.
MOST = 3
_DAY = timedelta(days=1)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def read_period(words: str, today: date, default_days: int = 30) -> tuple[Period, str]:
    """The period that is named in ``words``, and the words without it. Periods end yesterday, the last
    day that is over, unless a later day is named. Raises PeriodError."""
    found, rest = read_periods(words, today)
    if len(found) > 1:
        raise PeriodError(f"That names {len(found)} periods; give one, such as {found[0]}.")
    if found:
        return found[0], rest
    yesterday = today - _DAY
    return Period(yesterday - timedelta(days=default_days - 1), yesterday), rest


def read_periods(words: str, today: date) -> tuple[list[Period], str]:
    """The periods that are named in ``words``, in their order, and the words without them; of more than three the
    first three. Raises PeriodError for what begins like a period and is none."""
    periods: list[Period] = []
    while len(periods) < MOST:
        found = min(_matches(words), key=lambda m: (m[0].start(), -m[0].end()), default=None)
        if found is None:
            break
        match, read = found
        periods.append(_one(match, read, today))
        words = f"{words[: match.start()]} {words[match.end() :]}"
    if not periods and (wrong := _LIKE_ONE.search(words)):
        typed = shorten(wrong[0], 60, placeholder="…")
        raise PeriodError(f"“{typed}” is not a period; try {EXAMPLES}.")
    return periods, " ".join(words.split())


_Read = Callable[[re.Match[str], date], Period]


def _one(match: re.Match[str], read: _Read, today: date) -> Period:
    typed = match[0].strip()
    try:
        return _checked(read(match, today), typed, today)
    except PeriodError:
        raise
    except (ValueError, OverflowError):  # no day follows the year 9999
        raise PeriodError(f"“{typed}” is in the future.") from None


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_A_DAY = (
    rf"(?:{_WEEKDAY}(?:\d{{4}}-\d{{1,2}}-\d{{1,2}}|{_NTH}\s+{_MONTH}(?:\s+\d{{4}})?"
    rf"|{_MONTH}\s+{_NTH}(?!\S*-)(?:,?\s+\d{{4}})?)|today|yesterday)"
)
_TO = r"(?:\s+(?:to|until|till|through|and)\s+|\s*(?:–|—|\.\.+|…)\s*|\s+-\s+)"
_IN = r"(?:(?:in|of|for|during|on|from|over|the)\s+){0,3}"


def _standing(pattern: str) -> re.Pattern[str]:
    """A period stands between spaces: pythia-410m and gpt-3d-render are names."""
    return re.compile(rf"(?<!\S){_IN}{pattern}(?![^\s,;?!])[,;?!]*", re.IGNORECASE)


def _between(match: re.Match[str], today: date) -> Period:
    begin, end = match["first"], match["last"]
    if _has_year(end) and not _has_year(begin):
        last = _day(end, today, match[0])
        first = _day(begin, today, match[0], before=last)
    else:  # 1 Nov to 30 Nov has begun, if it is not over; 20 Dec to 5 Jan ends in the next year
        first = _day(begin, today, match[0])
        last = _day(end, today, match[0], after=first)
    if last - first > RECENT and not (_has_year(begin) and _has_year(end)):
        raise PeriodError(f"“{match[0].strip()}” ends before it begins.")
    return Period(first, last)


def _within(match: re.Match[str], today: date) -> Period:
    year = re.search(r"\d{4}", match["month"])
    name = re.sub(r"[^a-z]", "", match["month"].lower())
    month = _month(name, year[0] if year else None, today).first
    days = (int(re.sub(r"\D", "", match[end])) for end in ("first", "last"))
    return Period(*(_date(month.year, month.month, number, match[0]) for number in days))


def _count_to(match: re.Match[str], today: date) -> Period:
    last = _day(match["last"], today, match[0])
    return Period(last - timedelta(days=_length(match, match[0]) - 1), last)


def _last(match: re.Match[str], today: date) -> Period:
    yesterday = today - _DAY
    return Period(yesterday - timedelta(days=_length(match, match[0]) - 1), yesterday)


def _since(match: re.Match[str], today: date) -> Period:
    typed = match["first"].rstrip(",;?!")
    if re.fullmatch(_A_DAY, typed, re.IGNORECASE):
        first = _day(typed, today, match[0])
    elif found := re.fullmatch(rf"({_MONTH})(?:\s+(\d{{4}}))?", typed, re.IGNORECASE):
        first = _month(found[1], found[2], today).first
    else:
        short = shorten(typed, 60, placeholder="…")
        raise PeriodError(f"“{short}” is not a day; write it as 2026-11-01 or 1 Nov.")
    return Period(first, max(first, today - _DAY))


def _named(match: re.Match[str], today: date) -> Period:
    this = match[1].lower() in ("this", "current")
    monday = today - timedelta(days=today.weekday())
    match match[2].lower():
        case "week":
            whole = Period(monday, monday + 6 * _DAY)
            earlier = Period(monday - 7 * _DAY, monday - _DAY)
        case "month":
            whole = months(today, 1)
            earlier = months(whole.first - _DAY, 1)
        case "quarter":
            whole = quarter(today)
            earlier = quarter(whole.first - _DAY)
        case _:
            whole = months(date(today.year, 1, 1), 12)
            earlier = months(date(today.year - 1, 1, 1), 12)
    return so_far(whole, today) if this else earlier


def _quarter(match: re.Match[str], today: date) -> Period:
    number, year = int(match["q"] or match["q2"]), match["y"] or match["y2"]
    first = _date(int(year or today.year), 3 * number - 2, 1, match[0])
    if not year and first > today:
        first = first.replace(year=first.year - 1)
    return so_far(quarter(first), today)


def _of_month(match: re.Match[str], today: date) -> Period:
    return so_far(_month(match[1], match[2], today), today)


def _iso_month(match: re.Match[str], today: date) -> Period:
    return so_far(months(_date(int(match[1]), int(match[2]), 1, match[0]), 1), today)


def _iso_week(match: re.Match[str], today: date) -> Period:
    try:
        monday = date.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError:
        raise PeriodError(f"There is no week {match[0].strip()}.") from None
    return so_far(Period(monday, monday + 6 * _DAY), today)


def _one_day(match: re.Match[str], today: date) -> Period:
    day = _day(match["day"], today, match[0])
    return Period(day, day)


_PATTERNS: tuple[tuple[re.Pattern[str], _Read], ...] = (
    (_standing(rf"(?:between\s+)?(?P<first>{_A_DAY}){_TO}(?P<last>{_A_DAY})"), _between),
    (
        _standing(
            rf"(?:between\s+)?(?P<first>{_NTH})(?:{_TO}|-)(?P<last>{_NTH})\s+(?P<month>{_MONTH}(?:\s+\d{{4}})?)"
        ),
        _within,
    ),
    (
        _standing(rf"(?P<n>\d{{1,6}})\s*(?P<unit>d|days?|w|weeks?)\s+to\s+(?P<last>{_A_DAY})"),
        _count_to,
    ),
    (
        _standing(r"(?:(?:last|past)\s+)?(?P<n>\d{1,6})\s*(?P<unit>d|days?|w|weeks?|m|months?)"),
        _last,
    ),
    (_standing(rf"since\s+(?P<first>{_A_DAY}|{_MONTH}(?:\s+\d{{4}})?|\S+)"), _since),
    (_standing(r"(this|current|last|previous)\s+(week|month|quarter|year)"), _named),
    (_standing(r"(?:(?P<y>\d{4})-?q(?P<q>[1-4])|q(?P<q2>[1-4])(?:\s+(?P<y2>\d{4}))?)"), _quarter),
    (_standing(r"(\d{4})-w(\d{1,2})"), _iso_week),
    (_standing(r"(\d{4})-(\d{1,2})"), _iso_month),
    (_standing(rf"({_MONTH})(?:\s+(\d{{4}}))?"), _of_month),
    (_standing(rf"(?P<day>{_A_DAY})"), _one_day),
)
_LIKE_ONE = re.compile(
    rf"(?<!\S)(?:(?:last|past|this|previous|next)\s+\S+|(?:between|since|until|till|from|before|after)"
    rf"\s+.+|\d{{4}}-\d{{1,2}}\S*|{_NTH}\s+{_MONTH})(?!\S)",
    re.IGNORECASE,
)


def _matches(words: str) -> Iterator[tuple[re.Match[str], _Read]]:
    for pattern, read in _PATTERNS:
        if match := pattern.search(words):
            yield match, read


def _length(match: re.Match[str], typed: str) -> int:
    length = int(match["n"]) * {"d": 1, "w": 7, "m": 30}[match["unit"][0].lower()]
    if not 1 <= length <= LONGEST:
        raise PeriodError(f"“{typed.strip()}” is not a period that can be shown; try last 30d.")
    return length


def _has_year(typed: str) -> bool:
    """Whether a day says its year, or needs none."""
    return bool(re.search(r"\d{4}|today|yesterday", typed, re.IGNORECASE))


def _day(
    typed: str, today: date, whole: str, before: date | None = None, after: date | None = None
) -> date:
    """A day; without a year the first from ``after`` on, else the newest up to ``before``, which is today when
    it is not given."""
    wanted = typed.lower().replace(",", " ")
    if wanted in ("today", "yesterday"):
        return today if wanted == "today" else today - _DAY
    if iso := re.search(r"(\d{4})-(\d{1,2})-(\d{1,2})", wanted):
        return _date(int(iso[1]), int(iso[2]), int(iso[3]), whole)
    name = re.search(rf"(?<![a-z])({_MONTH})(?![a-z])", wanted)
    number = re.search(r"(?<!\d)(\d{1,2})(?!\d)", wanted)
    year = re.search(r"\d{4}", wanted)
    if name is None or number is None:
        raise PeriodError(f"“{typed}” is not a day; write it as 2026-11-01 or 1 Nov.")
    month, day = _MONTHS.index(name[1][:3]) + 1, int(number[1])
    if year is not None:
        return _date(int(year[0]), month, day, whole)
    _date(2000, month, day, whole)  # a leap year: what is no day there is none at all
    near = after or before or today
    years = range(near.year, near.year + 9) if after else range(near.year, near.year - 9, -1)
    there = (date(y, month, day) for y in years if (month, day) != (2, 29) or isleap(y))
    return next(d for d in there if (d >= near if after else d <= near))


def _month(name: str, year: str | None, today: date) -> Period:
    """A calendar month; without a year the newest that has begun."""
    number = _MONTHS.index(name[:3].lower()) + 1
    newest = today.year - (number > today.month)
    return months(_date(int(year or newest), number, 1, name), 1)


def _date(year: int, month: int, day: int, typed: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise PeriodError(f"“{typed.strip()}” names a day that does not exist.") from None


def _checked(period: Period, typed: str, today: date) -> Period:
    """Not in the future, not backwards, not too long; what ends in the future ends today."""
    if period.first > today:
        raise PeriodError(f"“{typed}” is in the future.")
    if period.last < period.first:
        raise PeriodError(f"“{typed}” ends before it begins.")
    if (today - period.first).days > LONGEST:
        raise PeriodError(f"{period.first} is too long ago; two years can be shown.")
    return Period(period.first, min(period.last, today))
