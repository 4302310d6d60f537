"""The retrospective's rules: quarters, verdicts that never get stricter by false alarms, savings counted once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.business_time import Calendar
from guardrails.policy.retrospective import Retrospective
from guardrails.retro.quarter import LATE, Quarter, due_quarter, last_complete, posted_at
from guardrails.retro.saving import Saving, of_resolved, of_stop, once
from guardrails.retro.tally import Case, Kind, Outcome, Rule, Tally, friction_of
from guardrails.retro.verdict import DROPPABLE, VERDICTS, judge

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = Calendar(BERLIN, country="DE")
RULES = Retrospective(channel="leadership")
KINDS: Sequence[Kind] = ("signal", "rung", "redline", "budget", "nudge")


def tally(
    right: int = 0, needless: int = 0, overruled: int = 0, missed: int = 0, kind: Kind = "signal"
) -> Tally:
    counts: list[tuple[Outcome, int]] = [
        ("right", right),
        ("needless", needless),
        ("overruled", overruled),
    ]
    cases = tuple(Case(outcome) for outcome, count in counts for _ in range(count))
    return Tally(Rule(kind, ("detection",), "x", "x"), cases, ("missed",) * missed)


# --- quarters ---------------------------------------------------------------------------------------


@given(st.dates(date(1905, 1, 1), date(9000, 1, 1)))
def test_a_day_is_in_its_quarter_and_quarters_have_no_gaps(day: date) -> None:
    quarter = Quarter.of(day)
    assert quarter.period.first <= day <= quarter.period.last
    assert Quarter.parse(str(quarter)) == quarter == quarter.plus(5).plus(-5)
    assert quarter.plus(1).period.first == quarter.period.last + timedelta(days=1)
    assert last_complete(day).plus(1) == quarter


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-Q5", "2026-Q0", "26-Q1", "Q3", "2026-W12", "2026-Q12", "٢٠٢٦-Q1"]
)
def test_what_is_no_quarter_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 2026-Q3"):
        Quarter.parse(text)


@pytest.mark.parametrize(
    ("quarter", "local"),
    [
        (Quarter(2026, 4), "2027-01-04T10:00"),  # New Year's Day is a Friday
        (Quarter(2026, 1), "2026-04-01T10:00"),
        (Quarter(2026, 3), "2026-10-01T10:00"),
        (Quarter(2027, 1), "2027-04-01T10:00"),
        (Quarter(2021, 1), "2021-04-01T10:00"),  # Good Friday is the day after
    ],
)
def test_it_is_due_on_the_first_working_day_after(quarter: Quarter, local: str) -> None:
    at = posted_at(CALENDAR, quarter, "10:00")
    assert at == datetime.fromisoformat(local)
    moment = at.replace(tzinfo=BERLIN).astimezone(UTC)
    second = timedelta(seconds=1)
    assert due_quarter(CALENDAR, "10:00", moment - second) is None
    assert due_quarter(CALENDAR, "10:00", moment) == quarter
    assert due_quarter(CALENDAR, "10:00", moment + LATE - timedelta(hours=2)) == quarter
    assert due_quarter(CALENDAR, "10:00", moment + LATE + timedelta(hours=2)) is None


def test_a_quarter_begins_at_midnight_of_the_workspace() -> None:
    begin, end = Quarter(2026, 4).times(BERLIN)
    assert begin == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert end == datetime(2026, 12, 31, 23, tzinfo=UTC)


# --- verdicts ---------------------------------------------------------------------------------------

_count = st.integers(0, 30)


@given(_count, _count, _count, st.integers(0, 8), st.sampled_from(KINDS), st.integers(1, 20))
def test_more_false_alarms_never_make_a_rule_stricter(
    right: int, needless: int, overruled: int, missed: int, kind: Kind, more: int
) -> None:
    before = judge(tally(right, needless, overruled, missed, kind), RULES).verdict
    after = judge(tally(right, needless + more, overruled, missed, kind), RULES).verdict
    assert VERDICTS.index(after) >= VERDICTS.index(before)


@given(_count, _count, _count, st.integers(0, 8), st.sampled_from(KINDS))
def test_what_was_right_is_never_dropped_and_few_cases_change_nothing(
    right: int, needless: int, overruled: int, missed: int, kind: Kind
) -> None:
    found = judge(tally(right, needless, overruled, missed, kind), RULES)
    assert found == judge(tally(right, needless, overruled, missed, kind), RULES)
    assert found.reason.endswith(".")
    if right or kind not in DROPPABLE:
        assert found.verdict != "drop"
    if right + needless + overruled < RULES.least_cases and missed < RULES.missed:
        assert found.verdict == "keep"


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        (tally(), "keep", "It never fired."),
        (tally(2, 2), "keep", "Too few to judge: 4 judged cases, and 5 are needed."),
        (tally(3, 2), "loosen", "2 false alarms, of 5 judged cases."),
        (tally(4, 2), "keep", "It was right in 4 of 6 judged cases."),
        (tally(2, 0, 3), "loosen", "3 overruled, of 5 judged cases."),
        (tally(6, 1, 0, 3), "tighten", "It missed 3; it was right in 6 of 7."),
        (tally(0, 0, 0, 4), "tighten", "It missed 4; it was never judged."),
        (tally(3, 2, 0, 9), "loosen", "2 false alarms, of 5 judged cases."),  # not both ways
        (tally(0, 9, 1), "drop", "None of its 10 judged cases was right: 9 false alarms and 1 overruled."),
        (tally(0, 10, kind="rung"), "loosen", "10 waved through, of 10 judged cases."),
    ],
)  # fmt: skip
def test_verdicts_by_hand(found: Tally, verdict: str, reason: str) -> None:
    judged = judge(found, RULES)
    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_the_thresholds_are_the_policys() -> None:
    strict = RULES.model_copy(update={"least_cases": 1, "false_alarms": 100, "overruled": 100})
    assert judge(tally(1, 4), strict).verdict == "keep"
    assert judge(tally(0, 1), strict).verdict == "loosen"


# --- savings ----------------------------------------------------------------------------------------

STOP = date(2026, 10, 9)


def by_day(before: int, after: int) -> list[tuple[date, Decimal]]:
    days = [STOP + timedelta(days=n) for n in range(-10, 15)]
    return [(d, Decimal(before if d <= STOP else after)) for d in days]


def stop(
    *, days: int = 7, ends: date | None = None, resumed: date | None = None, after: int = 0
) -> Saving | None:
    return of_stop(
        "c", {"experiment": "x"}, by_day(100, after), stopped_on=STOP, ends_on=ends, resumed_on=resumed,
        known=date(2026, 10, 20), most=days,
    )  # fmt: skip


def test_a_halt_saves_its_rate_until_it_would_have_ended() -> None:
    week = stop()
    assert week is not None
    assert week.amount == 700
    assert (week.first, week.last) == (date(2026, 10, 10), date(2026, 10, 16))
    less = stop(ends=date(2026, 10, 12))
    assert less is not None
    assert less.amount == 300
    assert stop(ends=STOP) is None  # its last day
    kept_on = stop(after=40)  # it spends on for its data
    assert kept_on is not None
    assert kept_on.amount == 420
    assert stop(after=120) is None
    assert stop(resumed=date(2026, 10, 12)) is None  # put off, not saved


def resolved(impact: int, last: int, decided: int) -> Saving | None:
    return of_resolved(
        "c", {"experiment": "x"}, Decimal(impact), started_on=date(2026, 10, 6),
        last_on=date(2026, 10, last), decided_on=date(2026, 10, decided), most=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("impact", "last", "decided", "saved"),
    [
        (300, 8, 8, 700),  # 100 a day, for a week
        (300, 8, 9, 700),
        (500, 10, 8, 500),  # it went on for two days
        (300, 8, 12, None),  # it was over by itself
        (-300, 8, 8, None),
        (2000, 25, 8, None),  # it went on for longer than a week
    ],
)
def test_an_anomaly_that_was_resolved_saves_its_rate_for_a_week(
    impact: int, last: int, decided: int, saved: int | None
) -> None:
    found = resolved(impact, last, decided)
    assert (found.amount if found else None) == saved


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4), st.sampled_from("ab"), st.integers(0, 20), st.integers(0, 9), st.integers(1, 900)
        ),
        max_size=12,
    )
)  # fmt: skip
def test_no_day_of_a_scope_is_counted_twice(
    given_: list[tuple[int, str, int, int, int]],
) -> None:
    first = date(2026, 10, 1)
    savings = [
        Saving(
            f"c{n}",
            {"experiment": name},
            first + timedelta(days=a),
            first + timedelta(days=a + b),
            Decimal(m),
        )
        for n, (_, name, a, b, m) in enumerate(given_)
    ]
    found = once(savings)
    kept = [s for s in savings if s.case in found]
    assert sum(found.values(), Decimal(0)) == sum((s.amount for s in kept), Decimal(0))
    days = [
        (s.scope["experiment"], s.first + timedelta(days=n))
        for s in kept
        for n in range((s.last - s.first).days + 1)
    ]
    assert len(days) == len(set(days))
    if savings:
        assert max(s.amount for s in savings) in found.values()
    assert found == once(savings[::-1])


def saved(scope: dict[str, str], amount: int) -> Saving:
    case = " ".join(f"{name}:{value}" for name, value in scope.items())
    return Saving(case, scope, date(2026, 10, 1), date(2026, 10, 7), Decimal(amount))


def test_scopes_that_may_hold_the_same_money_are_counted_once() -> None:
    """What people stopped of a team, and an anomaly of one of its experiments."""
    team = saved({"team": "search"}, 500)
    other = saved({"team": "ads"}, 200)
    experiment = saved({"experiment": "ranker"}, 300)
    assert once([team, experiment]) == {"team:search": 500}
    assert once([team, other]) == {"team:search": 500, "team:ads": 200}


def test_an_experiment_and_what_its_feature_has_without_one_share_no_money() -> None:
    experiment = saved({"experiment": "ranker"}, 300)
    rest = saved({"experiment": "", "feature": "search"}, 100)
    assert sum(once([experiment, rest]).values()) == 400
    whole = saved({"feature": "search"}, 150)  # of a budget: with its experiments
    assert once([experiment, rest, whole]) == {experiment.case: 300, rest.case: 100}


# --- friction ---------------------------------------------------------------------------------------


@given(
    st.lists(st.decimals(0, 80, places=2), max_size=8),
    st.lists(st.decimals(0, 80, places=2), max_size=8),
)
def test_friction_is_the_sum_of_all_waits(asked: list[Decimal], stood: list[Decimal]) -> None:
    def of(kind: Kind, waits: list[Decimal]) -> Tally:
        cases = (Case("open", waited=w, request=str(n)) for n, w in enumerate(waits))
        return Tally(Rule(kind, (), "x", "x"), tuple(cases))

    found = friction_of([of("rung", asked), of("redline", stood), of("gate", [])])
    assert found.hours == sum(asked, Decimal(0)) + sum(stood, Decimal(0))
    assert (found.asked, found.stopped) == (len(asked), len(stood))
    assert found.cost(Decimal(80)) == (found.hours * 80).quantize(Decimal("0.01"))
    assert found.cost(None) is None


def test_a_request_that_waited_on_two_rungs_is_one_request() -> None:
    """It counted as two, and half of the requests seemed to wait for less than they did."""

    def rung(name: str, **waits: int) -> Tally:
        cases = (Case("open", waited=Decimal(w), request=of) for of, w in waits.items())
        return Tally(Rule("rung", (), name, name), tuple(cases))

    found = friction_of([rung("lead", a=4, b=3, c=1), rung("joint", a=6)])
    assert (found.asked, found.waited, found.median) == (3, 14, 3)  # 10, 3 and 1
