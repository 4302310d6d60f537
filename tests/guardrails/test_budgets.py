"""Periods, limits and shares of budgets: pure."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.budgets import (
    Entry,
    Span,
    Standing,
    applies,
    checkpoint,
    crossed,
    limit_on,
    span_of,
    tightest,
)
from guardrails.burn import Burn
from guardrails.policy.budgets import Budget, Nudge, Nudges, Scope, Term

days = st.dates(date(2024, 1, 1), date(2030, 12, 31))
NOVEMBER = Span("2026-11", date(2026, 11, 1), date(2026, 11, 30))


def budget(**values: Any) -> Budget:
    given_ = {"name": "b", "scope": {"experiment": "ranker"}, "limit": 1000, **values}
    return Budget.model_validate(given_)


def stands(spent: int, forecast: int, limit: int = 1000, name: str = "b") -> Standing:
    """In the middle of November, with the rest of the forecast spent evenly."""
    through = date(2026, 11, 15)
    left = (NOVEMBER.last - through).days
    by_day = tuple(
        (
            through + timedelta(days=n),
            Decimal(spent) + Decimal(forecast - spent) * n / left,
            Decimal(0),
            Decimal(0),
        )
        for n in range(1, left + 1)
    )
    course = Burn(
        spent=Decimal(spent),
        billed=Decimal(spent),
        through=through,
        rate=Decimal(1),
        forecast=Decimal(forecast),
        lower=Decimal(forecast),
        upper=Decimal(forecast),
        by_day=by_day,
        runway_days=None,
        exhausted_on=None,
        change=None,
    )
    return Standing(budget(name=name, limit=limit), NOVEMBER, Decimal(limit), course)


@given(days, st.sampled_from(["month", "quarter"]))
def test_each_day_is_in_one_period_and_periods_join(day: date, period: str) -> None:
    b = budget(period=period)
    span = span_of(b, day)
    assert span is not None
    assert span.first <= day <= span.last
    for other in (span.first, span.last):
        assert span_of(b, other) == span
    after = span_of(b, span.last + timedelta(days=1))
    assert after is not None
    assert after.first == span.last + timedelta(days=1)
    assert after.key > span.key
    assert span.days in ((28, 29, 30, 31) if period == "month" else (90, 91, 92))


def test_names_of_periods() -> None:
    day = date(2026, 12, 31)
    assert span_of(budget(period="quarter"), day) == Span("2026-Q4", date(2026, 10, 1), day)
    term = Term.model_validate({"from": "2026-12-01", "to": "2026-12-31"})
    assert span_of(budget(period=term), day) == Span("from 2026-12-01", date(2026, 12, 1), day)
    assert span_of(budget(period=term), date(2027, 1, 1)) is None
    assert span_of(budget(period=term), date(2026, 11, 30)) is None


@given(st.lists(st.tuples(st.integers(-500, 500), st.none() | days)), days)
def test_a_limit_is_the_sum_of_what_counts_on_the_day(
    moves: list[tuple[int, date | None]], day: date
) -> None:
    entries = [Entry("overrun", Decimal(amount), until) for amount, until in moves]
    wanted = sum(amount for amount, until in moves if until is None or until >= day)
    assert limit_on(entries, day) == wanted
    assert limit_on(reversed(entries), day) == wanted


@pytest.mark.parametrize(
    ("spent", "forecast", "over"),
    [(100, 900, 0), (100, 1000, 0), (100, 1001, 1), (1200, 1100, 200)],
)
def test_how_far_beyond(spent: int, forecast: int, over: int) -> None:
    s = stands(spent, forecast)
    assert s.over == over
    assert s.is_over == (over > 0)


def test_all_that_is_given_must_match() -> None:
    scope = Scope(workload="training", stage="pilot")
    assert applies(scope, {"workload": "training", "stage": "pilot", "team": "search"})
    assert not applies(scope, {"workload": "training"})
    assert not applies(scope, {"workload": "training", "stage": "scaled"})


def test_the_tightest_leaves_the_least_share() -> None:
    wide, narrow = stands(100, 900, name="wide"), stands(1000, 9500, limit=10000, name="narrow")
    assert tightest([wide, narrow]) == narrow
    assert tightest([]) is None


def test_a_forecast_that_is_spent_already_says_nothing_new() -> None:
    nudges = Nudges(actual=(Nudge(at=50), Nudge(at=100)), forecast=(Nudge(at=100), Nudge(at=120)))
    found = [(c.basis, c.nudge.at) for c in crossed(nudges, stands(600, 1100))]
    assert found == [("actual", 50), ("forecast", 100)]
    found = [(c.basis, c.nudge.at) for c in crossed(nudges, stands(1050, 1300))]
    assert found == [("actual", 50), ("actual", 100), ("forecast", 120)]
    assert crossed(nudges, stands(100, 999)) == ()


def test_the_next_checkpoint_is_the_day_of_the_next_share() -> None:
    nudges, today = Nudges(actual=(Nudge(at=50), Nudge(at=75)), forecast=()), date(2026, 11, 16)
    assert checkpoint(nudges, stands(600, 900), today) == date(
        2026, 11, 23
    )  # 20 a day from the 15th
    assert checkpoint(nudges, stands(600, 610), today) == NOVEMBER.last
    assert checkpoint(nudges, stands(800, 900), today) == NOVEMBER.last
