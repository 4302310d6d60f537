"""The parts of a digest that a busy week does not have: redlines, gates, sandboxes that ended; nothing is lost."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from handlers.alerts.record import to_json
from handlers.sandboxes import control
from storage.database import Database
from storage.tables.alerts import Anomaly
from storage.tables.sandboxes import GateCase, RedlineCase
from tests.conftest import Clock
from tests.handlers.alerting import finding
from tests.handlers.councils import Hall, at, council_policy


@pytest.fixture
def hall(database: Database, clock: Clock) -> Hall:
    """A sandbox that began on Wednesday and has spent little."""
    made = Hall(database, council_policy(), clock)
    clock.now = at(18)
    made.active()
    made.spend(10, date(2026, 11, 18), date(2026, 11, 24))
    clock.now = at(24)
    return made


def insert_row(hall: Hall, row: Any) -> None:
    with hall.database.write() as connection:
        connection.execute(insert(type(row).__table__).values(**row.model_dump()))


def redline(hall: Hall, *taken: str, **values: Any) -> None:
    row = RedlineCase(
        id="r1",
        sandbox_id=hall.sandbox("try-lora").id,
        redline="runaway",
        taken=[[did, at(20).isoformat()] for did in taken],
        facts={},
        opened_at=at(20),
        policy_hash="x",
        **values,
    )
    insert_row(hall, row)


def test_a_redline_that_warned_is_told_and_asked_about(hall: Hall) -> None:
    redline(hall, "nudge", "warn", kept_times=1)
    said = hall.words(hall.digest())
    assert "· Overruns: 1 redline crossed." in said
    assert "· try-lora runaway: warned, kept running 1 time" in said
    assert "Decide: try-lora\n" in said
    assert "The redline runaway has warned." in said


def test_a_redline_that_only_told_is_not_asked_about(hall: Hall) -> None:
    redline(hall, "nudge")
    said = hall.words(hall.digest())
    assert "try-lora runaway: told the owner" in said
    assert "Decide:" not in said


def test_gates_that_wait_and_were_decided(hall: Hall) -> None:
    facts = {"from": "exploration", "to": "pilot", "met": 3, "items": ["a", "b", "c"]}
    box = hall.sandbox("try-lora").id
    common = {"sandbox_id": box, "gate": "pilot-proof", "amount_micros": 4_000_000_000}
    decided = {
        "decided_at": at(20, 12),
        "decided_by": "lead@example.com",
        "decided_name": "ML lead",
    }
    for row in (
        GateCase(
            id="g1", kind="promote", facts=facts, proposed_at=at(23), policy_hash="x", **common
        ),
        GateCase(
            id="g2",
            kind="promote",
            state="declined",
            facts=facts,
            proposed_at=at(20),
            policy_hash="x",
            **common,
            **decided,
        ),
    ):
        insert_row(hall, row)
    said = hall.words(hall.digest())
    assert "Gates: 1 ready, 1 decided." in said
    assert (
        "· try-lora pilot-proof, exploration to pilot: 3 of 3 met, $4,000, waits since Mon 23 Nov"
        in said
    )
    assert (
        "try-lora pilot-proof, exploration to pilot: declined by ML lead after 3 working hours"
        in said
    )


@pytest.mark.parametrize(
    ("state", "channels", "said"),
    [
        ("false-alarm", ["finops"], "called a false alarm"),
        ("open", ["finops"], "open"),
        ("open", [], "nobody was told"),
    ],
)
def test_an_anomaly_s_state_is_said_in_words(
    hall: Hall, state: str, channels: list[str], said: str
) -> None:
    """The digest said “an anomaly: false-alarm”, and “open” of what nobody had been told of."""
    found = finding("try-lora", last=date(2026, 11, 19))
    row = Anomaly(
        id="a1", signal="spend", scope="experiment:try-lora", direction="up", state=state,
        started_on=found.started_on, last_on=found.last_on, severity="low", impact_micros=1,
        ended_on=None if channels else found.last_on, currency="USD", found=to_json(found),
        channels=channels, created_at=at(20), policy_hash="x",
    )  # fmt: skip
    insert_row(hall, row)
    words = hall.words(hall.digest())
    assert f"an anomaly: {said}" in words
    assert ("1 told of" in words) == bool(channels)
    assert ("1 of days past that nobody was told of" in words) != bool(channels)


def test_what_ended_without_an_outcome_is_asked_and_with_one_is_told(hall: Hall) -> None:
    hall.clock.now = at(23)
    hall.in_turn(
        lambda turn, row: control.end(
            turn, row, "close", actor="lead@example.com", name="ML lead", why="It is enough."
        )
    )
    hall.clock.now = at(24)
    before = hall.words(hall.digest())
    assert "· try-lora closed, $70.00 spent. Nobody has said what came of it." in before
    assert "It ended on Mon 23 Nov, and nobody has said what came of it." in before
    assert hall.on("outcome", result="0.84", worth="yes", note="Good.").kind == "done"
    after = hall.words(hall.digest())
    assert "It was worth it: recall_at_10 0.84 against at least 0.82" in after
    assert "Decide:" not in after


def test_one_thing_is_asked_once_however_many_reasons_there_are(hall: Hall) -> None:
    redline(hall, "warn")
    hall.spend(200, date(2026, 11, 18), date(2026, 11, 24))
    assert hall.act("command", "council", text="add big question", who="lead").kind == "private"
    hall.clock.now = at(23)
    assert hall.act("command", "council", text="add try-lora", who="lead").kind == "private"
    hall.clock.now = at(24)
    hall.post()
    digest = hall.digest()
    assert [i.title for i in digest.items] == ["try-lora"]  # the question came after 10:00


def test_the_rows_of_the_cost_report_add_up_to_the_bill(hall: Hall) -> None:
    for n in range(12):
        hall.bill(3 + n, date(2026, 11, 9), date(2026, 11, 15), experiment=f"x{n:02}")
        hall.bill(40 - 2 * n, date(2026, 11, 16), date(2026, 11, 24), experiment=f"x{n:02}")
    (part,) = [m for name, m in hall.digest().parts if name == "cost"]
    (table,) = [b for b in part.blocks if b.kind == "table"]
    *rows, whole = [[_number(cell) for cell in row[1:]] for row in table.rows]
    assert [sum(column) for column in zip(*rows, strict=True)] == whole
    assert len(rows) == 6  # five movers and everything else


def _number(cell: str) -> Decimal:
    return Decimal(cell.replace("$", "").replace(",", "").replace("−", "-").replace("+", ""))
