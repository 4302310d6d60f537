"""The parts of a digest that a busy week does not have: redlines, gates, sandboxes that ended; nothing is lost."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from guardrails.council import Week
from handlers.alerts.publish import publish
from handlers.council import costs
from handlers.sandboxes import control
from storage.coverage import Coverage
from storage.database import Database
from storage.tables.alerts import Anomaly
from storage.tables.sandboxes import GateCase, RedlineCase
from storage.tables.spend import CostRollup
from tests.conftest import Clock
from tests.handlers.alerting import finding
from tests.handlers.councils import Hall, at, council_policy
from tests.handlers.sandboxing import refused


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
    assert "· Redlines: 1 crossed." in said
    assert "· try-lora: the redline runaway warned, kept running once" in said
    assert "Decide: try-lora\n" in said
    assert "The redline runaway has warned." in said


def test_a_redline_that_only_told_is_not_asked_about(hall: Hall) -> None:
    redline(hall, "nudge")
    said = hall.words(hall.digest())
    assert "· try-lora: the redline runaway told the owner" in said
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
        "· try-lora: pilot-proof, exploration to pilot. 3 of 3 met, $4,000, waits since Mon 23 Nov"
        in said
    )
    assert (
        "· try-lora: pilot-proof, exploration to pilot, declined by ML lead after 3 working hours"
        in said
    )


def test_what_ended_without_an_outcome_is_asked_and_with_one_is_told(hall: Hall) -> None:
    hall.clock.now = at(23)
    hall.in_turn(
        lambda turn, row: control.end(
            turn, row, "close", actor="lead@example.com", name="ML lead", why="It is enough."
        )
    )
    hall.clock.now = at(24)
    before = hall.words(hall.digest())
    assert "· try-lora: closed, $70.00 spent. Nobody has said what came of it." in before
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
    """Each amount was rounded by itself: rows of $100.49 came to a dollar less than the total below them."""
    for n in range(12):
        week = {"experiment": f"x{n:02}"}
        hall.bill(3.07 + n, date(2026, 11, 9), date(2026, 11, 15), **week)
        hall.bill(40.07 - 2 * n, date(2026, 11, 16), date(2026, 11, 24), **week)
    digest = hall.digest()
    (part,) = [m for name, m in digest.parts if name == "cost"]
    (table,) = [b for b in part.blocks if b.kind == "table"]
    *rows, whole = [[_number(cell) for cell in row[1:]] for row in table.rows]
    assert [sum(column) for column in zip(*rows, strict=True)] == whole
    assert all(now - before == change for now, before, change in [*rows, whole])
    assert [row[0] for row in table.rows][-2:] == ["8 smaller ones", "All"]
    # 7 days of 12 × 40.07 − 2 × 66, and 5 of the sandbox at 10 and the rest at 1; before 7 of 12 × 3.07 + 66
    assert whole == [Decimal(2497), Decimal(720), Decimal(1777)]
    line = "".join(getattr(s, "text", "") for s in digest.root.blocks[1].items[0])
    assert line.startswith("$2,497 was spent from Mon 16 Nov to Sun 22 Nov: +247 % (+$1,777).")


def test_the_rows_of_shadow_spend_add_up_to_what_is_unclaimed(hall: Hall) -> None:
    for n in range(10):
        nobody = {"experiment": "", "team": "", "allocated_by": "none", "account": f"a{n}"}
        with hall.database.write() as connection:
            day = date(2026, 11, 18)
            row = CostRollup(bill="main", period=date(2026, 11, 1), day=day, currency="USD",
                             cost_micros=33_490_000 - n, service="Gateway", is_ai=True, **nobody)  # fmt: skip
            connection.execute(
                insert(CostRollup.__table__).values(**row.model_dump(exclude={"id"}))
            )  # type: ignore[attr-defined]
    digest = hall.digest()
    (part,) = [m for name, m in digest.parts if name == "shadow"]
    (table,) = [b for b in part.blocks if b.kind == "table"]
    rows = [_number(row[2]) for row in table.rows]
    assert len(rows) == 8
    assert sum(rows) == Decimal(268)  # 8 of $33.49 are $267.92, where 8 of $33 were $264
    said = hall.words(digest)
    assert "and 2 more: $67" in said
    assert "$335 of AI spend is unclaimed." in said


def _number(cell: str) -> Decimal:
    return Decimal(cell.replace("$", "").replace(",", "").replace("−", "-").replace("+", ""))


def test_what_nobody_was_told_of_is_recorded_not_open(hall: Hall) -> None:
    """A new installation read three months of bills and said “23 found, 7 open” of what was long over."""
    over = {"ongoing": False, "impact": Decimal(400)}
    found = [
        finding("ranker", last=date(2026, 11, 22), impact=Decimal(900)),
        finding("vectors", last=date(2026, 11, 21), **over),
        *(finding(f"old{n}", last=date(2026, 9, 1 + n), **over) for n in range(3)),
    ]
    hall.clock.now = at(23)
    hall.turn(lambda t: publish(t, found))
    hall.clock.now = at(24)
    said = hall.words(hall.digest())
    assert "Anomalies: 2 told, 1 over without a cause, 1 open, 3 only recorded." in said
    assert "Open:\n· Critical: Spend of experiment ranker" in said
    assert "Over, and nobody has said why:\n· Critical: Spend of experiment vectors" in said
    assert (
        "3 more were found in earlier days of the bill and had ended by then; nobody was told."
        in said
    )
    assert "old1" not in said


def test_what_was_only_recorded_leaves_a_week_quiet(database: Database, clock: Clock) -> None:
    hall = Hall(database, council_policy(), clock)
    hall.bill(90)
    hall.turn(lambda t: publish(t, [finding("old", last=date(2026, 9, 1), ongoing=False)]))
    clock.now = at(24)
    assert hall.digest().parts == ()


@pytest.mark.parametrize(
    ("press", "wanted"),
    [
        ("", "an anomaly, not decided yet"),
        ("investigate", "an anomaly, being looked into"),
        ("false-alarm", "an anomaly, called a false alarm"),
    ],
)
def test_the_cost_report_says_what_was_said_of_an_anomaly(
    hall: Hall, press: str, wanted: str
) -> None:
    hall.bill(5, date(2026, 11, 9), date(2026, 11, 15), experiment="ranker")
    hall.bill(90, date(2026, 11, 16), date(2026, 11, 24), experiment="ranker")
    hall.clock.now = at(23)
    hall.turn(lambda t: publish(t, [finding("ranker"), finding("old", ongoing=False)]))
    if press:
        (row,) = [r for r in hall.rows(Anomaly) if r.scope == "experiment:ranker"]
        answer = hall.act("press", f"anomaly.{press}", row.id, who="lead", version=row.version)
        assert answer.kind == "done", answer
    hall.clock.now = at(24)
    said = hall.words(hall.digest())
    assert wanted in said
    assert "false-alarm" not in said


def first_of_december(database: Database, clock: Clock, a_day: float, last: date) -> Hall:
    """A council on 1 December, and a bill of so much a day up to that day."""
    hall = Hall(database, council_policy(), clock)
    clock.now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    hall.bill(a_day, last=last)
    return hall


def test_a_week_with_a_months_end_says_how_the_month_ended(
    database: Database, clock: Clock
) -> None:
    """The digest of 1 December spoke of December's budgets alone, and did not say that it did."""
    hall = first_of_december(database, clock, 110, date(2026, 12, 1))
    said = hall.words(hall.digest(Week(2026, 49)))
    assert "November 2026 ended with its budget over the limit." in said
    assert "How November 2026 ended" in said
    assert re.search(r"ranker +November 2026 +\$3,300 \(110 %\) +\$3,000 +\$300 over", said)
    assert "For December 2026.\nBudget" in said


def test_days_of_the_closed_month_that_are_not_complete_are_forecast(
    database: Database, clock: Clock
) -> None:
    hall = first_of_december(database, clock, 90, date(2026, 11, 28))
    said = hall.words(hall.digest(Week(2026, 49)))
    # 27 complete days of $90, and three that are expected to be like them
    assert "November 2026 ended inside every budget by the forecast." in said
    assert hall.digest(Week(2026, 49)).parts == ()  # a quiet week says it in one line
    loud = first_of_december(database, clock, 110, date(2026, 11, 28))
    said = loud.words(loud.digest(Week(2026, 49)))
    assert "The days after Fri 27 Nov are not complete: they are forecast." in said
    assert re.search(r"ranker +November 2026 +\$3,300 \(110 %\) +\$3,000 +\$300 over", said)


def test_a_week_without_a_months_end_does_not_speak_of_one(hall: Hall) -> None:
    assert " ended " not in hall.words(hall.digest()).replace("it ended on", "")


@pytest.mark.parametrize(
    "week", ["9999-W52", "0001-W01", "2026-W60", "2026-W 5", "soon", "2²26-W01"]
)
def test_a_week_that_cannot_be_meant_is_refused_in_a_sentence(hall: Hall, week: str) -> None:
    answer = hall.act("command", "council", text=f"digest {week}", who="finance")
    assert refused(answer).startswith(f"unreadable: “{week}” is not a week")
    assert refused(answer).count(".") == 1


@pytest.mark.parametrize("week", ["2026-W50", "2027-W01", "2199-W52"])
def test_a_week_after_the_next_council_has_no_digest_yet(hall: Hall, week: str) -> None:
    answer = hall.act("command", "council", text=f"digest {week}", who="finance")
    assert refused(answer) == f"not-found: {week} is too far ahead: the next council is 2026-W49."


@pytest.mark.parametrize("week", ["2000-W01", "2026-W49"])
def test_weeks_at_the_ends_of_what_may_be_asked_for(hall: Hall, week: str) -> None:
    assert hall.act("command", "council", text=f"digest {week}", who="finance").kind == "private"


def test_an_overrun_that_waits_says_for_whom(hall: Hall) -> None:
    """It said “on the rung lead”."""
    hall.clock.now = at(23)
    hall.ask_more("2000")
    hall.clock.now = at(24)
    said = hall.words(hall.digest())
    assert "· ranker: $2,000, waits for finance and product, due Mon 23 Nov" in said
    assert "rung" not in said
    assert "Overruns: 1 waiting." in said


@pytest.mark.parametrize(
    ("shares", "wanted"),
    [
        (
            (0.786, 0.116, 0.037),
            "94 % of all spend is allocated: 79 % by tags, 11 % by rules and 4 % shared.",
        ),
        ((1.0, 0.0, 0.0), "100 % of all spend is allocated: 100 % by tags."),
        ((0.0, 0.0, 0.0), "No spend is allocated."),
    ],
)
def test_the_ways_of_allocation_add_up_as_shown(
    shares: tuple[float, float, float], wanted: str
) -> None:
    """It said 94 % of which 79, 12 and 4 were by tags, by rules and shared."""
    tags, rules, splits = (Decimal(str(share)) * 1000 for share in shares)
    left = Decimal(1000) - tags - rules - splits
    assert costs.allocated(Coverage("USD", tags, rules, splits, left)) == wanted
