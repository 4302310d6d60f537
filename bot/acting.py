"""Carries orders to actuators out: claimed, done, recorded; tried again, ever later, for a day."""

import asyncio
import contextlib
import logging
from datetime import timedelta
from functools import partial

from prometheus_client import Counter

from bot.actuators.actuator import Acted, ActFailed
from bot.kernel import Kernel
from handlers.sandboxes import orders
from handlers.turn import Turn
from storage import actuations
from storage.actuations import ClaimedOrder

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between looks
LONGEST = 60.0  # seconds of one order: less than a lease
GIVE_UP = timedelta(hours=24)
WAITS = (2, 10, 30, 60, 120, 300, 600, 900)  # seconds after each failed attempt
ORDERS = Counter("sandrail_orders", "Orders to actuators", ["actuator", "operation", "outcome"])


class Acting:
    """One runner. Any number may run: an order is claimed before it is carried out."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._actuators = kernel.actuators
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Carries out what is due until it is cancelled; what is under way is finished first."""
        try:
            while self._actuators:
                try:
                    await self.look()
                except Exception:
                    log.exception("the orders could not be read; looking again")
                await asyncio.sleep(POLL)
        finally:
            await self.close()

    async def close(self) -> None:
        """Finishes what is under way and lets go of the actuators' connections."""
        await asyncio.gather(*self._busy, return_exceptions=True)
        for actuator in self._actuators.values():
            with contextlib.suppress(Exception):
                await actuator.close()

    async def look(self) -> int:
        """Claims what is due and starts it; returns how many orders were claimed."""
        now = self._kernel.clock()
        claimed = await self._kernel.database.in_write(
            lambda c: actuations.claim(c, now, self._actuators)
        )
        for order in claimed:
            task = asyncio.create_task(self._one(order))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        return len(claimed)

    async def drain(self) -> None:
        """Carries out everything that is due now and waits for it: for tests."""
        while await self.look() or self._busy:
            await asyncio.gather(*self._busy)

    async def _one(self, claimed: ClaimedOrder) -> None:
        actuator, operation = self._actuators[claimed.actuator], claimed.order.operation
        outcome = "done"
        try:
            async with asyncio.timeout(LONGEST):
                acted = await actuator.carry_out(claimed.order)
        except ActFailed as error:
            outcome = await self._failed(claimed, error)
        except Exception as error:  # also a time-out: it may have acted, and bears being told again
            log.exception("order %s to %s failed", claimed.id, claimed.actuator)
            reason = (
                "It did not answer in time."
                if isinstance(error, TimeoutError)
                else f"It failed: {type(error).__name__}."
            )
            outcome = await self._failed(claimed, ActFailed(reason))
        else:
            await self._kernel.turn(partial(_done, claimed=claimed, acted=acted))
        ORDERS.labels(claimed.actuator, operation, outcome).inc()

    async def _failed(self, claimed: ClaimedOrder, error: ActFailed) -> str:
        wait = float(WAITS[min(claimed.attempts, len(WAITS)) - 1])
        if error.after is not None:
            wait = max(wait, min(error.after, 3600.0))

        def record(turn: Turn) -> bool:
            old = turn.now - claimed.created_at > GIVE_UP
            if error.final or old:
                return orders.given_up(turn, claimed, error.reason)
            return orders.not_yet(turn, claimed, error.reason, wait)

        await self._kernel.turn(record)
        log.warning("order %s to %s: %s", claimed.id, claimed.actuator, error.reason)
        return "refused" if error.final else "later"


def _done(turn: Turn, claimed: ClaimedOrder, acted: Acted) -> bool:
    return orders.carried_out(turn, claimed, acted.said[:500], dict(acted.handle))
