"""Whose word counts, in which currency, and what the cards say about it; on both databases."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from guardrails.runbooks import parse, token
from handlers.conversation import Done, Refused
from storage.database import Database
from storage.tables.budgets import BudgetEntry, Overrun, OverrunAgreement
from storage.tables.runbooks import RunbookShown
from tests.conftest import Clock
from tests.handlers.overrunning import LADDER, Desk, overrun_policy

SMALL, MIDDLE, LARGE = 107, 115, 140
RUNBOOK = """---
events: [overrun]
---
# A budget is exceeded

1. Look at the drivers.
2. Tell the owner.
"""
OWN_TEAM = LADDER + "  own_team: [lead]\n"


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, overrun_policy(), clock)


def sentence(answer: Any) -> str:
    assert isinstance(answer, Refused), answer
    return answer.sentence


# --- who ------------------------------------------------------------------------------------------


def test_who_may_not_decide_reads_whom_to_ask(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    said = sentence(desk.press("approve", row, "engineer"))
    assert said == "Only a lead decides this amount. Ask ML lead, search."
    row = desk.begin(LARGE)
    said = sentence(desk.press("approve", row, "lead"))
    assert said == (
        "Only a finance partner and a product owner together decide this amount. "
        "Ask one of them: Finance partner or Controller or Product owner."
    )


def test_an_agreement_of_somebody_who_lost_the_role_does_not_count(desk: Desk) -> None:
    """Finance agreed and left finance; product's agreement then granted it with nobody of finance behind it."""
    row = desk.begin(LARGE)
    desk.press("approve", row, "finance")
    desk.loaded = overrun_policy(
        ("emails: [finance@example.com, controller@", "emails: [controller@")
    )
    assert "finance must agree too" in desk.press("approve", row, "product").note
    said = desk.card(row).summary
    assert "Product owner agreed; finance must agree too." in said
    assert "Finance partner" not in said
    assert "Finance partner agreed" not in desk.card(row, ":review").model_dump_json()
    assert desk.press("approve", row, "controller") == Done()
    assert desk.row(row.id).decided_name == "Product owner and Controller"


def test_what_a_group_gives_stays_until_its_person_presses(desk: Desk) -> None:
    """Who is in a group of the chat is known only while that person presses."""
    desk.loaded = overrun_policy(
        ("finance: {emails: [finance@", "finance: {slack_groups: [money], emails: [finance@")
    )
    row = desk.begin(LARGE)
    desk.press("approve", row, "finance")
    desk.loaded = overrun_policy(
        (
            "finance: {emails: [finance@example.com, controller@example.com]}",
            "finance: {slack_groups: [money]}",
        )
    )
    assert desk.press("approve", row, "product") == Done()


def test_who_agreed_with_a_role_that_was_lost_can_agree_with_another(desk: Desk) -> None:
    """Product became finance: the same person's row was there already, and the press failed."""
    row = desk.begin(LARGE)
    desk.press("approve", row, "product")
    desk.loaded = overrun_policy(
        ("product: {emails: [product@", "product: {emails: [lead@"),
        ("finance: {emails: [finance@", "finance: {emails: [product@"),
    )
    assert "product must agree too" in desk.press("approve", row, "product").note
    assert len(desk.rows(OverrunAgreement)) == 1
    assert desk.press("approve", row, "lead") == Done()


def test_only_a_lead_of_the_team_whose_money_it_is(desk: Desk) -> None:
    desk.loaded = overrun_policy(
        ("lead: {emails: [lead@", "lead: {emails: [product@example.com, lead@"), more=OWN_TEAM
    )
    row = desk.begin(MIDDLE)
    assert "by lead of search" in desk.card(row).model_dump_json()
    said = sentence(desk.press("approve", row, "product"))
    assert said == "Only a lead of search decides this amount. Ask ML lead, search."
    assert "lead of search" in sentence(desk.submit("decline", row, "product", why="no"))
    assert desk.press("approve", row, "lead") == Done()


def test_a_role_that_also_must_agree(desk: Desk) -> None:
    desk.loaded = overrun_policy((", any_of: [lead]}", ", any_of: [lead], also: [finance]}"))
    row = desk.begin(MIDDLE)
    assert "lead and finance" in desk.card(row).model_dump_json()
    assert "finance must agree too" in desk.press("approve", row, "lead").note
    assert desk.limit() == 3000
    assert desk.press("approve", row, "controller") == Done()
    assert desk.row(row.id).decided_name == "ML lead, search and Controller"


# --- what is said ---------------------------------------------------------------------------------


def test_a_smaller_proposal_is_not_what_is_beyond_the_budget(desk: Desk) -> None:
    row = desk.begin(LARGE)
    desk.less("700.50", row, "product")
    said = desk.card(row).summary
    assert "Overrun of ranker: $1,200 beyond the budget, $700.50 proposed" in said
    desk.press("approve", row, "finance")
    assert "Granted $700.50 of $1,200 until" in desk.card(row).summary


def test_cents_are_said_where_they_matter(desk: Desk) -> None:
    desk.bill(90)
    desk.ask("250.49")
    row = desk.waiting()
    assert "$250.49 asked for" in desk.card(row).summary
    assert desk.less("250.40", row, "lead") == Done()
    assert "Granted $250.40 of $250.49" in desk.card(row).summary
    assert "granted $250.40" in sentence(desk.press("approve", row, "lead"))


def test_the_card_says_who_asked_for_the_review(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    assert "too large for the rung own" in desk.card(row).model_dump_json()
    desk.press("review", row, "lead")
    said = desk.card(row).model_dump_json()
    assert "because ML lead, search asked for a joint review" in said
    assert "too large" not in said
    desk.look()
    assert "asked for a joint review" in desk.card(row).model_dump_json()


def test_the_forecast_is_compared_with_what_the_last_day_has(desk: Desk) -> None:
    """450 until the 25th do not make room at the end of the month; the share said that they did."""
    desk.bill(90)
    desk.ask("450", until="2026-11-25")
    desk.press("approve", desk.waiting(), "lead")
    desk.look()
    desk.ask("10")
    said = desk.card(desk.waiting()).model_dump_json()
    assert "$3,450 for November 2026; $3,000 on its last day, as a grant ends before" in said
    assert "$2,700 (90 % of $3,000)" in said


def test_a_decided_overrun_offers_no_ticks(desk: Desk) -> None:
    steps = parse("runbooks/overrun.md", RUNBOOK)
    desk.loaded = replace(overrun_policy(), runbooks={"overrun": steps})
    row = desk.begin(SMALL)
    (shown,) = desk.rows(RunbookShown)
    assert '"kind":"menu"' in desk.card(row, ":runbook").model_dump_json()
    tick = {"choice": token(steps.steps[0])}
    assert desk.act("press", "runbook.tick", shown.id, **tick) == Done()
    desk.press("approve", row, "engineer")
    said = desk.card(row, ":runbook").model_dump_json()
    assert '"kind":"menu"' not in said
    assert "ML engineer, search" in said  # what was ticked stays said
    for what in ("tick", "untick"):
        late = sentence(desk.act("press", f"runbook.{what}", shown.id, **tick))
        assert "is decided, so nothing is ticked here any more" in late
    assert '"kind":"menu"' not in desk.card(row, ":runbook").model_dump_json()


# --- currencies -----------------------------------------------------------------------------------


def test_amounts_are_kept_with_their_currency(desk: Desk) -> None:
    row = desk.begin(SMALL)
    desk.press("approve", row, "engineer")
    assert {e.currency for e in desk.rows(BudgetEntry)} == {"USD"}
    assert {r.currency for r in desk.rows(Overrun)} == {"USD"}


def rates(usd: str = "") -> tuple[tuple[str, str], ...]:
    return (("currency: USD", f"currency: EUR, rates: {{{usd}}}"),)


def test_another_currency_of_the_workspace_converts_the_ledger(desk: Desk) -> None:
    """3,000 dollars were read as 3,000 euros: the ledger kept numbers without a currency."""
    row = desk.begin(SMALL)
    desk.press("approve", row, "engineer")
    desk.loaded = overrun_policy(*rates("USD: 0.5"))
    desk.look()
    moved = [(e.kind, e.amount_micros // 10**6, e.currency) for e in desk.rows(BudgetEntry)]
    assert moved == [
        ("set", 3000, "USD"),
        ("overrun", 210, "USD"),
        ("correction", 1500, "EUR"),  # the policy's limit is 3,000 euros now
    ]
    desk.ask("10")
    assert "€3,105 for November 2026" in desk.card(desk.waiting()).model_dump_json()
    desk.look()
    assert len(desk.rows(BudgetEntry)) == 3


def test_what_waits_in_another_currency_is_not_decided_and_begins_anew(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    desk.loaded = overrun_policy(*rates("USD: 1.0"))
    said = sentence(desk.press("approve", row, "lead"))
    assert "Its amount is in USD, and the workspace counts in EUR now" in said
    assert "$450" in desk.card(row).model_dump_json()  # what it was is not renamed
    assert desk.look().overruns == 1
    assert desk.row(row.id).state == "withdrawn"
    again = desk.waiting()
    assert (again.currency, again.amount_micros) == ("EUR", 450_000_000)
    assert "€450 beyond the budget" in desk.card(again).summary


def test_a_ledger_without_a_rate_is_left_out_and_not_guessed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    row = desk.begin(SMALL)
    desk.press("approve", row, "engineer")
    desk.bill(SMALL, currency="EUR")
    desk.loaded = overrun_policy(*rates())
    assert desk.look().overruns == 0
    assert "add one, so that it can be counted" in caplog.text
    assert len(desk.rows(BudgetEntry)) == 2
    said = sentence(desk.ask("10"))
    assert "workspace.rates in the policy has no rate for USD" in said
    desk.clock.now += timedelta(
        days=9
    )  # in December nothing of that ledger counts but the last 30 days' grants
    said = sentence(desk.ask("10"))
    assert "no rate for USD" in said


def test_rows_from_before_currencies_were_kept_are_the_workspaces(desk: Desk) -> None:
    from sqlalchemy import update

    row = desk.begin(MIDDLE)
    with desk.database.write() as connection:
        for table in (Overrun, BudgetEntry):
            connection.execute(update(table.__table__).values(currency=""))  # type: ignore[attr-defined]
    assert desk.press("approve", row, "lead") == Done()
    assert desk.limit() == 3450
    assert "Granted $450" in desk.card(row).summary
