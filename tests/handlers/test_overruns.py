"""Who decides an overrun, what a decision does, and what nobody can do; on both databases."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from handlers.conversation import Done, FieldErrors, Message, OpenForm, Refused
from storage.database import Database
from storage.tables.budgets import BudgetEntry, Overrun, OverrunAgreement
from storage.tables.timing import Deadline
from tests.conftest import Clock
from tests.handlers.overrunning import LADDER, Desk, overrun_policy

SMALL, MIDDLE, LARGE = 107, 115, 140  # a day: 7 %, 15 % and 40 % beyond a budget of 3,000 a month


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, overrun_policy(), clock)


def refused(answer: Any) -> str:
    assert isinstance(answer, Refused), answer
    return f"{answer.reason}: {answer.sentence}"


def test_an_engineer_grants_a_small_one_in_one_click(desk: Desk) -> None:
    row = desk.begin(SMALL)
    assert (row.rung_name, row.kind, row.amount_micros) == ("own", "forecast", 210_000_000)
    assert desk.press("approve", row, "engineer") == Done()
    after = desk.row(row.id)
    assert (after.state, after.granted_micros) == ("granted", 210_000_000)
    assert desk.limit() == 3210
    said = desk.card(row).model_dump_json()
    assert "Granted" in said
    assert "ML engineer, search" in said
    assert '"kind":"controls"' not in said
    assert desk.rows(Deadline) == []
    (entry,) = desk.audited("overrun.granted")
    assert (entry.actor, entry.reason) == ("engineer@example.com", "role-suffices")
    assert entry.policy_hash == desk.loaded.hash
    assert desk.chain_holds()
    # and the look of the same day finds nothing more to ask
    assert desk.look().overruns == 0


def test_the_card_says_the_case_and_who_decides_by_when(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    said = desk.card(row).model_dump_json()
    for wanted in ("$450", "$3,000", "November 2026", "by lead, until ", "Experiment owner"):
        assert wanted in said, wanted
    assert '"kind":"band"' in said
    assert "Approve less…" in said
    assert {r.place["channel"] for r in desk.posts(f"overrun:{row.id}")} == {"ml-search"}


def test_who_may_not_decide_it_is_told_who_may(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    assert "Only a lead decides" in refused(desk.press("approve", row, "engineer"))
    assert "needs the role" in refused(desk.press("approve", row, "operator"))
    assert refused(desk.submit("decline", row, "finance", why="no")).startswith("not-allowed")
    assert "role" in refused(desk.press("halt", row, "engineer"))
    assert desk.row(row.id).state == "open"
    assert desk.press("approve", row, "lead") == Done()


def test_nobody_decides_what_they_own_or_asked_for_on_a_rung_that_forbids_it(desk: Desk) -> None:
    """On the smallest rung the policy allows it; the lead's rung does not."""
    desk.bill(90)
    assert desk.ask("400", who="lead").kind == "done"
    row = desk.waiting()
    assert row.rung_name == "lead"  # 13 % of the budget
    assert "others decide" in refused(desk.press("approve", row, "lead"))
    # the address is written otherwise on another surface: the same two eyes
    assert "others decide" in refused(desk.press("approve", row, "LEAD", surface="teams"))
    assert desk.submit("decline", row, "lead", why="not needed") == Done()
    assert desk.row(row.id).state == "withdrawn"
    assert desk.ask("200", who="engineer").kind == "done"
    assert desk.press("approve", desk.waiting(), "engineer") == Done()


def test_the_owner_of_a_tag_in_capitals_is_the_owner(desk: Desk) -> None:
    """The bill's tag said Lead@Example.com; compared letter by letter the lead was nobody in particular."""
    desk.loaded = overrun_policy((", owner: owner@example.com}\n", "}\n"))
    desk.bill(MIDDLE, owner="Lead@Example.com")
    desk.look()
    assert "others decide" in refused(desk.press("approve", desk.waiting(), "lead"))


def test_who_owns_the_budget_since_the_card_was_posted_does_not_decide_it(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    desk.loaded = overrun_policy(("limit: 3000, owner: owner@", "limit: 3000, owner: lead@"))
    assert "others decide" in refused(desk.press("approve", row, "lead"))


def test_roles_are_those_of_the_click(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    desk.loaded = overrun_policy(
        ("lead: {emails: [lead@example.com]}", "lead: {emails: [finops@example.com]}")
    )
    assert "This needs" in refused(desk.press("approve", row, "lead"))
    assert desk.press("approve", row, "finops") == Done()


def test_the_ladder_is_that_of_the_click(desk: Desk) -> None:
    """Posted for one engineer; meanwhile engineers decide nothing any more."""
    row = desk.begin(SMALL)
    desk.loaded = overrun_policy(("up_to: 500, percent: 10", "up_to: 5"))
    assert "Only a lead decides" in refused(desk.press("approve", row, "engineer"))
    desk.look()
    assert desk.row(row.id).rung_name == "lead"
    assert "by lead" in desk.card(row).model_dump_json()
    assert desk.press("approve", row, "lead") == Done()


def test_rungs_that_were_taken_out_or_put_in_before_do_not_shift_it(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    own = "\n".join(LADDER.splitlines()[2:4])
    added = own.replace("name: own", "name: tiny") + "\n" + own
    desk.loaded = overrun_policy((own, added))
    assert "Only a lead decides" in refused(desk.press("approve", row, "engineer"))
    desk.loaded = overrun_policy(more="ladder:\n  rungs: [{name: only, any_of: [finops]}]\n")
    assert "Only a FinOps owner decides" in refused(desk.press("approve", row, "lead"))
    assert desk.press("approve", row, "finops") == Done()
    assert desk.row(row.id).rung_name == "only"


def test_a_stale_button_decides_nothing(desk: Desk) -> None:
    row = desk.begin(SMALL)
    desk.next_day(MIDDLE)
    desk.next_day(MIDDLE)
    assert desk.row(row.id).revision > row.revision
    answer = desk.press("approve", row, "lead", version=row.revision)
    assert "The amount has changed" in refused(answer)
    assert desk.limit() == 3000
    assert desk.press("approve", row, "lead") == Done()


def test_later_ones_learn_who_decided(desk: Desk) -> None:
    row = desk.begin(SMALL)
    desk.press("approve", row, "engineer")
    for what in ("approve", "approve-less", "decline", "halt", "review"):
        said = refused(desk.press(what, row, "lead"))
        assert (
            said == "already-decided: This was decided before: granted $210 by ML engineer, search."
        )
    assert desk.limit() == 3210


def test_a_redelivered_click_grants_once(desk: Desk) -> None:
    row = desk.begin(SMALL)
    first = desk.press("approve", row, "engineer", delivery="d1")
    assert desk.press("approve", row, "engineer", delivery="d1") == first
    assert desk.limit() == 3210


def test_less_is_approved_by_whoever_decides_the_whole(desk: Desk) -> None:
    """An engineer, who may decide small amounts, granted one cent of what was the lead's to decide. That closed
    it, and what was not granted was not asked for again."""
    row = desk.begin(MIDDLE)
    form = desk.press("approve-less", row, "lead")
    assert isinstance(form, OpenForm)
    for wrong in ("450", "9k", "0", "-5", "much", "", "1,5", "1.200", "1.200,50", "€5", "1e2"):
        answer = desk.less(wrong, row, "lead")
        assert isinstance(answer, FieldErrors), wrong
        assert set(answer.errors) == {"amount"}
    assert "Only a lead decides" in refused(desk.less("0.01", row, "engineer"))
    assert "decided by lead" in refused(desk.press("review", row, "engineer"))
    assert desk.less("250", row, "lead") == Done()
    after = desk.row(row.id)
    assert (after.state, after.granted_micros, after.rung_name) == ("granted", 250_000_000, "lead")
    assert "$250 of $450" in desk.card(row).model_dump_json()
    assert desk.limit() == 3250
    # the rest was not granted: it is not asked for again until it is more
    assert desk.look().overruns == 0
    assert desk.next_day(MIDDLE).overruns == 0
    assert desk.next_day(130, days=3).overruns == 1


def test_a_proposal_that_was_a_slip_can_be_taken_up_again(desk: Desk) -> None:
    """Product typed 12 instead of 1,200: a proposal could only be made smaller, and the case was lost."""
    desk.bill(90)
    desk.ask("1200")
    row = desk.waiting()
    desk.press("approve", row, "finance")
    desk.less("12", row, "product")
    assert desk.waiting().amount_micros == 12_000_000
    assert desk.less("1200", desk.waiting(), "product").kind == "done"
    assert desk.waiting().amount_micros == 1_200_000_000
    assert "Say less than the $1,200" in str(desk.less("1300", desk.waiting(), "finance"))
    desk.press("approve", desk.waiting(), "finance")
    assert desk.row(row.id).state == "granted"
    assert desk.limit() == 1200  # the ledger has the grant; the next look sets the rest


def test_splitting_does_not_help(desk: Desk) -> None:
    """The smallest rung takes up to 300 (10 %); three requests of 140 are 420 together."""
    desk.bill(90)
    for _ in range(2):
        desk.ask("140")
        assert desk.press("approve", desk.waiting(), "engineer") == Done()
    desk.ask("140")
    row = desk.waiting()
    assert row.rung_name == "lead"
    assert "Only a lead decides" in refused(desk.press("approve", row, "engineer"))


def test_a_rung_grants_so_often_and_then_the_next_one_does(desk: Desk) -> None:
    desk.bill(90)
    for _ in range(3):
        desk.ask("20")
        assert desk.press("approve", desk.waiting(), "engineer") == Done()
    desk.ask("20")
    assert desk.waiting().rung_name == "lead"


def test_declined_with_a_reason_and_quiet_until_it_is_much_worse(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    assert isinstance(desk.press("decline", row, "lead"), OpenForm)
    errors = desk.submit("decline", row, "lead", why=" ")
    assert isinstance(errors, FieldErrors)
    assert desk.submit("decline", row, "lead", why="Use the spot pool.") == Done()
    assert "Declined by ML lead, search" in desk.news(row)[-1]
    assert "Use the spot pool." in desk.news(row)[-1]
    assert desk.limit() == 3000
    assert desk.look().overruns == 0
    assert desk.next_day(MIDDLE).overruns == 0
    assert desk.next_day(150, days=3).overruns == 1


def test_a_huge_request_that_is_declined_does_not_keep_the_bot_quiet(desk: Desk) -> None:
    desk.bill(90)
    desk.ask("900000")
    desk.submit("decline", desk.waiting(), "finance", why="no")
    assert desk.begin(MIDDLE).amount_micros == 450_000_000


def test_halt_tells_the_owner_to_stop_it(desk: Desk) -> None:
    row = desk.begin(LARGE)
    assert isinstance(desk.press("halt", row, "operator"), OpenForm)
    assert desk.submit("halt", row, "operator", why="It runs wild.") == Done()
    assert desk.row(row.id).state == "halted"
    assert any("Stop what spends it" in said for said in desk.news(row))
    assert any("Experiment owner" in said for said in desk.news(row))
    assert desk.limit() == 3000


def test_who_asked_takes_it_back_without_a_role_of_the_ladder(desk: Desk) -> None:
    """The platform operator may ask, and decides nothing: once they could not withdraw either."""
    desk.bill(90)
    desk.ask("400", who="operator")
    row = desk.waiting()
    assert isinstance(desk.press("decline", row, "operator"), OpenForm)
    assert desk.submit("decline", row, "operator", why="found room") == Done()
    assert desk.row(row.id).state == "withdrawn"
    # and the owner, who did not ask, does not wave away what others have to decide
    again = desk.begin(MIDDLE)
    assert "This is decided by lead" in refused(desk.submit("decline", again, "owner", why="no"))


def test_asking_checks_each_field(desk: Desk) -> None:
    desk.bill(90)
    form = desk.act("command", "spend", text="overrun ranker")
    assert isinstance(form, OpenForm)
    assert [f.name for f in form.form.fields] == ["amount", "until", "why", "value"]
    wrong = desk.ask("none", until="2027-01-01", why="")
    assert isinstance(wrong, FieldErrors)
    assert set(wrong.errors) == {"amount", "until", "why"}
    assert "No budget is called" in refused(desk.act("command", "spend", text="overrun rankr"))
    assert desk.rows(Overrun) == []
    assert desk.ask("1.2k", until="2026-11-27", value="8 points").kind == "done"
    row = desk.waiting()
    assert (row.amount_micros, str(row.until), row.asked_by) == (
        1_200_000_000,
        "2026-11-27",
        "engineer@example.com",
    )
    assert "8 points" in desk.card(row).model_dump_json()
    # of one budget and period one waits at a time
    assert "waits for its decision" in refused(desk.ask("5"))
    assert "waits for its decision" in refused(desk.act("command", "spend", text="overrun ranker"))


def test_whoever_asked_is_told_in_their_own_chat_and_nobody_else_is(desk: Desk) -> None:
    desk.bill(90)
    desk.ask("400")
    desk.press("approve", desk.waiting(), "lead")
    (told,) = [r for r in desk.posts("overrun:") if r.key.endswith(":told")]
    assert told.place["channel"] == "@engineer@example.com"
    assert "Granted $400" in Message.model_validate(told.content).summary
    desk.ask("100", who="lead")
    desk.press("approve", desk.waiting(), "lead")  # who decides need not be told
    assert len([r for r in desk.posts("overrun:") if r.key.endswith(":told")]) == 1


def test_what_is_asked_before_the_first_look_of_a_period_has_a_limit(desk: Desk) -> None:
    """On the first of the month the ledger is empty until the morning's look: the limit was 0, and ten dollars
    were a case for finance and product."""
    desk.bill(90)
    desk.ask("10")
    assert desk.waiting().rung_name == "own"
    desk.press("approve", desk.waiting(), "engineer")
    desk.look()
    assert [(r.kind, r.amount_micros // 10**6) for r in desk.rows(BudgetEntry)] == [
        ("overrun", 10),
        ("set", 3000),
    ]


def test_a_grant_counts_until_its_last_day(desk: Desk) -> None:
    desk.bill(MIDDLE)
    desk.look()
    desk.submit("decline", desk.waiting(), "lead", why="first see")
    desk.clock.now += timedelta(minutes=1)
    desk.ask("450", until="2026-11-25")
    desk.press("approve", desk.waiting(), "lead")
    assert desk.look().overruns == 0
    assert desk.next_day(MIDDLE, days=2).overruns == 0
    assert desk.next_day(MIDDLE).overruns == 1  # the 26th: it is beyond the limit again
    assert desk.waiting().amount_micros == 450_000_000


def test_joint_both_agree_and_an_amount_that_changes_voids_it(desk: Desk) -> None:
    row = desk.begin(LARGE)
    assert (row.rung_name, row.state) == ("joint", "review")
    assert "product must agree too" in desk.press("approve", row, "finance").note
    assert "You have agreed" in refused(desk.press("approve", row, "finance"))
    assert "agreed in your role" in refused(desk.press("approve", row, "controller"))
    assert "finance must agree too" in desk.less("1000", row, "product").note
    after = desk.row(row.id)
    assert (after.state, after.amount_micros, after.revision) == ("review", 1_000_000_000, 2)
    stale = desk.press("approve", row, "finance", version=1)  # finance had agreed to 1,200 only
    assert "The amount has changed to $1,000" in refused(stale)
    assert desk.press("approve", row, "controller") == Done()
    after = desk.row(row.id)
    assert after.decided_name == "Product owner and Controller"
    assert desk.limit() == 4000
    assert len(desk.rows(OverrunAgreement)) == 2  # the last one is the decision


def test_the_policy_asks_for_fewer_than_have_agreed(desk: Desk) -> None:
    """Finance had agreed; then the ladder wanted finance alone, and nobody was left who could press."""
    row = desk.begin(LARGE)
    desk.press("approve", row, "finance")
    desk.loaded = overrun_policy(("all_of: [finance, product]", "all_of: [finance]"))
    assert desk.press("approve", row, "finance") == Done()
    assert desk.row(row.id).decided_name == "Finance partner"
    assert desk.limit() == 4200


def test_a_proposal_stays_until_the_overrun_itself_has_changed(desk: Desk) -> None:
    """The daily look took the smaller amount that product proposed for growth, and voided it every morning."""
    row = desk.begin(LARGE)
    desk.less("700", row, "product")
    desk.look()
    desk.next_day(LARGE)
    assert desk.row(row.id).amount_micros == 700_000_000
    desk.next_day(200, days=2)
    assert desk.row(row.id).amount_micros > 1_200_000_000
    # what product had agreed to is void
    assert "product must agree too" in desk.press("approve", row, "finance").note


def test_the_bot_says_nothing_twice(desk: Desk) -> None:
    row = desk.begin(LARGE)
    for _ in range(3):
        desk.look()
        desk.clock.now += timedelta(minutes=5)
    keys = [r.message_key for r in desk.posts("overrun:")]
    assert len(keys) == len(set(keys))
    assert len(desk.audited("overrun.opened")) == 1
    assert Decimal(row.amount_micros) > 0
