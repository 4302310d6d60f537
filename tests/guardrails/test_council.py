"""The council's rules: weeks, holidays, daylight saving, votes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from guardrails.business_time import Calendar, works_on
from guardrails.council import (
    CHOICES,
    Vote,
    Week,
    due_week,
    meets,
    moment,
    next_week,
    outcome,
    since,
)
from guardrails.policy.council import Council
from guardrails.policy.people import ROLES

BERLIN = Calendar(ZoneInfo("Europe/Berlin"), country="DE")
USUAL = Council(channel="leadership")
DAYS = st.dates(date(2001, 1, 1), date(2090, 1, 1))


@pytest.mark.parametrize("text", ["2026-48", "2026-W54", "W48", "2026-W4", "2025-W53", ""])
def test_what_is_no_week(text: str) -> None:
    with pytest.raises(ValueError, match="is not a week"):
        Week.parse(text)


@given(DAYS)
def test_weeks_are_those_of_the_calendar(day: date) -> None:
    week = Week.of(day)
    assert Week.parse(str(week)) == week
    assert week.monday <= day < week.monday + timedelta(days=7)
    assert week.before.days == 7
    assert week.before.last == week.monday - timedelta(days=1)
    assert str(week) < str(week.plus(1))


@pytest.mark.parametrize(
    ("week", "expected"),
    [
        ("2026-W48", "2026-11-24 10:00"),
        ("2027-W12", "2027-03-23 10:00"),
        ("2029-W01", "2029-01-02 10:00"),
        ("2029-W18", "2029-05-02 10:00"),  # 1 May is a Tuesday
        ("2028-W52", "2028-12-27 10:00"),  # both days of Christmas
    ],
)
def test_a_holiday_moves_it_to_the_next_working_day(week: str, expected: str) -> None:
    assert meets(USUAL, BERLIN, Week.parse(week)) == datetime.fromisoformat(expected)
    kept = USUAL.model_copy(update={"holidays": "keep"})
    found = meets(kept, BERLIN, Week.parse(week))
    assert found is not None
    assert found.weekday() == 1


def test_a_week_is_moved_or_left_out_by_the_policy() -> None:
    rules = Council(channel="x", moved={"2026-W52": "monday 14:00", "2026-W53": "None"})
    assert meets(rules, BERLIN, Week(2026, 52)) == datetime(2026, 12, 21, 14)  # noqa: DTZ001
    assert meets(rules, BERLIN, Week(2026, 53)) is None
    assert rules.times == ("10:00", "14:00")
    after = datetime(2026, 12, 28, 12, tzinfo=UTC)
    assert next_week(rules, BERLIN, after) == Week(2027, 1)
    assert since(rules, BERLIN, Week(2027, 1)) == moment(rules, BERLIN, Week(2026, 52))


def test_when_a_whole_week_is_off_the_agenda_waits() -> None:
    never = Calendar(ZoneInfo("UTC"), weekdays=frozenset({0}), country="DE")
    rules = Council(channel="x", at="Monday 10:00")
    assert meets(rules, never, Week(2026, 15)) is None  # Easter Monday is the only working day
    assert meets(rules, never, Week(2026, 16)) is not None


@given(DAYS, st.sampled_from(["Monday 09:00", "Tuesday 10:00", "Friday 16:30", "Sunday 02:30"]))
def test_a_council_is_due_once_a_week_on_a_working_day(day: date, at: str) -> None:
    rules = Council(channel="x", at=at)
    week = Week.of(day)
    local = meets(rules, BERLIN, week)
    if local is None:
        return
    assert works_on(BERLIN, local.date())
    now = moment(rules, BERLIN, week)
    assert now is not None
    assert due_week(rules, BERLIN, now) == week
    assert due_week(rules, BERLIN, now - timedelta(hours=2)) != week
    assert since(rules, BERLIN, week) < now
    following = next_week(rules, BERLIN, now)
    assert str(following) > str(week)


@pytest.mark.parametrize("said", ["Tuesday", "Tue 10:00", "Tuesday 25:00", "10:00", "Tuesday 9:00"])
def test_a_time_that_cannot_be_read(said: str) -> None:
    with pytest.raises(ValidationError, match="day of the week and a time"):
        Council(channel="x", at=said)


def test_what_cannot_be_meant() -> None:
    with pytest.raises(ValidationError, match="must be a week"):
        Council(channel="x", moved={"2026-W60": "none"})
    with pytest.raises(ValidationError, match="in voices"):
        Council(channel="x", voices=("lead",))


VOTES = st.lists(
    st.tuples(
        st.sampled_from("abcde"),
        st.frozensets(st.sampled_from(ROLES), max_size=3),
        st.sampled_from([*CHOICES, "object"]),
    ),
    unique_by=lambda v: v[0],
).map(lambda rows: [Vote(p, p.upper(), roles, said) for p, roles, said in rows])  # type: ignore[arg-type]
RULES = st.sampled_from(["consent", "votes", "roles"]).map(
    lambda by: Council.model_validate({"channel": "x", "decide_by": by})
)


@given(RULES, VOTES)
def test_at_the_closing_something_is_always_decided_and_without_a_voice_nothing_counts(
    rules: Council, votes: list[Vote]
) -> None:
    found = outcome(rules, votes, closed=True)
    assert found.final
    assert found.choice is not None
    counted = [v for v in votes if not v.roles.isdisjoint(rules.voices)]
    assert outcome(rules, counted, closed=True) == found
    if found.choice != "defer":
        assert found.by
        assert set(found.by) == {v.name for v in counted if v.said == found.choice}
    before = outcome(rules, votes, closed=False)
    assert not before.final or before == found  # what is final before the closing is so at it


@given(VOTES)
def test_by_votes_only_more_than_half_decides(votes: list[Vote]) -> None:
    rules = Council(channel="x", decide_by="votes")
    counted = [v for v in votes if not v.roles.isdisjoint(rules.voices)]
    found = outcome(rules, votes, closed=True)
    for choice in CHOICES:
        many = 2 * sum(v.said == choice for v in counted) > len(counted)
        assert not many or found.choice == choice
    assert outcome(rules, votes, closed=False).choice is None


def test_by_roles_one_person_is_one_role() -> None:
    rules = Council(channel="x", decide_by="roles")
    both = Vote("a", "A", frozenset({"finance", "product"}), "scale")
    product = Vote("b", "B", frozenset({"product"}), "scale")
    assert outcome(rules, [both], closed=False).choice is None
    assert outcome(rules, [both, product], closed=False).choice == "scale"
    assert outcome(rules, [both], closed=True).why.startswith("No agreement")
