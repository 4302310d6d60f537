"""A sandbox is asked for: inside a zone it is there at once, outside the ladder decides; on both databases."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from guardrails.orders import Order
from handlers.conversation import Done, Message, OpenForm, Private, Refused
from handlers.sandboxes.request import request
from handlers.turn import Turn
from storage.database import Database
from storage.tables.budgets import BudgetEntry, Overrun
from storage.tables.delivery import Outbox
from storage.tables.sandboxes import Actuation, Sandbox
from storage.tables.timing import Deadline
from tests.conftest import Clock
from tests.handlers.sandboxing import FORM, SANDBOXES, Sand, errors, labels, refused, sandbox_policy

END = "2026-12-04"


@pytest.fixture
def sand(database: Database, clock: Clock) -> Sand:
    return Sand(database, sandbox_policy(), clock)


# --- inside a zone ----------------------------------------------------------------------------------


def test_inside_a_zone_it_is_allocated_in_the_click_and_active_when_all_is_set_up(
    sand: Sand,
) -> None:
    answer = sand.ask()
    assert isinstance(answer, Done)
    assert "try-lora is being set up: $1,200 until" in answer.note
    row = sand.sandbox("try-lora")
    assert (row.state, row.zone, row.estimate_micros) == ("allocated", "exploring", 1_000_000_000)
    (entry,) = sand.rows(BudgetEntry)
    assert (entry.budget, entry.period, entry.kind) == (
        "sandbox/try-lora",
        "from 2026-11-23",
        "set",
    )
    assert entry.amount_micros == 1_200_000_000
    (order,) = sand.orders()
    assert (order.actuator, order.operation, order.state) == ("platform", "allocate", "waiting")
    told = Order.model_validate(order.content)
    assert told.cap == 1200
    assert told.tags["experiment"] == "try-lora"
    assert all(told.tags.values())
    actions = [
        e.action for e in sand.audited("sandbox.requested", "sandbox.approved", "sandbox.allocated")
    ]
    assert actions == ["sandbox.requested", "sandbox.approved", "sandbox.allocated"]
    assert sand.rows(Overrun) == []
    assert "being set up (1 to go)" in sand.card_of().summary
    assert labels(sand.card_of()) == ["Halt…", "Close…"]
    sand.carry_out("A namespace is there")
    row = sand.sandbox("try-lora")
    assert row.state == "active"
    assert row.active_at == sand.clock()
    assert "Active until" in sand.card_of().summary
    assert labels(sand.card_of()) == ["Extend…", "Halt…", "Close…"]
    assert any("tag everything with experiment=try-lora" in s for s in sand.said())
    assert sand.chain_holds()


def test_what_is_written_is_written_together_or_not_at_all(sand: Sand) -> None:
    def fails(turn: Turn) -> None:
        request(turn, sand.said_by("submission", "sandbox.request", **FORM))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        sand.turn(fails)
    for table in (Sandbox, Actuation, BudgetEntry, Outbox, Deadline):
        assert sand.rows(table) == []


def test_without_actuators_the_money_is_set_aside_and_that_is_all(sand: Sand) -> None:
    sand.loaded = sandbox_policy(("actuators: [platform]", "actuators: []"))
    assert "try-lora is active" in sand.ask().note
    assert sand.sandbox("try-lora").state == "active"
    assert sand.orders() == []


def test_it_is_active_only_when_all_of_its_actuators_are_done(sand: Sand) -> None:
    sand.loaded = sandbox_policy(("actuators: [platform]", "actuators: [platform, storeroom]"))
    sand.ask()
    sand.carry_out()
    assert sand.sandbox("try-lora").state == "allocated"
    assert "(1 to go)" in sand.card_of().summary
    (manual,) = [o for o in sand.orders() if o.actuator == "storeroom"]
    assert manual.state == "asked"
    assert sand.act("press", "sandbox.order-done", str(manual.id), who="operator") == Done()
    assert sand.sandbox("try-lora").state == "active"


def test_a_zone_has_actuators_of_its_own(sand: Sand) -> None:
    sand.loaded = sandbox_policy(("longest_days: 21}", "longest_days: 21, actuators: [storeroom]}"))
    sand.ask()
    assert [o.actuator for o in sand.orders()] == ["storeroom"]


def test_the_resources_make_the_estimate(sand: Sand) -> None:
    sand.ask(estimate="", gpu="H100", gpus="2", gpu_hours="100", model="atlas-mini", tokens="40")
    row = sand.sandbox("try-lora")
    assert row.estimate_micros == 900_000_000
    told = Order.model_validate(sand.orders()[0].content)
    assert (told.resources.gpus, told.resources.tokens) == (2, 40_000_000)
    assert "2 × H100 for 100 hours each · 40 million tokens" in sand.card_of().model_dump_json()


def test_the_form_has_what_tags_need_and_who_asks(sand: Sand) -> None:
    form = sand.act("command", "sandbox", text="request Try-LoRA")
    assert isinstance(form, OpenForm)
    fields = {f.name: f for f in form.form.fields}
    assert {"name", "hypothesis", "target", "team", "owner", "until", "estimate"} <= set(fields)
    assert fields["name"].initial == "Try-LoRA"
    assert fields["owner"].initial == "engineer@example.com"
    assert fields["team"].initial == "search"
    assert isinstance(sand.act("press", "sandbox.request"), OpenForm)
    assert "needs the role" in refused(sand.act("press", "sandbox.request", who="executive"))
    sand.loaded = sandbox_policy(
        ("teams:\n  search: {channel: ml-search, lead: lead@example.com}\n", ""),
        (", team: search}", "}"),
        ("    - {when: {team: search}, to: [team]}\n", ""),
    )
    assert "No team is set" in refused(sand.act("press", "sandbox.request"))


def test_every_wrong_field_is_said_at_once_and_nothing_is_written(sand: Sand) -> None:
    found = errors(
        sand.ask(name="a b/c", estimate="-3", until="2026-11-01", workload="", team="serach")
    )
    assert set(found) == {"name", "estimate", "until", "workload", "team"}
    assert "did you mean search?" in found["team"]
    assert sand.rows(Sandbox) == []
    assert sand.audited("sandbox.requested") == []


# --- outside ----------------------------------------------------------------------------------------


def test_outside_a_lead_decides_and_only_then_is_anything_set_up(sand: Sand) -> None:
    answer = sand.ask(estimate="3000")
    assert isinstance(answer, Done)
    assert "decided by lead" in answer.note
    assert "above the cap of $2,000" in answer.note
    row, waiting = sand.sandbox("try-lora"), sand.waiting()
    assert (row.state, row.zone, waiting.kind, waiting.rung_name) == (
        "requested",
        "",
        "sandbox",
        "lead",
    )
    assert waiting.amount_micros == 3_600_000_000  # with 20 % headroom
    assert sand.rows(BudgetEntry) == []
    assert sand.orders() == []
    card = sand.card(waiting)
    for wanted in ("LoRA ranks as well", "$3,000", "recall_at_10 at least 0.82", "Approve less…"):
        assert wanted in card.model_dump_json(), wanted
    assert "Halt…" not in labels(card)
    assert "Ask" in refused(sand.press("approve", waiting, "engineer"))
    assert sand.press("approve", waiting, "lead") == Done()
    row = sand.sandbox("try-lora")
    assert row.state == "allocated"
    (entry,) = sand.rows(BudgetEntry)
    assert (entry.budget, entry.amount_micros, entry.until) == (
        "sandbox/try-lora",
        3_600_000_000,
        None,
    )
    sand.carry_out()
    assert sand.sandbox("try-lora").state == "active"
    told = [r for r in sand.posts("sandbox:") if r.key.endswith(":told")]
    assert [r.place["channel"] for r in told] == ["@engineer@example.com"]
    assert "is granted" in Message.model_validate(told[0].content).summary


def test_the_days_count_from_the_decision(sand: Sand) -> None:
    sand.ask(estimate="3000")
    sand.clock.now += timedelta(hours=26)
    sand.press("approve", sand.waiting(), "lead")
    assert sand.sandbox("try-lora").ends_on == date(2026, 12, 5)


def test_a_large_one_is_decided_together_in_the_joint_review(sand: Sand) -> None:
    sand.ask(estimate="20000")
    waiting = sand.waiting()
    assert (waiting.rung_name, waiting.state) == ("joint", "review")
    assert "product must agree too" in sand.press("approve", waiting, "finance").note
    assert sand.sandbox("try-lora").state == "requested"
    assert sand.press("approve", waiting, "product") == Done()
    assert sand.sandbox("try-lora").state == "allocated"
    assert sand.limit("sandbox/try-lora") == 24_000


def test_approved_for_less_is_a_smaller_cap(sand: Sand) -> None:
    sand.ask(estimate="3000")
    assert sand.less("2500", sand.waiting(), "lead") == Done()
    assert sand.limit("sandbox/try-lora") == 2500
    assert Order.model_validate(sand.orders()[0].content).cap == 2500
    assert "$2,500" in sand.card_of().summary


def test_declined_with_a_reason_and_the_name_can_be_used_again(sand: Sand) -> None:
    sand.ask(estimate="3000")
    assert sand.submit("decline", sand.waiting(), "lead", why="Use the pilot's cluster.") == Done()
    row = sand.sandbox("try-lora")
    assert (row.state, row.why) == ("declined", "Use the pilot's cluster.")
    assert sand.rows(BudgetEntry) == []
    assert sand.orders() == []
    assert isinstance(sand.ask(name="Try_LoRA"), Done)
    assert sand.sandbox("try-lora").state == "allocated"
    assert sorted(r.state for r in sand.rows(Sandbox)) == ["allocated", "declined"]
    assert sand.limit("sandbox/try-lora") == 1200


def test_who_asked_takes_it_back(sand: Sand) -> None:
    sand.ask(estimate="3000")
    assert sand.submit("decline", sand.waiting(), "engineer", why="Found another way.") == Done()
    assert sand.sandbox("try-lora").state == "withdrawn"
    assert isinstance(sand.ask(), Done)


def test_silence_ends_a_request(sand: Sand) -> None:
    """Escalated to the last rung, reminded, late once, and then over: it can be asked for again."""
    sand.ask(estimate="3000", until="2026-12-20")
    for _ in range(20):
        sand.clock.now += timedelta(hours=12)
        sand.due()
    row = sand.sandbox("try-lora")
    assert row.state == "declined"
    assert "Nobody decided in time" in row.why
    assert sand.rows(BudgetEntry) == []
    assert sand.rows(Deadline) == []
    assert isinstance(sand.ask(until="2026-12-20"), Done)


def test_nobody_grants_their_own_where_the_rung_forbids_it(sand: Sand) -> None:
    """A lead outside every zone asks for what a lead may grant: others decide. Owning it is like asking for it."""
    sand.ask("lead", estimate="3000")
    assert "others decide" in refused(sand.press("approve", sand.waiting(), "lead"))
    sand.submit("decline", sand.waiting(), "lead", why="again")
    sand.ask("engineer", estimate="3000", owner="lead@example.com")
    assert "others decide" in refused(sand.press("approve", sand.waiting(), "lead"))
    assert sand.sandbox("try-lora").state == "requested"


def test_one_grants_ones_own_where_the_rung_allows_it(sand: Sand) -> None:
    """Sixty days do not fit into the zone; so small an amount people may grant themselves."""
    sand.ask(estimate="100", until="2027-01-21")
    assert sand.waiting().rung_name == "own"
    assert sand.press("approve", sand.waiting(), "engineer") == Done()
    assert sand.limit("sandbox/try-lora") == 120


def test_personal_data_needs_the_compliance_officer_too(sand: Sand) -> None:
    answer = sand.ask(data_class="personal", notes="Consent of the study's users")
    assert "compliance" in answer.note
    waiting = sand.waiting()
    assert "Consent of the study's users" in sand.card(waiting).model_dump_json()
    said = sand.press("approve", waiting, "lead")
    assert "compliance must agree too" in said.note
    assert sand.sandbox("try-lora").state == "requested"
    assert sand.press("approve", waiting, "compliance") == Done()
    assert sand.sandbox("try-lora").state == "allocated"
    assert {"ML lead, search", "Compliance officer"} <= set(
        sand.row(waiting.id).decided_name.split(" and ")
    )


def test_the_compliance_officer_alone_does_not_grant_the_money(sand: Sand) -> None:
    sand.ask(risk_class="high")
    waiting = sand.waiting()
    assert "must agree too" in sand.press("approve", waiting, "compliance").note
    assert sand.sandbox("try-lora").state == "requested"
    assert sand.rows(BudgetEntry) == []


def test_a_role_that_is_lost_before_the_click_decides_nothing(sand: Sand) -> None:
    sand.ask(estimate="3000")
    sand.loaded = sandbox_policy(
        ("lead: {emails: [lead@example.com]}", "lead: {emails: [finops@example.com]}")
    )
    assert isinstance(sand.press("approve", sand.waiting(), "lead"), Refused)
    assert sand.sandbox("try-lora").state == "requested"


# --- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["try-lora", "Try-LoRA", "TRY LORA", "try_lora"])
def test_a_second_request_for_the_same_name_is_refused_at_the_field(sand: Sand, name: str) -> None:
    sand.ask()
    assert "A sandbox is called try-lora already" in errors(sand.ask(name=name))["name"]
    sand.carry_out()
    assert "it is active" in errors(sand.ask("lead", name=name))["name"]
    found = errors(sand.ask(name=name, estimate="0"))  # said with whatever else is wrong
    assert set(found) == {"name", "estimate"}
    assert len(sand.rows(Sandbox)) == 1


def test_a_name_that_waits_or_has_ended_is_taken_too(sand: Sand) -> None:
    sand.ask(estimate="3000")
    assert "waits for a decision" in errors(sand.ask(estimate="10"))["name"]
    sand.press("approve", sand.waiting(), "lead")
    sand.on("close", why="done")
    assert (
        "closed" in errors(sand.ask())["name"]
    )  # the bill of the new one would have the old one's spend


def test_a_name_that_the_bill_has_already_is_taken(sand: Sand) -> None:
    sand.bill(5, experiment="Old-Model")
    assert "The bill has an experiment old-model" in errors(sand.ask(name="old-model"))["name"]


def test_what_was_declined_and_ran_all_the_same_does_not_begin_with_that_spend(sand: Sand) -> None:
    """Declined, somebody ran it under its name anyway; asked for again it would begin half spent."""
    sand.ask(estimate="3000")
    sand.submit("decline", sand.waiting(), "lead", why="no")
    sand.bill(50, experiment="try-lora")
    assert "The bill has an experiment try-lora" in errors(sand.ask())["name"]


# --- what zones hold --------------------------------------------------------------------------------


def test_a_zone_takes_so_many_at_once_and_one_that_ends_makes_room(sand: Sand) -> None:
    for name in ("one", "two", "three"):
        sand.active(name=name, estimate="100")
    assert "3 sandboxes live already" in sand.ask(name="four", estimate="100").note
    sand.on("close", sandbox="one", why="done")
    assert "being set up" in sand.ask(name="five", estimate="100").note


def test_a_zone_gives_out_so_much_a_month(sand: Sand) -> None:
    sand.loaded = sandbox_policy(("at_once: 3", "at_once: 30"))
    for name in ("one", "two"):
        sand.active(name=name, estimate="1600")
        sand.on("close", sandbox=name, why="done")  # what was given out stays given out
    assert "$1,160 are left this month" in sand.ask(name="three", estimate="1161").note
    sand.ask(name="four", estimate="1100")
    assert sand.limit("sandbox/four") == 1160  # less headroom, never less than the estimate
    assert "$0.00 are left this month" in sand.ask(name="five", estimate="100").note
    sand.clock.now += timedelta(days=9)
    assert "being set up" in sand.ask(name="six", estimate="1000", until="2026-12-10").note


def test_what_was_granted_on_the_ladder_is_not_the_zones(sand: Sand) -> None:
    sand.ask(name="big", estimate="4000")
    sand.press("approve", sand.waiting(), "lead")
    sand.ask(name="one", estimate="1600")
    assert sand.sandbox("one").zone == "exploring"


# --- what a team's estimates were worth -------------------------------------------------------------


def test_the_next_request_says_how_good_the_teams_estimates_were(sand: Sand) -> None:
    assert "Estimates" not in sand.ask(name="first", estimate="1000").note
    sand.carry_out()
    sand.clock.now += timedelta(days=3)
    sand.bill(500, date(2026, 11, 23), date(2026, 11, 25), experiment="first")
    sand.on("close", sandbox="first", why="done")
    said = "the last sandbox spent 50 % more than estimated"
    assert said in sand.ask(name="second").note
    form = sand.act("press", "sandbox.request")
    assert said in form.model_dump_json()
    sand.ask(name="third", estimate="3000")
    assert said in sand.card(sand.waiting()).model_dump_json()


# --- /sandbox ---------------------------------------------------------------------------------------


def private(answer: Any) -> str:
    assert isinstance(answer, Private), answer
    return answer.message.model_dump_json()


def test_the_commands_list_show_and_explain(sand: Sand) -> None:
    assert "No sandbox lives or waits" in private(sand.act("command", "sandbox", text=""))
    sand.active()
    sand.ask(name="wide", estimate="3000")
    listed = private(sand.act("command", "sandbox", text="list", who="executive"))
    for wanted in (
        "2 sandboxes",
        "try-lora",
        "Active",
        "wide",
        "Waits for a decision",
        "not known before the next bill",
    ):
        assert wanted in listed, wanted
    assert listed == private(sand.act("command", "sandbox", text="", who="executive"))
    one = private(sand.act("command", "sandbox", text="TRY-LORA"))
    assert "Halt…" in one
    assert "recall_at_10" in one
    assert one == private(sand.act("command", "sandbox", text="status try-lora"))
    assert "It waits on the ladder" in private(sand.act("command", "sandbox", text="wide"))
    zones = private(sand.act("command", "sandbox", text="zones"))
    for wanted in ("exploring", "$2,000", "$5,000", "21 days"):
        assert wanted in zones, wanted
    told = private(sand.act("command", "sandbox", text="help"))
    for wanted in ("/sandbox request", "/sandbox zones", "/sandbox extend", "/sandbox close"):
        assert wanted in told, wanted
    assert "did you mean try-lora" in refused(sand.act("command", "sandbox", text="try-lore"))
    assert "No zone is set" in private(
        Sand(sand.database, sandbox_policy((_zones(), "")), sand.clock).act(
            "command", "sandbox", text="zones"
        )
    )


def _zones() -> str:
    return "  zones:" + SANDBOXES.partition("  zones:")[2]


def test_the_commands_open_the_cards_forms(sand: Sand) -> None:
    sand.active()
    for what, title in (("extend", "Extend"), ("close", "Close"), ("halt", "Halt")):
        form = sand.act("command", "sandbox", text=f"{what} Try-LoRA")
        assert isinstance(form, OpenForm)
        assert form.form.title == f"{title} the sandbox"
        assert form.form.subject == sand.sandbox("try-lora").id
    assert "Say which sandbox" in refused(sand.act("command", "sandbox", text="extend"))
    assert "No sandbox is called" in refused(sand.act("command", "sandbox", text="close nothing"))


def test_money_is_exact(sand: Sand) -> None:
    sand.ask(estimate="1000.01")
    assert sand.limit("sandbox/try-lora") == Decimal("1200.02")
    assert Order.model_validate(sand.orders()[0].content).cap == Decimal("1200.02")
