"""The digest of a busy week, a quiet week and an empty company; posted once whoever posts it."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.slack.blocks import render
from bot.teams.card_limits import CARD, weight
from bot.teams.cards import card
from handlers.council.post import COUNCIL, council_times
from scheduler.clockwork import Clockwork, Job
from storage import council
from storage.database import Database
from storage.tables.council import CouncilDigest
from storage.tables.timing import JobRun
from tests.conftest import Clock
from tests.handlers.councils import WEEK, Hall, at, council_policy

GOLDEN = Path(__file__).parent / "golden"
POLICY = council_policy()


@pytest.fixture
def hall(database: Database, clock: Clock) -> Hall:
    return Hall(database, POLICY, clock)


def is_golden(name: str, words: str) -> None:
    """Whether the words are those of the file; ``GOLDEN=1`` writes it, to be read and kept."""
    file = GOLDEN / name
    if os.environ.get("GOLDEN"):
        file.write_text(words)
    assert words == file.read_text()


def test_a_busy_week(hall: Hall) -> None:
    hall.busy()
    before = hall.words(hall.digest())
    assert hall.post() == f"posted the digest of 2026-W48 with {len(hall.posted()) - 1} parts"
    after = hall.words(hall.digest())
    assert before == after  # what is asked was kept as it was shown
    is_golden("council-busy.txt", after)
    root = hall.shown("council:2026-W48")
    (lines,) = [b for b in root.blocks if b.kind == "items"]
    assert len(lines.items) == 5
    assert hall.posts("council:")[0].place["channel"] == "leadership"
    assert all(r.thread_key for r in hall.posts("council:2026-W48:"))
    assert hall.chain_holds()


def test_it_stays_what_it_was_when_time_goes_on(hall: Hall) -> None:
    hall.busy()
    hall.post()
    before = hall.words(hall.digest())
    hall.clock.now = at(27)
    assert hall.words(hall.digest()) == before


def test_a_quiet_week(hall: Hall) -> None:
    hall.clock.now = at(24)
    hall.bill(90)
    hall.post()
    is_golden("council-quiet.txt", hall.words(hall.digest()))
    assert hall.posted() == ["council:2026-W48"]


def test_an_empty_company(hall: Hall) -> None:
    hall.clock.now = at(24)
    assert hall.post() == "posted the digest of 2026-W48 with 0 parts"
    is_golden("council-empty.txt", hall.words(hall.digest()))


def test_every_message_fits_on_slack_and_teams(hall: Hall) -> None:
    hall.busy()
    hall.clock.now = at(23)
    for n in range(60):
        text = f"add {n:02} {'a long topic ' * 20}"
        assert hall.act("command", "council", text=text, who="lead").kind == "private"
    hall.clock.now = at(24)
    hall.post()
    messages = hall.digest().every()
    assert len(messages) > 60
    for message in messages:
        slack, teams = render(message), card(message)
        assert slack.rest is None
        assert teams.rest is None
        assert len(slack.blocks) <= 50
        assert weight(teams.card) <= CARD


@pytest.mark.parametrize("busy", [False, True])
def test_two_replicas_and_a_restart_post_once(hall: Hall, busy: bool) -> None:
    if busy:
        hall.busy()
    hall.clock.now = at(24)
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: hall.job(), range(8)))
    assert sum(s.startswith("posted") for s in said) == 1, said
    keys = hall.posted()
    assert len(keys) == len(set(keys))
    hall.clock.now = at(24, 16)  # after a restart the newest slot is done again
    assert hall.job() == "the digest of 2026-W48 was posted before"
    assert hall.posted() == keys


async def test_two_schedulers_that_are_started_again_post_once(hall: Hall) -> None:
    hall.busy()

    def scheduler() -> tuple[Clockwork, Job]:
        job = Job(COUNCIL, council_times(hall.loaded.policy), hall.job)
        zone = hall.loaded.policy.workspace.zone
        return Clockwork(hall.database, zone, hall.clock, [job], lambda: 0, lambda: None), job

    for when in (at(24, 8, 59), at(24), at(24, 10), at(25, 9)):
        hall.clock.now = when
        both = [scheduler(), scheduler()]
        await asyncio.gather(*(clockwork.fire(job) for clockwork, job in both))
        assert len(hall.rows(CouncilDigest)) == (when >= at(24))
    assert len(hall.posted()) == len(set(hall.posted()))
    runs = [r for r in hall.rows(JobRun) if r.job == COUNCIL]
    assert [r.slot for r in sorted(runs, key=lambda r: r.slot)] == [
        "2026-11-23T10:00",
        "2026-11-24T10:00",
        "2026-11-25T10:00",
    ]
    assert sum(r.outcome.startswith("posted") for r in runs) == 1


def test_a_day_before_and_three_days_later_nothing_is_posted(hall: Hall) -> None:
    for when in (at(23, 9), at(24, 8, 59), at(27, 9)):
        hall.clock.now = when
        assert hall.post() == "no digest is due"
    hall.clock.now = at(25, 12)  # it was down for a day
    assert hall.post().startswith("posted the digest of 2026-W48")


@pytest.mark.parametrize(
    ("first", "week"),
    [(date(2026, 10, 25), "2026-W43"), (date(2027, 3, 28), "2027-W12")],
    ids=["an hour twice", "an hour skipped"],
)
def test_once_when_the_clock_is_changed(
    database: Database, clock: Clock, first: date, week: str
) -> None:
    hall = Hall(database, council_policy(at="Sunday 02:30", holidays="keep"), clock)
    clock.now = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(hours=2)
    posted = []
    for _ in range(24):
        clock.now += timedelta(minutes=15)
        if hall.job().startswith("posted"):
            posted.append(clock.now)
    with database.read() as connection:
        assert council.digest(connection, week) is not None
    assert len(posted) == len(hall.rows(CouncilDigest)) == 1
    local = posted[0].astimezone(hall.loaded.policy.workspace.zone)
    assert local.hour in (2, 3)
    assert local.date() == first


def test_without_a_council_nothing_is_posted(database: Database, clock: Clock) -> None:
    loaded = council_policy()
    none = type(loaded)(
        loaded.policy.model_copy(update={"council": None}), loaded.hash, loaded.folder
    )
    hall = Hall(database, none, clock)
    hall.clock.now = at(24)
    assert hall.post() == "the policy has no council"
    assert "no council" in hall.act("command", "council", text="next").sentence
    assert hall.digest(WEEK).root.summary.startswith("Experiment council 2026-W48")
