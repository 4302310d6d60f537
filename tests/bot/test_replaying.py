"""The runner of replays: once whoever runs it, again after a crash, given back when the bot stops; told to one."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

import bot.replaying
from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.replaying import Job, Replaying, Stopped, replayed
from guardrails.replay import Report
from handlers.policy_rules import outcome
from handlers.replay.run import replay
from storage import policy_replays
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.policy_replays import LEASE, ClaimedReplay
from storage.progress import Progress
from tests.bot.wall import Wall
from tests.conftest import Clock
from tests.handlers.alerting import Bot
from tests.handlers.handing_in import FINOPS, OTHER, audited, bill, hand_in, replays
from tests.teams.house import with_roles

DAY = date(2026, 10, 10)


class House:
    """A running bot, with a file that the FinOps owner handed in; a second replica is another kernel."""

    def __init__(self, database: Database, loaded: LoadedPolicy, clock: Clock) -> None:
        self.database, self.loaded, self.clock = database, loaded, clock
        self.wall = Wall()
        self.runs: list[ClaimedReplay] = []
        self.bot = Bot(database, loaded, clock)
        bill(database)

    def kernel(self, loaded: LoadedPolicy | None = None) -> Kernel:
        surfaces = {"wall": self.wall}
        delivery = Delivery(self.database, surfaces, self.clock)
        return Kernel(self.database, loaded or self.loaded, surfaces, delivery, self.clock)

    def runner(self, work: Callable[[Job, Progress], Report] | None = None) -> Replaying:
        return Replaying(self.kernel(), work or self.quick)

    def quick(self, job: Job, progress: Progress) -> Report:
        """A replay without its long part."""
        self.runs.append(job.claimed)
        return replay(self.database, job.loaded, job.new, DAY, DAY, progress, alerts=False)

    async def said(self) -> list[str]:
        """What the FinOps owner was told in their own chat, each message as it is now."""
        await self.kernel().delivery.drain()
        assert all(channel == f"@{FINOPS}" for channel, _, _ in self.wall.up.values())
        return [words for _, words, _ in self.wall.up.values()]

    @property
    def row(self) -> Any:
        return replays(self.database)[-1]


@pytest.fixture
def house(database: Database, loaded: LoadedPolicy, clock: Clock) -> House:
    made = House(database, loaded, clock)
    assert hand_in(made.bot).kind == "done"
    return made


async def test_it_is_run_told_and_forgotten(house: House) -> None:
    assert await house.runner().look()
    assert await house.said() == ["Nothing would have been different."]
    assert (house.row.state, house.row.policy_text, house.row.attempts) == ("done", "", 1)
    assert [e.action for e in audited(house.database)] == ["policy.replay-asked", "policy.replayed"]
    assert len({e.subject for e in audited(house.database)}) == 1
    assert not await house.runner().look()


async def test_two_replicas_run_it_once(house: House) -> None:
    found = await asyncio.gather(house.runner().look(), house.runner().look())
    assert sorted(found) == [False, True]
    assert len(house.runs) == 1
    assert len(await house.said()) == 1


class Dying(Replaying):
    """Its process ends before what came of a replay is recorded."""

    async def _tell(self, job: Job, report: Report) -> None:
        raise ConnectionError


async def test_after_a_crash_it_is_run_again(house: House) -> None:
    """Claimed and nothing more; run and not recorded; then by somebody who lives."""
    with house.database.write() as connection:
        assert policy_replays.claim(connection, house.clock()) is not None
    assert not await house.runner().look()  # its lease may be somebody's
    house.clock.now += LEASE + timedelta(seconds=1)
    with pytest.raises(ConnectionError):
        await Dying(house.kernel(), house.quick).look()
    assert house.row.state == "running"
    house.clock.now += LEASE + timedelta(seconds=1)
    assert await house.runner().look()
    assert [r.attempts for r in house.runs] == [2, 3]
    assert await house.said() == ["Nothing would have been different."]


async def test_after_three_crashes_it_is_given_up_and_told(house: House) -> None:
    for _ in range(3):
        with house.database.write() as connection:
            assert policy_replays.claim(connection, house.clock()) is not None
        house.clock.now += LEASE + timedelta(seconds=1)
    assert await house.runner().look()
    assert house.runs == []
    assert await house.said() == [outcome.GIVEN_UP]
    assert (house.row.state, house.row.policy_text) == ("failed", "")
    assert audited(house.database)[-1].action == "policy.replay-failed"
    assert hand_in(house.bot).kind == "done"  # and the next can be handed in


class Slow:
    """A replay that goes on until it is let go; it looks up as a real one does, day by day."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.began, self.go, self.stopped = (threading.Event() for _ in range(3))

    def __call__(self, job: Job, progress: Progress) -> Report:
        self.began.set()
        try:
            while not self.go.wait(0.01):
                progress("Replaying alerts", 0.37)
        except Stopped:
            self.stopped.set()
            raise
        return self.house.quick(job, progress)


async def until(event: threading.Event) -> None:
    """Waits for a thread without standing in its way."""
    assert await asyncio.to_thread(event.wait, 10)


async def test_while_it_runs_its_lease_lasts_and_the_bot_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.replaying, "BEAT", 0.02)
    monkeypatch.setattr(bot.replaying, "TOLD", 0.0)
    slow = Slow(house)
    running = asyncio.create_task(house.runner(slow).look())
    await until(slow.began)
    for _ in range(4):
        house.clock.now += LEASE * 0.7
        renewed = house.clock.now + LEASE
        for _ in range(2000):  # a replay that held the bot up would never let this loop on
            if house.row.leased_until == renewed:
                break
            await asyncio.sleep(0.005)
        assert house.row.leased_until == renewed
        assert not await house.runner().look()
    assert "37%" in (await house.said())[0]
    slow.go.set()
    assert await running
    progress, result = await house.said()
    assert progress.endswith("are replayed under your policy; see below.")
    assert result == "Nothing would have been different."
    assert house.row.attempts == 1


async def test_whoever_lost_the_lease_says_nothing(house: House) -> None:
    """Its machine slept for an hour, and another replica has done it."""
    slow = Slow(house)
    running = asyncio.create_task(house.runner(slow).look())
    await until(slow.began)
    house.clock.now += LEASE + timedelta(seconds=1)
    assert await house.runner().look()
    slow.go.set()
    await running
    assert len(house.runs) == 2
    assert len(await house.said()) == 1
    assert [e.action for e in audited(house.database)].count("policy.replayed") == 1


async def test_a_bot_that_stops_gives_it_back(house: House) -> None:
    slow = Slow(house)
    running = asyncio.create_task(house.runner(slow).run())
    await until(slow.began)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert slow.stopped.is_set()
    assert (house.row.state, house.row.attempts, house.row.policy_text) == ("waiting", 0, OTHER)
    assert await house.runner().look()
    assert len(await house.said()) == 1


async def test_whoever_lost_the_role_is_not_told_the_result(
    house: House, loaded: LoadedPolicy
) -> None:
    changed = with_roles(loaded, finops={"emails": ("other@example.com",)})
    await Replaying(house.kernel(changed), house.quick).look()
    assert await house.said() == [outcome.NO_ROLE]
    assert house.row.state == "failed"


async def test_what_fails_is_told_once_and_not_tried_again(house: House) -> None:
    def failing(job: Job, progress: Progress) -> Report:
        raise ZeroDivisionError

    await house.runner(failing).look()
    (said,) = await house.said()
    assert "could not be replayed (ZeroDivisionError)" in said
    assert f"under replay {house.row.id}" in said
    assert (house.row.state, house.row.fault) == ("failed", said)
    house.clock.now += timedelta(days=1)
    assert not await house.runner().look()


async def test_a_policy_that_a_newer_bot_no_longer_knows(house: House) -> None:
    with house.database.write() as connection:
        connection.exec_driver_sql("UPDATE policy_replay SET policy_text = 'version: 0'")
    await house.runner(replayed).look()
    (said,) = await house.said()
    assert "cannot be replayed any more: line 1" in said
    assert house.row.policy_text == ""


async def test_another_currency_is_a_sentence(house: House, loaded: LoadedPolicy) -> None:
    euros = loaded.policy.workspace.model_copy(update={"currency": "EUR"})
    policy = loaded.policy.model_copy(update={"workspace": euros})
    kernel = house.kernel(replace(loaded, policy=policy))
    await Replaying(kernel, replayed).look()
    (said,) = await house.said()
    assert said == (
        "Your policy cannot be replayed: The policy of now counts in EUR and the changed one in USD, so their "
        "amounts cannot be compared."
    )
