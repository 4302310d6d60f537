"""The retrospective of a busy quarter, a quiet one and an empty company; posted once whoever posts it."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event, update

from bot.slack.blocks import render
from bot.teams.card_limits import CARD, weight
from bot.teams.cards import card
from handlers.retro.build import gather
from handlers.retro.post import RETRO, retro_times
from handlers.turn import Turn
from scheduler.clockwork import Clockwork, Job
from storage.database import Database
from storage.tables.alerts import Anomaly
from storage.tables.budgets import BudgetEntry
from storage.tables.rules import Retrospective
from storage.tables.shadow import ShadowQuestion
from storage.tables.timing import JobRun
from tests.conftest import Clock, runbook
from tests.handlers.redlining import Lines, redline_policy
from tests.handlers.retrospecting import AFTER, QUARTER, Past, at, loaded_from, text_of

GOLDEN = Path(__file__).parent / "golden"
POLICY = loaded_from(text_of())


@pytest.fixture
def past(database: Database, clock: Clock) -> Past:
    return Past(database, POLICY, clock)


@pytest.fixture
def there(sqlite: Database, clock: Clock) -> Past:
    """Where the kind of database does not matter."""
    return Past(sqlite, POLICY, clock)


def is_golden(name: str, words: str) -> None:
    """Whether the words are those of the file; ``GOLDEN=1`` writes it, to be read and kept."""
    file = GOLDEN / name
    if os.environ.get("GOLDEN"):
        file.write_text(words)
    assert words == file.read_text()


def test_a_busy_quarter(past: Past) -> None:
    past.busy()
    made = past.made()
    is_golden("retro-busy.txt", past.words(made))
    assert made == past.made()
    (lines,) = [b for b in made.root.blocks if b.kind == "items"]
    assert len(lines.items) == 5


def test_each_rule_by_what_it_did(there: Past) -> None:
    there.busy()
    found = there.tallies()

    def counts(rule: str) -> tuple[int, int, int, int]:
        t = found[rule]
        return t.fired, t.count("right"), t.count("needless"), t.count("overruled")

    assert counts("detection.signals[spend]") == (7, 3, 3, 1)
    assert counts("alerts.routes[0]") == (17, 3, 13, 1)
    assert counts("alerts.routes[1]") == (0, 0, 0, 0)
    assert counts("ai.services") == (4, 2, 1, 0)
    assert counts("ladder.rungs[lead]") == (11, 1, 9, 0)
    assert counts("ladder.rungs[own]") == (1, 0, 0, 0)  # who asked decided: nobody else judged it
    assert counts("ladder.silence") == (1, 0, 0, 0)
    assert counts("nudges[actual 50]") == (3, 2, 1, 0)
    assert counts("sandboxes.zones[exploring]") == (7, 4, 2, 0)
    assert counts("gates[first proof]") == (2, 1, 0, 1)
    assert counts("redlines.lines[runaway]") == (4, 2, 0, 2)
    missed = {rule: len(t.missed) for rule, t in found.items() if t.missed}
    assert missed == {
        "detection.signals[spend]": 1, "ai.services": 1, "budgets[ranker]": 6, "ladder.silence": 1,
        "sandboxes.zones[exploring]": 1, "redlines.lines[cap]": 1,
    }  # fmt: skip


def test_friction_and_savings_by_hand(there: Past) -> None:
    there.busy()
    found = there.tallies()
    # Monday to Friday from 10:00 on: 5 to 9 hours, of which those until 17:00 count. Nobody works on Saturday.
    lead = found["ladder.rungs[lead]"]
    assert lead.waits[:6] == (5, 6, 7, 7, 7, 0)
    assert found["redlines.lines[runaway]"].waited == 8  # from Thursday 09:00 to Friday 09:00
    assert found["gates[first proof]"].waits == (5,)  # a lower cap holds nobody up
    # A halt: (100 - 10) a day from the day after to the sandbox's end or a week; the one resumed saved nothing.
    runaway = [c.saved for c in found["redlines.lines[runaway]"].cases]
    assert sum(runaway, Decimal(0)) == Decimal("630.00")
    # Two anomalies at 450 a day, one at 200, each for a week.
    assert found["detection.signals[spend]"].saved == 2 * 450 * 7 + 200 * 7


def test_a_request_that_is_escalated_waits_on_each_rung_for_its_time(there: Past) -> None:
    there.begins()
    opened, later = at(11, 3, 8), at(11, 3, 12)  # 09:00 and 13:00 in Berlin
    there.overrun(
        "up", opened, "granted", amount=900, granted=500, first="lead", rung="joint", hours=6
    )
    there.note(later, "overrun.escalated", "overrun:up", rung="joint")
    there.clock.now = AFTER
    found = there.tallies()
    assert found["ladder.rungs[lead]"].waits == (4,)
    assert found["ladder.rungs[joint]"].waits == (2,)
    assert found["ladder.rungs[joint]"].count("right") == 1  # less was granted than was asked for
    assert found["ladder.silence"].count("right") == 1
    friction = there.turn(lambda t: gather(t, QUARTER)).friction
    assert (friction.asked, friction.waited, friction.median) == (1, 6, 6)


def test_what_stood_under_a_rule_that_has_left_the_policy_is_still_counted(there: Past) -> None:
    """Its waiting and its saving were in no sum, and what was decided on it seemed never to have happened."""
    there.begins()
    there.anomaly("units", at(11, 3), "resolved", signal="gpu-usage")
    there.overrun("old", at(11, 3, 8), "granted", amount=600, granted=600, hours=5, rung="board")
    there.overrun("new", at(11, 4, 8), "granted", amount=600, granted=600, hours=2)
    there.sandbox_row("sweep", at(11, 9))
    there.case_row("sweep", at(11, 11), line="old", stopped=at(11, 12, 8), resumed=at(11, 13, 8))
    there.clock.now = AFTER
    found = there.turn(lambda t: gather(t, QUARTER))
    assert [t.rule.id for t in found.earlier] == [
        "detection.signals[gpu-usage]",
        "ladder.rungs[board]",
        "redlines.lines[old]",
    ]
    friction = found.friction
    assert (friction.asked, friction.waited, friction.stopped, friction.stood) == (2, 7, 1, 8)
    assert found.saved == 450 * 7
    made = there.made()
    (rules,) = [b for b in made.root.blocks if b.kind == "table"]
    assert rules.rows[-1] == (
        "Rules of an earlier policy", "3", "1", "1", "1", "13.0 h", "$3,150"
    )  # fmt: skip
    waited = [float(row[5].removesuffix(" h")) for row in rules.rows if row[5] != "–"]
    assert sum(waited) == friction.hours
    assert "5 rules fired 5 times" in there.words(made)


def test_what_was_pressed_is_what_is_told(there: Past) -> None:
    """From the buttons themselves, not from rows that a test made up."""
    there.clock.now = at(11, 23)
    there.begins()
    there.bill(90)
    reply = there.act("submission", "overrun.ask", "ranker", amount="700", why="a sweep", value="")
    assert reply.kind == "done", reply
    there.clock.now = at(11, 24)
    with there.database.read() as connection:
        from storage import overruns

        (row,) = overruns.waiting(connection)
    assert there.act("press", "overrun.approve", row.id, who="lead").kind == "done"
    there.clock.now = AFTER
    lead = there.tallies()[f"ladder.rungs[{row.rung_name}]"]
    assert lead.waits == (8,)
    assert lead.count("needless") == 1


def test_what_people_stopped_saved_what_is_no_longer_spent(there: Past) -> None:
    there.begins()
    there.bill(100, date(2026, 10, 1), date(2026, 11, 10))
    there.bill(10, date(2026, 11, 11), date(2027, 1, 3))
    there.overrun("stop", at(11, 10), "halted", asked="", kind="forecast")
    there.clock.now = AFTER
    lead = there.tallies()["ladder.rungs[lead]"]
    assert lead.saved == 7 * (100 - 10)
    assert lead.waits == ()  # it began by itself: nobody waited


def test_a_period_that_ended_beyond_its_limit_and_nobody_was_asked(there: Past) -> None:
    there.begins()
    there.bill(200, date(2026, 10, 1), date(2026, 12, 31))
    for month in (10, 11):
        there.put(
            BudgetEntry, budget="ranker", period=f"2026-{month}", key="set", kind="set", currency="USD",
            amount_micros=3_000_000_000, actor="budgets", policy_hash="h", at=at(month, 1),
        )  # fmt: skip
    there.overrun("asked", at(11, 20), "granted", asked="", kind="actual")
    there.clock.now = AFTER
    missed = there.tallies()["budgets[ranker]"].missed
    assert missed == ("2026-10 ended $3,200 beyond its limit, and nobody was asked",)


def test_an_escalation_is_right_when_somebody_judged_it_then(there: Past) -> None:
    path = "escalation: [{role: lead, after_minutes: 30}]\n"
    runbooks = {"spend": runbook("spend", "Spend", ("Look.",), path)}
    past = Past(there.database, replace(POLICY, runbooks=runbooks), there.clock)
    past.begins()
    for name, state in (("one", "resolved"), ("two", "open")):
        past.anomaly(name, at(11, 3), state, hours=3)
        for minutes in (30, 60):
            when = at(11, 3) + timedelta(minutes=minutes)
            past.note(when, "anomaly.escalated", f"anomaly:a-{name}")
    past.clock.now = AFTER
    found = past.tallies()["runbooks[spend]"]
    assert (found.fired, found.count("right"), found.count("open")) == (2, 1, 1)
    assert found.answers == (Decimal("2.5"),)


def test_money_without_a_rate_is_left_out(there: Past) -> None:
    there.begins()
    there.anomaly("one", at(11, 3), "resolved")
    with there.database.write() as connection:
        connection.execute(update(Anomaly.__table__).values(currency="GBP"))  # type: ignore[attr-defined]
    there.clock.now = AFTER
    spend = there.tallies()["detection.signals[spend]"]
    assert (spend.count("right"), spend.saved) == (1, 0)


def test_only_money_that_is_spent_is_saved_and_each_charge_once(there: Past) -> None:
    """A resolved drop of quality saved the money that somebody had put on it; a budget that people stopped and an
    anomaly of an experiment inside it saved the same money twice."""
    there.begins()
    for signal in ("quality", "cost-per-unit", "resource-mix"):
        there.anomaly(signal, at(10, 6), "resolved", signal=signal)
    there.clock.now = AFTER
    assert there.turn(lambda t: gather(t, QUARTER)).saved == 0
    # 300 a day each for a week; the feature's own charges are those without an experiment.
    there.anomaly("ranker", at(10, 6), "resolved")
    there.anomaly("rest", at(10, 6), "resolved", scope="feature:semantic-search")
    there.anomaly("gpus", at(10, 6), "resolved", signal="gpu-usage", scope="experiment:ranker")
    there.anomaly("nobody", at(10, 6), "resolved", scope="account:ml / Compute")
    assert there.turn(lambda t: gather(t, QUARTER)).saved == 3 * 7 * 450


def test_unclaimed_spend_counts_in_its_own_currency(sqlite: Database, clock: Clock) -> None:
    """A bill in euros: its cost was taken for the same number of dollars."""
    text = text_of(("holidays: DE}", "holidays: DE, rates: {EUR: 1.10}}"))
    there = Past(sqlite, loaded_from(text), clock)
    there.begins()
    for account in ("euros", "pounds", "dollars"):
        there.question(account, "claimed", at(11, 3))
    with there.database.write() as connection:
        asked = ShadowQuestion.__table__  # type: ignore[attr-defined]
        for account, currency in (("euros", "EUR"), ("pounds", "GBP")):
            mine = update(asked).where(asked.c.account == account)
            connection.execute(mine.values(currency=currency))
    there.clock.now = AFTER
    shadow = there.tallies()["ai.services"]
    assert (shadow.fired, shadow.sizes("right")) == (3, (Decimal(420), Decimal(462)))


def test_more_rows_are_no_more_queries(there: Past) -> None:
    """Each nudge and each request read the database once more."""

    def asked() -> int:
        def gathered(turn: Turn) -> int:
            seen: list[str] = []
            event.listen(turn.connection, "before_cursor_execute", lambda *a: seen.append(a[2]))
            gather(turn, QUARTER)
            return len(seen)

        return there.turn(gathered)

    there.begins()
    there.clock.now = AFTER
    for n in range(3):
        there.nudge(at(11, 1 + n), 50 + n)
        there.overrun(f"few{n}", at(11, 5 + n), "granted", granted=800)
        there.anomaly(f"few-{n}", at(11, 1 + n), "open")
    few = asked()
    for n in range(20):
        there.nudge(at(10, 1 + n), 60 + n)
        there.overrun(f"many{n}", at(10, 2 + n), "granted", granted=800)
        there.anomaly(f"many-{n}", at(10, 2 + n), "open")
    assert asked() <= few


def test_a_quiet_quarter(past: Past) -> None:
    past.begins()
    past.bill(90)
    past.clock.now = AFTER
    is_golden("retro-quiet.txt", past.words(past.made()))
    assert past.made().parts == ()
    assert past.job() == "posted the retrospective of 2026-Q4 with 0 proposals"


def test_an_empty_company(past: Past) -> None:
    past.clock.now = AFTER
    is_golden("retro-empty.txt", past.words(past.made()))
    assert past.job() == "nothing is known of 2026-Q4"
    assert past.posted() == []


# --- posted ---------------------------------------------------------------------------------------


def test_it_is_posted_with_its_parts_in_the_thread(past: Past) -> None:
    past.short()
    assert past.job() == "posted the retrospective of 2026-Q4 with 2 proposals"
    assert past.posted()[0] == "retro:2026-Q4"
    assert past.posts("retro:2026-Q4")[0].place["channel"] == "leadership"
    assert all(r.thread_key for r in past.posts("retro:2026-Q4:"))
    assert len(past.posted()) == len(set(past.posted())) == 1 + len(past.made().parts)
    assert past.chain_holds()
    (row,) = past.rows(Retrospective)
    assert row.quarter == "2026-Q4"
    assert {c["place"] for p in row.said["proposals"] for c in p["changes"]} >= {
        "budgets[ranker].limit"
    }


def test_two_replicas_and_a_restart_post_once(past: Past) -> None:
    past.begins()
    past.anomaly("one", at(11, 3), "resolved")
    past.clock.now = AFTER
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: past.job(), range(6)))
    assert sum(s.startswith("posted") for s in said) == 1, said
    keys = past.posted()
    assert len(keys) == len(set(keys))
    past.clock.now = AFTER + timedelta(days=1)
    assert past.job() == "the retrospective of 2026-Q4 was posted before"
    assert past.posted() == keys


async def test_two_schedulers_catch_up_after_downtime(past: Past) -> None:
    past.begins()
    past.anomaly("one", at(11, 3), "resolved")

    def scheduler() -> tuple[Clockwork, Job]:
        job = Job(RETRO, retro_times(past.loaded.policy), past.job)
        zone = past.loaded.policy.workspace.zone
        return Clockwork(past.database, zone, past.clock, [job], lambda: 0, lambda: None), job

    for when, count in (
        (AFTER - timedelta(days=3), 0),  # New Year's Day
        (AFTER - timedelta(minutes=1), 0),
        (AFTER + timedelta(days=2), 1),  # it was down for two days
        (AFTER + timedelta(days=3), 1),
    ):
        past.clock.now = when
        both = [scheduler(), scheduler()]
        await asyncio.gather(*(clockwork.fire(job) for clockwork, job in both))
        assert len(past.rows(Retrospective)) == count
    runs = [r for r in past.rows(JobRun) if r.job == RETRO]
    assert sum(r.outcome.startswith("posted") for r in runs) == 1


@pytest.mark.parametrize(
    ("day", "quarter"),
    [(date(2026, 10, 4), "2026-Q3"), (date(2027, 4, 4), "2027-Q1")],
    ids=["an hour skipped", "an hour twice"],
)
def test_once_when_the_clock_is_changed(
    sqlite: Database, clock: Clock, day: date, quarter: str
) -> None:
    """Where people work on Sundays, the first working day may be the one on which the clock is changed."""
    hours = 'holidays: AU, working_hours: {from: "01:00", to: "09:00", days: [sun]}}'
    policy = loaded_from(
        text_of(
            ("time_zone: Europe/Berlin", "time_zone: Australia/Sydney"),
            ("holidays: DE}", hours),
            ("  hour_cost: 80", '  at: "02:30"'),
        )
    )
    past = Past(sqlite, policy, clock)
    past.note(datetime(2026, 9, 1, tzinfo=UTC), "budget.moved", "budget:ranker")
    past.note(datetime(2027, 2, 1, tzinfo=UTC), "budget.moved", "budget:ranker")
    zone = policy.policy.workspace.zone
    clock.now = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    posted = []
    for _ in range(20):
        clock.now += timedelta(minutes=15)
        if past.job().startswith("posted"):
            posted.append(clock.now)
    (row,) = past.rows(Retrospective)
    assert row.quarter == quarter
    assert len(posted) == 1
    local = posted[0].astimezone(zone)
    assert (local.date(), local.hour in (2, 3)) == (day, True)


def test_without_the_section_nothing_is_posted(there: Past) -> None:
    policy = POLICY.policy.model_copy(update={"retrospective": None})
    past = Past(there.database, replace(POLICY, policy=policy), there.clock)
    past.busy()
    assert retro_times(policy) == ()
    assert past.job() == "the policy has no retrospective"
    assert past.made().proposals  # it can be looked at


def test_every_message_fits_on_slack_and_teams(there: Past) -> None:
    there.busy()
    with there.writing():
        for n in range(40):
            there.overrun(
                f"more{n}", at(10, 20) + timedelta(hours=n), "granted", amount=900, granted=900
            )
            there.anomaly(
                f"a rather long name of an experiment {n}", at(12, 1), "false-alarm", began=20
            )
    for message in there.made().every():
        slack, teams = render(message), card(message)
        assert slack.rest is None
        assert teams.rest is None
        assert len(slack.blocks) <= 50
        assert weight(teams.card) <= CARD


# --- looked at --------------------------------------------------------------------------------------


def command(past: Past, text: str, who: str = "finops") -> object:
    return past.act("command", "council retro", who=who, text=text)


def test_it_is_shown_privately_to_those_who_may(there: Past) -> None:
    there.busy()
    reply = command(there, "2026-q4")
    assert reply.kind == "private", reply  # type: ignore[attr-defined]
    assert "2026-Q4" in reply.message.summary  # type: ignore[attr-defined]
    assert there.posted() == []
    there.post()
    (row,) = there.rows(Retrospective)
    later = command(there, "")
    assert later.message.summary == row.said["root"]["summary"]  # type: ignore[attr-defined]
    assert "not a quarter" in command(there, "soon").sentence  # type: ignore[attr-defined]
    assert "has not begun" in command(there, "2027-Q2").sentence  # type: ignore[attr-defined]
    assert "2026-Q3" in command(there, "2026-Q3").sentence  # type: ignore[attr-defined]
    stranger = there.act("command", "council retro", who="x", text="", standing="stranger")
    assert stranger.kind == "refused"


def test_without_history_it_offers_the_quarter_that_has(there: Past) -> None:
    there.clock.now = at(11, 23)
    assert "the bot has not run yet" in command(there, "").sentence  # type: ignore[attr-defined]
    there.note(at(11, 1), "budget.moved", "budget:ranker")
    sentence = command(there, "2026-Q3").sentence  # type: ignore[attr-defined]
    assert sentence == (
        "Nothing is known of 2026-Q3. The newest quarter with a history is 2026-Q4: /council retro 2026-Q4"
    )
    assert command(there, "2026-Q4").kind == "private"  # type: ignore[attr-defined]


def test_the_running_quarter_is_shown_only_when_nothing_is_known_of_the_last(there: Past) -> None:
    """In its first weeks a bot said only that nothing was known of the quarter before it was there."""
    there.clock.now = at(11, 23)
    there.note(at(11, 1), "budget.moved", "budget:ranker")
    message = command(there, "").message  # type: ignore[attr-defined]
    assert message.summary.startswith("Retrospective 2026-Q4 so far: ")
    assert message.blocks[-1].text[0].text == (
        "Nothing is known of 2026-Q3, so this is 2026-Q4, which is not over yet."
    )
    there.clock.now = AFTER + timedelta(days=1)
    there.note(AFTER, "budget.moved", "budget:ranker")
    message = command(there, "").message  # type: ignore[attr-defined]
    assert message.summary.startswith("Retrospective 2026-Q4: ")
    assert "not over yet" not in message.model_dump_json()


def test_a_quarter_that_runs_is_shown_as_far_as_it_is(there: Past) -> None:
    there.begins()
    there.anomaly("one", at(10, 8), "resolved")
    there.anomaly("two", at(12, 8), "resolved")
    there.clock.now = at(11, 1)
    assert there.tallies(QUARTER)["detection.signals[spend]"].fired == 1
    assert there.made().root.summary.startswith("Retrospective 2026-Q4 so far: ")


def test_a_halt_that_a_lead_resumes_is_overruled_and_named(sqlite: Database, clock: Clock) -> None:
    """From the rounds and buttons themselves."""
    lines = Lines(sqlite, redline_policy(), clock)
    lines.warned()
    lines.round(27)
    assert lines.sandbox("try-lora").state == "halted"
    lines.later(27, 12)
    assert lines.click("resume").kind == "done"
    clock.now = AFTER
    made = lines.turn(lambda t: gather(t, QUARTER))
    tally = next(t for t, _ in made.verdicts if t.rule.id == "redlines.lines[runaway]")
    assert (tally.fired, tally.count("overruled"), tally.saved) == (1, 1, 0)
    assert tally.waits == (3,)
    assert made.resumed == (
        "try-lora was halted by runaway on Fri 27 Nov and let run again by ML lead, search after 3 working hours",
    )
    assert made.friction.stopped == 1
