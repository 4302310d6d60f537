"""A sandbox outside every zone goes up the ladder of overruns: what is the same there, and what is not."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from handlers.conversation import Done, OpenForm, Refused
from handlers.home import home_message
from handlers.overruns.begin import record
from handlers.overruns.ending import outcome, outcomes
from handlers.turn import Turn
from storage.database import Database
from storage.overruns import OverrunRow
from storage.tables.budgets import BudgetEntry, ReviewItem
from tests.conftest import Clock
from tests.handlers.overrunning import LADDER, Desk, overrun_policy

ENDS = date(2026, 12, 22)
COMPLIANCE = (
    "  product: {emails",
    "  compliance: {emails: [privacy@example.com]}\n  product: {emails",
)


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, overrun_policy(COMPLIANCE), clock)


@pytest.fixture(autouse=True)
def told() -> Iterator[list[tuple[str, int]]]:
    """What is heard of the ends of requests, in place of the sandboxes themselves: (state, granted)."""
    before, heard = outcomes.get("sandbox"), []

    @outcome("sandbox")
    def hear(turn: Turn, row: OverrunRow) -> None:
        heard.append((row.state, row.granted_micros // 10**6))

    yield heard
    outcomes.pop("sandbox")
    if before is not None:
        outcomes["sandbox"] = before


def request(
    desk: Desk, amount: str, name: str = "router", who: str = "engineer", **facts: Any
) -> Any:
    """A sandbox of so much is asked for; the request as it waits."""
    shown = {
        "title": f"Sandbox {name}: ${amount} asked for",
        "lines": [["Hypothesis", "A smaller model routes as well."], ["Data", "internal"]],
        "stage": "exploration",
        "workload": "training",
        "limit": "",
        **facts,
    }

    def work(turn: Turn) -> Any:
        return record(
            turn,
            budget=f"sandbox/{name}",
            period="from 2026-11-23",
            kind="sandbox",
            amount=Decimal(amount),
            until=ENDS,
            owner="owner@example.com",
            channel="ml-search",
            facts=shown,
            asked_by=f"{who}@example.com",
            asked_name=who,
        )

    return desk.turn(work)


def labels(desk: Desk, row: Any) -> list[str]:
    return [c.label for b in desk.card(row).blocks if b.kind == "controls" for c in b.controls]


def test_the_card_shows_the_sandbox_and_not_a_budget(desk: Desk) -> None:
    row = request(desk, "800")
    said = desk.card(row).model_dump_json()
    for wanted in ("Sandbox router: $800 asked for", "Hypothesis", "A smaller model", "Tue 22 Dec"):
        assert wanted in said, wanted
    assert "Runway" not in said
    assert labels(desk, row) == ["Approve", "Approve less…", "Decline…", "Ask for review"]
    assert row.rung_name == "lead"  # no budget around it: only the amount counts
    assert (row.currency, desk.news(row)) == ("USD", [])


def test_granted_into_a_ledger_that_has_no_end(desk: Desk, told: list[tuple[str, int]]) -> None:
    """The end of the request's time is not the end of the sandbox's, which can be extended."""
    row = request(desk, "800")
    assert desk.press("approve", row, "lead") == Done()
    (entry,) = desk.rows(BudgetEntry)
    assert (entry.budget, entry.until, entry.currency) == ("sandbox/router", None, "USD")
    assert told == [("granted", 800)]
    told_privately = [r for r in desk.posts("overrun:") if r.key.endswith(":told")]
    assert "What you asked for the sandbox router: Granted $800" in str(told_privately[0].content)


def test_each_end_is_heard_once(desk: Desk, told: list[tuple[str, int]]) -> None:
    desk.submit("decline", request(desk, "800"), "lead", why="Use the shared one.")
    desk.submit("decline", request(desk, "800"), "engineer", why="Not needed.")
    desk.less("300", request(desk, "800"), "lead")
    late = request(desk, "800", "late")
    desk.clock.now = desk.clock.now.replace(year=2027)
    desk.look()
    assert desk.row(late.id).state == "expired"
    assert told == [("declined", 0), ("withdrawn", 0), ("granted", 300), ("expired", 0)]


def test_what_does_not_run_is_not_halted(desk: Desk) -> None:
    row = request(desk, "800")
    for answer in (desk.press("halt", row, "lead"), desk.submit("halt", row, "lead", why="x")):
        assert isinstance(answer, Refused)
        assert "nothing can be halted: decline it" in answer.sentence
    assert desk.row(row.id).state == "open"


def test_silence_bridges_no_sandbox(desk: Desk, told: list[tuple[str, int]]) -> None:
    desk.loaded = overrun_policy(more=LADDER + "  silence: {then: end, at_end: bridge}\n")
    row = request(desk, "800", limit="10000")
    desk.clock.now = row.due_at
    desk.due()
    assert told == [("expired", 0)]
    assert desk.rows(BudgetEntry) == []


def test_pieces_of_one_experiment_count_together(desk: Desk) -> None:
    """Three sandboxes of 200 are 600 together: the smallest rung takes 500, whatever they are called."""
    for name in ("a", "b"):
        row = request(desk, "200", name)
        assert row.rung_name == "own"
        assert desk.press("approve", row, "lead") == Done()
    assert request(desk, "200", "c").rung_name == "lead"
    assert request(desk, "200", "d", who="lead").rung_name == "own"  # somebody else's first


def test_a_rung_grants_somebody_so_many_sandboxes(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        assert desk.press("approve", request(desk, "10", name), "lead") == Done()
    assert request(desk, "10", "d").rung_name == "lead"


def test_the_share_is_that_of_the_budget_around_it(desk: Desk) -> None:
    assert request(desk, "200", "a", limit="10000").rung_name == "own"
    assert request(desk, "200", "b", limit="1000").rung_name == "lead"
    assert request(desk, "200", "c", limit="0").rung_name == "joint"


def test_a_reviewer_must_agree_on_every_rung_beside_who_decides(desk: Desk) -> None:
    row = request(desk, "200", reviewers=["compliance"])
    assert "engineer or lead, and compliance" in desk.card(row).model_dump_json()
    assert "compliance must agree too" in desk.press("approve", row, "lead").note
    assert "Somebody has agreed" in str(desk.press("approve", row, "engineer"))
    assert desk.press("approve", row, "privacy") == Done()
    assert desk.row(row.id).decided_name == "ML lead, search and privacy@example.com"
    big = request(desk, "9000", "big", reviewers=["compliance"])
    assert big.state == "review"
    assert "product and compliance must agree too" in desk.press("approve", big, "finance").note


def test_a_review_has_the_options_that_a_sandbox_has(desk: Desk) -> None:
    row = request(desk, "9000")
    case = desk.card(row, ":review").model_dump_json()
    assert "Joint review of the sandbox router" in case
    assert "Grant: $9,000 until 22 Dec" in case
    assert "Decline: it is not set up" in case
    assert "Halt" not in case
    assert "Throttle" not in case
    assert not any("happen again" in i.label for i in desk.rows(ReviewItem))
    desk.press("approve", row, "finance")
    desk.press("approve", row, "product")
    assert "granted $9,000" in desk.card(row, ":summary").summary


def test_nobody_decides_their_own_and_the_page_of_the_others_shows_it(desk: Desk) -> None:
    row = request(desk, "800", who="lead")
    assert isinstance(desk.press("approve", row, "lead"), Refused)
    desk.loaded = overrun_policy(
        COMPLIANCE, ("lead: {emails: [lead@", "lead: {emails: [finops@example.com, lead@")
    )

    def page(who: str) -> str:
        it = desk_interaction(desk, who)
        return desk.turn(lambda turn: home_message(turn, it).model_dump_json())

    assert "Sandbox router: $800 asked for" in page("finops")
    assert "Sandbox router" not in page("lead")


def desk_interaction(desk: Desk, who: str) -> Any:
    from guardrails.authority import roles_of
    from handlers.conversation import Actor, Interaction, Place

    person = f"{who}@example.com"
    roles = roles_of(desk.loaded.policy, person)
    return Interaction(
        delivery_id=who,
        kind="command",
        name="spend",
        inputs={},
        actor=Actor(
            person=person, name=who, surface="console", tenant="local", user_id=who, roles=roles
        ),
        place=Place(surface="console", tenant="local", channel="ml-search"),
    )


def test_the_daily_look_moves_it_to_the_rung_of_now(desk: Desk) -> None:
    row = request(desk, "200")
    desk.loaded = overrun_policy(COMPLIANCE, ("up_to: 500, percent: 10", "up_to: 5"))
    desk.look()
    assert desk.row(row.id).rung_name == "lead"
    assert "by lead" in desk.card(row).model_dump_json()
    before = len(desk.posts("overrun:"))
    desk.look()
    assert len(desk.posts("overrun:")) == before


def test_a_smaller_proposal_and_a_form_that_says_what_it_is_for(desk: Desk) -> None:
    row = request(desk, "9000")
    form = desk.press("approve-less", row, "finance")
    assert isinstance(form, OpenForm)
    assert "for the sandbox router" in str(form.form.intro)
    desk.less("4000.50", row, "finance")
    assert "Sandbox router: $9000 asked for, $4,000.50 proposed" in desk.card(row).summary
