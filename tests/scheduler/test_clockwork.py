"""Jobs run once a slot: trap 56, two replicas, restarts and both daylight-saving changes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.clockwork import Clockwork, Job
from scheduler.slots import latest_slot
from storage import claims
from storage.database import Database
from tests.conftest import Clock

BERLIN = ZoneInfo("Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (utc(2026, 11, 23, 4, 59), "2026-11-22T14:00"),
        (utc(2026, 11, 23, 5, 0), "2026-11-23T06:00"),
        (utc(2026, 11, 23, 12, 59), "2026-11-23T06:00"),
        (utc(2026, 7, 1, 4, 0), "2026-07-01T06:00"),  # summer time
    ],
)
def test_the_newest_slot_is_by_the_local_clock(now: datetime, slot: str) -> None:
    assert latest_slot(("06:00", "14:00"), BERLIN, now) == slot


def test_an_hour_that_comes_twice_is_one_slot() -> None:
    first, second = utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30)  # both 02:30 in Berlin
    assert latest_slot(("02:30",), BERLIN, first) == latest_slot(("02:30",), BERLIN, second)


def test_an_hour_that_is_skipped_still_has_its_slot() -> None:
    before, after = utc(2026, 3, 29, 0, 59), utc(2026, 3, 29, 1, 0)  # 01:59, then 03:00
    assert latest_slot(("02:30",), BERLIN, before) == "2026-03-28T02:30"
    assert latest_slot(("02:30",), BERLIN, after) == "2026-03-29T02:30"


def machine(database: Database, clock: Clock, work: Callable[[], str]) -> tuple[Clockwork, Job]:
    job = Job("read-bills", ("06:00",), work)
    return Clockwork(database, BERLIN, clock, [job], lambda: 0, lambda: None), job


async def test_two_replicas_run_a_slot_once(database: Database, clock: Clock) -> None:
    ran: list[str] = []

    def work() -> str:
        ran.append("x")
        return "done"

    pairs = [machine(database, clock, work) for _ in range(2)]
    won = await asyncio.gather(*(m.fire(job) for m, job in pairs for _ in range(3)))
    assert sum(won) == 1
    assert ran == ["x"]
    clock.now += timedelta(days=1)
    assert await pairs[1][0].fire(pairs[1][1])


async def test_a_failed_slot_is_run_again_later(database: Database, clock: Clock) -> None:
    outcomes = iter([RuntimeError("the bill is not there"), None])

    def work() -> str:
        error = next(outcomes)
        if error:
            raise error
        return "done"

    machine_, job = machine(database, clock, work)
    assert await machine_.fire(job)
    with database.read() as connection:
        last = claims.last_outcome(connection, "read-bills")
    assert last is not None
    assert "the bill is not there" in last[2]
    assert not await machine_.fire(job)
    clock.now += timedelta(minutes=10)
    assert await machine_.fire(job)
    clock.now += timedelta(minutes=10)
    assert not await machine_.fire(job)


async def test_a_runner_that_died_is_taken_over(database: Database, clock: Clock) -> None:
    machine_, job = machine(database, clock, lambda: "done")
    slot = latest_slot(job.times, BERLIN, clock())
    with database.write() as connection:
        dead = claims.claim_slot(connection, job.name, slot, clock())  # …and it is killed
    assert dead is not None
    assert not await machine_.fire(job)
    clock.now += claims.LEASE + timedelta(seconds=1)
    assert await machine_.fire(job)
    with database.write() as connection:  # the first was only slow: its claim is no longer its own
        assert not claims.hold_slot(connection, dead, clock())
        claims.release_slot(connection, dead, clock(), "failed")
    assert not await machine_.fire(job)


async def test_a_missed_slot_is_caught_up_at_the_start(sqlite: Database, clock: Clock) -> None:
    ran = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> str:
        loop.call_soon_threadsafe(ran.set)
        return "done"

    machine_, _ = machine(sqlite, clock, work)
    await machine_.start()
    await asyncio.wait_for(ran.wait(), 5)
    await machine_.stop()
