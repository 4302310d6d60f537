"""Sums of the rollup: in one currency, exactly, of what is asked for alone."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, insert

from guardrails.money import MICROS
from guardrails.periods import Period
from storage import spend, unit_costs
from storage.budgets import main_allocation
from storage.database import Database
from storage.tables.spend import CostRollup, MetricPoint
from tests.handlers.dashboarding import made

DAY = date(2026, 11, 20)
WEEK = Period(DAY - timedelta(days=6), DAY)
POLICY = made().policy  # a euro is 1.0837 dollars, a yen 0.0064


def fill(database: Database, *rows: dict[str, Any]) -> None:
    values = []
    for row in rows:
        cost = {"bill": "main", "period": DAY.replace(day=1), "day": DAY, "currency": "USD", **row}
        cost["cost_micros"] = int(cost.pop("cost") * MICROS)
        values.append(CostRollup(**cost).model_dump(exclude={"id"}))
    with database.write() as connection:
        connection.execute(insert(CostRollup.__table__), values)  # type: ignore[attr-defined]


def test_most_of_the_spend_is_most_of_the_money_and_not_of_the_numbers(database: Database) -> None:
    """Millionths of all currencies were added up: 5,000 yen (32 dollars) outweighed 900 dollars."""
    fill(
        database,
        {
            "experiment": "ranker",
            "team": "tokyo",
            "stage": "pilot",
            "cost": 5000,
            "currency": "JPY",
        },
        {"experiment": "ranker", "team": "search", "stage": "scaled", "cost": 900},
        {"experiment": "ranker", "team": "paris", "cost": 850, "currency": "EUR"},
        {"experiment": "ranker", "cost": 9999},  # what nobody is allocated is not most of it
        {"experiment": "other", "team": "vision", "owner": "o@example.com", "cost": 10**6},
    )
    with database.read() as connection:
        found = main_allocation(connection, POLICY, {"experiment": "ranker"}, WEEK)
        every = main_allocation(connection, POLICY, {}, WEEK)
    assert found == {"experiment": "ranker", "team": "paris", "stage": "scaled"}
    assert every["team"] == "vision"


def test_of_two_alike_the_first_name_is_taken_and_one_question_is_enough(
    database: Database,
) -> None:
    fill(
        database,
        *({"experiment": "e", "team": t, "feature": "f", "cost": 7} for t in ("b", "a", "c")),
    )
    asked: list[str] = []
    with database.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *a: asked.append(a[2]))
        found = main_allocation(connection, POLICY, {"experiment": "e"}, WEEK)
    assert found == {"experiment": "e", "team": "a", "feature": "f"}
    assert len(asked) == 1


def test_a_key_may_be_one_of_several_values(database: Database) -> None:
    fill(
        database,
        {"team": "search", "service": "gpu", "cost": 1},
        {"team": "Search", "service": "gpu", "cost": 2, "currency": "EUR"},
        {"team": "Search", "service": "cpu", "cost": 4},
        {"team": "vision", "service": "gpu", "cost": 8},
    )
    with database.read() as connection:

        def total(**only: Any) -> Decimal:
            return sum(spend.totals(connection, POLICY, WEEK, None, only).values(), Decimal(0))

        assert total(team="search") == 1
        assert total(team=["search", "Search"]) == Decimal("5") + 2 * Decimal("1.0837")
        assert total(team={"search", "vision"}, service=("gpu",)) == 9
        assert total(team=[]) == 0


@pytest.mark.parametrize(
    ("wanted", "units"), [("chat", 3), (["chat", "Chat"], 8), (("chat",), 3), ([], 0)]
)
def test_units_and_revenue_too(database: Database, wanted: Any, units: int) -> None:
    points = [
        MetricPoint(source="m", metric="outputs", day=DAY, feature=f, value=v).model_dump(
            exclude={"id"}
        )
        for f, v in (("chat", 3), ("Chat", 5), ("search", 9))
    ]
    with database.write() as connection:
        connection.execute(insert(MetricPoint.__table__), points)  # type: ignore[attr-defined]
    only = {"feature": wanted}
    with database.read() as connection:
        counted = unit_costs.units_by(connection, ["outputs"], WEEK, "team", only)
        earned, _ = unit_costs.earned_by(connection, POLICY, "outputs", WEEK, "team", only)
    assert sum(counted.values()) == sum(earned.values()) == units


def test_spend_is_told_apart_by_ai_and_by_how_it_was_allocated(database: Database) -> None:
    fill(
        database,
        {"is_ai": True, "allocated_by": "tags", "team": "a", "cost": 1},
        {"is_gpu": True, "allocated_by": "rules", "team": "b", "cost": 2, "currency": "EUR"},
        {"allocated_by": "tags", "team": "a", "cost": 4},
    )
    euros = 2 * Decimal("1.0837")
    with database.read() as connection:
        found = spend.sums_by(connection, POLICY, WEEK, "ai", "allocated_by")
        each = spend.each_by(connection, POLICY, WEEK, "allocated_by", "team", only={"team": "a"})
        daily = spend.daily(connection, POLICY, WEEK, {"team": ("a", "b")})
    assert found == {(True, "tags"): 1, (True, "rules"): euros, (False, "tags"): 4}
    assert each == {"allocated_by": {"tags": 5}, "team": {"a": 5}}
    assert (daily.first, daily.days) == (WEEK.first, (0, 0, 0, 0, 0, 0, 5 + euros))


def test_the_first_and_the_last_day_are_those_of_all_bills(database: Database) -> None:
    with database.read() as connection:
        assert spend.covered(connection) is None
    fill(database, *({"day": DAY - timedelta(days=n), "cost": 1} for n in (3, 0, 9)))
    with database.read() as connection:
        assert spend.covered(connection) == Period(DAY - timedelta(days=9), DAY)
