"""An address that a webhook calls: keeps what came, and answers what a test tells it to."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web


@dataclass(frozen=True)
class Came:
    """One call as it came."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer. ``lost``: the connection is closed in its place; ``silent``: seconds before it."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    silent: float = 0.0
    endless: bool = False


class Address:
    """Served while the context lasts. Without a reply that waits it answers 200 and nothing."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.replies: deque[Reply] = deque()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/orders"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append(Came(request.path_qs, headers, await request.read()))
        reply = self.replies.popleft() if self.replies else Reply()
        await asyncio.sleep(reply.silent)
        if reply.lost:
            assert request.transport is not None
            request.transport.abort()
        if reply.endless:
            return await self._endless(request)
        return web.Response(
            status=reply.status,
            body=reply.body,
            content_type=reply.kind,
            headers=reply.headers,
        )

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 16384)
                await asyncio.sleep(0)
        except ConnectionError:
            return response
