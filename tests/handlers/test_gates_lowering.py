"""A budget whose evidence fails: a lower cap is proposed, never silent, never below what is spent."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from handlers.conversation import Done, Fact, FieldErrors, OpenForm, Refused
from handlers.gates.checkpoint import gate_facts, next_look
from handlers.sandboxes import money
from handlers.sandboxes.control import move
from handlers.sandboxes.showing import read
from handlers.turn import Turn
from storage.database import Database
from storage.tables.budgets import BudgetEntry
from tests.conftest import Clock
from tests.handlers.alerting import places
from tests.handlers.gating import UNSIGNED, GateDesk, gate_policy, labels

POLICY = gate_policy()


@pytest.fixture
def desk(database: Database, clock: Clock) -> GateDesk:
    """A sandbox that is active for twenty days, has spent $220 of $1,000 and is not accurate enough."""
    made = GateDesk(database, POLICY, clock)
    made.allocate(20)
    made.spends(10)
    made.scores(0.7)
    made.scores(100, "outputs")
    return made


def refusal(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return f"{answer.reason}: {answer.sentence}"


def test_a_lower_cap_is_proposed_then_kept_then_lowered(desk: GateDesk) -> None:
    assert desk.judge() == 1
    assert desk.judge() == 0
    case = desk.case()
    assert case.kind == "lower"
    card = desk.gate_card(case)
    assert labels(card) == ["Lower", "Keep the cap…"]
    assert card.summary.startswith(
        "Gate pilot-proof: a lower cap for ranker. The evidence is missing;"
    )
    assert "$1,000 → $605" in str(card)  # 21 of 22 days by 10 are on the bill of today
    assert desk.cap() == 1000

    form = desk.click("keep", "lead")
    assert isinstance(form, OpenForm)
    assert form.form.title == "Keep the cap"
    assert isinstance(desk.say("keep", "lead", ""), FieldErrors)
    assert desk.say("keep", "lead", "The data set came late.") == Done()
    assert desk.cap() == 1000
    assert desk.thread()[-1].endswith("the cap is kept by ML lead, search. The data set came late.")
    assert desk.gate_card(case).summary.startswith(
        "Gate pilot-proof: a lower cap for ranker. The cap is kept by ML lead, search"
    )
    desk.days(6, accuracy=0.7)
    assert desk.judge() == 0
    desk.days(1, accuracy=0.7)
    assert desk.judge() == 1

    spent = desk.turn(lambda turn: money.spent(turn, read(turn, "box")))
    assert desk.click("lower", "lead") == Done()
    assert desk.cap() == 1000 - ((1000 - spent) / 2).quantize(Decimal("0.01"))
    (entry,) = [e for e in desk.rows(BudgetEntry) if e.kind == "gate"]
    assert entry.amount_micros < 0
    box = desk.box()
    assert (box.stage, box.state, box.ends_on) == ("exploration", "active", date(2027, 1, 1))
    assert len(desk.audited("gate.proposed")) == 2
    assert len(desk.audited("gate.kept")) == len(desk.audited("gate.lowered")) == 1
    assert desk.chain_holds()

    desk.days(13, accuracy=0.7)  # the next time counts from the last
    assert desk.judge() == 0
    desk.days(1, accuracy=0.7)
    assert desk.judge() == 1


def test_nothing_is_lowered_before_its_days(database: Database, clock: Clock) -> None:
    desk = GateDesk(database, POLICY, clock)
    desk.allocate(13)
    desk.spends(10)
    desk.scores(0.7)
    assert desk.judge() == 0
    desk.days(1, accuracy=0.7)
    assert desk.judge() == 1


def test_nothing_is_lowered_by_what_is_not_known(desk: GateDesk) -> None:
    desk.clock.now += timedelta(days=5)  # no bill since
    assert desk.judge() == 0


def test_a_gate_without_lowering_never_lowers(desk: GateDesk) -> None:
    desk.loaded = gate_policy(("    lower_after_days: 14\n", ""))
    assert desk.judge() == 0


def test_what_is_spent_meanwhile_is_never_taken(desk: GateDesk) -> None:
    desk.judge()
    case = desk.case()
    today = desk.clock.now.date()
    desk.spends(700, first=today)  # beyond the lower cap, on a day that is not over
    answer = desk.click("lower", "lead")
    assert isinstance(answer, Done)
    assert "what is proposed has changed" in answer.note
    assert desk.cap() == 1000
    spent = desk.turn(lambda turn: money.spent(turn, read(turn, "box")))
    assert desk.click("lower", "lead") == Done()
    assert spent < desk.cap() < 1000
    assert desk.cases("done")[0].id == case.id


def test_a_cap_that_is_spent_has_nothing_to_lower(desk: GateDesk) -> None:
    desk.judge()
    desk.spends(900, first=desk.clock.now.date())
    assert desk.judge() == 0
    (case,) = desk.cases()
    assert (case.state, case.reason) == ("withdrawn", "Nothing is left that could be lowered.")
    assert desk.judge() == 0


def test_a_cap_that_was_raised_meanwhile_is_lowered_from_there(desk: GateDesk) -> None:
    desk.judge()
    desk.turn(lambda turn: _grant(turn, Decimal(500)))
    answer = desk.click("lower", "lead")
    assert isinstance(answer, Done)
    assert answer.note.startswith("Nothing was decided")
    assert "$1,500 →" in str(desk.gate_card(desk.case()))
    assert desk.cap() == 1500


def _grant(turn: Turn, amount: Decimal) -> None:
    move(turn, read(turn, "box"), "overrun", amount, "overrun:1", "lead@example.com", "")


def test_evidence_that_comes_ends_the_lowering_and_is_proposed(desk: GateDesk) -> None:
    desk.judge()
    desk.scores(0.9)
    assert desk.judge() == 1
    assert [(c.kind, c.state) for c in desk.cases()].count(("lower", "withdrawn")) == 1
    assert desk.case().kind == "promote"


def test_the_owner_may_lower_but_not_keep(database: Database, clock: Clock) -> None:
    loaded = gate_policy(("lead: {emails: [second@", "lead: {emails: [owner@example.com, second@"))
    desk = GateDesk(database, loaded, clock)
    desk.allocate(20)
    desk.spends(10)
    desk.scores(0.7)
    desk.judge()
    assert refusal(desk.click("keep", "owner")).startswith("not-allowed: You own this sandbox")
    assert refusal(desk.say("keep", "owner", "mine")).startswith("not-allowed")
    assert refusal(desk.click("lower", "finance")).startswith("not-allowed")
    assert desk.click("lower", "owner") == Done()


# --- the checkpoint that everybody sees --------------------------------------------------------------


def facts(desk: GateDesk) -> dict[str, str]:
    found: tuple[Fact, ...] = desk.turn(lambda turn: gate_facts(turn, read(turn, "box")))
    return {f.label: "".join(getattr(s, "text", "(time)") for s in f.value) for f in found}


def test_the_card_says_what_will_be_judged(desk: GateDesk) -> None:
    assert facts(desk) == {
        "Next gate": "pilot-proof opens pilot: $5,000 for 30 days, decided by lead",
        "Judged: 2 of 4": "✗ accuracy 0.7 (at least 0.84) · ✓ Cost per unit of outputs $0.10 (at most $0.50) · "
        "✓ Spend with complete tags 100 % (at least 95 %) · ○ sign-off by finance",
        "Judged next": "(time)",
        "Without the evidence": "from Mon 23 Nov on a lower cap is proposed",
    }
    desk.loaded = gate_policy(("from: exploration", "from: pilot"), ("to: pilot", "to: scaled"))
    assert facts(desk) == {"Next gate": "none leads out of the stage exploration"}


def test_the_next_look_is_when_bills_are_read(desk: GateDesk) -> None:
    with desk.database.read() as connection:
        turn = Turn(connection, gate_policy(UNSIGNED), desk.clock(), places)
        assert next_look(turn).isoformat() == "2026-11-24T06:00:00+01:00"
