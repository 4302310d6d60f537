"""Orders that fail, come twice or late, actuators that are gone, clicks that race: one outcome and a way out."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from guardrails.orders import Order
from handlers.conversation import Done, FieldErrors, Message, Refused
from handlers.sandboxes import orders
from storage import actuations
from storage.actuations import LEASE
from storage.database import Database
from storage.migrate import upgrade
from storage.tables.budgets import BudgetEntry, Overrun
from storage.tables.sandboxes import Sandbox
from tests.conftest import Clock
from tests.handlers.sandboxing import FORM, Sand, labels, refused, sandbox_policy
from tests.postgres import fresh_database


@pytest.fixture
def sand(database: Database, clock: Clock) -> Sand:
    return Sand(database, sandbox_policy(), clock)


def again(sand: Sand, who: str = "engineer") -> Any:
    return sand.act("press", "sandbox.again", sand.sandbox("try-lora").id, who=who)


def steps(sand: Sand) -> list[tuple[str, str]]:
    return [(o.operation, o.state) for o in sand.orders()]


# --- deliveries and amounts -------------------------------------------------------------------------


def test_the_same_submission_delivered_twice_is_one_sandbox(sand: Sand) -> None:
    first = sand.act("submission", "sandbox.request", delivery="d1", **FORM)
    second = sand.act("submission", "sandbox.request", delivery="d1", **FORM)
    assert first == second
    assert len(sand.rows(Sandbox)) == len(sand.rows(BudgetEntry)) == len(sand.orders()) == 1
    sand.carry_out()
    for _ in range(2):
        sand.on("extend", delivery="d2", amount="100", until="2026-12-08", why="more")
        sand.on("halt", delivery="d3", why="x")
    assert sand.limit("sandbox/try-lora") == 1300
    assert len(sand.audited("sandbox.halt")) == 1


def test_an_enormous_estimate_is_decided_by_the_highest_and_no_number_breaks(sand: Sand) -> None:
    assert isinstance(sand.ask(estimate="1,000,000,000,000"), FieldErrors)
    sand.ask(estimate="999,999,999,999")
    assert sand.waiting().rung_name == "joint"
    sand.press("approve", sand.waiting(), "finance")
    sand.press("approve", sand.waiting(), "product")
    assert sand.limit("sandbox/try-lora") == Decimal("1199999999998.80")


def test_a_policy_that_lowers_the_cap_changes_nothing_that_is_allocated(sand: Sand) -> None:
    sand.active(estimate="1500")
    sand.loaded = sandbox_policy(("cap: 2000, cap_month: 5000", "cap: 100, cap_month: 200"))
    sand.spend(150, date(2026, 11, 23), date(2026, 11, 27))
    sand.clock.now += timedelta(days=4)
    sand.daily()
    assert sand.limit("sandbox/try-lora") == 1800
    assert sand.sandbox("try-lora").state == "active"
    assert "$1,800" in sand.card_of().model_dump_json()
    assert (
        "are above the cap of $100"
        in sand.on("extend", amount="1", until="2026-12-05", why="x").note
    )
    assert sand.on("close", why="done") == Done()


def test_zones_that_are_gone_leave_their_sandboxes_as_they_are(sand: Sand) -> None:
    sand.active()
    sand.loaded = sandbox_policy(("name: exploring", "name: elsewhere"))
    assert (
        "its zone exploring is no longer in the policy"
        in sand.on("extend", amount="1", until="2026-12-05", why="x").note
    )
    assert sand.on("close", why="done") == Done()


# --- orders that fail -------------------------------------------------------------------------------


def test_an_order_that_fails_is_tried_again_and_told_at_the_third_failure(sand: Sand) -> None:
    sand.ask()
    for attempt in range(1, 5):
        assert sand.fail() == 1, attempt
        assert sand.claim() == []  # not before its time
        sand.clock.now += timedelta(seconds=11)
        told = [s for s in sand.said() if "that fails so far" in s]
        assert len(told) == (attempt >= 3)
    assert "ML engineer, search" in told[0]
    assert "The gateway is down." in sand.card_of().model_dump_json()
    assert sand.sandbox("try-lora").state == "allocated"
    sand.carry_out()
    assert sand.sandbox("try-lora").state == "active"


def test_what_is_given_up_can_be_tried_again(sand: Sand) -> None:
    sand.ask()
    sand.fail("The cluster has no such GPU.", final=True)
    card = sand.card_of()
    assert labels(card) == ["Try again", "Halt…", "Close…"]
    assert "gave up. The cluster has no such GPU." in card.model_dump_json()
    said = sand.said()[-1]
    assert "ML engineer, search" in said
    assert "Platform operator" in said
    assert "Press Try again when it is mended, or Close." in said
    assert len(sand.audited("sandbox.order-failed")) == 1
    assert sand.claim() == []
    with sand.database.read() as connection:
        assert len(actuations.failed(connection)) == 1
    sand.clock.now += timedelta(days=2)
    assert again(sand) == Done()
    (order,) = sand.orders()
    assert (
        order.created_at == sand.clock()
    )  # a day begins anew: it is not given up at the first failure
    assert "Nothing waits" in refused(again(sand))
    sand.fail()
    sand.clock.now += timedelta(seconds=10)
    sand.carry_out()
    assert sand.sandbox("try-lora").state == "active"


def test_what_is_given_up_can_be_closed_and_is_not_set_up_afterwards(sand: Sand) -> None:
    """Try again, pressed after Close, ordered the set-up of what had just been removed."""
    sand.ask()
    sand.fail("No quota.", final=True)
    assert sand.on("close", why="Never mind.") == Done()
    assert steps(sand) == [("allocate", "dropped"), ("close", "waiting")]
    assert [o.operation for o in sand.carry_out()] == ["close"]
    assert "Nothing waits" in refused(again(sand))
    assert sand.claim() == []


def test_a_close_that_is_given_up_can_be_tried_again(sand: Sand) -> None:
    """What was to be removed stayed for good: the card of what has ended had no button for it."""
    sand.active()
    sand.on("close", why="done")
    sand.fail("Not allowed.", final=True)
    assert labels(sand.card_of())[0] == "Try again"
    assert sand.said()[-1].endswith("Press Try again when it is mended.")
    assert again(sand, "operator") == Done()
    assert [o.operation for o in sand.carry_out()] == ["close"]
    assert "Try again" not in labels(sand.card_of())


def test_close_while_the_set_up_waits(sand: Sand) -> None:
    sand.ask()
    sand.on("close", why="Never mind.")
    assert [o.operation for o in sand.carry_out()] == ["close"]
    assert steps(sand) == [("allocate", "dropped"), ("close", "done")]
    assert sand.sandbox("try-lora").state == "closed"


def test_close_while_the_set_up_is_under_way(sand: Sand) -> None:
    sand.ask()
    (allocating,) = sand.claim()
    sand.on("close", why="Never mind.")
    assert sand.claim() == []  # one at a time, in their order
    sand.turn(lambda t: orders.carried_out(t, allocating, "made", {"namespace": "n1"}))
    assert sand.sandbox("try-lora").state == "closed"  # not active again
    (closing,) = sand.claim()
    assert closing.order.operation == "close"
    sand.turn(lambda t: orders.carried_out(t, closing, "removed", {}))
    assert {s for _, s in steps(sand)} == {"done"}


def test_close_does_not_wait_for_a_set_up_that_fails(sand: Sand) -> None:
    sand.ask()
    (allocating,) = sand.claim()
    sand.on("close", why="Never mind.")
    sand.turn(lambda t: orders.not_yet(t, allocating, "Timed out.", 900))
    assert steps(sand) == [("allocate", "dropped"), ("close", "waiting")]
    assert [o.operation for o in sand.carry_out()] == ["close"]


def test_what_fails_for_good_after_the_end_leaves_nothing_to_try(sand: Sand) -> None:
    sand.ask()
    (allocating,) = sand.claim()
    sand.on("close", why="Never mind.")
    sand.turn(lambda t: orders.given_up(t, allocating, "No quota."))
    sand.carry_out()
    assert steps(sand) == [("allocate", "dropped"), ("close", "done")]
    with sand.database.read() as connection:
        assert actuations.failed(connection) == []


# --- orders that come twice -------------------------------------------------------------------------


def test_an_order_whose_answer_was_lost_is_carried_out_again_and_counts_once(sand: Sand) -> None:
    """The runner died after it had acted; the next one tells the actuator again."""
    sand.ask()
    (lost,) = sand.claim()
    assert sand.claim() == []
    sand.clock.now += LEASE + timedelta(seconds=1)
    (second,) = sand.claim()
    assert second.order == lost.order  # the same id: the actuator knows it
    assert (lost.attempts, second.attempts) == (1, 2)
    assert sand.turn(lambda t: orders.carried_out(t, second, "It is there", {}))
    assert len(sand.audited("sandbox.active")) == 1
    assert not sand.turn(lambda t: orders.carried_out(t, lost, "It is there", {}))
    assert not sand.turn(lambda t: orders.not_yet(t, lost, "late", 10))
    assert not sand.turn(lambda t: orders.given_up(t, lost, "late"))
    assert steps(sand) == [("allocate", "done")]
    assert len(sand.audited("sandbox.order-done", "sandbox.order-failed")) == 1
    assert sum("It is there" in s for s in sand.said()) == 1


def test_a_late_failure_does_not_end_the_lease_of_another(sand: Sand) -> None:
    sand.ask()
    (late,) = sand.claim()
    sand.clock.now += LEASE + timedelta(seconds=1)
    (mine,) = sand.claim()
    assert not sand.turn(lambda t: orders.given_up(t, late, "Timed out."))
    assert not sand.turn(lambda t: orders.carried_out(t, late, "late", {}))
    assert sand.sandbox("try-lora").state == "allocated"
    assert sand.turn(lambda t: orders.carried_out(t, mine, "there", {}))
    assert sand.sandbox("try-lora").state == "active"


def test_a_late_result_after_try_again_is_not_taken_for_the_new_attempt(sand: Sand) -> None:
    sand.ask()
    (late,) = sand.claim()
    sand.clock.now += LEASE + timedelta(seconds=1)
    (second,) = sand.claim()
    sand.turn(lambda t: orders.given_up(t, second, "No."))
    again(sand)
    (third,) = sand.claim()
    assert third.attempts == 3
    assert not sand.turn(lambda t: orders.carried_out(t, late, "late", {}))
    assert sand.turn(lambda t: orders.carried_out(t, third, "there", {"key": "k"}))


def test_what_an_actuator_wants_remembered_is_told_with_later_orders(sand: Sand) -> None:
    sand.ask()
    sand.carry_out(handle={"namespace": "sandbox-try-lora"})
    sand.on("halt", why="x")
    told = Order.model_validate(sand.orders()[-1].content)
    assert told.handle == {"namespace": "sandbox-try-lora"}
    sand.carry_out(handle={"jobs": "3"})
    assert sand.sandbox("try-lora").handles == {
        "platform": {"namespace": "sandbox-try-lora", "jobs": "3"}
    }


# --- actuators that are gone ------------------------------------------------------------------------

GONE = (
    (
        '  - {name: platform, kind: webhook, url: "http://127.0.0.1:9", secret: PLATFORM_SECRET}\n',
        "",
    ),
    ("actuators: [platform]", "actuators: [storeroom]"),
)


def test_an_actuator_that_leaves_the_policy_is_said_and_told_when_it_is_back(sand: Sand) -> None:
    sand.active()
    there = sand.loaded
    sand.loaded = sandbox_policy(*GONE)
    assert sand.on("halt", why="x") == Done()
    assert steps(sand) == [("allocate", "done"), ("halt", "failed")]
    assert "no longer has the actuator platform" in sand.card_of().model_dump_json()
    assert sand.on("close", why="y") == Done()
    assert sand.sandbox("try-lora").state == "closed"
    assert steps(sand)[1:] == [("halt", "dropped"), ("close", "failed")]
    assert "Try again" in labels(sand.card_of())
    sand.loaded = there
    assert again(sand) == Done()
    assert [o.operation for o in sand.carry_out()] == ["close"]
    assert steps(sand)[1:] == [("halt", "dropped"), ("close", "done")]


def test_an_actuator_that_leaves_with_an_order_in_its_lane_leaves_a_way_out(sand: Sand) -> None:
    sand.ask()
    sand.loaded = sandbox_policy(*GONE)
    assert sand.claim() == []
    assert labels(sand.card_of()) == ["Halt…", "Close…"]
    sand.on("close", why="It will never be there.")
    assert steps(sand) == [("allocate", "dropped"), ("close", "failed")]
    assert sand.sandbox("try-lora").state == "closed"


# --- halts ------------------------------------------------------------------------------------------


def test_two_halts_one_after_the_other_are_one(sand: Sand) -> None:
    sand.active()
    assert sand.on("halt", why="first") == Done()
    said = refused(sand.on("halt", "lead", why="second"))
    assert said.startswith("stale: The sandbox is halted now")
    assert "first" in said
    assert [o.operation for o in sand.carry_out()] == ["halt"]
    assert sand.sandbox("try-lora").why.startswith("first")


@pytest.mark.parametrize("ended", ["close", "expire"])
def test_what_no_longer_runs_is_not_halted(sand: Sand, ended: str) -> None:
    sand.active()
    if ended == "close":
        sand.on("close", why="done")
    else:
        sand.clock.now = datetime(2026, 12, 5, 9, tzinfo=UTC)
        sand.due()
    before = len(sand.orders())
    assert refused(sand.on("halt", why="x")).startswith("already-decided: The sandbox has ended")
    assert len(sand.orders()) == before


def test_what_waits_on_the_ladder_cannot_be_halted_or_closed(sand: Sand) -> None:
    sand.ask(estimate="3000")
    for what in ("halt", "close", "resume", "extend"):
        answer = sand.on(what, "lead", why="x", until="2026-12-10")
        assert isinstance(answer, Refused)
    assert sand.sandbox("try-lora").state == "requested"
    assert sand.submit("decline", sand.waiting(), "engineer", why="x") == Done()  # its way out


# --- two at once ------------------------------------------------------------------------------------


@pytest.fixture
def races(postgres_server: str) -> Any:
    made = Database(fresh_database(postgres_server))
    upgrade(made)
    yield made
    made.close()


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Each in a thread of its own, begun together."""
    start = threading.Barrier(len(works))
    found: list[Any] = [None] * len(works)

    def run(n: int) -> None:
        start.wait(timeout=30)
        found[n] = works[n]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return found


def asks(sand: Sand, who: str, **changes: str) -> Callable[[], Any]:
    return lambda: sand.ask(who, **changes)


@pytest.mark.parametrize("zone", ["at_once: 1", "cap_month: 2000"])
def test_of_two_requests_for_the_last_place_one_is_inside(races: Database, zone: str) -> None:
    policy = sandbox_policy(("cap_month: 5000,\n       at_once: 3,", f"{zone},\n      "))
    for n in range(4):
        sand = Sand(races, policy, Clock(datetime(2026, 8 + n, 3, 9, tzinfo=UTC)))
        form = {"estimate": "1200", "until": f"2026-{8 + n:02}-10"}
        one, two = f"a{n}", f"b{n}"
        answers = at_once(
            asks(sand, "engineer", name=one, **form), asks(sand, "lead", name=two, **form)
        )
        assert all(isinstance(a, Done) for a in answers), answers
        states = {sand.sandbox(name).state: name for name in (one, two)}
        assert set(states) == {"allocated", "requested"}, answers
        sand.on("close", "finops", sandbox=states["allocated"], why="next")
    assert len(sand.rows(BudgetEntry)) == len(sand.rows(Overrun)) == 4
    assert sand.chain_holds()


def test_of_two_requests_for_one_name_one_is_made(races: Database) -> None:
    sand = Sand(races, sandbox_policy(), Clock())
    for n in range(4):
        answers = at_once(
            asks(sand, "engineer", name=f"same-{n}", estimate="100"),
            asks(sand, "lead", name=f"Same_{n}", estimate="3000"),
        )
        assert sorted(a.kind for a in answers) == ["done", "errors"], answers
        assert len(sand.rows(Sandbox)) == n + 1
        if sand.sandbox(f"same-{n}").state == "allocated":
            sand.on("close", "finops", sandbox=f"same-{n}", why="next")
    assert len(sand.rows(BudgetEntry)) + len(sand.rows(Overrun)) == 4


def test_of_two_halts_at_once_one_is_carried_out(races: Database) -> None:
    sand = Sand(races, sandbox_policy(), Clock())
    sand.active()
    for n in range(3):
        answers = at_once(
            lambda: sand.on("halt", why="mine"),
            lambda: sand.on("halt", "lead", why="theirs"),
        )
        assert sorted(a.kind for a in answers) == ["done", "refused"], answers
        assert [o.operation for o in sand.carry_out()] == ["halt"]
        assert len(sand.audited("sandbox.halt")) == n + 1
        sand.on("resume", "lead", why="again")
        sand.carry_out()
    assert sand.chain_holds()


def test_a_close_and_the_result_of_the_set_up_at_once(races: Database) -> None:
    sand = Sand(races, sandbox_policy(("at_once: 3", "at_once: 9")), Clock())

    def race(name: str) -> list[Any]:
        (claimed,) = sand.claim()
        return at_once(
            lambda: races.transact(
                lambda c: orders.carried_out(sand.turn_on(c), claimed, "there", {})
            ),
            lambda: sand.on("close", sandbox=name, why="x"),
        )

    for n in range(4):
        name = f"race-{n}"
        sand.ask(name=name, estimate="100")
        assert race(name) == [True, Done()]
        assert sand.sandbox(name).state == "closed"
        sand.carry_out()
        assert [(o.operation, o.state) for o in sand.orders(name)] == [
            ("allocate", "done"),
            ("close", "done"),
        ]


def test_an_extension_granted_and_a_close_at_once(races: Database) -> None:
    """Either the ledger moves before the end or not at all; the overrun has one outcome that says so."""
    sand = Sand(races, sandbox_policy(("at_once: 3", "at_once: 9")), Clock())

    def race(name: str, waiting: Any) -> list[Any]:
        return at_once(
            lambda: sand.press("approve", waiting, "lead"),
            lambda: sand.on("close", sandbox=name, why="x"),
        )

    for n in range(4):
        name = f"race-{n}"
        sand.active(name=name, estimate="100")
        sand.on("extend", sandbox=name, amount="3000", until="2026-12-04", why="more")
        waiting = sand.waiting()
        granted, closed = race(name, waiting)
        assert closed == Done()
        assert sand.sandbox(name).state == "closed"
        outcome = (sand.row(waiting.id).state, sand.limit(f"sandbox/{name}"))
        assert outcome == (("granted", 3120) if granted == Done() else ("withdrawn", 120))
    assert sand.chain_holds()


def test_a_message_of_the_bot_is_never_posted_twice(sand: Sand) -> None:
    sand.ask()
    sand.fail()
    sand.clock.now += timedelta(seconds=10)
    sand.carry_out()
    sand.on("halt", why="x")
    sand.on("resume", "lead", why="y")
    sand.on("halt", why="z")
    sand.carry_out()
    sand.on("close", why="w")
    sand.carry_out()
    keys = [r.message_key for r in sand.posts("sandbox:")]
    assert len(keys) == len(set(keys))
    for posted in sand.posts("sandbox:"):
        assert Message.model_validate(posted.content).summary.strip()


def test_what_is_set_up_after_a_halt_is_halted_too(sand: Sand) -> None:
    """The set-up had failed; halted, then tried again, it was there and ran while its card said Halted."""
    sand.ask()
    sand.fail("No quota.", final=True)
    sand.on("halt", why="Wait.")
    assert [o.operation for o in sand.carry_out()] == ["halt"]
    again(sand)
    assert [o.operation for o in sand.carry_out()] == ["allocate", "halt"]
    assert sand.sandbox("try-lora").state == "halted"
    sand.on("resume", "lead", why="Go.")
    assert [o.operation for o in sand.carry_out()] == ["resume"]
    assert sand.sandbox("try-lora").state == "active"
