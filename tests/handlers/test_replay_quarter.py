"""A recorded quarter, replayed: the policy of now gives again what happened; a changed one what would have."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from sqlalchemy import insert, select
from sqlmodel import SQLModel

from guardrails.replay import Report
from handlers.replay.message import report_message
from handlers.replay.run import NoReplay, replay
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy
from storage.tables.alerts import Anomaly
from storage.tables.budgets import BudgetNudge, Overrun
from storage.tables.sandboxes import GateCase, RedlineCase, Sandbox
from tests.conftest import Clock
from tests.handlers.overrunning import BUDGET
from tests.handlers.redlining import LEVEL, RUNAWAY, redline_policy
from tests.handlers.replaying import FIRST, HISTORY, LAST, Quarter, jitter

SPIKES = {("embedder", date(2026, 8, 20)): 900, ("embedder", date(2026, 10, 7)): 2500}
#: Sandboxes: from when to when they spend, and how much a day.
BOXES = {
    "try-lora": (date(2026, 8, 11), date(2026, 8, 31), 95),
    "try-big": (date(2026, 9, 4), date(2026, 9, 25), 90),
    "try-data": (date(2026, 10, 6), date(2026, 10, 16), 20),
}
NAMES = ("ranker", "embedder", *BOXES)
ASKS = {
    date(2026, 8, 10): ({"name": "try-lora", "until": "2026-08-30"},),
    date(2026, 9, 1): ({"name": "try-big", "estimate": "6000", "until": "2026-09-24"},),
    date(2026, 10, 5): ({"name": "try-data", "data_class": "personal", "until": "2026-10-16"},),
}
ACTS = {
    # It was halted on the 15th, is resumed on the 18th, warned on the 22nd and then kept running for 30 hours.
    date(2026, 8, 18): lambda q: q.click("resume"),
    date(2026, 8, 22): lambda q: q.click("keep"),
    date(2026, 10, 19): lambda q: q.act(
        "submission", "overrun.ask", "ranker", amount="300", why="a sweep", value=""
    ),
}
GATE = """gates:
  - {name: proof, from: exploration, to: pilot, cap: 9000, by: [lead],
     evidence: [{judge: metric, metric: accuracy, at_least: 0.84, days: 5}, {judge: sign-off, role: finance}]}
"""
QUICK = "detection: {signals: [spend], history_days: 30}\n"
REPORT = TypeAdapter(Report)


def policy(*edits: tuple[str, str]) -> LoadedPolicy:
    return redline_policy(*edits, lines=f"{RUNAWAY}budgets:\n{BUDGET}{GATE}{QUICK}", level=LEVEL)


def spend(name: str, day: date) -> float:
    if name in BOXES:
        first, last, money = BOXES[name]
        return money * jitter(name, day) if first <= day <= last else 0
    usual = {"ranker": 92 if day < date(2026, 9, 10) else 118, "embedder": 210}[name]
    return usual * jitter(name, day) + SPIKES.get((name, day), 0)


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarter]:
    """Recorded once for all tests: they only read."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('quarter') / 'bot.db'}")
    upgrade(database)
    made = Quarter(database, policy(), Clock())
    made.asks, made.acts = ASKS, ACTS
    for n in range(22):
        day = date(2026, 9, 4) + timedelta(days=n)
        made.scores("try-big", day, 0.83 if n < 10 else 0.86)
    made.record(spend, NAMES, FIRST, LAST)
    yield made
    database.close()


def changed(quarter: Quarter, first: date, last: date, *edits: tuple[str, str]) -> Report:
    return replay(quarter.database, quarter.loaded, policy(*edits), first, last, alerts=False)


def is_reproduced(quarter: Quarter, report: Report) -> None:
    """All that the rounds have written is given again, and nothing else."""
    happened = {"alerts": report.reproduced, "rungs": report.routed}
    happened |= {name: part.reproduced for name, part in report.sections}
    given = {}
    for name, change in happened.items():
        assert change is not None, name
        assert not change.differs, (name, change)
        given[name] = change.kept
    overruns = quarter.rows(Overrun)
    taken = [t for case in quarter.rows(RedlineCase) for t in case.taken]
    written = {
        "alerts": sum(bool(r.channels) for r in quarter.rows(Anomaly)),
        "rungs": len(overruns),
        "nudges": len(quarter.rows(BudgetNudge)),
        "overruns": sum(r.kind in ("actual", "forecast") for r in overruns),
        "zones": sum(r.zone != "" for r in quarter.rows(Sandbox)),
        "redlines": len(taken),
        "gates": sum(r.kind == "promote" for r in quarter.rows(GateCase)),
    }
    assert given == written
    assert all(written.values()), written
    assert not report.differs
    assert report.before == report.after
    assert report.sums_before == report.sums_after


def test_a_quarter_is_reproduced(quarter: Quarter) -> None:
    same = replay(quarter.database, quarter.loaded, quarter.loaded, FIRST, LAST)
    is_reproduced(quarter, same)
    assert report_message(same, "USD").summary == "Nothing would have been different."


def test_days_before_the_first_start_are_no_difference(sqlite: Database) -> None:
    """A bot that was started before the first look of a day read a bill of ten weeks. Its replay said that it gave
    5 of 18 recorded events again, and 31 that were not recorded."""
    began = date(2026, 9, 14)
    made = Quarter(sqlite, policy(), Clock())
    made.asks, made.acts = {began: ({"name": "try-data", "until": "2026-09-30"},)}, {}
    made.clock.now = made.local(began, 3)
    made.write(spend, NAMES[:2], HISTORY, began - timedelta(days=1))
    made.round_of(began)
    made.afternoon(spend, NAMES[:2], began)
    for n in (1, 2, 3):
        day = began + timedelta(days=n)
        made.clock.now = made.local(day, 6)
        made.write(spend, NAMES[:2], day - timedelta(days=1), day - timedelta(days=1))
        made.round_of(day)
        made.afternoon(spend, NAMES[:2], day)
    last = began + timedelta(days=3)

    same = replay(sqlite, made.loaded, made.loaded, FIRST, last)
    assert (same.first, same.recorded_from) == (FIRST, began)
    given = {name: part.reproduced for name, part in same.sections if part.reproduced is not None}
    assert not any(change.differs for change in given.values()), given
    assert {name: change.kept for name, change in given.items()} == {
        "nudges": len(made.rows(BudgetNudge)),
        "overruns": 1,
        "zones": 1,
    }
    assert same.routed is not None
    assert (same.routed.kept, same.routed.differs) == (1, False)
    # What would have happened before is still there for the comparison of two policies.
    assert same.nudges.change.kept > len(made.rows(BudgetNudge))
    said = report_message(same, "USD").model_dump_json()
    assert "The bot has records from 2026-09-14 on" in said
    assert "not recorded" not in said

    earlier = replay(sqlite, made.loaded, made.loaded, FIRST, began - timedelta(days=1))
    assert all(part.reproduced is None for _, part in earlier.sections)
    assert (
        "The bot has no records of these days" in report_message(earlier, "USD").model_dump_json()
    )


def test_a_quarter_is_reproduced_on_postgresql(quarter: Quarter, postgres_server: str) -> None:
    from tests.postgres import fresh_database

    copy = Database(fresh_database(postgres_server))
    upgrade(copy)
    with quarter.database.read() as source, copy.write() as target:
        for table in SQLModel.metadata.sorted_tables:
            rows = [dict(r) for r in source.execute(select(table)).mappings()]
            if rows and table.name != "audit_head":
                target.execute(insert(table), rows)
    try:
        is_reproduced(quarter, replay(copy, quarter.loaded, quarter.loaded, FIRST, LAST))
    finally:
        copy.close()


def test_it_says_the_same_bytes_also_with_another_hash_seed(quarter: Quarter) -> None:
    """In a process of its own, as ``sandrail replay`` runs."""
    url = str(quarter.database.url)
    code = (
        "import sys; from tests.handlers.test_replay_quarter import bytes_of; "
        f"sys.stdout.buffer.write(bytes_of({url!r}))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": "11"},
        cwd=Path(__file__).parents[2],
    )
    said = bytes_of(url)
    assert said == bytes_of(url) == other.stdout
    assert len(said) > 2_500


def bytes_of(url: str) -> bytes:
    """The report of a policy in which most things are changed, over two weeks."""
    database = Database(url)
    new = policy(
        ("limit: 3000", "limit: 2500"), ("above: 150", "above: 120"), ("finops]", "ml-search]")
    )
    first, last = date(2026, 10, 1), date(2026, 10, 10)
    try:
        return REPORT.dump_json(replay(database, policy(), new, first, last))
    finally:
        database.close()


def test_a_looser_ladder(quarter: Quarter) -> None:
    """With shares of 40 % (1,200) an engineer may grant the 336 of September, and the lead the 670 of October,
    which come to 1,006, and the 300 that were asked for (970). The 575 of November come to 1,545 and stay."""
    edits = (("up_to: 500, percent: 10", "up_to: 500, percent: 40"), ("percent: 25", "percent: 40"))
    report = changed(quarter, FIRST, LAST, *edits)
    moved = {(m.before.what, m.before.to, m.after.to) for m in report.overruns.change.moved}
    assert moved == {
        ("overrun in 2026-09", "lead", "own"),
        ("overrun in 2026-10", "joint", "lead"),
    }
    before, after = report.before, report.after
    (asked,) = [d for d in report.decided if d.differs and not d.request.auto]
    assert (asked.request.amount, asked.before.rung, asked.after.rung) == (300, "joint", "lead")
    assert dict(before.by_rung) == {"joint": 5, "lead": 2, "zone exploring": 1}
    assert dict(after.by_rung) == {"joint": 3, "lead": 3, "own": 1, "zone exploring": 1}
    assert (before.words, after.words) == (13, 11)
    assert after.guessed == before.guessed + 3
    assert after.alone == before.alone + 336


def test_a_smaller_zone_sends_a_request_up_the_ladder(quarter: Quarter) -> None:
    last = date(2026, 8, 20)
    report = changed(quarter, FIRST, last, ("cap: 2000", "cap: 900"))
    (gone,) = report.zones.change.gone
    assert (gone.subject, gone.day, gone.to) == ("try-lora", date(2026, 8, 10), "zone exploring")
    (asked,) = [d for d in report.decided if d.differs]
    assert (asked.before.rung, asked.after.rung) == ("zone exploring", "lead")
    assert report.after.words == report.before.words + 1
    assert report.after.guessed == report.before.guessed + 1


def test_a_sharper_redline_halts_earlier_and_a_blunt_one_never(quarter: Quarter) -> None:
    last = date(2026, 9, 3)
    sharp = changed(quarter, FIRST, last, ("countdown_hours: 24", "countdown_hours: 6"))
    (moved,) = sharp.redlines.change.moved
    assert moved.before.what == moved.after.what == "redline runaway: halt"
    assert (moved.before.day, moved.after.day) == (date(2026, 8, 15), date(2026, 8, 14))
    more = sharp.sums_after.after_halts - sharp.sums_before.after_halts
    assert more == Decimal(round(spend("try-lora", date(2026, 8, 15)) * 10**6)) / 10**6
    blunt = changed(quarter, FIRST, last, ("above: 150", "above: 300"))
    assert [e.what for e in blunt.redlines.change.gone] == [
        f"redline runaway: {action}" for _ in range(2) for action in ("nudge", "warn", "halt")
    ]
    assert (blunt.sums_before.halts, blunt.sums_after.halts) == (2, 0)


def test_a_lower_limit_asks_earlier_and_lets_less_through_unasked(quarter: Quarter) -> None:
    first, last = date(2026, 9, 1), date(2026, 9, 30)
    report = changed(quarter, first, last, ("limit: 3000", "limit: 2500"))
    (moved,) = report.overruns.change.moved
    assert (moved.before.day, moved.after.day) == (date(2026, 9, 14), date(2026, 9, 1))
    spent = (
        sum(
            (Decimal(round(spend("ranker", first + timedelta(days=n)) * 10**6)) for n in range(30)),
            Decimal(0),
        )
        / 10**6
    )
    (through,) = [t for t in report.sums_after.by_budget if t.budget == "ranker"]
    # The grant of then counts, from when it would have been given on.
    assert through.unasked == 0
    assert 0 < through.overspend <= spent - 2500


def test_a_nudge_at_another_share(quarter: Quarter) -> None:
    text = "ladder:\n", "nudges: {actual: [{at: 60}], forecast: []}\nladder:\n"
    report = changed(quarter, date(2026, 9, 1), date(2026, 9, 30), text)
    new = [e for e in report.nudges.change.new if e.subject == "ranker"]
    assert [e.what for e in new] == ["60 % spent in 2026-09"]
    days = [date(2026, 9, 1) + timedelta(days=n) for n in range(30)]
    limit = 3000 + 336  # what was granted on the 15th
    reached = next(
        d for d in days if sum(spend("ranker", x) for x in days if x <= d) >= 0.6 * limit
    )
    assert new[0].day == reached + timedelta(days=1)  # its bill is there on the next morning


def test_less_evidence_opens_a_gate_earlier(quarter: Quarter) -> None:
    report = changed(
        quarter, date(2026, 9, 1), date(2026, 9, 30), ("0.84, days: 5", "0.84, days: 2")
    )
    (moved,) = report.gates.change.moved
    assert (moved.before.day, moved.after.day) == (date(2026, 9, 16), date(2026, 9, 15))


def test_a_policy_without_the_rate_of_the_bill_is_refused(quarter: Quarter) -> None:
    euros = policy(("currency: USD", "currency: EUR"))
    with pytest.raises(NoReplay, match=r"workspace\.rates\.USD"):
        replay(quarter.database, euros, euros, FIRST, LAST, alerts=False)


def test_the_message_says_what_differs(quarter: Quarter) -> None:
    report = changed(quarter, FIRST, date(2026, 8, 20), ("cap: 2000", "cap: 900"))
    message = report_message(report, "USD")
    said = message.model_dump_json()
    assert (
        message.summary
        == "Different: 1 request decided otherwise and 1 allocation in a zone (1 gone)."
    )
    assert "zone exploring → lead" in said
    assert "put on lead" in said
    assert "is taken as it was recorded" in said
