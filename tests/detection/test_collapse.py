"""One incident is one finding."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from guardrails.detection.collapse import collapse
from guardrails.detection.found import Scope
from tests.detection.test_feedback import FOUND, TODAY

SPEND = replace(FOUND, allocation={"team": "search", "feature": "answers"})
HOURS = replace(SPEND, signal="gpu-usage", unit="GPU hours")
UNIT = replace(
    SPEND, signal="cost-per-unit", scope=Scope("feature", "answers"), unit="USD per answer"
)
MIX = replace(
    SPEND,
    signal="resource-mix",
    scope=Scope("team", "search"),
    unit="share of spend moved",
    impact=Decimal(0),
    moved=Decimal(600),
)
QUALITY = replace(SPEND, signal="quality", unit="accuracy", direction="down", impact=Decimal(0))


def test_what_the_spend_says_is_not_said_again() -> None:
    assert collapse([HOURS, UNIT, MIX, SPEND]) == [SPEND]
    assert collapse([HOURS]) == [HOURS]
    tomorrow = TODAY + timedelta(days=1)  # still grows
    late = replace(HOURS, started_on=tomorrow, last_on=tomorrow, complete=False)
    growing = replace(SPEND, growing_on=tomorrow)
    assert collapse([late, growing]) == [growing]


def test_what_the_spend_does_not_explain_stays() -> None:
    began_before = replace(HOURS, started_on=TODAY - timedelta(days=1))
    elsewhere = replace(HOURS, scope=Scope("experiment", "other"))
    much_more = replace(UNIT, impact=Decimal(5000))
    other_team = replace(MIX, scope=Scope("team", "vision"))
    moved_more = replace(MIX, moved=Decimal(5000))
    for kept in (began_before, elsewhere, much_more, other_team, moved_more, QUALITY):
        assert set(map(id, collapse([kept, SPEND]))) == {id(kept), id(SPEND)}


def test_of_two_metrics_of_one_scope_the_worst_goes_on() -> None:
    worse = replace(QUALITY, severity="high", unit="recall")
    over = replace(QUALITY, ongoing=False)
    assert collapse([QUALITY, worse, over]) == [worse, over]
