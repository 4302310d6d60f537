"""Bands: strictly causal, robust, for every kind of series."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from guardrails.detection.bands import SCORE_CAP, Tuning, bands

WEEK = np.array([1, 1, 1, 1, 1, 0.5, 0.5])
PARTS = ("expected", "lower", "upper", "score", "deviation")


def weekly(
    days: int, level: float = 1000.0, noise: float = 0.06, seed: int = 0
) -> NDArray[np.float64]:
    """A series of days with quiet weekends."""
    random = np.random.default_rng(seed)
    return level * WEEK[np.arange(days) % 7] * np.exp(random.normal(0, noise, days))


def equal(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return bool(np.array_equal(one, other, equal_nan=True))


anything = st.one_of(
    st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
    st.just(0.0),
    st.just(float("nan")),
    st.just(100.0),
)


@settings(max_examples=60, deadline=None)
@given(
    values=arrays(np.float64, (2, 70), elements=anything),
    cut=st.integers(0, 69),
    future=arrays(np.float64, (2, 70), elements=anything),
)
def test_the_future_never_changes_the_past(
    values: NDArray[np.float64], cut: int, future: NDArray[np.float64]
) -> None:
    keys = np.arange(70, dtype=np.int64) % 30
    changed = values.copy()
    changed[:, cut:] = future[:, cut:]
    whole = bands(values, recurs=(keys,))
    other = bands(changed, recurs=(keys,))
    shorter = bands(values[:, :cut], recurs=(keys[:cut],))
    for part in PARTS:
        before = getattr(whole, part)[:, :cut]
        assert equal(before, getattr(other, part)[:, :cut])
        assert equal(before, getattr(shorter, part))
    # the band of the day itself does not know its value either
    for part in ("expected", "lower", "upper", "deviation"):
        assert equal(getattr(whole, part)[:, cut], getattr(other, part)[:, cut])


@settings(max_examples=30, deadline=None)
@given(values=arrays(np.float64, (3, 60), elements=anything), row=st.integers(0, 2))
def test_series_do_not_know_each_other(values: NDArray[np.float64], row: int) -> None:
    together, alone = bands(values), bands(values[row : row + 1])
    for part in PARTS:
        assert equal(getattr(together, part)[row], getattr(alone, part)[0])


@settings(max_examples=40, deadline=None)
@given(
    values=arrays(np.float64, (1, 60), elements=anything),
    power=st.integers(-12, 12),
)
def test_another_unit_gives_the_same_scores(values: NDArray[np.float64], power: int) -> None:
    factor = 2.0**power  # exact in floating point
    one, other = bands(values), bands(values * factor)
    assert equal(one.score, other.score)
    for part in ("expected", "lower", "upper"):
        assert equal(getattr(one, part) * factor, getattr(other, part))


@settings(max_examples=60, deadline=None)
@given(values=arrays(np.float64, (2, 80), elements=anything.map(abs)))
def test_scores_are_finite_and_say_the_same_as_the_band(values: NDArray[np.float64]) -> None:
    found = bands(values)
    known = ~np.isnan(found.score)
    assert np.all(np.abs(found.score[known]) <= SCORE_CAP)
    assert np.all(found.lower[known] <= found.upper[known])
    assert np.all(np.isnan(found.score[np.isnan(values)]))
    slack = 1e-6 * np.maximum(np.abs(found.upper), 1)
    inside = (values >= found.lower - slack) & (values <= found.upper + slack)
    assert np.all(inside[known & (np.abs(found.score) < 3.5)])


def test_a_weekly_pattern_is_no_anomaly() -> None:
    values = np.stack([weekly(365, seed=s) for s in range(50)])
    found = bands(values)
    assert np.mean(np.abs(found.score[:, 28:]) > 3.5) < 0.004
    weekend = np.arange(365) % 7 >= 5
    assert np.nanmedian(found.expected[:, 60:][:, weekend[60:]]) == pytest.approx(500, rel=0.03)
    assert np.nanmedian(found.expected[:, 60:][:, ~weekend[60:]]) == pytest.approx(1000, rel=0.03)


def test_a_spike_is_found_on_its_day_and_does_not_drag_the_band() -> None:
    values = np.stack([weekly(200, seed=s) for s in range(50)])
    calm = bands(values)
    values[:, 150] *= 3
    found = bands(values)
    assert np.all(found.score[:, 150] > 3.5)
    moved = np.abs(found.expected[:, 151:170] / calm.expected[:, 151:170] - 1)
    assert moved.max() < 0.12
    assert np.median(moved) < 0.02


def test_a_level_shift_is_learned_after_about_ten_days() -> None:
    values = np.stack([weekly(200, seed=s) for s in range(50)])
    values[:, 140:] *= 2
    score = bands(values).score
    assert np.mean(score[:, 140:147] > 3.5) > 0.97
    assert np.mean(np.abs(score[:, 155:]) > 3.5) < 0.01


@pytest.mark.parametrize("growth", [0.005, 0.01, 0.02, -0.01])
def test_growth_is_followed(growth: float) -> None:
    values = np.stack([weekly(200, seed=s) for s in range(50)])
    values *= np.exp(growth * np.arange(200))
    score = bands(values).score[:, 42:]
    assert np.mean(np.abs(score) > 3.5) < 0.005
    assert abs(np.median(score)) < 0.6


def test_a_constant_series_has_a_band_and_finite_scores() -> None:
    values = np.full((1, 60), 250.0)
    values[0, 40], values[0, 50] = 251.0, 500.0
    found = bands(values)
    assert found.expected[0, 39] == 250
    assert found.upper[0, 39] > found.lower[0, 39]
    assert abs(found.score[0, 40]) < 1
    assert 3.5 < found.score[0, 50] <= SCORE_CAP


def test_nothing_then_something_is_as_far_out_as_can_be() -> None:
    values = np.zeros((1, 60))
    values[0, 50] = 5.0
    found = bands(values)
    assert found.upper[0, 49] == 0
    assert found.score[0, 49] == 0
    assert found.score[0, 50] == SCORE_CAP


def test_a_sparse_series_is_judged_by_its_busy_days() -> None:
    random = np.random.default_rng(3)
    values = np.zeros((1, 200))
    values[0, ::9] = 400 * np.exp(random.normal(0, 0.2, len(values[0, ::9])))
    values[0, 185] = 3000
    found = bands(values)
    usual = np.arange(100, 200) != 185
    assert np.all(np.abs(found.score[0, 100:][usual]) <= 3.5)
    assert found.score[0, 185] > 3.5
    assert found.lower[0, 150] == 0
    assert 0 < found.expected[0, 150] < 100


def test_bursts_are_told_thrice_and_then_usual() -> None:
    values = 5 * np.exp(np.random.default_rng(4).normal(0, 0.1, (1, 140)))
    values[0, 40:140:8] = 250
    values[0, 130] = 900
    out = np.flatnonzero(bands(values).score[0] > 3.5).tolist()
    assert out == [40, 48, 56, 130]


def test_a_short_past_claims_nothing() -> None:
    values = weekly(40)[None, :]
    found = bands(values)
    assert np.all(np.isnan(found.score[0, : Tuning().min_points]))
    assert np.all(~np.isnan(found.score[0, Tuning().min_points :]))
    assert np.all(np.isnan(bands(values[:, :10]).expected))
    assert bands(np.zeros((0, 30))).score.shape == (0, 30)
    assert bands(np.zeros((3, 0))).score.shape == (3, 0)


def test_missing_days_cost_little() -> None:
    values = np.stack([weekly(200, seed=s) for s in range(30)])
    holes = np.random.default_rng(1).random(values.shape) < 0.2
    whole, holed = bands(values), bands(np.where(holes, np.nan, values))
    assert np.all(np.isnan(holed.score[holes]))
    later = np.s_[:, 40:]
    assert np.nanmedian(np.abs(holed.expected[later] / whole.expected[later] - 1)) < 0.02
    assert np.nanmean(np.abs(holed.score[later][~holes[later]]) > 3.5) < 0.005


def test_what_comes_every_month_is_expected_the_second_time() -> None:
    days = 120
    values = weekly(days, noise=0.04)[None, :]
    keys = np.arange(days, dtype=np.int64) % 30
    values[0, keys == 0] += 2000
    found = bands(values, recurs=(keys,))
    assert found.score[0, 30] > 3.5
    assert np.all(np.abs(found.score[0, [60, 90]]) <= 3.5)
    values[0, 90] += 9000
    assert bands(values, recurs=(keys,)).score[0, 90] > 3.5


def test_values_below_zero_are_as_good() -> None:
    random = np.random.default_rng(5)
    values = random.normal(0, 1, (20, 200)) - 0.5
    values[:, 180] = 25
    found = bands(values)
    assert np.mean(np.abs(found.score[:, 40:180]) > 3.5) < 0.01
    assert np.all(found.score[:, 180] > 3.5)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="series × steps"):
        bands(np.zeros(5))


def test_a_thousand_series_of_a_year_take_seconds() -> None:
    import time

    values = np.stack([weekly(365, seed=s) for s in range(1000)])
    start = time.perf_counter()
    bands(values)
    assert time.perf_counter() - start < 15  # 2 s on an idle machine
