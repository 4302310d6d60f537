"""Server-Sent Events: what was posted or edited, to every open page.

The stream says only what the database has, so a page that comes back after a break or after a restart of
the server asks for what changed since the last event it saw and misses nothing.
"""

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from bot.console.gate import HEADERS
from bot.console.shown import message_json
from bot.console.surface import ConsoleSurface
from storage import console
from storage.console import Kept, Mark

#: Seconds between looks when nobody tells us: keeps the connection open, and finds what another process wrote.
KEEP_ALIVE = 15.0
#: More than this at once, and the page is told to load everything again.
LIMIT = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def mark_text(mark: Mark) -> str:
    """A mark as an event's id: the newest message's id and the newest change in microseconds."""
    changed = mark.changed_at or _EPOCH
    return f"{mark.last_id}-{(changed - _EPOCH) // timedelta(microseconds=1)}"


def mark_of(words: str | None) -> Mark | None:
    """The mark in an event's id; None when there is none or it cannot be read."""
    last, dash, changed = (words or "").partition("-")
    if not (dash and last.isdecimal() and changed.isdecimal() and len(last) < 10):
        return None
    try:
        at = _EPOCH + timedelta(microseconds=int(changed))
    except OverflowError:
        return None
    return Mark(int(last), at if at > _EPOCH + console.OVERLAP else None)


class Live:
    """The streams of one application."""

    def __init__(self, surface: ConsoleSurface, hello: dict[str, Any]) -> None:
        self._surface = surface
        self._hello = hello
        self._closing = False

    async def close(self, _app: web.Application) -> None:
        """Ends all streams, so that the server can stop; the pages come back by themselves."""
        self._closing = True
        self._surface.notify()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """GET /console/api/live: ``hello``, then ``message`` for each change, ``reset`` when there are
        too many, ``ping`` when there is none."""
        response = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        since = mark_of(request.headers.get("Last-Event-ID") or request.query.get("since"))
        with contextlib.suppress(ConnectionError):  # the page is gone
            await self._send(response, since)
        return response

    async def _send(self, response: web.StreamResponse, since: Mark | None) -> None:
        database = self._surface.database
        mark = since if since is not None else await database.in_read(console.mark)
        seen: dict[int, int] = {}
        await response.write(b"retry: 2000\n" + _event("hello", mark, self._hello))
        with self._surface.listen() as changed:
            while not self._closing:
                changed.clear()
                now, rows, roots = await database.in_read(partial(_look, since=mark))
                if len(rows) >= LIMIT:
                    seen.update((r.id, r.revision) for r in rows)
                    await response.write(_event("reset", now, {}))
                else:
                    news = [r for r in rows if seen.get(r.id) != r.revision]
                    for row in news:
                        seen[row.id] = row.revision
                        await response.write(_event("message", mark, _news(row, roots)))
                    await response.write(_event("ping", now, {}))
                mark = now
                try:
                    async with asyncio.timeout(KEEP_ALIVE):
                        await changed.wait()
                except TimeoutError:
                    continue


def _look(connection: Connection, since: Mark) -> tuple[Mark, list[Kept], dict[int, Kept]]:
    """Where things stand, what changed, and the roots of what changed in threads; one view of it all."""
    now = console.mark(connection)
    rows = console.changed_since(connection, since, LIMIT)
    roots = {}
    for root_id in {r.thread_id for r in rows if r.thread_id is not None}:
        root = console.by_id(connection, root_id)
        if root is not None:
            roots[root_id] = root
    return now, rows, roots


def _news(row: Kept, roots: dict[int, Kept]) -> dict[str, Any]:
    news = message_json(row)
    root = roots.get(row.thread_id) if row.thread_id is not None else None
    if root is not None:
        last = root.last_reply_at.isoformat() if root.last_reply_at else None
        news["root"] = {"id": root.id, "replies": root.replies, "last_reply_at": last}
    return news


def _event(name: str, mark: Mark, data: dict[str, Any]) -> bytes:
    words = json.dumps(data, separators=(",", ":"))
    return f"id: {mark_text(mark)}\nevent: {name}\ndata: {words}\n\n".encode()
