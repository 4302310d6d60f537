"""Findings: what is worth a message, from when to when, how bad, and what it costs."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from guardrails.detection.episodes import Episode, episodes
from guardrails.detection.find import find, in_order
from guardrails.detection.found import Found, Scope
from guardrails.detection.series import SeriesMatrix
from guardrails.detection.severity import severity
from guardrails.policy.alerts import Detection
from tests.detection.test_bands import weekly

FIRST = date(2026, 1, 5)


def matrix(values: NDArray[np.float64], **changes: Any) -> SeriesMatrix:
    """Spend series of experiments, all complete unless told otherwise."""
    rows, days = values.shape
    plain: dict[str, Any] = {
        "signal": "spend",
        "unit": "USD",
        "currency": "USD",
        "days": tuple(FIRST + timedelta(days=i) for i in range(days)),
        "scopes": tuple(Scope("experiment", f"e{i}") for i in range(rows)),
        "values": values,
        "complete": np.ones(values.shape, dtype=bool),
        "worth": np.ones(values.shape),
        "allocations": ({},) * rows,
        "watched": (("up", "down"),) * rows,
    }
    return SeriesMatrix(**{**plain, **changes})


def look(values: NDArray[np.float64], **changes: Any) -> list[Found]:
    """The findings of one series as of its last day."""
    one = matrix(values[None, :], **changes)
    return find(one, Detection(), one.days[-1])


def test_a_spike_of_30_000_is_found_on_its_first_complete_day() -> None:
    values = weekly(100)
    values[-1] += 30_000
    (found,) = look(values)
    assert (found.direction, found.severity, found.ongoing) == ("up", "critical", True)
    assert found.started_on == found.last_on == FIRST + timedelta(days=99)
    assert found.impact == pytest.approx(Decimal(30_000), abs=300)
    # 100 days from 5 January end on 14 April: 16 days are left
    assert found.impact_by_month_end == pytest.approx(17 * found.impact, abs=1)
    assert found.history[-1].anomalous
    assert not any(p.anomalous for p in found.history[:-1])


def test_nothing_unusual_is_nothing() -> None:
    assert look(weekly(200)) == []
    assert look(np.zeros(100)) == []
    assert look(np.full(100, np.nan)) == []
    assert look(weekly(5)) == []
    assert find(matrix(np.zeros((0, 30))), Detection(), FIRST) == []
    assert find(matrix(weekly(30)[None, :]), Detection(), FIRST - timedelta(days=1)) == []


def test_a_level_shift_is_one_finding_that_settles() -> None:
    values = weekly(160)
    values[120:] *= 2
    (found,) = look(values)
    assert found.started_on == FIRST + timedelta(days=120)
    assert not found.ongoing
    assert found.settled
    assert 6 <= (found.last_on - found.started_on).days <= 12


def test_the_way_back_to_normal_is_no_finding() -> None:
    values = weekly(160)
    values[100:125] *= 3  # long enough to be learned
    found = look(values)
    assert [f.direction for f in found] == ["up"]


def test_a_spike_that_is_over_is_not_projected() -> None:
    values = weekly(100)
    values[-2] += 5000
    (found,) = look(values)
    assert found.ongoing  # one calm day is not enough
    assert found.impact_by_month_end == found.impact
    (found,) = look(np.append(values, [1000.0, 1000.0, 1000.0]))
    assert not found.ongoing
    assert not found.settled


def test_a_day_that_still_grows_is_never_a_drop() -> None:
    values = weekly(100)
    complete = np.ones((1, 100), dtype=bool)
    complete[0, -2:] = False
    values[-2:] = [300, 10]
    assert look(values, complete=complete) == []
    assert look(values) != []
    values[-1] = 9000  # already too much, before its end
    (found,) = look(values, complete=complete)
    assert found.direction == "up"
    assert not found.history[-1].complete
    assert found.started_on == found.last_on == FIRST + timedelta(days=99)
    assert not found.complete
    assert found.growing_on is None


def test_what_is_told_is_of_the_last_complete_day() -> None:
    """An alert contradicted itself on the morning after: “$587 on Sunday, $298 expected”, though the
    full days were at $1,500 and the drivers at $846 a day: Sunday was half over in the bill."""
    values = weekly(100, level=600.0)
    values[-4:] += [900, 900, 900, 600]
    complete = np.ones((1, 100), dtype=bool)
    complete[0, -1] = False
    (found,) = look(values, complete=complete)
    assert found.last_on == FIRST + timedelta(days=98)
    assert found.growing_on == FIRST + timedelta(days=99)
    assert found.complete
    whole = next(p for p in found.history if p.day == found.last_on)
    assert (found.observed, found.expected, found.score) == (
        whole.observed,
        whole.expected,
        whole.score,
    )
    # the money of the day that still grows is spent already
    assert found.impact == pytest.approx(Decimal(3300), abs=300)
    # 13 April is the last complete day: 17 are left, at what a complete day costs
    assert found.impact_by_month_end == pytest.approx(Decimal(2700 + 17 * 900), rel=Decimal("0.1"))
    assert [p.anomalous for p in found.history[-4:]] == [True] * 4


def test_what_an_incomplete_day_lacks_is_no_money_saved() -> None:
    values = weekly(100)
    complete = np.ones((1, 100), dtype=bool)
    complete[0, -2:] = False
    values[-3:] = [9000, 50, 9000]
    (found,) = look(values, complete=complete)
    assert found.last_on == FIRST + timedelta(days=97)
    assert found.growing_on == FIRST + timedelta(days=99)
    inside = [p for p in found.history if p.anomalous]
    assert float(found.impact) == pytest.approx(
        sum(p.observed - (p.expected or 0.0) for p in inside), abs=0.01
    )


def test_while_no_day_is_complete_the_first_is_told() -> None:
    """The day that is told never goes back: the first of them is complete first."""
    values = weekly(100)
    values[-3:] += [9000, 8000, 500]
    complete = np.ones((1, 100), dtype=bool)
    complete[0, -3:] = False
    (found,) = look(values, complete=complete)
    assert found.started_on == found.last_on == FIRST + timedelta(days=97)
    assert found.growing_on == FIRST + timedelta(days=99)
    assert not found.complete


@settings(max_examples=25, deadline=None)
@given(seen=st.lists(st.floats(0, 900), min_size=1, max_size=3))
def test_no_value_below_the_band_makes_an_incomplete_day_a_finding(seen: list[float]) -> None:
    values = np.append(weekly(80), seen)
    complete = np.ones((1, values.size), dtype=bool)
    complete[0, 80:] = False
    assert [f for f in look(values, complete=complete) if f.direction == "down"] == []


@settings(max_examples=25, deadline=None)
@given(
    at=st.integers(60, 150),
    days=st.integers(1, 5),
    factor=st.floats(2.5, 10),
    later=st.integers(0, 40),
)
def test_what_was_found_stays_found(at: int, days: int, factor: float, later: int) -> None:
    """A finding that has ended is the same from whatever later day one looks."""
    values = weekly(200)
    values[at : at + days] *= factor
    one = matrix(values[None, :])
    end = min(at + days + 5, 199)
    early = [f for f in find(one, Detection(), one.days[end]) if not f.ongoing]
    late = find(one, Detection(), one.days[min(end + later, 199)])
    assert early
    key = [(f.started_on, f.last_on, f.impact, f.severity) for f in early]
    assert set(key) <= {(f.started_on, f.last_on, f.impact, f.severity) for f in late}


@settings(max_examples=25, deadline=None)
@given(at=st.integers(60, 95), days=st.integers(1, 5), factor=st.floats(2, 20))
def test_the_impact_is_the_sum_over_its_days(at: int, days: int, factor: float) -> None:
    values = weekly(100)
    values[at : at + days] *= factor
    for found in look(values):
        days_of_it = [p for p in found.history if found.started_on <= p.day <= found.last_on]
        total = sum(p.observed - (p.expected or 0.0) for p in days_of_it)
        assert float(found.impact) == pytest.approx(total, abs=0.01)
        assert found.observed == days_of_it[-1].observed
        if not found.ongoing:
            assert found.impact_by_month_end == found.impact


def test_small_money_and_small_changes_are_not_worth_a_message() -> None:
    values = weekly(100, level=10)
    values[-1] = 150
    assert look(values) == []  # a large change, but of 140 dollars
    values = weekly(100, level=100_000, noise=0.005)
    values[-1] *= 1.2
    assert look(values) == []  # 20,000 dollars, but a change of a fifth
    values[-1] *= 1.2
    assert len(look(values)) == 1


def test_less_spend_is_less_severe() -> None:
    values = weekly(100, level=50_000)
    values[-1] = 500
    (found,) = look(values)
    assert found.direction == "down"
    assert found.impact < -20_000
    assert found.severity == "medium"


def test_an_exploration_that_ends_is_no_finding() -> None:
    values = weekly(100)
    values[-3:] = 0
    (found,) = look(values)
    assert found.direction == "down"
    assert look(values, allocations=({"stage": "exploration"},)) == []
    assert len(look(values, allocations=({"stage": "production"},))) == 1


def test_a_big_new_series_is_found_by_its_money() -> None:
    values = np.zeros(60)
    values[55:] = 4000
    (found,) = look(values)
    assert found.is_new_series
    assert found.expected == 0
    assert found.impact == Decimal("20000.00")
    assert found.lower == found.upper == 0
    values[55:] = 600
    assert look(values) == []
    begins_with_the_bill = np.full(20, 4000.0)
    assert look(begins_with_the_bill) == []
    unknown = np.append(np.full(40, np.nan), np.full(5, 4000.0))
    assert look(unknown) == []


def test_a_new_series_has_no_band_and_nothing_before_it() -> None:
    """The chart of a new series painted a “usual range”, which was the limit of the alert, and began
    on its first day, so that nobody saw that it was new."""
    values = np.zeros(60)
    values[55:] = 4000
    (found,) = look(values)
    assert len(found.history) == 42 + 5
    assert all(p.observed == 0 and not p.anomalous for p in found.history[:42])
    assert {p.lower for p in found.history} == {p.upper for p in found.history} == {None}
    assert {p.expected for p in found.history} == {None}
    assert all(p.anomalous for p in found.history[42:])


def test_money_that_moved_is_no_overspend() -> None:
    """A changed resource mix said “More than expected so far: $2,389” of money that would have been
    spent anyway, and the total of a group counted it."""
    values = np.full(60, 0.02)
    values[-2:] = 0.4
    changes = {"signal": "resource-mix", "unit": "share of spend moved", "watched": (("up",),)}
    (found,) = look(values, worth=np.full((1, 60), 5000.0), **changes)
    assert found.impact == found.impact_by_month_end == 0
    assert found.moved == found.size == pytest.approx(Decimal(3800), rel=Decimal("0.01"))
    assert found.severity == "medium"


def test_a_drop_of_quality_counts_without_money() -> None:
    random = np.random.default_rng(0)
    values = 0.92 + random.normal(0, 0.004, 80)
    quality = {"signal": "quality", "unit": "accuracy", "watched": (("down",),)}
    worth = np.zeros((1, 80))
    assert look(values, worth=worth, **quality) == []
    values[-2:] = 0.80
    (found,) = look(values, worth=worth, **quality)
    assert found.direction == "down"
    assert found.severity == "high"
    assert found.impact == 0
    values[-2:] = 0.99
    assert look(values, worth=worth, **quality) == []


def test_only_what_is_watched_is_found() -> None:
    values = weekly(100)
    values[-1] = 5000
    assert look(values, watched=(("down",),)) == []


def test_the_worst_comes_first() -> None:
    values = np.stack([weekly(100, seed=i) for i in range(3)])
    values[:, -1] += [500, 50_000, 5_000]
    one = matrix(values)
    found = in_order(find(one, Detection(), one.days[-1]))
    assert [f.scope.value for f in found] == ["e1", "e2", "e0"]


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="series × days"):
        matrix(np.zeros((1, 5)), worth=np.ones((1, 4)))
    with pytest.raises(ValueError, match="scope"):
        matrix(np.zeros((1, 5)), watched=())


def days(text: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """``x`` anomalous, ``.`` calm, ``?`` neither."""
    return np.array([c == "x" for c in text]), np.array([c == "." for c in text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("....", []),
        ("..x", [Episode(2, 2, True)]),
        (".x.x..", [Episode(1, 3, False)]),
        ("x..x", [Episode(0, 0, False), Episode(3, 3, True)]),
        ("x.?.", [Episode(0, 0, False)]),
        ("x????", [Episode(0, 0, True)]),
        ("x.", [Episode(0, 0, True)]),
    ],
)
def test_episodes(text: str, expected: list[Episode]) -> None:
    assert episodes(*days(text), quiet_days=2) == expected


@pytest.mark.parametrize(
    ("money", "score", "direction", "signal", "expected"),
    [
        (300, 10, "up", "spend", "low"),
        (1000, 10, "up", "spend", "medium"),
        (4000, 10, "up", "spend", "high"),
        (10000, 10, "up", "spend", "critical"),
        (16000, 4, "up", "spend", "high"),
        (300, 4, "up", "spend", "low"),
        (-16000, 10, "down", "spend", "medium"),
        (-1000, 10, "down", "spend", "low"),
        (16000, 10, "up", "resource-mix", "medium"),
    ],
)
def test_severity_by_money(
    money: int, score: float, direction: Any, signal: Any, expected: str
) -> None:
    found = severity(
        signal=signal,
        direction=direction,
        score=score,
        width=3.5,
        money_a_day=Decimal(money),
        impact=Decimal(money),
        change=1.0,
        min_impact=Decimal(200),
    )
    assert found == expected
