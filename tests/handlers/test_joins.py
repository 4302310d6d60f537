"""An anomaly and an overrun about the same money know of each other."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from handlers.alerts.publish import publish
from handlers.budgets.joins import join_anomalies
from storage.database import Database
from storage.tables.delivery import Outbox
from tests.conftest import Clock
from tests.handlers.alerting import finding
from tests.handlers.overrunning import Desk, overrun_policy


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, overrun_policy(), clock)


def alert(desk: Desk, **values: Any) -> None:
    desk.turn(lambda turn: publish(turn, [finding(**values)]))


def said(desk: Desk, part: str) -> list[str]:
    return [str(r.content["summary"]) for r in desk.rows(Outbox) if part in r.key]


def test_each_learns_of_the_other_once(desk: Desk) -> None:
    desk.bill(150)
    alert(desk)
    desk.look()
    assert desk.turn(join_anomalies) == 1
    assert desk.turn(join_anomalies) == 0
    (there,) = set(said(desk, ":overrun:"))
    assert "part of the overrun of ranker" in there
    (here,) = {s for s in said(desk, "overrun:") if "anomaly" in s}
    assert "root cause is worked on in its thread" in here


def test_a_jump_that_the_forecast_does_not_believe_yet_offers_the_overrun(desk: Desk) -> None:
    """A run cost thirty times its day since Saturday. The forecast carries a jump on from its fourth day, so the
    budget looked safe, and the overrun was begun when the money was gone."""
    desk.bill(80)
    alert(desk, impact=Decimal(300), impact_by_month_end=Decimal(2400))
    desk.look()
    assert desk.turn(join_anomalies) == 1
    (offer,) = set(said(desk, ":budget:ranker"))
    assert "If it goes on, the budget ranker ($3,000) is exceeded by about $1," in offer
    assert desk.turn(join_anomalies) == 0


@pytest.mark.parametrize("scope", ["other-experiment"])
def test_what_is_outside_the_budget_is_not_joined(desk: Desk, scope: str) -> None:
    desk.bill(150)
    alert(desk, name=scope)
    desk.look()
    assert desk.turn(join_anomalies) == 0


def test_an_anomaly_that_will_not_break_it_says_nothing(desk: Desk) -> None:
    desk.bill(50)
    alert(desk, last=date(2026, 11, 22), impact=Decimal(20), impact_by_month_end=Decimal(60))
    desk.look()
    assert desk.turn(join_anomalies) == 0
