"""The share of spend that moved to other resources."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from guardrails.detection.mix import moved_share


def test_a_move_of_a_third_is_a_third() -> None:
    spend = np.zeros((1, 2, 40))
    spend[0, 0] = 90.0
    spend[0, 1, 30:] = 45.0
    found = moved_share(spend)[0]
    assert np.all(np.isnan(found[:7]))
    assert np.all(found[7:30] == 0)
    assert found[30] == pytest.approx(1 / 3)
    assert found[31] < found[30]  # it becomes what is usual


def test_growth_alone_moves_nothing() -> None:
    spend = np.ones((1, 3, 50)) * np.exp(0.05 * np.arange(50))
    assert np.nanmax(moved_share(spend)) == pytest.approx(0, abs=1e-9)


def test_days_without_spend_say_nothing() -> None:
    spend = np.ones((2, 2, 30))
    spend[0, :, 20] = 0
    spend[1] = 0
    found = moved_share(spend)
    assert np.isnan(found[0, 20])
    assert np.all(np.isnan(found[1]))


@settings(max_examples=40, deadline=None)
@given(
    spend=arrays(np.float64, (2, 3, 40), elements=st.floats(-10, 1000)),
    cut=st.integers(1, 39),
)
def test_it_is_a_share_and_knows_no_future(spend: NDArray[np.float64], cut: int) -> None:
    found = moved_share(spend)
    known = found[~np.isnan(found)]
    assert np.all((known >= 0) & (known <= 1))
    assert np.array_equal(found[:, :cut], moved_share(spend[:, :, :cut]), equal_nan=True)
