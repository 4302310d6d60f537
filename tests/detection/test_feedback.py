"""What people said makes the same pattern quiet, and nothing else."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from guardrails.detection.feedback import FeedbackRule, quietened
from guardrails.detection.found import Found, Scope

TODAY = date(2026, 6, 1)
FOUND = Found(
    signal="spend",
    scope=Scope("experiment", "ranker-v2"),
    direction="up",
    started_on=TODAY,
    last_on=TODAY,
    ongoing=True,
    unit="USD",
    observed=1000.0,
    expected=400.0,
    lower=300.0,
    upper=500.0,
    score=10.0,
    severity="medium",
    impact=Decimal(600),
    impact_by_month_end=Decimal(600),
    currency="USD",
)
EXPECTED = FeedbackRule(
    kind="expected",
    signal="spend",
    scope=Scope("experiment", "ranker-v2"),
    direction="up",
    level=1000.0,
    score=10.0,
    said_on=TODAY - timedelta(days=2),
    until=TODAY + timedelta(days=5),
    said_by="ML lead",
)
FALSE = replace(EXPECTED, kind="false-alarm", until=None)


def test_an_expected_pattern_is_quiet_until_its_day() -> None:
    reason = quietened(FOUND, [EXPECTED], TODAY)
    assert reason == "Expected until 2026-06-06, said by ML lead on 2026-05-30."
    assert quietened(FOUND, [EXPECTED], TODAY + timedelta(days=5)) is not None
    assert quietened(FOUND, [EXPECTED], TODAY + timedelta(days=6)) is None
    for_good = replace(EXPECTED, until=None)
    assert quietened(FOUND, [for_good], TODAY + timedelta(days=900)) is not None


@pytest.mark.parametrize(("observed", "quiet"), [(900, True), (1250, True), (1251, False)])
def test_much_more_than_what_was_expected_is_told(observed: float, quiet: bool) -> None:
    found = replace(FOUND, observed=float(observed))
    assert (quietened(found, [EXPECTED], TODAY) is not None) == quiet


@pytest.mark.parametrize(("observed", "quiet"), [(110, True), (80, True), (79, False)])
def test_much_less_than_what_was_expected_is_told(observed: float, quiet: bool) -> None:
    found = replace(FOUND, observed=float(observed), direction="down")
    rule = replace(EXPECTED, direction="down", level=100.0)
    assert (quietened(found, [rule], TODAY) is not None) == quiet


@pytest.mark.parametrize(
    "changes",
    [
        {"signal": "gpu-usage"},
        {"scope": Scope("experiment", "other")},
        {"direction": "down"},
    ],
)
def test_another_pattern_is_not_meant(changes: dict[str, Any]) -> None:
    for rule in (EXPECTED, FALSE):
        assert quietened(replace(FOUND, **changes), [rule], TODAY) is None


def test_a_false_alarm_asks_for_a_higher_score_and_is_forgotten() -> None:
    same = FALSE.said_on
    assert quietened(FOUND, [FALSE], same) == "Called a false alarm by ML lead on 2026-05-30."
    assert quietened(replace(FOUND, score=12.0), [FALSE], same) is not None
    assert quietened(replace(FOUND, score=12.1), [FALSE], same) is None
    assert quietened(FOUND, [FALSE], same + timedelta(days=20)) is None  # 12 × 70 / 90 < 10
    assert quietened(replace(FOUND, score=4.0), [FALSE], same + timedelta(days=50)) is not None
    assert quietened(replace(FOUND, score=0.1), [FALSE], same + timedelta(days=90)) is None


def test_what_was_said_later_does_not_count_yet() -> None:
    assert quietened(FOUND, [EXPECTED], TODAY - timedelta(days=3)) is None
    assert quietened(FOUND, [], TODAY) is None
