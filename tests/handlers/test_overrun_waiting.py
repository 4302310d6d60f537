"""What happens to an overrun while nobody decides: the bill goes on, time passes, the policy changes."""

from datetime import UTC, datetime, timedelta

import pytest

from handlers.conversation import Done, Refused
from storage.database import Database
from storage.tables.budgets import BudgetEntry, Overrun, Review
from storage.tables.timing import Deadline
from tests.conftest import Clock
from tests.handlers.overrunning import BUDGET, LADDER, Desk, overrun_policy

SMALL, MIDDLE, LARGE = 107, 115, 140
BRIDGE = LADDER + "  silence: {then: end, at_end: bridge}\n"


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, overrun_policy(), clock)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


# --- the bill -------------------------------------------------------------------------------------


def test_it_grows_onto_another_rung_with_the_time_of_that_rung(desk: Desk) -> None:
    """It came to the lead in the afternoon and was due, by the clock of the smaller rung, in the morning."""
    row = desk.begin(SMALL)
    desk.clock.now += timedelta(hours=6)
    desk.bill(MIDDLE)
    desk.look()
    after = desk.row(row.id)
    assert (after.rung_name, after.amount_micros, after.revision) == ("lead", 450_000_000, 2)
    assert after.due_at > row.due_at
    assert {d.due_at for d in desk.rows(Deadline) if d.kind == "overrun.due"} == {after.due_at}
    assert "grown from $210 to $450" in desk.news(row)[-1]


def test_small_steps_add_up(desk: Desk) -> None:
    row = desk.begin(SMALL)
    for a_day in (107.2, 107.4, 107.6):
        desk.bill(a_day)
        desk.look()
    after = desk.row(row.id)
    assert after.amount_micros == 222_000_000
    assert after.revision == 2


def test_it_becomes_less_and_then_nothing(desk: Desk) -> None:
    """A restated bill: what was a case for finance and product is a few dollars."""
    row = desk.begin(LARGE)
    desk.press("approve", row, "finance")
    desk.bill(MIDDLE)
    desk.look()
    after = desk.row(row.id)
    assert (after.amount_micros, after.state, after.revision) == (450_000_000, "review", 2)
    case = desk.card(row, ":review").model_dump_json()
    assert "$450 more" in case
    assert '"version":2' in case  # its buttons still decide
    desk.bill(95)
    desk.look()
    after = desk.row(row.id)
    assert (after.state, after.decided_by) == ("withdrawn", "budgets")
    assert desk.rows(Deadline) == []
    assert '"kind":"controls"' not in desk.card(row, ":review").model_dump_json()
    assert "Summary" in desk.card(row, ":summary").summary
    assert isinstance(desk.press("approve", row, "product"), Refused)
    # and it may begin again
    desk.bill(LARGE)
    assert desk.look().overruns == 1


def test_a_request_stays_what_was_asked_for_while_the_bill_changes(desk: Desk) -> None:
    desk.bill(90)
    desk.ask("380")
    row = desk.waiting()
    desk.bill(MIDDLE)
    desk.look()
    after = desk.row(row.id)
    assert (after.amount_micros, after.revision) == (380_000_000, 1)
    assert "115 %" in desk.card(row).model_dump_json()
    desk.press("approve", row, "lead")
    assert desk.look().overruns == 1  # the rest, which nobody has asked for yet
    assert desk.waiting().amount_micros == 70_000_000
    assert desk.waiting().rung_name == "lead"  # with what was granted


def test_a_small_request_does_not_hide_a_large_overrun(desk: Desk) -> None:
    """A dollar was asked for again whenever the last dollar was decided; of each budget one overrun waits, so the
    bot never asked about the thousands."""
    desk.bill(90)
    desk.ask("1")
    row = desk.waiting()
    desk.bill(MIDDLE)
    assert desk.look().overruns == 1
    assert desk.row(row.id).state == "withdrawn"
    assert desk.waiting().amount_micros == 450_000_000


# --- the policy and the period --------------------------------------------------------------------


def test_a_budget_that_is_taken_out_of_the_policy_takes_its_overrun_along(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    desk.loaded = overrun_policy(("name: ranker", "name: another"))
    answer = desk.press("approve", row, "lead")
    assert isinstance(answer, Refused)
    assert "no longer has the budget ranker" in answer.sentence
    desk.look()
    after = desk.row(row.id)
    assert after.state == "withdrawn"
    assert "no longer has the budget ranker" in desk.news(row)[-1]
    assert {d.subject for d in desk.rows(Deadline)} == {desk.waiting().id}


def test_a_period_that_ends_ends_what_waits_in_it(desk: Desk) -> None:
    desk.clock.now = at(30, 13)
    row = desk.begin(MIDDLE)
    desk.clock.now = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    desk.due()  # a reminder, or its end: nothing is asked of anybody
    after = desk.row(row.id)
    assert (after.state, after.reason) == (
        "expired",
        "The period 2026-11 is over; nothing can be granted for it any more.",
    )
    assert isinstance(desk.press("approve", row, "lead"), Refused)
    assert desk.limit() == 3000
    assert len(desk.audited("overrun.expired")) == 1


def test_a_click_at_midnight_decides_nothing_about_the_month_that_is_over(desk: Desk) -> None:
    desk.clock.now = at(30, 22)
    row = desk.begin(MIDDLE)
    desk.clock.now = at(30, 23, 30)  # 00:30 in Berlin
    answer = desk.press("approve", row, "lead")
    assert isinstance(answer, Refused)
    assert "is over" in answer.sentence
    desk.look()
    assert desk.row(row.id).state == "expired"


def test_what_was_asked_for_a_time_that_is_over_ends(desk: Desk) -> None:
    desk.bill(90)
    desk.ask("600", until="2026-11-24")
    row = desk.waiting()
    desk.clock.now = at(25, 7)
    desk.look()
    assert desk.row(row.id).state == "expired"
    assert "until 24 Nov" in desk.news(row)[-1]


def test_a_limit_that_is_raised_withdraws_what_waits(desk: Desk) -> None:
    row = desk.begin(MIDDLE)
    desk.loaded = overrun_policy(("limit: 3000", "limit: 4000"))
    desk.look()
    assert desk.row(row.id).state == "withdrawn"
    assert [(e.kind, e.amount_micros // 10**6) for e in desk.rows(BudgetEntry)] == [
        ("set", 3000),
        ("correction", 1000),
    ]
    assert len(desk.audited("overrun.withdrawn")) == 1


# --- silence --------------------------------------------------------------------------------------


def test_reminders_the_next_rung_the_review_and_the_end(desk: Desk) -> None:
    """Monday 10:00 in Berlin; nobody ever says anything."""
    desk.loaded = overrun_policy(
        (", any_of: [lead]}", ", any_of: [lead], due_hours: 4}"),
        (",\n       at_most: {times: 3, days: 30}", ""),
    )
    row = desk.begin(MIDDLE)
    assert row.due_at == at(23, 13)
    desk.clock.now = at(23, 11)
    assert desk.due() == 1
    assert desk.news(row)[-1] == "Still waits for ML lead, search, lead."
    desk.clock.now = at(23, 13)
    desk.due()
    after = desk.row(row.id)
    # 14:00 in Berlin is the cut-off: the joint review begins on the next morning
    assert (after.rung_name, after.state) == ("joint", "review")
    assert any("Nobody decided in time. It goes to the rung joint" in n for n in desk.news(row))
    (review,) = desk.rows(Review)
    assert (review.opens_at, review.opened) == (at(24, 8), False)
    assert not desk.posts(f"overrun:{row.id}:review:")
    desk.clock.now = at(24, 8)
    desk.due()
    assert desk.rows(Review)[0].opened
    desk.clock.now = at(24, 12)
    desk.due()
    assert any("Still waits for Finance partner, Product owner" in n for n in desk.news(row))
    desk.clock.now = after.due_at
    desk.due()
    late = desk.row(row.id)
    assert late.due_at == at(25, 16)
    assert any(
        "The joint review is late; it has until Wed 25 Nov 17:00." in n for n in desk.news(row)
    )
    desk.clock.now = late.due_at
    desk.due()
    end = desk.row(row.id)
    assert (end.state, end.granted_micros, end.decided_name) == ("expired", 0, "the policy")
    assert desk.rows(Deadline) == []
    assert desk.limit() == 3000
    assert len(desk.audited("overrun.expired")) == 1
    assert desk.chain_holds()


def test_a_bridge_until_the_next_checkpoint_and_then_it_is_asked_again(desk: Desk) -> None:
    """The bridge ran out and nobody was asked any more for the rest of the month."""
    desk.loaded = overrun_policy(more=BRIDGE)
    desk.clock.now = at(10, 8)
    row = desk.begin(MIDDLE)
    desk.clock.now = row.due_at
    desk.due()
    end = desk.row(row.id)
    assert (end.state, end.granted_micros) == ("expired", 150_000_000)
    assert at(11, 0).date() < end.until < at(30, 0).date()
    assert desk.limit() == 3150
    assert len(desk.audited("overrun.bridged", "overrun.expired", "overrun.granted")) == 1
    assert desk.look().overruns == 0
    days = (end.until - desk.clock.now.date()).days
    assert desk.next_day(MIDDLE, days=days).overruns == 0
    assert desk.next_day(MIDDLE).overruns == 1


def test_deadlines_that_come_after_the_decision_do_nothing(desk: Desk) -> None:
    row = desk.begin(SMALL)
    desk.press("approve", row, "engineer")
    before = len(desk.posts("overrun:"))
    desk.clock.now += timedelta(days=3)
    assert desk.due() == 0
    assert len(desk.posts("overrun:")) == before


def test_a_review_that_grows_every_day_is_not_put_off_every_day(desk: Desk) -> None:
    row = desk.begin(LARGE)
    due = row.due_at
    for a_day in (160, 190):
        desk.clock.now += timedelta(minutes=30)
        desk.bill(a_day)
        desk.look()
    after = desk.row(row.id)
    assert after.revision == 3
    assert after.due_at == due
    assert '"version":3' in desk.card(row, ":review").model_dump_json()
    keys = [r.message_key for r in desk.posts("overrun:")]
    assert len(keys) == len(set(keys))


# --- reviews --------------------------------------------------------------------------------------


def test_a_joint_review_from_its_case_to_its_summary(desk: Desk) -> None:
    row = desk.begin(LARGE)
    (review,) = desk.rows(Review)
    assert review.participants == {
        "finance": "finance@example.com",
        "product": "product@example.com",
        "owner": "owner@example.com",
    }
    case = desk.card(row, ":review").model_dump_json()
    for wanted in (
        "Grant: $1,200 more, $4,200 in all",
        "Throttle",
        "Halt",
        "Move to the next period",
    ):
        assert wanted in case, wanted
    assert desk.act("submission", "review.note", row.id, who="product", note=" ").kind == "errors"
    assert (
        desk.act("submission", "review.note", row.id, who="product", note="Launch on 1 Dec")
        == Done()
    )
    ticked = desk.act("press", "review.tick", row.id, who="finance", choice="3")
    assert ticked == Done()
    for wrong in ("3", "99", "²", "9" * 30, ""):
        again = desk.act("press", "review.tick", row.id, who="finance", choice=wrong)
        assert isinstance(again, Refused), wrong
        assert again.reason == "already-decided"
    desk.press("approve", row, "finance")
    assert "Sign as product" in desk.card(row, ":review").model_dump_json()
    desk.press("approve", row, "product")
    summary = desk.card(row, ":summary").model_dump_json()
    for wanted in (
        "granted $1,200 by Finance partner and Product owner",
        "Delivered",
        "Follow-ups",
        "Launch",
    ):
        assert wanted in summary, wanted
    late = desk.act("submission", "review.note", row.id, who="product", note="too late")
    assert isinstance(late, Refused)
    assert len(desk.audited("review.concluded")) == 1


def test_a_review_that_is_asked_for_holds_whoever_could_have_decided_alone(desk: Desk) -> None:
    """A lead called the review; the engineer who had asked then took a dollar less by their own rung, and the
    review was over."""
    desk.bill(90)
    desk.ask("250")
    row = desk.waiting()
    assert desk.press("review", row, "lead") == Done()
    after = desk.row(row.id)
    assert (after.state, after.rung_name) == ("review", "joint")
    assert isinstance(desk.less("249", row, "engineer"), Refused)
    assert isinstance(desk.press("approve", row, "lead"), Refused)
    desk.clock.now += timedelta(hours=1)
    again = desk.press("review", row, "engineer")  # would have put it off
    assert isinstance(again, Refused)
    assert again.reason == "already-decided"
    assert desk.row(row.id).due_at == after.due_at


def test_participants_take_turns(desk: Desk) -> None:
    twin = BUDGET.replace("ranker", "twin")
    desk.loaded = overrun_policy(budgets=BUDGET + twin)
    desk.bill(LARGE)
    desk.bill(LARGE, experiment="twin")
    assert desk.look().overruns == 2
    named = [r.participants["finance"] for r in desk.rows(Review)]
    assert sorted(named) == ["controller@example.com", "finance@example.com"]


def test_after_the_cut_off_and_over_a_holiday(desk: Desk) -> None:
    """Wednesday afternoon before a holiday: finance works in New York, where Thursday is Thanksgiving."""
    desk.loaded = overrun_policy(
        (
            "name: Finance partner}",
            "name: Finance partner, time_zone: America/New_York, holidays: US}",
        )
    )
    desk.clock.now = at(25, 15)
    row = desk.begin(LARGE)
    (review,) = desk.rows(Review)
    assert review.opens_at == at(27, 8)
    assert "Thu 26 Nov is a holiday in" in review.moved
    assert any("holiday" in n for n in desk.news(row))
    desk.clock.now = at(27, 8)
    desk.due()
    assert desk.posts(f"overrun:{row.id}:review")
    assert len(desk.rows(Overrun)) == 1
