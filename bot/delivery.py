"""Sends what is in the outbox: lanes side by side, each in its own order and at its own pace."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import Counter

from bot import parts
from bot.surface import (
    AnswerLost,
    Closed,
    DeliveryError,
    NoAccount,
    NotInstalled,
    Revoked,
    Sent,
    Surface,
    TryLater,
    Undeliverable,
)
from handlers.conversation import Message, Place
from storage import outbox
from storage.database import Database
from storage.outbox import Claimed

log = logging.getLogger(__name__)

POLL = (
    2.0  # seconds between looks when nobody wakes us: what another replica wrote, what is due again
)
LONGEST = 50.0  # seconds of one sending: less than a lease, so that nobody else begins meanwhile
LOOK_AT_CLOSED = timedelta(minutes=5)  # how soon an invitation into a channel is noticed
LOOK_AT_GONE = timedelta(
    seconds=30
)  # how soon a workspace that installs us again gets its messages
LOOK_AT_REVOKED = timedelta(hours=1)  # how soon a platform that refused us is asked again
GIVE_UP = timedelta(days=7)  # a message that could not be sent for so long helps nobody any more
GIVE_UP_LOST = timedelta(
    hours=6
)  # the same fault each time: it is the message, and others wait behind it
DELIVERIES = Counter("sandrail_deliveries", "Messages sent to a surface", ["surface", "outcome"])


def backoff(attempts: int) -> timedelta:
    """Exponential with full jitter, from a second to twenty minutes."""
    return timedelta(seconds=random.uniform(0.5, min(1200.0, 2.0 ** min(attempts, 12))))  # noqa: S311


class Delivery:
    """One sender. Any number may run: a row is claimed before it is sent."""

    def __init__(
        self,
        database: Database,
        surfaces: Mapping[str, Surface],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._surfaces = surfaces
        self._clock = clock
        self._wake = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self.revoked: dict[str, str] = {}  # surface → why it accepts us nowhere any more
        self._again: dict[str, datetime] = {}  # surface → when it is tried again
        self.gone: dict[str, str] = {}  # surface:tenant → why it does not, while others do

    def refused(self, surface: str, reason: str) -> None:
        """A surface no longer accepts us: its lanes wait, and it is asked again in an hour."""
        self.revoked[surface] = reason
        self._again[surface] = self._clock() + LOOK_AT_REVOKED

    def wake(self) -> None:
        """Something was written; look now."""
        self._wake.set()

    async def run(self) -> None:
        """Sends until it is cancelled; what is under way is finished first."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self.look()
                except Exception:
                    log.exception("the outbox could not be read; looking again")
                    await asyncio.sleep(POLL)
                # not wait_for: on Python 3.11 it can swallow a cancellation that comes with the wake
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL):
                        await self._wake.wait()
        finally:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def look(self) -> int:
        """Claims what is due and starts sending it; returns how many rows were claimed."""
        now = self._clock()
        busy = list(self._busy)
        for name, at in list(self._again.items()):
            if now >= at:  # perhaps the operator has mended it, or the platform its own fault
                del self._again[name]
                self.revoked.pop(name, None)
        running = [name for name in self._surfaces if name not in self.revoked]
        claimed = await self._database.in_write(lambda c: outbox.claim(c, now, running, busy))
        for row in claimed:
            lane = Place.model_validate(row.place).lane
            task = asyncio.create_task(self._one(row))
            self._busy[lane] = task
            task.add_done_callback(partial(self._freed, lane))
        return len(claimed)

    async def drain(self) -> None:
        """Sends everything that is due now and waits for it: for the command line and tests."""
        while await self.look() or self._busy:
            await asyncio.gather(*self._busy.values())

    def _freed(self, lane: str, _: "asyncio.Task[None]") -> None:
        self._busy.pop(lane, None)
        self._wake.set()

    async def _one(self, row: Claimed) -> None:
        place = Place.model_validate(row.place)
        outcome = "sent"
        try:
            async with asyncio.timeout(LONGEST):
                sent = await self._send(row, place)
        except DeliveryError as error:
            outcome = await self._failed(row, place, error)
        except Exception as error:  # also a time-out: nobody knows how far it came
            log.exception("sending outbox row %s failed", row.id)
            outcome = await self._failed(row, place, AnswerLost(f"failed: {error!r}"[:300]))
        else:  # a record that fails leaves the lease: when it runs out, the message is looked for
            await self._database.in_write(lambda c: parts.record(c, row, sent, self._clock()))
        DELIVERIES.labels(place.surface, outcome).inc()

    async def _send(self, row: Claimed, place: Place) -> Sent:
        surface = self._surfaces[place.surface]
        message = Message.model_validate(row.content)
        if row.thread_key and row.thread is None:
            raise Undeliverable("the message whose thread this belongs to was never delivered")
        if row.kind == "edit" and row.ref is None:
            raise Undeliverable("the message to edit was never delivered")
        if row.ref is not None and not parts.astray(row):
            # Also a post that is recorded although its row was not: it is there.
            return await surface.edit(row.ref, row.message_key, message)
        if row.maybe_sent:
            found = await surface.find(place, row.message_key, row.thread, row.created_at)
            if found is not None:  # edited, so that what did not fit into it is known again
                return await surface.edit(found, row.message_key, message)
        return await surface.post(place, row.message_key, message, row.thread)

    async def _failed(self, row: Claimed, place: Place, error: DeliveryError) -> str:
        if isinstance(error, Revoked):
            self.refused(place.surface, error.reason)
            log.error("%s no longer accepts us: %s", place.surface, error.reason)
        if isinstance(error, NoAccount):
            log.info("outbox row %s is for nobody here: %s", row.id, error.reason)
            await self._database.in_write(lambda c: outbox.skip(c, row, error.reason))
            return "skipped"
        age = self._clock() - row.created_at
        final = isinstance(error, Undeliverable) or age > (
            GIVE_UP_LOST if isinstance(error, AnswerLost) else GIVE_UP
        )
        if final and not isinstance(error, NotInstalled):
            log.error("outbox row %s for %s is given up: %s", row.id, place.lane, error.reason)
            await self._database.in_write(lambda c: outbox.give_up(c, row, error.reason))
            return "dead"
        if isinstance(error, NotInstalled):
            wait = LOOK_AT_GONE
        elif isinstance(error, Closed):
            log.error("%s waits: %s", place.lane, error.reason)
            wait = LOOK_AT_CLOSED
        elif isinstance(error, TryLater) and error.after is not None:
            wait = timedelta(seconds=error.after)
        else:
            wait = backoff(row.attempts)
        due, lost = self._clock() + wait, isinstance(error, AnswerLost)
        await self._database.in_write(
            lambda c: outbox.try_again(c, row, due, error.reason, lost=lost)
        )
        return "lost" if lost else "later"
