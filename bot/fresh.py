"""Answers that are kept for a short time and asked for once, however many wait for them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")


class Fresh(Generic[K, V]):
    """What ``ask`` said about a key within the last ``lives``; a failure is never kept, nor is None."""

    def __init__(
        self,
        ask: Callable[[K], Awaitable[V]],
        clock: Callable[[], datetime],
        lives: timedelta,
        most: int = 5000,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._lives = lives
        self._most = most
        self._kept: dict[K, tuple[datetime, V]] = {}
        self._asking: dict[K, asyncio.Task[V]] = {}

    def kept(self, key: K) -> V | None:
        """The answer that is there without asking, None when there is none."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and self._clock() - kept[0] < self._lives else None

    async def get(self, key: K) -> V:
        """The answer. The asking goes on when a waiter gives up. Raises what ``ask`` raises."""
        kept = self.kept(key)
        if kept is not None:
            return kept
        task = self._asking.get(key)
        if task is None:
            task = asyncio.ensure_future(self._asked(key))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ends what is being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _asked(self, key: K) -> V:
        answer = await self._ask(key)
        self._kept.pop(key, None)
        while len(self._kept) >= self._most:
            self._kept.pop(next(iter(self._kept)))  # the oldest
        self._kept[key] = (self._clock(), answer)
        return answer

    def _done(self, key: K, task: "asyncio.Task[V]") -> None:
        self._asking.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("%s could not be checked: %s", key, error)


async def within(seconds: float, *asked: Awaitable[Any]) -> list[Any]:
    """The answers that come in time, None for each that does not or that fails; the asking may go on."""
    checks = [asyncio.ensure_future(one) for one in asked]
    await asyncio.wait(checks, timeout=seconds)
    return [_answer(check) for check in checks]


def _answer(check: "asyncio.Future[Any]") -> Any:
    if not check.done():
        check.cancel()
        return None
    return None if check.cancelled() or check.exception() is not None else check.result()
