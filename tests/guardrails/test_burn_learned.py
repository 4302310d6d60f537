"""What a burn learns from its history: the week, the level, its changes, the month; and what it leaves alone."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from guardrails.burn import burn
from guardrails.burn.changes import last_change
from guardrails.burn.month import bumps, places, recurring
from guardrails.burn.week import factors
from tests.guardrails.test_burn import FIRST, daily, month_of, of_month

Vector = NDArray[np.float64]
WEEK = np.array([1.0, 1.04, 1.05, 1.03, 0.94, 0.42, 0.38])


def working(days: int, level: float, noise: float, seed: int, first: date = FIRST) -> Vector:
    """Spend that follows the working week, with noise."""
    weekdays = (first.weekday() + np.arange(days)) % 7
    rng = np.random.default_rng(seed)
    values: Vector = level * WEEK[weekdays] * np.exp(rng.normal(0, noise, days))
    return values


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(28, 100), st.floats(1, 1e6))
def test_the_week_is_learned(seed: int, days: int, level: float) -> None:
    """Fridays' run rate promises too much, Mondays' too little; the week's course does neither."""
    values = working(days + 31, level, 0.03, seed)
    history = daily(values[:days])
    today = history.last + timedelta(days=1)
    first, last = month_of(today)
    if (today - first).days in (0, 7, 14, 21, 28) or (last - today).days < 3:
        return
    found = burn(history, first, last, None, today)
    start = max((first - FIRST).days, 0)
    actual = values[start : (last - FIRST).days + 1].sum()
    rest = values[days : (last - FIRST).days + 1].sum()
    assert abs(float(found.forecast) - actual) < 0.12 * rest


def test_the_course_is_closer_than_the_run_rate() -> None:
    ours = naive = 0.0
    for seed in range(12):
        values = working(92, 100, 0.05, seed)
        for gone in (4, 9, 13, 18):
            history = daily(values[: 61 + gone])
            found = of_month(history)
            actual = values[61:91].sum() if history.last.month == 10 else values[61:92].sum()
            ours += abs(float(found.forecast) - actual)
            naive += abs(float(found.spent) / gone * 31 - actual)
    assert ours < naive / 3


def test_the_factors_of_a_week_are_what_they_were() -> None:
    values = working(56, 100, 0.02, 3)
    found = factors(values, (FIRST.weekday() + np.arange(56)) % 7)
    assert found.mean() == pytest.approx(1)
    assert found == pytest.approx(WEEK / WEEK.mean(), abs=0.06)


def test_a_weekly_job_is_on_its_day() -> None:
    values = np.zeros(56)
    values[(FIRST.weekday() + np.arange(56)) % 7 == 2] = 700.0
    found = of_month(daily(values))  # the 26th of September 2026 is a Saturday
    assert float(found.rate) == pytest.approx(100, rel=0.1)
    assert float(found.forecast - found.spent) == pytest.approx(700, rel=0.25)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(5, 99), st.floats(5, 1e5))
def test_a_one_off_job_is_not_carried_on(seed: int, at: int, size: float) -> None:
    """Somebody ran a backfill once. Its money is spent; the days to come are as before."""
    values = working(100, 100, 0.03, seed)
    spiked = values.copy()
    spiked[at] += 100 * size
    usual, found = of_month(daily(values)), of_month(daily(spiked))
    coming = float(usual.forecast - usual.spent)
    assert float(found.forecast - found.spent) == pytest.approx(coming, rel=0.03)
    assert found.change is None


def test_one_job_in_a_long_silence_is_no_rate() -> None:
    values = np.zeros(60)
    values[50] = 9_000
    assert of_month(daily(values)).rate == 0


def test_the_first_day_after_a_silence_is_a_job_and_the_second_makes_a_rate() -> None:
    """One day of 5,000 after weeks of nothing promised 50,000; nobody had launched anything."""
    one = of_month(daily([0.0] * 19 + [5_000.0]))
    assert one.forecast == one.spent == 5_000
    assert one.upper > one.forecast
    two = of_month(daily([0.0] * 19 + [5_000.0] * 2))
    assert two.rate == 5_000


def test_a_large_credit_is_not_carried_on() -> None:
    found = of_month(daily([100.0] * 10 + [-2_000.0] + [100.0] * 5))
    assert found.spent == -500
    assert found.rate == 100


def test_jobs_that_come_again_and_again_are_a_rate() -> None:
    """Sweeps on half of the days cost fifteen times a quiet day: no outliers, but what this team does."""
    rng = np.random.default_rng(5)
    values = np.where(rng.random(112) < 0.35, 150.0, 10.0) * np.exp(rng.normal(0, 0.1, 112))
    assert float(of_month(daily(values)).rate) == pytest.approx(values[-56:].mean(), rel=0.2)


@pytest.mark.parametrize("factor", [2.0, 0.5, 0.0])
@pytest.mark.parametrize("ago", [5, 8, 20, 45])
def test_a_lasting_change_is_told_and_followed(factor: float, ago: int) -> None:
    values = working(110, 100, 0.03, 11)
    values[-ago:] *= factor
    history = daily(values)
    found = of_month(history)
    assert found.change is not None
    assert abs((history.last + timedelta(days=1 - ago) - found.change.on).days) <= 2
    assert float(found.change.before) == pytest.approx(100 * WEEK.mean(), rel=0.1)
    assert float(found.change.after) == pytest.approx(100 * WEEK.mean() * factor, rel=0.1, abs=1)
    assert float(found.rate) == pytest.approx(100 * WEEK.mean() * factor, rel=0.1, abs=1)


def test_noise_alone_hardly_ever_changes_the_level() -> None:
    told = 0
    for seed in range(100):
        values = working(100, 100, 0.15, seed)
        weekdays = (FIRST.weekday() + np.arange(100)) % 7
        told += last_change(values, factors(values, weekdays)[weekdays]) is not None
    assert told <= 3


def test_what_grows_goes_on_growing_more_slowly() -> None:
    values = 100 * np.exp(0.005 * np.arange(105))
    found = of_month(daily(values))
    coming = float(found.forecast - found.spent)
    days = len(found.by_day)
    assert coming > 1.01 * values[-1] * days
    assert coming < 1.02 * 100 * np.exp(0.005 * np.arange(105, 105 + days)).sum()


def test_what_comes_every_month_is_expected_on_its_day() -> None:
    """A licence on the first of the month: a run rate of the first week would promise five of them."""
    values = np.array(
        [950.0 if (FIRST + timedelta(days=i)).day == 1 else 20.0 for i in range(95)]
    )  # to the 3rd of November
    found = of_month(daily(values))
    assert float(found.forecast) == pytest.approx(950 + 29 * 20, rel=0.02)
    on_eve = burn(
        daily(values[:92]), date(2026, 11, 1), date(2026, 11, 30), None, date(2026, 11, 1)
    )
    assert float(on_eve.forecast) == pytest.approx(950 + 29 * 20, rel=0.02)


def test_places_in_a_month_are_counted_from_the_nearer_end() -> None:
    assert places(date(2024, 2, 26), 5).tolist() == [26, -3, -2, -1, 1]
    assert places(date(2026, 12, 28), 5).tolist() == [28, -3, -2, -1, 1]


def test_one_months_jump_does_not_recur() -> None:
    away = np.random.default_rng(1).normal(0, 1, 80)
    away[30] = 50.0  # the 31st of August
    assert recurring(away, FIRST) == {}
    away[60] = 40.0  # the 30th of September
    found = recurring(away, FIRST)
    assert found == {-1: 40.0}
    assert np.flatnonzero(bumps(found, date(2026, 10, 1), 31)).tolist() == [30]


def test_the_interval_holds_what_it_says() -> None:
    """Steady noise: about four of five months end within, and the interval is no wider than it must be."""
    inside, widths = [], []
    for seed in range(40):
        values = working(123, 100, 0.1, seed)
        found = burn(
            daily(values[:102]), date(2026, 11, 1), date(2026, 11, 30), None, date(2026, 11, 11)
        )
        actual = values[92:122].sum()
        inside.append(float(found.lower) <= actual <= float(found.upper))
        widths.append(float(found.upper - found.lower) / actual)
    assert 0.7 <= np.mean(inside) <= 1.0
    assert np.mean(widths) < 0.15
