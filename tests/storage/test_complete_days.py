"""The last day that is complete in every bill: the slowest says it, not the newest day of any."""

from datetime import date, timedelta
from typing import Any

import pytest

from guardrails.money import MICROS
from storage.budgets import last_complete_day
from storage.database import Database
from storage.tables.spend import BillPeriod
from tests.conftest import NOW, Clock
from tests.handlers.asking import Desk
from tests.handlers.dashboarding import YESTERDAY, made

TWO = made("", ("bills:\n", "bills:\n  - {name: slow, files: slow, complete_after_days: 3}\n"))


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, TWO, clock)


def read(
    desk: Desk,
    bill: str,
    through: date | None,
    newest: date,
    every: int = 1,
    *,
    days: int = 70,
    cost: float = 10,
    **values: str,
) -> None:
    """A bill with ten dollars on each ``every``-th day to its newest, read as complete through a day."""
    for n in range(0, days, every):
        desk.daily(cost, last=newest - timedelta(days=n), days=1, bill=bill, **values)
    row: dict[str, Any] = BillPeriod(
        bill=bill,
        period=date(2026, 11, 1),
        currency="USD",
        rows=1,
        rollups=1,
        money_in_micros=0,
        money_out_micros=0,
        complete_through=through,
        ingested_at=NOW,
    ).model_dump(exclude={"id"})
    desk.add(BillPeriod, **row)


def complete(desk: Desk) -> date | None:
    with desk.database.read() as connection:
        return last_complete_day(connection, TWO.policy)


def november(day: int) -> date:
    return date(2026, 11, day)


def test_a_bill_that_is_late_makes_its_days_incomplete(desk: Desk) -> None:
    """The newest day of any bill was asked: the late one spent nothing on days that it did not have yet."""
    read(desk, "main", november(21), YESTERDAY)
    read(desk, "slow", november(13), november(16))
    assert complete(desk) == november(13)
    forecast = desk.ask("forecast").summary
    assert forecast.startswith(
        "All spend: $600 by Mon 30 Nov"
    )  # 20 a day; 470 with the silence of a week


@pytest.mark.parametrize(
    ("through", "newest", "every"),
    [(date(2026, 11, 6), date(2026, 11, 9), 1), (date(2026, 11, 10), date(2026, 11, 13), 28)],
)
def test_a_bill_that_has_ended_or_charges_once_a_month_holds_nothing_back(
    desk: Desk, through: date, newest: date, every: int
) -> None:
    read(desk, "main", november(21), YESTERDAY)
    read(desk, "slow", through, newest, every)
    assert complete(desk) == november(21)


def test_a_small_bill_that_is_late_holds_nothing_back(desk: Desk) -> None:
    """Fifty cents a day beside ten dollars stopped every budget for a fortnight."""
    read(desk, "main", november(21), YESTERDAY)
    read(desk, "slow", november(13), november(16), cost=0.15)
    assert complete(desk) == november(21)
    for n in range(70):  # together 2.4 % of all
        desk.daily(0.10, last=november(16) - timedelta(days=n), days=1, bill="slow")
    assert complete(desk) == november(13)


def test_a_bill_holds_back_the_scopes_that_spend_on_it(desk: Desk) -> None:
    read(desk, "main", november(21), YESTERDAY, team="search")
    read(desk, "slow", november(13), november(16), team="ads")
    with desk.database.read() as connection:
        days = [last_complete_day(connection, TWO.policy, {"team": t}) for t in ("search", "ads")]
    assert days == [november(21), november(13)]
    # Ten a day each: 100 are forgotten when the silence of the late one counts.
    for team in ("search", "ads"):
        assert desk.ask(f"forecast team {team}").summary.startswith(f"Team {team}: $300 by")


def test_a_bill_that_began_lately_is_late_as_any_other(desk: Desk) -> None:
    read(desk, "main", november(21), YESTERDAY)
    read(desk, "slow", november(13), november(16), days=10)
    assert complete(desk) == november(13)


def test_a_bill_without_a_complete_day_holds_nothing_back(desk: Desk) -> None:
    read(desk, "main", november(21), YESTERDAY)
    desk.daily(10, days=1, bill="slow")
    assert complete(desk) == november(21)


def test_a_prepayment_of_a_day_to_come_completes_no_day(desk: Desk) -> None:
    read(desk, "main", november(20), november(21))
    desk.spend({"day": november(30), "cost_micros": 500 * MICROS})
    assert complete(desk) == november(20)


def test_nothing_read_is_no_day(desk: Desk) -> None:
    assert complete(desk) is None
