"""What finance accrues: by provider and bill, and who is late."""

from datetime import UTC, date, datetime, timedelta

import pytest

from handlers.conversation import Message, Table
from handlers.dashboards.finance import finance
from storage.database import Database
from tests.conftest import Clock
from tests.handlers.asking import Desk, adds_up, lines
from tests.handlers.dashboarding import YESTERDAY, made, words
from tests.handlers.dashboarding import tables as tables_of

TWO = ("bills:\n", "bills:\n  - {name: slow, files: slow, complete_after_days: 3}\n")


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, made(), clock)


def before(days: int) -> date:
    return YESTERDAY - timedelta(days=days)


def accrued(message: Message) -> Table:
    return next(t for t in tables_of(message) if t.header[-1] == "To accrue")


def test_a_provider_that_is_late_is_accrued_although_the_company_bills_as_expected(
    desk: Desk,
) -> None:
    """Azure bills $900 more than usual on the day for which OpenAI ($300 a day) is silent."""
    desk.daily(1000, last=before(1), provider="Azure")
    desk.daily(1900, days=1, provider="Azure")
    desk.daily(300, last=before(4), days=66, provider="OpenAI")
    shown = desk.show(finance)
    table = accrued(shown)
    assert table.rows == (
        ("Azure, Sun 22 Nov", "$1,900", "$1,900", "$0"),
        ("OpenAI, 18 Nov to 22 Nov", "$1,500", "$300", "$1,200"),
        ("All", "$3,400", "$2,200", "$1,200"),
    )
    adds_up(table, 1, 2, 3)
    assert "To accrue: $1,200 that is not billed yet" in words(shown)
    assert "OpenAI is 3 days behind: nothing after Wed 18 Nov is billed yet." in lines(shown)
    assert "Azure is" not in words(shown)


def test_nothing_is_accrued_when_more_is_billed_than_expected(desk: Desk) -> None:
    desk.daily(100, last=before(1))
    desk.daily(180, days=1)
    shown = desk.show(finance)
    assert accrued(shown).rows[-1] == ("All", "$180", "$180", "$0")
    assert "To accrue: nothing" in words(shown)
    assert "behind" not in words(shown)


def test_each_bill_has_the_days_after_which_it_is_complete(
    database: Database, clock: Clock
) -> None:
    """The same provider in two bills, one of which is complete after three days: it is not late for that."""
    desk = Desk(database, made("", TWO), clock)
    desk.daily(100, provider="AWS")
    desk.daily(10, last=before(2), days=68, provider="AWS", bill="slow")
    shown = desk.show(finance)
    assert accrued(shown).rows == (
        ("AWS (main), Sun 22 Nov", "$100", "$100", "$0"),
        ("AWS (slow), 18 Nov to 22 Nov", "$50", "$30", "$20"),
        ("All", "$150", "$130", "$20"),
    )
    assert "behind" not in words(shown)


def test_books_are_closed_by_the_month(desk: Desk, clock: Clock) -> None:
    clock.now = datetime(2026, 12, 3, 9, tzinfo=UTC)
    desk.daily(300, last=date(2026, 11, 29), provider="OpenAI")
    shown = desk.show(finance)
    assert [row[0] for row in accrued(shown).rows] == [
        "OpenAI, 29 Nov to 30 Nov",
        "OpenAI, 1 Dec to 2 Dec",
        "All",
    ]
    assert [row[3] for row in accrued(shown).rows] == ["$300", "$600", "$900"]
    assert "OpenAI is 2 days behind: nothing after Sun 29 Nov is billed yet." in lines(shown)


def test_what_does_not_charge_daily_is_not_late_and_what_has_ended_is_not_accrued(
    desk: Desk,
) -> None:
    """A support plan by the month, one that charged once, and a provider that was left a month ago."""
    desk.daily(100, provider="AWS")
    for first in (date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)):
        desk.daily(500, last=first, days=1, provider="Support")
    desk.daily(40, last=before(9), days=2, provider="Trial")
    desk.daily(60, last=before(31), days=39, provider="Old")
    shown = words(desk.show(finance))
    assert "behind" not in shown
    assert [row[0] for row in accrued(desk.show(finance)).rows][-1] == "All"
    assert "Old, " not in shown


def test_what_is_free_at_weekends_is_not_late_on_monday(desk: Desk) -> None:
    desk.daily(100, provider="AWS")
    for n in range(70):
        if before(n).weekday() < 5:
            desk.daily(50, last=before(n), days=1, provider="Batch")
    shown = desk.show(finance)
    assert accrued(shown).rows[1][:1] == ("Batch, 20 Nov to 22 Nov",)
    assert "behind" not in words(shown)


def test_the_parts_of_an_accrual_can_be_asked_for(desk: Desk) -> None:
    desk.daily(100, provider="AWS")
    assert desk.ask("top providers yesterday").blocks
