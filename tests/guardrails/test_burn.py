"""Burn of a budget: what is exact, what holds for every history, and what is learned from one."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.burn import Burn, Spent, burn

FIRST = date(2026, 8, 1)
MICRO = Decimal("0.000001")
LIMIT = Decimal(3000)

amounts = st.one_of(
    st.just(Decimal(0)),
    st.decimals(-50, 5000, places=2),
    st.decimals(90, 110, places=6),
)
histories = st.builds(
    Spent,
    st.dates(date(2023, 12, 1), date(2026, 3, 1)),
    st.lists(amounts, max_size=90).map(tuple),
)


@st.composite
def budgets(draw: st.DrawFn) -> tuple[Spent, date, date, date]:
    """A history, a period and today: periods before, within and after what is known."""
    history = draw(histories)
    first = history.first + timedelta(days=draw(st.integers(-40, 120)))
    last = first + timedelta(days=draw(st.integers(0, 45)))
    today = history.first + timedelta(days=draw(st.integers(-3, len(history.days) + 3)))
    return history, first, last, today


def daily(values: list[float] | np.ndarray, first: date = FIRST) -> Spent:
    return Spent(first, tuple(Decimal(repr(round(float(v), 6))) for v in values))


def month_of(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def of_month(history: Spent, limit: Decimal | None = None) -> Burn:
    """The burn of the month in which the day after the history lies, on that day."""
    today = history.last + timedelta(days=1)
    return burn(history, *month_of(today), limit, today)


@settings(max_examples=60, deadline=None)
@given(budgets(), st.sampled_from([None, Decimal(0), Decimal(500), Decimal(20_000)]))
def test_every_burn_is_consistent(
    budget: tuple[Spent, date, date, date], limit: Decimal | None
) -> None:
    history, first, last, today = budget
    found = burn(history, first, last, limit, today)
    known = history.before(today)
    days = [d for i, d in enumerate(known.days) if first <= known.first + timedelta(days=i) <= last]
    assert found.spent == sum(days, Decimal(0))
    assert found.lower <= found.forecast <= found.upper
    if found.through is not None:
        assert first <= found.through <= last
        assert found.through < today
    to_come = [day for day, *_ in found.by_day]
    if to_come:
        assert to_come[-1] == last
        assert to_come == [to_come[0] + timedelta(days=i) for i in range(len(to_come))]
        assert to_come[0] == (found.through + timedelta(days=1) if found.through else first)
        assert found.by_day[-1][1:] == (found.forecast, found.lower, found.upper)
    else:
        assert found.through == last
        assert found.forecast == found.lower == found.upper == found.spent
    for _, expected, lower, upper in found.by_day:
        assert lower <= expected <= upper
    if all(d >= 0 for d in known.days):
        courses = zip(*((e, low, up) for _, e, low, up in found.by_day), strict=True)
        assert all(list(course) == sorted(course) for course in courses)
        assert found.forecast >= found.lower >= found.spent
        assert found.rate >= 0
    if limit is None:
        assert found.runway_days is None
        assert found.exhausted_on is None
    elif found.spent >= limit:
        assert found.runway_days == 0
        assert found.exhausted_on is not None
        assert first <= found.exhausted_on <= (found.through or first)
    else:
        crossing = [day for day, expected, _, _ in found.by_day if expected >= limit]
        assert found.exhausted_on == (crossing[0] if crossing else None)
        if found.exhausted_on is None:
            assert found.runway_days is None
        else:
            start = found.through or first - timedelta(days=1)
            assert found.runway_days == (found.exhausted_on - start).days > 0


@settings(max_examples=30, deadline=None)
@given(budgets(), st.sampled_from([Decimal("0.001"), Decimal(7), Decimal(1000)]))
def test_money_in_another_unit_gives_the_same_burn(
    budget: tuple[Spent, date, date, date], factor: Decimal
) -> None:
    history, first, last, today = budget
    one = burn(history, first, last, LIMIT, today)
    scaled = Spent(history.first, tuple(d * factor for d in history.days))
    other = burn(scaled, first, last, LIMIT * factor, today)
    near = MICRO * (1 + factor)
    for a, b in (
        (one.rate, other.rate),
        (one.forecast, other.forecast),
        (one.lower, other.lower),
        (one.upper, other.upper),
    ):
        assert abs(a * factor - b) <= near
    assert other.spent == one.spent * factor
    assert other.through == one.through
    assert (other.change and other.change.on) == (one.change and one.change.on)


@settings(max_examples=30, deadline=None)
@given(budgets(), st.lists(amounts, min_size=1, max_size=20))
def test_days_from_today_on_are_never_looked_at(
    budget: tuple[Spent, date, date, date], later: list[Decimal]
) -> None:
    history, first, last, _ = budget
    today = history.last + timedelta(days=1)
    longer = Spent(history.first, (*history.days, *later))
    assert burn(longer, first, last, LIMIT, today) == burn(history, first, last, LIMIT, today)


@settings(max_examples=30, deadline=None)
@given(histories, st.integers(0, 60), st.integers(0, 31))
def test_a_finished_period_is_exact(history: Spent, start: int, length: int) -> None:
    last = history.first + timedelta(days=start + length)
    days = (*history.days, *[Decimal("0.01")] * (start + length + 1))
    first = history.first + timedelta(days=start)
    found = burn(Spent(history.first, days), first, last, None, last + timedelta(days=1))
    assert found.spent == found.forecast == found.lower == found.upper
    assert found.spent == sum(days[start : start + length + 1], Decimal(0))
    assert found.through == last
    assert found.by_day == ()


@pytest.mark.parametrize("days", [0, 1, 2, 3, 5, 6, 7, 8, 13, 14, 30, 120, 500])
@pytest.mark.parametrize("amount", ["0", "12.5", "-3"])
def test_what_is_always_the_same_goes_on(days: int, amount: str) -> None:
    money = Decimal(amount)
    found = of_month(Spent(FIRST, (money,) * days))
    rest = len(found.by_day)
    if days:
        assert found.forecast == found.spent + rest * money
        assert found.rate == money
    else:
        assert found.forecast == found.lower == found.upper == found.rate == 0
        assert found.through is None
    assert found.change is None


def test_nothing_known_of_a_period_to_come_but_its_course() -> None:
    found = burn(
        daily([10.0] * 40), date(2026, 10, 1), date(2026, 10, 31), Decimal(95), date(2026, 9, 10)
    )
    assert (found.spent, found.through) == (0, None)
    assert found.forecast == 310
    assert (found.runway_days, found.exhausted_on) == (10, date(2026, 10, 10))
    assert len(found.by_day) == 31


def test_the_day_on_which_the_limit_was_reached_is_told_as_it_was() -> None:
    found = of_month(daily([10.0] * 45), Decimal(95))  # to the 14th of September
    assert (found.runway_days, found.exhausted_on) == (0, date(2026, 9, 10))


def test_a_leap_year_has_its_day() -> None:
    for year, length in ((2024, 29), (2026, 28)):
        found = of_month(daily([10.0] * 40, date(year, 1, 1)))
        assert found.forecast == 10 * length


def test_a_period_ends_on_or_after_its_first_day() -> None:
    with pytest.raises(ValueError, match="period"):
        burn(daily([1.0]), date(2026, 8, 2), date(2026, 8, 1), None, date(2026, 8, 2))


def test_a_limit_far_beyond_the_horizon_has_no_runway() -> None:
    history = daily([1.0] * 40)
    today = history.last + timedelta(days=1)
    period = (today, today + timedelta(days=600))
    assert burn(history, *period, Decimal(400), today).runway_days == 400
    assert burn(history, *period, Decimal(401), today).runway_days is None


def test_bills_that_are_late_leave_days_to_come() -> None:
    """The bill ends on the 9th of September; it is the 12th: three days more are expected, not free."""
    history = daily([10.0] * 40)
    found = burn(history, date(2026, 9, 1), date(2026, 9, 30), None, date(2026, 9, 12))
    assert found.through == date(2026, 9, 9)
    assert found.by_day[0][0] == date(2026, 9, 10)
    assert found.forecast == 300


# --- days that are not complete ---------------------------------------------------------------------


def test_no_day_costs_less_than_is_billed_of_it() -> None:
    """Ten a day to the 9th of September; 200 are billed of the 10th, 4 of the 11th."""
    history = replace(daily([10.0] * 40), growing=(Decimal(200), Decimal(4)))
    found = of_month(history, Decimal(500))
    assert (found.spent, found.billed) == (90, 294)
    assert found.by_day[0][1] == 290
    assert found.by_day[1][1] == 300  # the 11th is not over: ten are expected of it
    assert found.forecast == 290 + 20 * 10
    assert 294 <= found.lower <= found.forecast <= found.upper
    assert found.runway_days is None


def test_a_limit_that_is_reached_by_what_is_billed_is_used_up() -> None:
    history = replace(daily([10.0] * 40), growing=(Decimal(200), Decimal(4)))
    found = of_month(history, Decimal(290))
    assert (found.runway_days, found.exhausted_on) == (0, date(2026, 9, 10))


def test_days_of_which_nothing_is_billed_say_nothing() -> None:
    """They were taken for days that cost at least nothing, which took the credit of a month's end away."""
    values = [
        -1500.0 if (FIRST + timedelta(days=n + 1)).day == 1 else 100.0 for n in range(112)
    ]  # to 20 November
    until = FIRST + timedelta(days=112)
    plain, silent = (
        burn(h, date(2026, 11, 1), date(2026, 11, 30), None, until)
        for h in (daily(values), replace(daily(values), growing=(Decimal(0),) * 10))
    )
    assert float(plain.forecast) == pytest.approx(29 * 100 - 1500, abs=1)
    assert silent == plain


def test_a_credit_that_is_billed_comes_off() -> None:
    """Ten a day to the 9th of September; of the 10th 60 were given back, 5 are paid ahead for the 30th."""
    history = replace(daily([10.0] * 40), growing=(Decimal(-60), *[Decimal(0)] * 19, Decimal(5)))
    found = of_month(history, None)
    assert (found.spent, found.billed) == (90, 35)
    assert found.by_day[0][1] == 90 + 10 - 60
    assert found.forecast == 300 - 60
    assert found.lower <= found.forecast <= found.upper


def test_what_is_billed_of_another_period_is_not_of_this_one() -> None:
    history = replace(daily([10.0] * 40), growing=(Decimal(200),))
    found = burn(history, date(2026, 10, 1), date(2026, 10, 31), None, date(2026, 9, 10))
    assert (found.billed, found.forecast) == (0, 310)


@given(
    st.lists(st.decimals(0, 1000, places=2), min_size=1, max_size=60),
    st.lists(st.decimals(0, 5000, places=2), max_size=12),
)
def test_no_forecast_is_below_what_is_billed(days: list[Decimal], growing: list[Decimal]) -> None:
    history = Spent(FIRST, tuple(days))
    last = history.last + timedelta(days=12)
    plain, found = (
        burn(h, FIRST, last, None, history.last + timedelta(days=1))
        for h in (history, replace(history, growing=tuple(growing)))
    )
    assert found.billed == sum((*days, *growing), Decimal(0))
    for day, mean, lower, upper in found.by_day:
        so_far = sum(growing[: (day - history.last).days], sum(days, Decimal(0)))
        assert so_far <= lower <= mean <= upper
    assert plain.forecast <= found.forecast
    assert history.complete_to(history.last) == history
    assert Spent(FIRST, (*days, *growing)).complete_to(history.last) == replace(
        history, growing=tuple(growing)
    )
