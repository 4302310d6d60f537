"""Several people press at once: one outcome, one entry in the ledger, nobody unanswered."""

import threading
from collections import Counter
from typing import Any

import pytest

from handlers.conversation import Done, Refused
from storage.database import Database
from storage.tables.budgets import BudgetEntry
from storage.tables.sandboxes import GateSign
from tests.conftest import Clock
from tests.handlers.gating import UNSIGNED, GateDesk, gate_policy

LEADS = [f"lead{n}" for n in range(6)]
MANY = ", ".join(f"{name}@example.com" for name in LEADS)


def at_once(count: int, work: Any) -> list[Any]:
    """What each of so many threads got, all begun together."""
    start, found = threading.Barrier(count), [None] * count

    def one(n: int) -> None:
        start.wait(timeout=30)
        found[n] = work(n)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.fixture
def desk(database: Database, clock: Clock) -> GateDesk:
    loaded = gate_policy(UNSIGNED, ("lead: {emails: [second@", f"lead: {{emails: [{MANY}, second@"))
    made = GateDesk(database, loaded, clock)
    made.allocate(10)
    made.good()
    made.judge()
    return made


def test_of_six_promoters_at_once_one_promotes(desk: GateDesk) -> None:
    case = desk.case()
    answers = at_once(6, lambda n: desk.click("promote", LEADS[n], case, version=1))
    assert Counter(type(a) for a in answers) == {Done: 1, Refused: 5}
    (winner,) = [LEADS[n] for n, a in enumerate(answers) if a == Done()]
    for answer in answers:
        if isinstance(answer, Refused):
            said = f"This was decided before: promoted by {winner}@example.com."
            assert (answer.reason, answer.sentence) == ("already-decided", said)
    assert desk.cap() == 5000
    assert len([e for e in desk.rows(BudgetEntry) if e.kind == "gate"]) == 1
    assert len(desk.audited("gate.promoted")) == 1
    assert desk.box().stage == "pilot"
    assert desk.chain_holds()


def test_promoted_and_declined_at_once_is_one_of_them(desk: GateDesk) -> None:
    case = desk.case()

    def one(n: int) -> Any:
        if n % 2:
            return desk.say("decline", LEADS[n], "not yet", case, version=1)
        return desk.click("promote", LEADS[n], case, version=1)

    answers = at_once(6, one)
    assert Counter(type(a) for a in answers) == {Done: 1, Refused: 5}
    (row,) = desk.cases()
    promoted = row.state == "done"
    assert promoted == (desk.cap() == 5000)
    assert len(desk.audited("gate.promoted", "gate.declined")) == 1
    assert desk.chain_holds()


def test_two_looks_and_a_click_at_once(desk: GateDesk) -> None:
    case = desk.case()

    def one(n: int) -> Any:
        if n == 0:
            return desk.click("promote", LEADS[0], case, version=1)
        return desk.database.transact(lambda c: _look(desk, c))

    answers = at_once(3, one)
    assert answers[0] == Done()
    assert answers[1:] == [0, 0]
    assert len(desk.cases()) == 1
    assert desk.chain_holds()


def _look(desk: GateDesk, connection: Any) -> int:
    from handlers.gates.look import look_at_gates
    from handlers.turn import Turn
    from tests.handlers.alerting import places

    return look_at_gates(Turn(connection, desk.loaded, desk.clock(), places))


def test_one_role_is_signed_once(database: Database, clock: Clock) -> None:
    desk = GateDesk(database, gate_policy(), clock)
    desk.allocate(10)
    desk.good()
    desk.judge()
    case = desk.case()
    people = ["finance", "controller"]
    answers = at_once(2, lambda n: desk.click("sign", people[n], case, version=1))
    assert Counter(type(a) for a in answers) == {Done: 1, Refused: 1}
    assert len(desk.rows(GateSign)) == 1
