"""Working time: when people are at work, how much of it lies between two moments, when a joint review opens.

Moments come in aware (naive ones raise ValueError) and go out in UTC. A **shift** is the working time of one
working day: ``[start, end)`` by the clock of the calendar's zone. The rules:

* ``end <= start`` is a night shift: it ends on the next day and belongs to the day on which it starts, so Friday's
  lasts into Saturday. ``end == start`` is 24 hours.
* Hours are hours that pass: a shift over the night in which the clock is changed has one more or one less.
* A time of day that exists twice is its first occurrence; one that does not exist is the moment of the jump.
* Nothing is looked for further than ``FARTHEST`` away; ValueError then. Moments lie between 1900 and 9900.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_date

from guardrails.holidays_of import country_name as country_name
from guardrails.holidays_of import holidays_of, in_country
from guardrails.holidays_of import known_country as known_country

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
FARTHEST = timedelta(days=50 * 366)
#: A joint review needs so much time in which all work, and waits for everybody at most so many days.
AT_LEAST, DAYS_AHEAD = 2 * HOUR, 10


@dataclass(frozen=True)
class Calendar:
    """When one person works, or the workspace. ``weekdays``: Monday is 0. ``country``: whose holidays are off."""

    zone: ZoneInfo
    start: time = time(9, 0)
    end: time = time(17, 0)
    weekdays: frozenset[int] = frozenset(range(5))
    country: str | None = None

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= set(range(7)):
            raise ValueError("weekdays must be some of 0 (Monday) to 6 (Sunday)")
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("start and end are in the calendar's zone and have none themselves")
        if self.country is not None and not known_country(self.country):
            raise ValueError(f"{self.country} is not a country whose holidays are known")

    @property
    def place(self) -> str:
        """The zone as people say it: ``New York``."""
        return str(self.zone).rsplit("/", 1)[-1].replace("_", " ")


class _Shift(NamedTuple):
    start: datetime
    end: datetime


def works_on(calendar: Calendar, day: date) -> bool:
    """Whether a shift starts on ``day``: one of the weekdays and no holiday."""
    if day.weekday() not in calendar.weekdays:
        return False
    return calendar.country is None or day not in holidays_of(calendar.country, day.year)


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether ``at`` is in working hours; the end is not."""
    now = _utc(at)  # what is compared across zones is never equal in the hour that comes twice
    return opens(calendar, now) == now


def opens(calendar: Calendar, at: datetime) -> datetime:
    """The first moment from ``at`` on that is in working hours."""
    now = _utc(at)
    return max(now, next(_shifts(calendar, now)).start)


def add_hours(calendar: Calendar, at: datetime, hours: Decimal | float) -> datetime:
    """The moment when ``hours`` of working time have passed since ``at``. It is in working hours: where a shift
    has been used up it is the beginning of the next, so that 8 hours from 09:00 is 09:00 on the next working day
    (``end_of_day`` has the evening before). No hours: ``opens``. Exact to 8 decimal places of an hour."""
    now, exact = _utc(at), Decimal(str(hours))
    if not exact.is_finite() or not 0 <= exact <= FARTHEST // HOUR:
        raise ValueError("hours must be a number from 0 on, and of this lifetime")
    left = timedelta(microseconds=int((exact * 3_600_000_000).to_integral_value()))
    shifts = _shifts(calendar, now)
    while True:
        shift = next(shifts)
        begin = max(now, shift.start)
        if left < shift.end - begin:
            return begin + left
        left -= shift.end - begin


def hours_between(calendar: Calendar, a: datetime, b: datetime) -> float:
    """The working hours that pass from ``a`` to ``b``; 0 when ``b`` is not later."""
    first, last, passed = _utc(a), _utc(b), timedelta()
    if last <= first:
        return 0.0
    for shift in _shifts(calendar, first):
        if shift.start >= last:
            break
        passed += min(last, shift.end) - max(first, shift.start)
    return passed / HOUR


def end_of_day(calendar: Calendar, at: datetime, days: int = 0) -> datetime:
    """The end of the working day ``days`` working days after the one that ``at`` belongs to: the day of the shift
    that runs or, outside working hours, of the next."""
    if days < 0:
        raise ValueError("days must not be negative")
    return next(islice(_shifts(calendar, _utc(at)), days, None)).end


@dataclass(frozen=True)
class SameDay:
    """When a joint review opens and is due. ``moved``: empty, or why it opens later, without a full stop."""

    opens_at: datetime
    due_at: datetime
    moved: str


def same_day(
    calendars: Sequence[Calendar], at: datetime, cut_off: time, workspace: Calendar
) -> SameDay:
    """When the people of ``calendars`` review jointly what came up at ``at``.

    At once when today (the workspace's day) is a working day for the workspace and for everybody, it is before
    ``cut_off`` in the workspace's zone, and ``AT_LEAST`` is left in which all work; where their hours never
    overlap so long, the workspace's hours stand for them. Else in the morning of the next day that works for all:
    when the workspace begins or, if they all begin earlier, when they do. When none of the next
    ``DAYS_AHEAD`` days works, on the workspace's next working day without regard to the others.

    Due when the first of them ends that day, but ``AT_LEAST`` after the opening. Someone's day, where zones are
    far apart, is the one whose noon is nearest to the workspace's noon.
    """
    now = _utc(at)
    today = _day_of(workspace, now)
    reasons: list[str] = []
    for ahead in range(DAYS_AHEAD + 1):
        day = today + ahead * DAY
        why = _day_off(calendars, workspace, day)
        shift = _joint_shift(calendars, workspace, day)
        begin = min(shift.start, _shift(workspace, day).start)
        opens_at = max(now, begin) if ahead else now
        if not why and not ahead and now >= _moment_of_shift(workspace, day, cut_off):
            why = f"after {cut_off:%H:%M} in {workspace.place}"
        if not why and shift.end - max(opens_at, shift.start) < AT_LEAST:
            why = f"less than {AT_LEAST // HOUR} hours of joint working time are left"
        if not why:
            return SameDay(opens_at, shift.end, _moved(reasons, opens_at, now, workspace))
        if (not reasons or "holiday" in why) and why not in reasons:
            reasons.append(why)
    later = (s for s in _shifts(workspace, now) if s.start > now)
    shift = next(s for s in later if _day_of(workspace, s.start) > today)
    reasons = [f"none of the next {DAYS_AHEAD} days is a working day for everybody"]
    due_at = max(shift.end, shift.start + AT_LEAST)
    return SameDay(shift.start, due_at, _moved(reasons, shift.start, now, workspace))


def _joint_shift(calendars: Sequence[Calendar], workspace: Calendar, day: date) -> _Shift:
    """The time on the workspace's ``day`` in which all of ``calendars`` work, else the workspace's shift."""
    shifts = [_shift(c, _their_day(c, workspace, day)) for c in calendars]
    if shifts:
        joint = _Shift(max(s.start for s in shifts), min(s.end for s in shifts))
        if joint.end - joint.start >= AT_LEAST:
            return joint
    return _shift(workspace, day)


def _their_day(calendar: Calendar, workspace: Calendar, day: date) -> date:
    noon = _moment(workspace.zone, day, time(12))
    near = (day + DAY, day, day - DAY)
    return min(near, key=lambda d: abs(_moment(calendar.zone, d, time(12)) - noon))


def _day_off(calendars: Sequence[Calendar], workspace: Calendar, day: date) -> str:
    """Why the workspace's ``day`` is not a working day for it and everybody; empty when it is."""
    for calendar in (workspace, *calendars):
        theirs = _their_day(calendar, workspace, day)
        if works_on(calendar, theirs):
            continue
        if calendar.country and theirs.weekday() in calendar.weekdays:
            return f"{_shown(theirs)} is a holiday in {in_country(calendar.country)}"
        whose = f"in {workspace.place}" if calendar is workspace else "for everybody"
        return f"{_shown(theirs)} is not a working day {whose}"
    return ""


def _moved(reasons: list[str], opens_at: datetime, now: datetime, workspace: Calendar) -> str:
    if opens_at == now:
        return ""
    local = opens_at.astimezone(workspace.zone)
    said = f"{' and '.join(reasons)}, so it opens on {_shown(local)} at {local:%H:%M}"
    return said if workspace.place in said else f"{said} in {workspace.place}"


def _shown(day: date) -> str:
    return format_date(day, "EEE d MMM", locale="en_GB")


def _day_of(calendar: Calendar, now: datetime) -> date:
    """The working day that ``now`` belongs to: the date, but for what is left of yesterday's night shift."""
    day = now.astimezone(calendar.zone).date()
    runs = works_on(calendar, day - DAY) and now < _shift(calendar, day - DAY).end
    return day - DAY if runs else day


def _shifts(calendar: Calendar, now: datetime) -> Iterator[_Shift]:
    """The shifts that are not over at ``now``, in order."""
    day = now.astimezone(calendar.zone).date() - DAY
    for _ in range(FARTHEST.days):
        if works_on(calendar, day):
            shift = _shift(calendar, day)
            if now < shift.end and shift.start < shift.end:
                yield shift
        day += DAY
    raise ValueError(f"no such working time within {FARTHEST.days // 366} years")


def _shift(calendar: Calendar, day: date) -> _Shift:
    """The working time that starts on ``day``, were it a working day; empty where the clock jumps over it."""
    start = _moment(calendar.zone, day, calendar.start)
    return _Shift(start, _moment_of_shift(calendar, day, calendar.end))


def _moment_of_shift(calendar: Calendar, day: date, clock: time) -> datetime:
    """When it is ``clock`` in the shift of ``day``: on the next day after midnight of a night shift."""
    early = calendar.end <= calendar.start and clock <= calendar.start
    return _moment(calendar.zone, day + DAY if early else day, clock)


def _moment(zone: ZoneInfo, day: date, clock: time) -> datetime:
    """When it is ``clock`` on ``day``. Later times of day are never earlier moments."""
    local = datetime.combine(day, clock.replace(fold=0), zone)
    first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first <= second:
        return first
    before, after = second, first  # not on any clock: the jump lies between the two
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta.resolution:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None or not 1900 <= at.year <= 9900:
        raise ValueError("a moment needs a time zone and one of the years 1900 to 9900")
    return at.astimezone(UTC)
