"""What is billed of days that are not complete, and jumps of the last days: said wherever a forecast is."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from handlers.alerts.publish import publish
from handlers.budgets.look import look
from handlers.budgets.standing import standings
from handlers.conversation import Items, Message
from handlers.council.costs import forecast as digest_of_budgets
from handlers.council.frame import frame_of
from handlers.dashboards.engineers import engineers
from handlers.dashboards.finance import finance
from handlers.dashboards.product import product
from storage.database import Database
from storage.tables.budgets import Overrun
from tests.conftest import Clock
from tests.handlers.alerting import finding
from tests.handlers.asking import Desk, facts, lines, plain, tables
from tests.handlers.councils import WEEK, with_council
from tests.handlers.dashboarding import made, money, rows, words
from tests.stored import rows_of

OVER = "already over: $61,000 billed, days that are not complete included."
WHERE = {"team": "search", "feature": "find", "experiment": "ranker"}
JUMP = (
    "a jump since Sat 21 Nov, which counts from its fourth day; if it goes on, about $2,100 more by the end of "
    "the month."
)


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    """A thousand a day of a budget of 50,000 a month: 21,000 on complete days."""
    desk = Desk(database, with_council(made()), clock)
    desk.daily(1000, last=date(2026, 11, 21), days=80, **WHERE)
    return desk


def billed(desk: Desk) -> None:
    """Of yesterday, which is not complete, 40,000 are billed: 8 days more at a thousand make 69,000."""
    desk.daily(40_000, days=1, **WHERE)


def jump(desk: Desk) -> None:
    more: dict[str, Any] = {"impact": Decimal(300), "impact_by_month_end": Decimal(2400)}
    allocation = {"team": "search", "feature": "find", "owner": ""}
    desk.turn(lambda turn: publish(turn, [finding(allocation=allocation, **more)]))


def digest(desk: Desk) -> Message:
    part = desk.turn(lambda turn: digest_of_budgets(frame_of(turn, WEEK)))
    assert part is not None
    return Message(summary=plain(part.line), blocks=part.blocks)


def noted(message: Message) -> list[str]:
    """The items of all lists."""
    return [plain(i) for b in message.blocks if isinstance(b, Items) for i in b.items]


def test_what_is_billed_beyond_a_limit_is_said_wherever_its_forecast_is(desk: Desk) -> None:
    """The digest said that the budget suffices while more than all of it was billed."""
    billed(desk)
    asked = desk.ask("forecast team search")
    assert "$69,000 by Mon 30 Nov" in asked.summary
    assert asked.summary.endswith(f"forecast 138 % for November 2026. It is {OVER}")
    assert OVER in lines(asked, "Budgets around it, the tightest first")[0]

    listed = desk.ask("budgets")
    assert rows(tables(listed)[0])["search-month"] == (
        "$21,000 (42 %)",
        "138 %",
        "$50,000",
        "Sun 22 Nov",
    )
    assert noted(listed) == [f"search-month {OVER}"]
    assert "To ask for more than a budget has: /spend overrun NAME" in lines(listed)
    assert facts(desk.ask("search-month"))["Runway"] == f"It is {OVER}"

    for dashboard in (finance, engineers):
        shown = desk.show(dashboard)
        runway = next(t for t in tables(shown) if t.header[-1] == "Runway")
        assert rows(runway)["search-month"] == ("$21,000 of $50,000", "138 %", "already over")
        assert f"search-month {OVER}" in noted(shown)

    told = digest(desk)
    assert told.summary == "1 budget needs more than its limit by the forecast; 1 is already over."
    assert noted(told) == [f"search-month {OVER}"]


def test_no_forecast_of_a_feature_is_below_what_is_billed(desk: Desk) -> None:
    billed(desk)
    desk.daily(10, days=23, feature="other")
    spent, ends, interval = rows(tables(desk.show(product))[0])["find"]
    assert (spent, ends) == ("$61,000", "$69,000")
    lower = interval.partition(" to ")[0]
    assert Decimal(lower.strip("$").replace(",", "")) >= 61_000


def test_where_features_end_adds_up_as_shown(desk: Desk) -> None:
    """Nine features of $10.049 a day end the month at $301.47 each; rounded, they were $3 less than all."""
    desk.clear()
    for n in range(9):
        desk.daily(10.049, days=80, feature=f"f{n}", experiment=f"e{n}")
    *parts, whole = tables(desk.show(product))[0].rows
    assert whole[:3] == ("All", "$1,990", "$2,713")
    for column in (1, 2):
        assert sum(money(row[column]) for row in parts) == money(whole[column])


def test_what_is_billed_beyond_a_limit_begins_an_overrun_of_money_that_is_spent(desk: Desk) -> None:
    billed(desk)
    assert desk.turn(look).overruns == 1
    (row,) = rows_of(desk.database, Overrun)
    assert (row.kind, row.amount_micros) == ("actual", 19_000_000_000)


def test_a_prepayment_of_a_day_to_come_is_billed(desk: Desk) -> None:
    desk.daily(45_000, last=date(2026, 11, 30), days=1, **WHERE)
    (stands,) = (s for s in desk.turn(standings) if s.budget.name == "search-month")
    assert stands.burn.billed == 66_000
    assert stands.burn.forecast >= 66_000


def test_without_more_than_the_limit_nothing_is_over(desk: Desk) -> None:
    desk.daily(5_000, days=1, **WHERE)
    shown = [
        desk.ask("budgets"),
        desk.ask("forecast team search"),
        desk.show(finance),
        digest(desk),
    ]
    assert not any("already over" in words(m) for m in shown)
    assert rows(tables(shown[0])[0])["search-month"][1] == "68 %"


def test_a_young_jump_is_said_wherever_a_forecast_is(desk: Desk) -> None:
    jump(desk)
    note = f"not in the forecast: {JUMP}"
    assert f". N{note[1:]}" in desk.ask("forecast team search").summary
    assert noted(desk.ask("budgets")) == [f"search-month {note}"]
    assert facts(desk.ask("search-month"))["Not in the forecast"] + "." == JUMP
    assert f"search-month {note}" in noted(desk.show(finance))
    assert f"search-month {note}" in noted(desk.show(engineers))
    assert lines(desk.show(product), "Not in the forecast") == [f"find {JUMP}"]
    assert noted(digest(desk)) == [f"search-month {note}"]


def test_a_jump_of_another_is_not_said(desk: Desk) -> None:
    jump(desk)
    desk.daily(10, feature="other", team="other")
    assert "jump" not in desk.ask("forecast team other").summary
    assert lines(desk.show(product), "Not in the forecast") == [f"find {JUMP}"]


def test_a_rate_that_is_usual_is_called_so(desk: Desk) -> None:
    assert facts(desk.ask("forecast team search"))["Usual a day"] == "$1,000"
    assert facts(desk.ask("search-month"))["Usual a day"] == "$1,000"
