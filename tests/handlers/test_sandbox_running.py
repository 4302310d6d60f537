"""A sandbox lives: extended, halted, resumed, reminded, ended, asked what came of it; on both databases."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from guardrails.orders import Order
from handlers.alerts.publish import publish
from handlers.conversation import Done, Message, OpenForm, Private
from handlers.sandboxes import control
from handlers.turn import Turn
from storage.database import Database
from storage.tables.budgets import BudgetEntry, BudgetNudge, Overrun
from storage.tables.timing import Deadline
from tests.conftest import Clock, runbook
from tests.handlers.alerting import finding
from tests.handlers.sandboxing import Sand, errors, labels, refused, sandbox_policy

FIRST, LAST = date(2026, 11, 23), date(2026, 12, 4)


@pytest.fixture
def sand(database: Database, clock: Clock) -> Sand:
    made = Sand(database, sandbox_policy(), clock)
    made.active()
    return made


def at(day: date, hour: int = 8) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def operations(sand: Sand) -> list[str]:
    return [o.operation for o in sand.orders() if o.state != "dropped"]


# --- halt, resume, close ----------------------------------------------------------------------------


def test_halted_and_resumed(sand: Sand) -> None:
    assert sand.on("halt", why="It writes garbage.") == Done()
    row = sand.sandbox("try-lora")
    assert (row.state, row.halted_at) == ("halted", sand.clock())
    assert "It writes garbage." in row.why
    assert labels(sand.card_of()) == ["Resume…", "Close…"]
    assert any("halted it. It writes garbage." in s for s in sand.said())
    assert [o.operation for o in sand.carry_out()] == ["halt"]
    assert sand.on("resume", "lead", why="Mended.") == Done()
    assert sand.sandbox("try-lora").state == "active"
    assert [o.operation for o in sand.carry_out()] == ["resume"]
    assert [e.action for e in sand.audited("sandbox.halt", "sandbox.resume")] == [
        "sandbox.halt",
        "sandbox.resume",
    ]
    assert sand.limit("sandbox/try-lora") == 1200
    assert sand.chain_holds()


def test_halted_and_resumed_before_anybody_carried_it_out_runs_on(sand: Sand) -> None:
    sand.on("halt", why="Wait.")
    sand.on("resume", "lead", why="No.")
    assert [(o.operation, o.state) for o in sand.orders()] == [
        ("allocate", "done"),
        ("halt", "dropped"),
        ("resume", "waiting"),
    ]


def test_halted_while_it_is_set_up_it_goes_back_to_being_set_up(
    database: Database, clock: Clock
) -> None:
    sand = Sand(database, sandbox_policy(), clock)
    sand.ask()
    sand.on("halt", why="Not today.")
    sand.carry_out()  # the set-up goes on, then it is stopped
    assert sand.sandbox("try-lora").state == "halted"
    sand.on("resume", "lead", why="Today.")
    assert sand.sandbox("try-lora").state == "active"  # what it needs is there since
    assert any("it is ready" in s for s in sand.said())


def test_who_may_stop_resume_and_end_it(sand: Sand) -> None:
    """Its owner and whoever asked run and stop it; a lead or the platform resumes it; finance may stop it."""
    sand.loaded = sandbox_policy(
        ("engineer: {emails: [engineer@", "engineer: {emails: [other@example.com, engineer@")
    )
    for what in ("extend", "close", "halt"):
        assert "may do this" in refused(
            sand.act("press", f"sandbox.{what}", sand.sandbox("try-lora").id, who="other")
        )
        assert "may do this" in refused(sand.on(what, "other", why="x", until=str(LAST)))
    assert "needs the role" in refused(sand.on("halt", "executive", why="x"))
    assert refused(sand.on("close", "finance", why="x")).startswith("not-allowed")
    assert sand.on("halt", "finance", why="Too dear.") == Done()
    assert "Others halted it" in refused(sand.on("resume", why="mine"))
    assert "Others halted it" in refused(
        sand.act("press", "sandbox.resume", sand.sandbox("try-lora").id)
    )
    assert sand.on("resume", "operator", why="It is fine.") == Done()
    assert isinstance(sand.act("press", "sandbox.close", sand.sandbox("try-lora").id), OpenForm)
    assert sand.on("close", why="Done.") == Done()


def test_a_role_that_is_lost_before_the_click_stops_nothing(sand: Sand) -> None:
    sand.ask("lead", name="leads", owner="lead@example.com")
    assert isinstance(
        sand.act("press", "sandbox.halt", sand.sandbox("try-lora").id, who="lead"), OpenForm
    )
    sand.loaded = sandbox_policy(("lead: {emails: [lead@", "lead: {emails: [finops@"))
    assert refused(sand.on("halt", "lead", why="x")).startswith("not-allowed")
    assert refused(sand.on("close", "lead", sandbox="leads", why="x")).startswith("not-allowed")
    assert sand.sandbox("try-lora").state == "active"
    assert sand.on("halt", "finops", why="x") == Done()


def test_a_reason_is_asked_for(sand: Sand) -> None:
    for what in ("halt", "close"):
        assert set(errors(sand.on(what, why="  "))) == {"why"}
        assert set(errors(sand.on(what, why="x" * 501))) == {"why"}
    assert sand.sandbox("try-lora").state == "active"


def test_closed_its_resources_are_removed_and_nothing_more_can_be_pressed(sand: Sand) -> None:
    sand.on("close", why="We know enough.")
    assert sand.sandbox("try-lora").state == "closed"
    assert [o.operation for o in sand.carry_out()] == ["close"]
    assert labels(sand.card_of()) == ["What came of it…"]
    for what, who in (("halt", "lead"), ("resume", "lead"), ("close", "lead")):
        assert refused(sand.on(what, who, why="x")).startswith("already-decided"), what
    assert "has ended" in refused(sand.on("extend", until="2026-12-10", why="x"))
    assert "Nothing waits" in refused(
        sand.act("press", "sandbox.again", sand.sandbox("try-lora").id)
    )
    assert [d.kind for d in sand.rows(Deadline)] == ["sandbox.outcome"]


def test_a_sandbox_that_nobody_knows_is_said_to_be_unknown(sand: Sand) -> None:
    for what in ("halt", "close", "resume", "extend"):
        answer = sand.act("submission", f"sandbox.{what}", "gone", who="lead", why="x")
        assert "not known here" in refused(answer)
    for subject in ("", "gone", "²", "9" * 12, "-1"):
        assert "not known here" in refused(
            sand.act("press", "sandbox.order-done", subject, who="operator")
        )


# --- extend -----------------------------------------------------------------------------------------


def test_extended_inside_its_zone_at_once(sand: Sand) -> None:
    answer = sand.on("extend", amount="500", until="2026-12-11", why="One more run.")
    assert answer.note == "try-lora is extended: $1,700 until Fri 11 Dec."
    row = sand.sandbox("try-lora")
    assert (row.state, row.ends_on) == ("active", date(2026, 12, 11))
    assert sorted(e.amount_micros for e in sand.rows(BudgetEntry)) == [500_000_000, 1_200_000_000]
    (order,) = sand.carry_out()
    assert (order.operation, order.cap, order.ends_on) == ("change", 1700, date(2026, 12, 11))
    assert sand.rows(Overrun) == []
    ends = {d.kind: d.due_at for d in sand.rows(Deadline)}
    assert ends["sandbox.ends"] == datetime(2026, 12, 11, 23, 5, tzinfo=UTC)


def test_extended_beyond_its_zone_is_decided_on_the_ladder(sand: Sand) -> None:
    answer = sand.on("extend", amount="1000", until="2026-12-11", why="One more run.")
    assert "is decided by" in answer.note
    assert "above the cap of $2,000" in answer.note
    row = sand.sandbox("try-lora")
    assert (row.state, row.ends_on) == ("active", LAST)
    assert sand.limit("sandbox/try-lora") == 1200
    again = sand.on("extend", amount="1", until="2027-01-11", why="And more.")
    assert "waits for its decision" in refused(again)
    waiting = sand.waiting()
    assert "asks to be extended by $1,000" in sand.card(waiting).summary
    assert sand.press("approve", waiting, "lead") == Done()
    assert sand.limit("sandbox/try-lora") == 2200
    assert sand.sandbox("try-lora").ends_on == date(2026, 12, 11)
    (order,) = sand.carry_out()
    assert (order.operation, order.cap) == ("change", 2200)
    assert any("extended it: $2,200" in s for s in sand.said())


def test_more_time_alone_is_an_extension(sand: Sand) -> None:
    assert "$1,200 until Tue 8 Dec" in sand.on("extend", until="2026-12-08", why="Slow.").note
    assert sand.limit("sandbox/try-lora") == 1200
    answer = sand.on("extend", until="2027-01-08", why="Very slow.")  # longer than the zone's
    assert "longer than the 21" in answer.note
    assert sand.press("approve", sand.waiting(), "lead") == Done()
    assert sand.sandbox("try-lora").ends_on == date(2027, 1, 8)
    assert sand.limit("sandbox/try-lora") == 1200


def test_an_extension_that_is_declined_changes_nothing(sand: Sand) -> None:
    sand.on("extend", amount="1000", until=str(LAST), why="More.")
    sand.submit("decline", sand.waiting(), "lead", why="Finish first.")
    row = sand.sandbox("try-lora")
    assert (row.state, row.ends_on) == ("active", LAST)
    assert sand.limit("sandbox/try-lora") == 1200
    assert any("was not granted (declined). Finish first." in s for s in sand.said())


def test_an_extension_that_waits_ends_with_the_sandbox(sand: Sand) -> None:
    """Closed in the morning, granted at noon: the ledger moved for a sandbox that was gone."""
    sand.on("extend", amount="1000", until=str(LAST), why="More.")
    waiting = sand.waiting()
    sand.on("close", why="Enough.")
    assert sand.row(waiting.id).state == "withdrawn"
    assert "withdrawn" in refused(sand.press("approve", waiting, "lead"))
    assert sand.limit("sandbox/try-lora") == 1200
    assert [d.kind for d in sand.rows(Deadline)] == ["sandbox.outcome"]
    assert sand.chain_holds()


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"until": "2026-12-03"}, "until"),
        ({"until": "2027-03-01"}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "5 EUR"}, "amount"),
        ({"amount": "500", "why": ""}, "why"),
        ({}, "until"),
    ],
)
def test_an_extension_is_read_strictly(sand: Sand, inputs: dict[str, str], field: str) -> None:
    assert set(errors(sand.on("extend", **({"why": "more"} | inputs)))) == {field}
    assert sand.limit("sandbox/try-lora") == 1200


def test_what_is_halted_is_not_extended(sand: Sand) -> None:
    sand.on("halt", why="x")
    assert "is halted" in refused(sand.on("extend", until="2026-12-08", why="x"))


def test_an_extension_counts_in_the_month_in_which_it_is_given(sand: Sand) -> None:
    """Three old sandboxes were extended in December by more than the zone gives in a month: each one's share was
    counted in November."""
    for name in ("two", "three"):
        sand.active(name=name, estimate="1000", until="2026-12-10")
    sand.loaded = sandbox_policy(
        ("cap_month: 5000", "cap_month: 2000"), ("at_once: 3", "at_once: 9")
    )
    sand.clock.now = at(date(2026, 12, 1))
    for name, granted in (("try-lora", True), ("two", True), ("three", False)):
        sand.on("extend", sandbox=name, amount="800", until="2026-12-11", why="more")
        assert (sand.limit(f"sandbox/{name}") == 2000) == granted, name
    assert (
        "$400 are left this month" in sand.ask(name="four", estimate="500", until="2026-12-11").note
    )


# --- its end ----------------------------------------------------------------------------------------


def test_reminded_before_its_end_with_buttons_and_then_ended(sand: Sand) -> None:
    for day, when in ((1, "in 3 days"), (3, "in 1 day")):
        sand.clock.now = at(date(2026, 12, day), 7)
        assert sand.due() == 0
        sand.clock.now = at(date(2026, 12, day), 8)
        assert sand.due() == 1
        assert f"ends {when}" in sand.said()[-1]
        (posted,) = [r for r in sand.posts("sandbox:") if r.key.endswith(f"{LAST}:{4 - day}")]
        assert labels(Message.model_validate(posted.content)) == ["Extend…", "Close…"]
    told = [r for r in sand.posts("sandbox:") if ":ends:" in r.key and r.key.endswith(":told")]
    assert {r.place["channel"] for r in told} == {"@engineer@example.com"}
    sand.clock.now = datetime(2026, 12, 4, 23, 4, tzinfo=UTC)
    assert sand.due() == 0
    sand.clock.now += timedelta(minutes=2)
    sand.due()
    row = sand.sandbox("try-lora")
    assert row.state == "expired"
    assert "It lasted until" in row.why
    assert [o.operation for o in sand.carry_out()] == ["close"]
    assert sand.chain_holds()


def test_an_extension_moves_reminders_and_the_end(sand: Sand) -> None:
    sand.clock.now = at(date(2026, 12, 1))
    sand.due()
    sand.on("extend", until="2026-12-13", why="more")
    sand.clock.now = at(date(2026, 12, 5))
    assert sand.due() == 0
    assert sand.look_at() == 0
    assert sand.sandbox("try-lora").state == "active"
    sand.clock.now = at(date(2026, 12, 10))
    assert sand.due() == 1
    assert "ends in 3 days" in sand.said()[-1]
    sand.clock.now = at(date(2026, 12, 14))
    sand.due()
    assert sand.sandbox("try-lora").state == "expired"


def test_the_daily_look_and_the_deadline_end_it_once(sand: Sand) -> None:
    sand.clock.now = at(date(2026, 12, 5))
    assert sand.look_at() == 1
    assert sand.sandbox("try-lora").state == "expired"
    sand.due()
    assert sand.look_at() == 0
    assert len(sand.audited("sandbox.expired")) == 1
    assert [o for o in operations(sand) if o == "close"] == ["close"]


@pytest.mark.parametrize("state", ["allocated", "halted"])
def test_what_is_not_running_ends_all_the_same(
    database: Database, clock: Clock, state: str
) -> None:
    sand = Sand(database, sandbox_policy(), clock)
    sand.ask()
    if state == "halted":
        sand.carry_out()
        sand.on("halt", why="x")
    sand.clock.now = at(date(2026, 12, 5))
    sand.due()
    assert sand.sandbox("try-lora").state == "expired"
    assert [o.operation for o in sand.carry_out()] == ["close"]


# --- every day --------------------------------------------------------------------------------------


def test_the_daily_line_says_spend_cap_course_and_days_left_once(sand: Sand) -> None:
    assert sand.look_at() == 0  # no bill yet
    sand.clock.now = at(date(2026, 11, 27))
    sand.spend(150, FIRST, date(2026, 11, 27))
    for _ in range(3):
        sand.daily()
    lines = [s for s in sand.said() if "spent to" in s]
    assert len(lines) == 1
    for wanted in (
        "$600 of $1,200 (50 %)",
        "usually $150 a day",
        "more than its cap",
        "8 days left.",
    ):
        assert wanted in lines[0], wanted
    assert "$750 of $1,200" in sand.card_of().model_dump_json()  # with the day that is not complete
    sand.clock.now += timedelta(days=1)
    sand.spend(150, FIRST, date(2026, 11, 28))
    sand.daily()
    assert len([s for s in sand.said() if "spent to" in s]) == 2


def test_the_daily_line_says_that_the_cap_is_billed_already(sand: Sand) -> None:
    """$600 of $1,200 on complete days; $900 of yesterday, which is not complete."""
    sand.clock.now = at(date(2026, 11, 27))
    sand.spend(150, FIRST, date(2026, 11, 26))
    sand.spend(900, date(2026, 11, 27), date(2026, 11, 27))
    sand.daily()
    (line,) = [s for s in sand.said() if "spent to" in s]
    assert "It is already over: $1,500 billed, days that are not complete included." in line


def test_nudges_and_the_overrun_of_its_budget_come_as_for_any(sand: Sand) -> None:
    sand.clock.now = at(date(2026, 11, 30))
    sand.spend(170, FIRST, date(2026, 11, 30))
    sand.daily()
    assert {n.budget for n in sand.rows(BudgetNudge)} == {"sandbox/try-lora"}
    assert sand.waiting().budget == "sandbox/try-lora"
    sand.on("close", why="Too dear.")
    assert [r.state for r in sand.rows(Overrun)] == ["withdrawn"]


def test_an_anomaly_opens_the_review_in_the_thread_once(sand: Sand) -> None:
    made = runbook("spend", "Spend spike", ("Look at the drivers.", "Stop what runs away."))
    sand.loaded = replace(sand.loaded, runbooks={"spend": made})
    found = finding("try-lora", last=date(2026, 11, 24))
    sand.clock.now = at(date(2026, 11, 25))
    sand.turn(lambda t: publish(t, [found]))
    for _ in range(3):
        sand.look_at()
    said = sand.said()
    (review,) = [s for s in said if s.startswith("Review of the sandbox try-lora")]
    assert sum("Spend spike" in s for s in said) == 1
    (posted,) = [r for r in sand.posts("sandbox:") if ":anomaly:" in r.key]
    text = Message.model_validate(posted.content).model_dump_json()
    assert "ML lead, search" in text
    assert "ML engineer, search" in text
    assert "beyond the expected value" in text
    assert len(sand.audited("sandbox.review-begun")) == 1
    assert review


# --- what came of it --------------------------------------------------------------------------------


def test_the_outcome_is_asked_for_kept_and_shown(sand: Sand) -> None:
    sand.clock.now = at(date(2026, 11, 26))
    sand.spend(200, FIRST, date(2026, 11, 25))
    assert "not ended" in refused(sand.act("press", "sandbox.outcome", sand.sandbox("try-lora").id))
    sand.on("close", why="Done.")
    assert any("was it worth it?" in s for s in sand.said())
    form = sand.act("press", "sandbox.outcome", sand.sandbox("try-lora").id)
    assert "$600 of $1,200" in form.model_dump_json()
    assert set(errors(sand.on("outcome", result="", worth="maybe"))) == {"result", "worth"}
    answer = sand.on("outcome", result="0.85", worth="yes", note="Rank 16 suffices.")
    assert "council" in answer.note
    kept = sand.sandbox("try-lora").outcome
    assert (kept["result"], kept["worth"], kept["spent"], kept["by"]) == (
        "0.85",
        "yes",
        "600",
        "engineer@example.com",
    )
    assert Decimal(kept["estimate"]) == 1000
    card = sand.card_of()
    assert "It was worth it" in card.model_dump_json()
    assert "Rank 16 suffices." in card.model_dump_json()
    assert labels(card) == []
    assert "has answered this already" in refused(
        sand.on("outcome", "lead", result="1", worth="no")
    )


def test_the_outcome_is_asked_for_again_twice_and_never_after_the_answer(sand: Sand) -> None:
    sand.on("close", why="Done.")

    def asked() -> int:
        return len([r for r in sand.posts("sandbox:") if ":outcome:" in r.key])

    assert asked() == 1
    for _ in range(4):
        sand.clock.now += timedelta(days=8)
        sand.due()
    assert asked() == 3
    assert sand.rows(Deadline) == []


def test_what_graduated_and_is_closed_later_is_not_asked_twice(sand: Sand) -> None:
    """The question of its end had the key of the one of its graduation: one message was posted twice."""

    def lifts(turn: Turn, row: Any) -> None:
        control.lift(
            turn,
            row,
            stage="scaled",
            amount=Decimal(100),
            ends_on=row.ends_on,
            key="gate",
            actor="lead@example.com",
            name="ML lead, search",
            why="It pays.",
        )

    sand.in_turn(lifts)
    assert sand.sandbox("try-lora").state == "graduated"
    assert sand.on("close", "lead", why="The product is gone.") == Done()
    posted = [r.message_key for r in sand.posts("sandbox:")]
    assert len(posted) == len(set(posted))
    assert labels(sand.card_of()) == ["What came of it…"]


def test_an_answer_ends_the_asking(sand: Sand) -> None:
    sand.on("close", why="Done.")
    sand.on("outcome", result="0.7", worth="no")
    sand.clock.now += timedelta(days=30)
    sand.due()
    assert len([r for r in sand.posts("sandbox:") if ":outcome:" in r.key]) == 1


# --- by hand ----------------------------------------------------------------------------------------


def test_people_are_asked_with_their_steps_and_done_counts_once(
    database: Database, clock: Clock
) -> None:
    policy = sandbox_policy(("actuators: [platform]", "actuators: [storeroom]"))
    sand = Sand(database, policy, clock)
    sand.ask()
    (order,) = sand.orders()
    assert (order.state, order.operation) == ("asked", "allocate")
    (posted,) = [r for r in sand.posts("sandbox:") if ":order:" in r.key]
    message = Message.model_validate(posted.content)
    assert "Platform operator" in message.model_dump_json()
    assert "Set up what the sandbox needs" in message.model_dump_json()
    assert labels(message) == ["Done"]
    assert sand.claim() == []  # no machine takes it
    done = ("press", "sandbox.order-done", str(order.id))
    assert "role operator" in refused(sand.act(*done, who="lead"))  # type: ignore[arg-type]
    assert sand.sandbox("try-lora").state == "allocated"
    assert sand.act(*done, who="operator") == Done()  # type: ignore[arg-type]
    assert sand.sandbox("try-lora").state == "active"
    again = refused(sand.act(*done, who="operator"))  # type: ignore[arg-type]
    assert "done already by Platform operator" in again
    assert len(sand.audited("sandbox.order-done")) == 1
    sand.on("halt", why="x")
    sand.on("close", why="y")
    assert [(o.operation, o.state) for o in sand.orders()] == [
        ("allocate", "done"),
        ("halt", "dropped"),
        ("close", "asked"),
    ]
    late = refused(
        sand.act("press", "sandbox.order-done", str(sand.orders()[1].id), who="operator")
    )
    assert "no longer needed" in late
    assert (
        sand.act("press", "sandbox.order-done", str(sand.orders()[2].id), who="operator") == Done()
    )
    assert sand.sandbox("try-lora").state == "closed"


# --- the key ----------------------------------------------------------------------------------------


def test_the_key_is_its_owners_while_it_runs(sand: Sand) -> None:
    press: Any = ("press", "sandbox.key", sand.sandbox("try-lora").id)
    shown = sand.act(*press)
    assert isinstance(shown, Private)
    assert shown.secret is not None
    assert shown.secret.holders == ("platform",)
    assert "shown to the sandbox's owner" in refused(sand.act(*press, who="lead"))
    assert [e.actor for e in sand.audited("sandbox.key-shown")] == ["engineer@example.com"]
    sand.on("halt", why="x")
    assert "does not work" in refused(sand.act(*press))


def test_orders_say_what_is_to_be_true(sand: Sand) -> None:
    sand.on("extend", amount="100", until="2026-12-10", why="more")
    sand.on("extend", amount="100", until="2026-12-11", why="and more")
    first, second = (Order.model_validate(o.content) for o in sand.orders()[1:])
    assert [o.state for o in sand.orders()[1:]] == ["dropped", "waiting"]
    assert (first.cap, second.cap) == (1300, 1400)
    assert first.id != second.id
