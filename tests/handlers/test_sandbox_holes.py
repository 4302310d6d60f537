"""What somebody who reads the rules closely could do once: each test tells how, and that it no longer works."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.application import put_together
from bot.settings import SettingsError, read_settings
from guardrails.sandboxes.spelling import with_sandboxes
from handlers.conversation import Done, OpenForm
from handlers.sandboxes import control, money
from handlers.turn import Turn
from storage.database import Database
from storage.tables.budgets import Overrun
from tests.conftest import Clock
from tests.handlers.sandboxing import Sand, errors, labels, refused, sandbox_policy

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 23)


@pytest.fixture
def sand(database: Database, clock: Clock) -> Sand:
    return Sand(database, sandbox_policy(), clock)


def cap(sand: Sand, name: str = "try-lora") -> Decimal:
    def read(turn: Turn) -> Decimal:
        return money.cap(turn, sand.sandbox(name))

    found: Decimal = sand.turn(read)
    return found


def lifted(sand: Sand) -> None:
    """A gate makes it scaled: it graduates."""

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


def test_many_gpus_for_a_few_dollars_are_decided_by_their_price(sand: Sand) -> None:
    """Ten dollars were estimated for 500 GPUs: the zone gave twelve, and the actuator the GPUs."""
    sand.ask(estimate="10", gpu="H100", gpus="500", gpu_hours="100")
    assert sand.states() == {"try-lora": "requested"}
    (row,) = sand.rows(Overrun)
    assert Decimal(row.amount_micros) / 10**6 == Decimal(4) * 500 * 100 * Decimal("1.2")
    assert "by the price list $200,000" in sand.card(row).model_dump_json()


def test_a_zone_may_bound_the_gpus_of_one_sandbox(sand: Sand) -> None:
    sand.loaded = sandbox_policy(("at_once: 3", "at_once: 3, gpus: 2"))
    sand.ask(estimate="100", gpu="L4", gpus="2", gpu_hours="1")
    sand.ask(name="wide", estimate="100", gpu="L4", gpus="3", gpu_hours="1")
    assert sand.states() == {"try-lora": "allocated", "wide": "requested"}


def test_a_zone_of_a_team_is_for_its_people(sand: Sand) -> None:
    """Whoever wrote another team's name had its zone and its month."""
    sand.loaded = sandbox_policy(("when: {role: [engineer, lead],", "when: {team: [search],"))
    sand.ask("finance", name="theirs")
    sand.ask(name="ours")
    assert sand.states() == {"theirs": "requested", "ours": "allocated"}


def test_an_owner_is_somebody_whom_the_policy_knows(sand: Sand) -> None:
    assert set(errors(sand.ask(owner="nobody@evil.example"))) == {"owner"}
    assert sand.states() == {}


def test_more_for_a_sandbox_is_not_asked_for_around_its_reviewers(sand: Sand) -> None:
    """An ordinary overrun of its budget needed no compliance officer, and one of a closed sandbox was granted."""
    sand.active()
    given = {"amount": "40", "why": "more", "value": ""}
    assert "Extend" in refused(sand.act("submission", "overrun.ask", "sandbox/try-lora", **given))
    assert "Extend" in refused(sand.act("press", "overrun.ask", "sandbox/try-lora"))
    assert isinstance(sand.act("press", "sandbox.more", "sandbox/try-lora"), OpenForm)


def test_an_overrun_that_begins_by_itself_needs_the_same_reviewers(sand: Sand) -> None:
    sand.ask(data_class="personal")
    row = sand.waiting()
    for who in ("lead", "compliance"):
        sand.press("approve", row, who)
    sand.carry_out()
    sand.spend(300, TODAY, TODAY + timedelta(days=6))
    sand.clock.now += timedelta(days=5)
    sand.daily()
    began = sand.waiting()
    assert began.kind in ("actual", "forecast")
    assert began.facts["reviewers"] == ["compliance"]
    assert "compliance" in sand.card(began).model_dump_json()


def test_what_is_granted_to_its_budget_reaches_its_actuators_and_outlives_an_extension(
    sand: Sand,
) -> None:
    """The ledger was up, the key's budget was not; and the grant ended on what was the last day then."""
    sand.active()
    sand.spend(120, TODAY, TODAY + timedelta(days=6))
    sand.clock.now += timedelta(days=5)
    sand.daily()
    row = sand.waiting()
    before, ordered = cap(sand), len(sand.orders())
    for who in ("lead", "finance", "product"):
        sand.press("approve", row, who)
    more = cap(sand) - before
    assert more > 0
    assert [o.operation for o in sand.orders()[ordered:]] == ["change"]
    assert Decimal(sand.orders()[-1].content["cap"]) == cap(sand).quantize(Decimal("0.01"))
    sand.clock.now = datetime(2026, 12, 20, 9, tzinfo=BERLIN)
    assert cap(sand) == before + more


def test_halt_on_its_overrun_halts_it(sand: Sand) -> None:
    sand.active()
    sand.spend(120, TODAY, TODAY + timedelta(days=6))
    sand.clock.now += timedelta(days=5)
    sand.daily()
    assert sand.submit("halt", sand.waiting(), "finance", why="Too dear.") == Done()
    assert sand.states() == {"try-lora": "halted"}


def test_a_stale_form_extends_nothing(sand: Sand) -> None:
    """Two people who answered one reminder added up their extensions."""
    sand.active()
    stale = sand.sandbox("try-lora").version
    given = {"until": "2026-12-05", "amount": "300", "why": "more"}
    assert isinstance(sand.on("extend", **given), Done)
    again = sand.act(
        "submission", "sandbox.extend", sand.sandbox("try-lora").id, version=stale, **given
    )
    assert "has changed since the form was opened" in refused(again)
    assert cap(sand) == 1500


def test_a_stale_form_resumes_nothing(sand: Sand) -> None:
    sand.active()
    sand.on("halt", "finance", why="Once.")
    stale = sand.sandbox("try-lora").version
    sand.on("resume", "lead", why="Fine.")
    sand.on("halt", "finance", why="Again.")
    answer = sand.act(
        "submission",
        "sandbox.resume",
        sand.sandbox("try-lora").id,
        who="lead",
        version=stale,
        why="x",
    )
    assert "has changed since the form was opened" in refused(answer)
    assert sand.states() == {"try-lora": "halted"}


def test_more_time_alone_is_decided_as_more_of_what_it_has(sand: Sand) -> None:
    """Nothing was asked for in money, so the engineer granted himself a quarter of a year."""
    sand.active(estimate="1900")
    sand.on("extend", until="2027-02-18", amount="", why="longer")
    row = sand.waiting()
    assert row.amount_micros == 0
    assert row.rung_name != "own"
    assert "asks for more time" in sand.card(row).summary
    assert "not-allowed" in refused(sand.press("approve", row, "engineer"))


def test_others_halts_hold_for_owner_and_for_whoever_closes_and_asks_anew(sand: Sand) -> None:
    """A lead who owned it resumed finance's halt; an engineer closed it and had the next one in a minute."""
    sand.ask("lead", name="leads", owner="lead@example.com")
    sand.carry_out()
    sand.on("halt", "finance", "leads", why="Too dear.")
    assert "Others halted it" in refused(sand.on("resume", "lead", "leads", why="mine"))
    sand.active()
    sand.on("halt", "finance", why="Too dear.")
    assert sand.on("close", why="then not") == Done()
    sand.ask(name="try-lora-2")
    assert sand.states()["try-lora-2"] == "requested"
    assert "try-lora was halted" in sand.card(sand.waiting()).model_dump_json()


def test_ones_own_halt_is_resumed_and_holds_nothing_up_afterwards(sand: Sand) -> None:
    sand.active()
    sand.on("halt", why="It loops.")
    assert sand.on("resume", why="Mended.") == Done()
    sand.ask(name="another")
    assert sand.states() == {"try-lora": "active", "another": "allocated"}


def test_a_throttle_does_not_swallow_a_resume(sand: Sand) -> None:
    """The resume was dropped, so what was stopped stayed stopped under a card that said throttled."""
    sand.active()
    sand.on("halt", "finance", why="x")
    sand.carry_out()
    sand.on("resume", "lead", why="x")
    sand.in_turn(
        lambda t, row: control.throttle(t, row, actor="redlines", name="Redline", why="fast")
    )
    assert [o.operation for o in sand.carry_out()] == ["resume", "throttle"]


def test_what_graduated_goes_on_and_is_stopped_and_ended_by_people(sand: Sand) -> None:
    """It was an end with running resources and no button; its key stopped with the calendar."""
    row = sand.active()
    lifted(sand)
    (change,) = sand.carry_out()
    assert change.ends_on > row.ends_on + timedelta(days=300)
    assert {"Halt…", "Close…", "Extend…"} <= set(labels(sand.card_of()))
    sand.clock.now = datetime(2026, 12, 7, 9, tzinfo=BERLIN)
    sand.due()
    sand.daily()
    assert sand.states() == {"try-lora": "graduated"}
    assert any("the term that its gate opened was over" in s for s in sand.said())
    sand.on("halt", "finance", why="x")
    assert sand.on("resume", "lead", why="x") == Done()
    assert sand.states() == {"try-lora": "graduated"}
    assert sand.on("close", why="Replaced.") == Done()
    assert [o.operation for o in sand.carry_out()][-1] == "close"


def test_what_is_throttled_does_not_graduate(sand: Sand) -> None:
    """Its actuators would have stayed throttled for good."""
    sand.active()
    sand.in_turn(
        lambda t, row: control.throttle(t, row, actor="redlines", name="Redline", why="fast")
    )
    with pytest.raises(Exception, match="not possible"):
        lifted(sand)
    assert sand.states() == {"try-lora": "throttled"}


@pytest.mark.parametrize("how", ["closed", "halted"])
def test_what_was_stopped_and_spends_on_is_told_for_each_day(sand: Sand, how: str) -> None:
    """$5,000 a day after its end were nobody's news."""
    sand.active()
    sand.on("close" if how == "closed" else "halt", "finops", why="x")
    sand.spend(5000, TODAY, TODAY + timedelta(days=9))
    told: list[str] = []
    for days in (2, 4, 5):
        sand.clock.now = datetime(2026, 11, 23 + days, 9, tzinfo=BERLIN)
        sand.bill(1, TODAY, sand.clock.now.date(), experiment="rest")
        sand.daily()
        sand.daily()
        told = [s for s in sand.said() if "the bill still has" in s]
    assert told
    assert len(set(told)) == len(told)
    assert "Platform operator" in told[0]


def test_nothing_is_told_of_what_has_stopped(sand: Sand) -> None:
    sand.active()
    sand.on("close", why="x")
    sand.spend(200, TODAY, TODAY)
    sand.bill(1, TODAY, TODAY + timedelta(days=9), experiment="rest")
    sand.clock.now += timedelta(days=6)
    sand.daily()
    assert not any("the bill still has" in s for s in sand.said())


def test_a_halt_by_hand_that_nobody_does_is_asked_for_again(sand: Sand) -> None:
    """It waited for five days without a word, and the card said halted."""
    sand.loaded = sandbox_policy(("actuators: [platform]", "actuators: [storeroom]"))
    sand.ask()
    (asked,) = sand.orders()
    sand.act("press", "sandbox.order-done", str(asked.id), who="operator")
    sand.on("halt", "finance", why="x")
    sand.clock.now += timedelta(hours=5)
    sand.due()
    again = [s for s in sand.said() if "still waits: halt try-lora" in s]
    assert len(again) == 1
    assert "Platform operator" in again[0]
    sand.act("press", "sandbox.order-done", str(sand.orders()[-1].id), who="operator")
    sand.clock.now += timedelta(days=3)
    sand.due()
    assert [s for s in sand.said() if "still waits: halt try-lora" in s] == again


def test_done_of_an_actuator_that_left_the_policy_is_nobodys(sand: Sand) -> None:
    sand.loaded = sandbox_policy(("actuators: [platform]", "actuators: [storeroom]"))
    sand.ask()
    (asked,) = sand.orders()
    sand.loaded = sandbox_policy(("name: storeroom", "name: attic"))
    answer = sand.act("press", "sandbox.order-done", str(asked.id))
    assert "no longer has storeroom" in refused(answer)
    assert sand.states() == {"try-lora": "allocated"}
    assert sand.on("close", why="x") == Done()


def test_other_spellings_of_its_tag_are_its_own() -> None:
    """A bill tagged Try_LoRA was no sandbox's spend, and no cap or redline saw it."""
    policy = sandbox_policy(("team: {keys: [team]}", "experiment: {keys: [experiment]}")).policy
    values = with_sandboxes(policy, ["try-lora-2"]).tags["experiment"].values
    assert values == dict.fromkeys(("try-lora-2", "try_lora_2", "try lora 2"), "try-lora-2")
    assert with_sandboxes(policy, []) is policy


def test_the_card_is_edited_only_when_it_says_something_else(sand: Sand) -> None:
    sand.active()
    sand.spend(50, TODAY, TODAY + timedelta(days=3))
    sand.clock.now += timedelta(days=3)
    sand.daily()
    before = len(sand.rows(_outbox()))
    sand.daily()
    assert len(sand.rows(_outbox())) == before


def _outbox() -> Any:
    from storage.tables.delivery import Outbox

    return Outbox


def test_the_bot_does_not_start_on_a_currency_that_it_could_not_count(
    sqlite: Database, clock: Clock
) -> None:
    """Every card, list and halt failed, and an order was carried out every 90 seconds for good."""
    sand = Sand(sqlite, sandbox_policy(), clock)
    sand.active()
    settings = read_settings({})
    put_together(settings, sand.loaded, sqlite, clock)
    other = sandbox_policy(("currency: USD", "currency: CHF"))
    with pytest.raises(SettingsError, match=r"add workspace\.rates for USD"):
        put_together(settings, other, sqlite, clock)
