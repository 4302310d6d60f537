"""Runs jobs at their slots and one-off deadlines when they are due. APScheduler says when."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from scheduler.slots import latest_slot
from storage import claims
from storage.database import Database

log = logging.getLogger(__name__)

LOOK_FOR_DUE = 15  # seconds: how late a deadline may be
HOLD = 60  # seconds between two renewals of a claim
LOOK_FOR_FAILED = 300  # seconds after which a slot whose run failed or died is looked at again


@dataclass(frozen=True)
class Job:
    """``work`` blocks and returns what it did, in a line. ``times`` are local, such as 06:00."""

    name: str
    times: tuple[str, ...]
    work: Callable[[], str]


class Clockwork:
    """One scheduler of a process. Any number of processes may run the same jobs: slots are claimed."""

    def __init__(
        self,
        database: Database,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        jobs: list[Job],
        run_due: Callable[[], int],
        after: Callable[[], None],
    ) -> None:
        self._database = database
        self._zone = zone
        self._clock = clock
        self._jobs = jobs
        self._run_due = run_due
        self._after = after
        self._scheduler = AsyncIOScheduler(timezone=zone)
        self._running: set[asyncio.Task[bool]] = set()

    async def start(self) -> None:
        """Starts firing; the newest slot that nobody has run is caught up at once."""
        for job in self._jobs:
            for local in job.times:
                hour, minute = local.split(":")
                self._every(CronTrigger(hour=hour, minute=minute, timezone=self._zone), job)
            self._every(IntervalTrigger(seconds=LOOK_FOR_FAILED), job)
            await self._begin(job)
        self._scheduler.add_job(
            self.due, IntervalTrigger(seconds=LOOK_FOR_DUE), max_instances=1, coalesce=True
        )
        self._scheduler.start()

    async def stop(self) -> None:
        """Stops firing and waits for what is running."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await asyncio.gather(*self._running, return_exceptions=True)

    async def fire(self, job: Job) -> bool:
        """Runs the job's newest slot if nobody else has; True when it was run here."""
        slot = latest_slot(job.times, self._zone, self._clock())
        token = await self._database.in_write(
            lambda c: claims.claim_slot(c, job.name, slot, self._clock())
        )
        if token is None:
            return False
        holding = asyncio.create_task(self._hold(token))
        try:
            outcome = await asyncio.to_thread(job.work)
        except Exception as error:
            log.exception("job %s failed for slot %s", job.name, slot)
            reason = f"failed: {error}"[:500]
            again = self._clock() + timedelta(seconds=LOOK_FOR_FAILED / 2)
            await self._database.in_write(lambda c: claims.release_slot(c, token, again, reason))
        else:
            await self._database.in_write(
                lambda c: claims.finish_slot(c, token, self._clock(), outcome)
            )
            log.info("job %s, slot %s: %s", job.name, slot, outcome)
        finally:
            holding.cancel()
        self._after()
        return True

    async def _hold(self, token: str) -> None:
        """Keeps the claim of a run that takes long."""
        while True:
            await asyncio.sleep(HOLD)
            await self._database.in_write(lambda c: claims.hold_slot(c, token, self._clock()))

    async def due(self) -> int:
        """Does the deadlines that are due; returns how many."""
        done = await asyncio.get_running_loop().run_in_executor(
            self._database.write_threads, self._run_due
        )
        if done:
            self._after()
        return done

    def _every(self, trigger: CronTrigger | IntervalTrigger, job: Job) -> None:
        self._scheduler.add_job(
            self._begin, trigger, args=[job], coalesce=True, misfire_grace_time=None
        )

    async def _begin(self, job: Job) -> None:
        """Starts the run as a task of its own, which a shutdown waits for instead of cancelling it."""
        task = asyncio.create_task(self.fire(job))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
