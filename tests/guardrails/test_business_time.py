"""Working time: shifts, clocks that are changed, holidays, and when a joint review opens."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.business_time import (
    Calendar,
    SameDay,
    add_hours,
    country_name,
    end_of_day,
    hours_between,
    is_open,
    known_country,
    opens,
    same_day,
    works_on,
)
from guardrails.holidays_of import countries, holidays_of, in_country, subdivisions

BERLIN, NEW_YORK, LOS_ANGELES, AUCKLAND, KOLKATA, LORD_HOWE, CHATHAM, HONOLULU, APIA = (
    ZoneInfo(z)
    for z in (
        "Europe/Berlin",
        "America/New_York",
        "America/Los_Angeles",
        "Pacific/Auckland",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Pacific/Honolulu",
        "Pacific/Apia",
    )
)
GERMAN = Calendar(BERLIN, country="DE")
AMERICAN = Calendar(NEW_YORK, country="US")
CUT_OFF = time(14)


def local(zone: ZoneInfo, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def berlin(text: str) -> datetime:
    return local(BERLIN, text)


@pytest.mark.parametrize(
    ("at", "open_", "opening"),
    [
        ("2026-11-23T08:59", False, "2026-11-23T09:00"),
        ("2026-11-23T09:00", True, "2026-11-23T09:00"),
        ("2026-11-23T16:59:59.999999", True, "2026-11-23T16:59:59.999999"),
        ("2026-11-23T17:00", False, "2026-11-24T09:00"),
        ("2026-11-27T18:00", False, "2026-11-30T09:00"),
        ("2026-12-24T18:00", False, "2026-12-28T09:00"),
        ("2027-03-25T18:00", False, "2027-03-30T09:00"),
    ],
)
def test_working_hours_begin_at_the_start_and_stop_before_the_end(
    at: str, open_: bool, opening: str
) -> None:
    assert is_open(GERMAN, berlin(at)) is open_
    found = opens(GERMAN, berlin(at))
    assert found == berlin(opening)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("at", "hours", "then"),
    [
        ("2026-11-23T09:00", 0, "2026-11-23T09:00"),
        ("2026-11-21T12:00", 0, "2026-11-23T09:00"),
        ("2026-11-23T15:00", 4, "2026-11-24T11:00"),
        ("2026-11-27T16:30", 1, "2026-11-30T09:30"),
        ("2026-11-23T09:00", 8, "2026-11-24T09:00"),
        ("2026-12-23T13:00", Decimal("8.5"), "2026-12-24T13:30"),
        ("2026-12-24T13:00", 8, "2026-12-28T13:00"),
        ("2026-11-23T09:00", 0.1, "2026-11-23T09:06"),
    ],
)
def test_only_working_time_counts(at: str, hours: float, then: str) -> None:
    found = add_hours(GERMAN, berlin(at), hours)
    assert found == berlin(then)
    assert hours_between(GERMAN, berlin(at), found) == float(hours)


def test_hours_between_moments_in_and_out_of_hours() -> None:
    assert hours_between(GERMAN, berlin("2026-11-23T06:00"), berlin("2026-11-23T10:30")) == 1.5
    assert hours_between(GERMAN, berlin("2026-11-20T16:00"), berlin("2026-11-23T10:00")) == 2
    assert hours_between(GERMAN, berlin("2026-11-21T00:00"), berlin("2026-11-22T23:00")) == 0
    assert hours_between(GERMAN, berlin("2026-11-24T12:00"), berlin("2026-11-23T12:00")) == 0


def test_a_day_belongs_to_what_happens_in_it_or_before_it() -> None:
    assert end_of_day(GERMAN, berlin("2026-11-23T12:00")) == berlin("2026-11-23T17:00")
    assert end_of_day(GERMAN, berlin("2026-11-23T17:00")) == berlin("2026-11-24T17:00")
    assert end_of_day(GERMAN, berlin("2026-11-21T12:00")) == berlin("2026-11-23T17:00")
    assert end_of_day(GERMAN, berlin("2026-11-26T12:00"), 2) == berlin("2026-11-30T17:00")
    assert end_of_day(GERMAN, berlin("2026-12-23T12:00"), 2) == berlin("2026-12-28T17:00")
    with pytest.raises(ValueError, match="negative"):
        end_of_day(GERMAN, berlin("2026-11-23T12:00"), -1)


def test_a_night_shift_belongs_to_the_day_on_which_it_starts() -> None:
    night = Calendar(BERLIN, time(22), time(6), country="DE")
    assert is_open(night, berlin("2026-11-28T05:59"))  # Friday's, on Saturday
    assert opens(night, berlin("2026-11-28T06:00")) == berlin("2026-11-30T22:00")
    assert not is_open(night, berlin("2026-11-30T03:00"))  # nobody came on Sunday
    assert end_of_day(night, berlin("2026-11-24T01:00")) == berlin("2026-11-24T06:00")
    assert add_hours(night, berlin("2026-11-27T23:00"), 8) == berlin("2026-11-30T23:00")
    for night_of, passed in (("2026-03-30", 7), ("2026-10-26", 9)):  # Sunday's, with Sunday work
        sunday = date.fromisoformat(night_of) - timedelta(days=2)
        always = Calendar(BERLIN, time(22), time(6), frozenset(range(7)))
        begin = datetime.combine(sunday, time(22), BERLIN)
        assert hours_between(always, begin, begin + timedelta(hours=12)) == passed


def test_round_the_clock() -> None:
    always = Calendar(BERLIN, time(0), time(0), frozenset(range(7)))
    at = berlin("2026-10-24T12:00")
    assert opens(always, at) == at
    assert add_hours(always, at, 1000) == at.astimezone(UTC) + timedelta(hours=1000)


def test_times_that_the_clock_jumps_over_and_times_that_it_repeats() -> None:
    early = Calendar(NEW_YORK, time(2, 30), time(4), frozenset(range(7)))
    jump = local(NEW_YORK, "2026-03-08T00:00")
    assert opens(early, jump) == datetime(2026, 3, 8, 7, tzinfo=UTC)  # 03:00 in summer time
    assert end_of_day(early, jump) == datetime(2026, 3, 8, 8, tzinfo=UTC)
    gone = Calendar(NEW_YORK, time(2, 10), time(2, 50), frozenset(range(7)))
    assert opens(gone, jump) == local(NEW_YORK, "2026-03-09T02:10")
    twice = Calendar(NEW_YORK, time(1, 30), time(3), frozenset(range(7)))
    assert opens(twice, local(NEW_YORK, "2026-11-01T00:00")) == datetime(
        2026, 11, 1, 5, 30, tzinfo=UTC
    )
    assert end_of_day(twice, local(NEW_YORK, "2026-11-01T00:00")) == datetime(
        2026, 11, 1, 8, tzinfo=UTC
    )
    second = datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK, fold=1)
    assert is_open(twice, second)
    assert not is_open(twice, second.replace(fold=0))


def test_a_day_that_a_zone_left_out_has_no_hours() -> None:
    samoan = Calendar(APIA)  # 30 December 2011, a Friday, never was
    thursday = local(APIA, "2011-12-29T17:00")
    assert opens(samoan, thursday) == local(APIA, "2012-01-02T09:00")
    assert hours_between(samoan, local(APIA, "2011-12-29T09:00"), opens(samoan, thursday)) == 8


def test_zones_by_the_half_hour() -> None:
    assert opens(Calendar(KOLKATA), datetime(2026, 11, 23, 1, tzinfo=UTC)) == datetime(
        2026, 11, 23, 3, 30, tzinfo=UTC
    )
    howe = Calendar(LORD_HOWE, time(0), time(0), frozenset(range(7)))  # changes by half an hour
    day = local(LORD_HOWE, "2026-10-04T00:00")
    assert hours_between(howe, day, day + timedelta(days=1)) == 23.5


def test_holidays_are_off_on_the_day_they_are_observed() -> None:
    assert not works_on(AMERICAN, date(2026, 7, 3))  # the 4th is a Saturday
    assert not works_on(Calendar(NEW_YORK, country="GB-ENG"), date(2027, 12, 28))
    assert works_on(GERMAN, date(2026, 1, 6))
    assert not works_on(Calendar(BERLIN, country="DE-BY"), date(2026, 1, 6))
    assert works_on(Calendar(BERLIN), date(2026, 12, 25))
    assert works_on(Calendar(KOLKATA, country="IN"), date(2040, 6, 6))
    assert opens(GERMAN, berlin("2399-12-31T23:00")).year in (2399, 2400)


def test_countries_and_their_names() -> None:
    assert all(known_country(c) for c in ("DE", "DE-BY", "US-CA", "GB-SCT", "UK", "NZ"))
    assert not any(
        known_country(c) for c in ("", "de", "QQ", "DE-", "DE-ZZ", "USA", "Germany", "US-FM", " DE")
    )
    assert country_name("DE") == "Germany"
    assert country_name("DE-BY") == "Bavaria, Germany"
    assert country_name("US-CA") == "California, United States"
    assert country_name("UK") == "United Kingdom"
    assert country_name("QQ") == "QQ"
    assert in_country("US") == "the United States"
    assert in_country("US-CA") == "California, United States"
    assert {"DE", "US"} <= countries()
    assert "BY" in subdivisions("DE")
    assert all(country_name(c) for c in countries())
    with pytest.raises(ValueError, match="QQ"):
        holidays_of("QQ", 2026)


def test_what_is_no_calendar_no_moment_and_no_number_is_refused() -> None:
    naive = datetime(2026, 11, 23, 12)  # noqa: DTZ001
    for days in (frozenset[int](), frozenset({7}), frozenset({-1, 3})):
        with pytest.raises(ValueError, match="weekdays"):
            Calendar(BERLIN, weekdays=days)
    with pytest.raises(ValueError, match="QQ"):
        Calendar(BERLIN, country="QQ")
    with pytest.raises(ValueError, match="zone"):
        Calendar(BERLIN, start=time(9, tzinfo=UTC))
    for call in (
        lambda: is_open(GERMAN, naive),
        lambda: opens(GERMAN, naive),
        lambda: add_hours(GERMAN, naive, 1),
        lambda: hours_between(GERMAN, naive, berlin("2026-11-23T12:00")),
        lambda: hours_between(GERMAN, berlin("2026-11-23T12:00"), naive),
        lambda: end_of_day(GERMAN, naive),
        lambda: same_day([], naive, CUT_OFF, GERMAN),
    ):
        with pytest.raises(ValueError, match="time zone"):
            call()
    for hours in (-1, float("nan"), float("inf"), Decimal("sNaN"), 1e12):
        with pytest.raises(ValueError, match="hours"):
            add_hours(GERMAN, berlin("2026-11-23T12:00"), hours)
    with pytest.raises(ValueError, match="years"):
        opens(GERMAN, datetime.max.replace(tzinfo=UTC))
    with pytest.raises(ValueError, match="within"):
        add_hours(GERMAN, berlin("2026-11-23T12:00"), 300_000)


# A joint review


def review(at: str, *calendars: Calendar, workspace: Calendar = GERMAN) -> SameDay:
    return same_day(calendars, local(workspace.zone, at), CUT_OFF, workspace)


@pytest.mark.parametrize(
    ("at", "opening", "due", "moved"),
    [
        ("2026-11-23T10:00", "2026-11-23T10:00", "2026-11-23T17:00", ""),
        ("2026-11-23T07:00", "2026-11-23T07:00", "2026-11-23T17:00", ""),
        (
            "2026-11-23T14:00",
            "2026-11-24T09:00",
            "2026-11-24T17:00",
            "after 14:00 in Berlin, so it opens on Tue 24 Nov at 09:00",
        ),
        (
            "2026-12-25T10:00",
            "2026-12-28T09:00",
            "2026-12-28T17:00",
            "Fri 25 Dec is a holiday in Germany, so it opens on Mon 28 Dec at 09:00 in Berlin",
        ),
        (
            "2026-12-24T15:00",
            "2026-12-28T09:00",
            "2026-12-28T17:00",
            "after 14:00 in Berlin and Fri 25 Dec is a holiday in Germany,"
            " so it opens on Mon 28 Dec at 09:00",
        ),
        (
            "2026-11-21T10:00",
            "2026-11-23T09:00",
            "2026-11-23T17:00",
            "Sat 21 Nov is not a working day in Berlin, so it opens on Mon 23 Nov at 09:00",
        ),
    ],
)
def test_a_joint_review_in_one_place(at: str, opening: str, due: str, moved: str) -> None:
    assert review(at, GERMAN, GERMAN) == SameDay(berlin(opening), berlin(due), moved)
    assert review(at) == SameDay(berlin(opening), berlin(due), moved)


def test_two_hours_in_which_all_work_are_enough() -> None:
    found = review("2026-11-23T13:59", GERMAN, AMERICAN)  # together from 15:00 to 17:00
    assert found == SameDay(berlin("2026-11-23T13:59"), berlin("2026-11-23T17:00"), "")
    short = Calendar(BERLIN, time(9), time(13))
    found = review("2026-11-23T11:01", GERMAN, short)
    assert found.opens_at == berlin("2026-11-24T09:00")
    assert found.due_at == berlin("2026-11-24T13:00")
    assert found.moved == (
        "less than 2 hours of joint working time are left,"
        " so it opens on Tue 24 Nov at 09:00 in Berlin"
    )


def test_somebodys_holiday_and_somebodys_free_day() -> None:
    found = review("2026-11-26T10:00", GERMAN, AMERICAN)
    assert found.moved.startswith("Thu 26 Nov is a holiday in the United States, so it opens on")
    assert found.opens_at == berlin("2026-11-27T09:00")
    part_time = Calendar(BERLIN, weekdays=frozenset({1, 2}))
    found = review("2026-11-23T10:00", GERMAN, part_time)
    assert found.moved.startswith("Mon 23 Nov is not a working day for everybody")
    assert found.opens_at == berlin("2026-11-24T09:00")


def test_hours_that_never_overlap_leave_the_workspaces_hours() -> None:
    west = Calendar(LOS_ANGELES)
    found = review("2026-11-23T10:00", GERMAN, west)
    assert found == SameDay(berlin("2026-11-23T10:00"), berlin("2026-11-23T17:00"), "")
    found = review("2026-11-23T13:00", GERMAN, Calendar(HONOLULU))
    assert found.opens_at == berlin("2026-11-23T13:00")


def test_across_the_date_line_a_day_is_the_one_nearest_by() -> None:
    west, south = Calendar(LOS_ANGELES), Calendar(AUCKLAND)
    monday = review("2026-11-23T10:00", west, south, workspace=west)
    assert monday.moved == ""
    assert monday.due_at == local(LOS_ANGELES, "2026-11-23T17:00")  # Tuesday 14:00 in Auckland
    friday = review("2026-11-27T10:00", west, south, workspace=west)  # Saturday there
    assert friday.opens_at == local(LOS_ANGELES, "2026-11-30T09:00")
    assert friday.moved.startswith("Sat 28 Nov is not a working day for everybody")


def test_people_who_are_all_elsewhere_meet_in_their_own_hours() -> None:
    west = Calendar(LOS_ANGELES)
    found = review("2026-11-23T10:00", GERMAN, GERMAN, workspace=west)  # 19:00 for them
    assert found.opens_at == berlin("2026-11-24T09:00")
    assert found.due_at == berlin("2026-11-24T17:00")


def test_nobody_is_waited_for_longer_than_ten_days() -> None:
    never = Calendar(BERLIN, weekdays=frozenset({6}))
    found = review("2026-11-27T10:00", GERMAN, never)
    assert found.opens_at == berlin("2026-11-30T09:00")
    assert found.due_at == berlin("2026-11-30T17:00")
    assert found.moved == (
        "none of the next 10 days is a working day for everybody,"
        " so it opens on Mon 30 Nov at 09:00 in Berlin"
    )
    brief = Calendar(BERLIN, time(9), time(10))
    found = review("2026-11-23T10:00", workspace=brief)
    assert found.due_at - found.opens_at == timedelta(hours=2)


# Properties

ZONES = st.sampled_from(
    [BERLIN, NEW_YORK, LOS_ANGELES, AUCKLAND, KOLKATA, LORD_HOWE, CHATHAM, HONOLULU]
)
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
CALENDARS = st.builds(
    Calendar,
    ZONES,
    TIMES,
    TIMES,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from([None, "DE", "US-CA", "NZ", "JP", "IN"]),
)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2035, 12, 1)).map(  # noqa: DTZ001
    lambda d: d.replace(tzinfo=UTC)
)
HOURS = st.decimals(0, 60, places=4)


def in_a_working_day(calendar: Calendar, at: datetime) -> bool:
    there = at.astimezone(calendar.zone)
    nightly = calendar.end <= calendar.start
    if nightly and there.time() < calendar.end:
        return works_on(calendar, there.date() - timedelta(days=1)) or (
            calendar.start <= there.time() and works_on(calendar, there.date())
        )
    return works_on(calendar, there.date())


@settings(max_examples=100, deadline=None)
@given(CALENDARS, MOMENTS)
def test_opening_is_in_hours_and_stays(calendar: Calendar, at: datetime) -> None:
    found = opens(calendar, at)
    assert found >= at
    assert opens(calendar, found) == found
    assert is_open(calendar, found)
    assert in_a_working_day(calendar, found)
    assert hours_between(calendar, at, found) == 0
    assert add_hours(calendar, at, 0) == found
    assert end_of_day(calendar, at) > found
    assert end_of_day(calendar, at, 1) > end_of_day(calendar, at)


@settings(max_examples=100, deadline=None)
@given(CALENDARS, MOMENTS, HOURS, HOURS)
def test_hours_add_up(calendar: Calendar, at: datetime, a: Decimal, b: Decimal) -> None:
    first = add_hours(calendar, at, a)
    both = add_hours(calendar, first, b)
    assert both == add_hours(calendar, at, a + b)
    assert hours_between(calendar, at, both) == float(a + b)
    assert hours_between(calendar, first, both) == float(b)
    assert is_open(calendar, first)
    assert in_a_working_day(calendar, both)


@settings(max_examples=60, deadline=None)
@given(CALENDARS, MOMENTS, st.integers(0, 10**6), HOURS)
def test_later_is_never_earlier(calendar: Calendar, at: datetime, by: int, hours: Decimal) -> None:
    later = at + timedelta(seconds=by)
    assert opens(calendar, later) >= opens(calendar, at)
    assert add_hours(calendar, later, hours) >= add_hours(calendar, at, hours)
    assert end_of_day(calendar, later, 2) >= end_of_day(calendar, at, 2)
    assert hours_between(calendar, at, later) <= by / 3600


@settings(max_examples=100, deadline=None)
@given(st.lists(CALENDARS, max_size=3), MOMENTS, TIMES, CALENDARS)
def test_a_review_never_opens_before_it_is_asked_for(
    calendars: list[Calendar], at: datetime, cut_off: time, workspace: Calendar
) -> None:
    found = same_day(calendars, at, cut_off, workspace)
    assert found.opens_at >= at
    assert found.due_at - found.opens_at >= timedelta(hours=2)
    assert (found.moved == "") == (found.opens_at == at)
    assert "  " not in found.moved
