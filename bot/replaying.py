"""Replays the policies that people hand in: claimed, run in a thread, told. One at a time in each process."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from bot.kernel import Kernel
from bot.standing import may_now
from guardrails.replay import Report
from handlers.policy_rules import outcome
from handlers.policy_rules.ask import NO_BILL
from handlers.policy_rules.reading import in_words, read
from handlers.replay.rounds import window
from handlers.replay.run import NoReplay, replay
from handlers.turn import Turn
from storage import policy_replays
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.policy_replays import ClaimedReplay
from storage.progress import Progress

log = logging.getLogger(__name__)

POLL = 2.0  # seconds between looks
BEAT = 5.0  # seconds between renewals of a lease, and of what is told of the progress
TOLD = 10.0  # seconds between two words about the progress
MOST = 3  # times that a replay is begun whose runner died
CHECKS = 3  # times that a role which cannot be checked is asked for


class Stopped(Exception):
    """The process ends, or somebody else has the replay."""


class Unable(Exception):
    """There is nothing to report; the message is the sentence that the person is told."""


@dataclass(frozen=True)
class Job:
    """All that a replay needs, away from the bot's own connections."""

    database_url: str
    loaded: LoadedPolicy
    claimed: ClaimedReplay

    @property
    def new(self) -> LoadedPolicy:
        """The policy that was handed in, with the runbooks of now. Raises Unable."""
        found = read(self.claimed.policy_text)
        if found.policy is None:  # it was checked, by an earlier version of the bot perhaps
            raise Unable(f"Your policy cannot be replayed any more: {in_words(found.errors)}.")
        return self.loaded.changed_to(found.policy, self.claimed.policy_text)


def replayed(job: Job, progress: Progress) -> Report:
    """The report, on connections of its own; blocks. Raises Unable."""
    new = job.new
    database = Database(job.database_url)
    try:
        with database.read() as connection:
            days = window(connection, job.loaded.policy, job.claimed.days)
        if days is None:
            raise Unable(NO_BILL)
        return replay(database, job.loaded, new, *days, progress)
    except NoReplay as error:
        raise Unable(f"Your policy cannot be replayed: {error}") from None
    finally:
        database.close()


class Replaying:
    """One runner. Any number may run: a replay is claimed before it begins."""

    def __init__(self, kernel: Kernel, run: Callable[[Job, Progress], Report] = replayed) -> None:
        self._kernel = kernel
        self._run = run
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="sandrail-replay")

    async def run(self) -> None:
        """Replays what is due until it is cancelled; what is under way then is given back."""
        try:
            while True:
                try:
                    if await self.look():
                        continue
                except Exception:
                    log.exception("the replays could not be looked at; looking again")
                await asyncio.sleep(POLL)
        finally:
            self._threads.shutdown(wait=False)

    async def look(self) -> bool:
        """Claims a replay that is due and runs it to its end; False when none is due."""
        now = self._kernel.clock()
        claimed = await self._kernel.database.in_write(lambda c: policy_replays.claim(c, now))
        if claimed is None:
            return False
        await self._one(claimed)
        return True

    async def _one(self, claimed: ClaimedReplay) -> None:
        url = self._kernel.database.url.render_as_string(hide_password=False)
        job = Job(url, self._kernel.loaded, claimed)
        if claimed.attempts > MOST:
            await self._fault(job, outcome.GIVEN_UP)
            return
        began = time.monotonic()
        try:
            report = await self._in_thread(job)
        except Stopped:
            log.info("replay %s is somebody else's now", claimed.id)
        except Unable as error:
            await self._fault(job, str(error))
        except SQLAlchemyError:
            log.exception("replay %s could not read; it is begun again", claimed.id)
        except Exception as error:
            log.exception("replay %s failed", claimed.id)
            what = type(error).__name__
            await self._fault(
                job,
                f"Your policy could not be replayed ({what}). The operator finds why in the log, under replay "
                f"{claimed.id}.",
            )
        else:
            log.info("replay %s took %.1f s", claimed.id, time.monotonic() - began)
            await self._tell(job, report)
        finally:
            read.cache_clear()  # the file is not kept

    async def _in_thread(self, job: Job) -> Report:
        """Runs it and keeps its lease. Cancelled, it stops the thread and gives the replay back."""
        stop, seen = threading.Event(), [0.0]

        def progress(what: str, share: float) -> None:
            if stop.is_set():
                raise Stopped
            seen[0] = share

        work = asyncio.get_running_loop().run_in_executor(self._threads, self._run, job, progress)
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        told = time.monotonic()
        try:
            while not (await asyncio.wait({work}, timeout=BEAT))[0]:
                say = time.monotonic() - told >= TOLD
                told = time.monotonic() if say else told
                share = seen[0] if say else None
                if not await self._kernel.turn(partial(_renew, claimed=job.claimed, share=share)):
                    stop.set()
            return work.result()
        except asyncio.CancelledError:
            stop.set()
            with contextlib.suppress(Exception):  # its lease runs out else
                await asyncio.wait({work}, timeout=BEAT)
                await self._kernel.turn(
                    lambda t: policy_replays.give_back(t.connection, job.claimed, t.now)
                )
            raise

    async def _tell(self, job: Job, report: Report) -> None:
        allowed = await self._may(job.claimed.asked_by)
        if not allowed:
            await self._fault(job, outcome.NOT_CHECKED if allowed is None else outcome.NO_ROLE)
            return
        new = await asyncio.to_thread(_hash_of, job)
        await self._kernel.turn(lambda t: outcome.tell_report(t, job.claimed, new, report))

    async def _may(self, person: str) -> bool | None:
        for wait in (1.0,) * (CHECKS - 1):
            found = await may_now(self._kernel, person, "policy.replay")
            if found is not None:
                return found
            await asyncio.sleep(wait)
        return await may_now(self._kernel, person, "policy.replay")

    async def _fault(self, job: Job, sentence: str) -> None:
        log.warning("replay %s: %s", job.claimed.id, sentence)
        new = await asyncio.to_thread(_hash_of, job)
        await self._kernel.turn(lambda t: outcome.tell_fault(t, job.claimed, new, sentence))


def _renew(turn: Turn, claimed: ClaimedReplay, share: float | None) -> bool:
    if not policy_replays.renew(turn.connection, claimed, turn.now):
        return False
    if share is not None:
        outcome.tell_progress(turn, claimed, share)
    return True


def _hash_of(job: Job) -> str:
    try:
        return job.new.hash
    except Unable:
        return "unreadable"
