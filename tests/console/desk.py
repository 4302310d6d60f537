"""A whole console for a test: database, delivery, kernel, surface and an HTTP server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from sqlalchemy import insert

from bot.console.door import add_routes
from bot.console.surface import ConsoleSurface
from bot.delivery import Delivery
from bot.kernel import Kernel
from handlers.conversation import Message
from storage.database import Database
from storage.policy_file import LoadedPolicy, parse_policy
from storage.tables import METADATA
from storage.tables.audit import AuditHead
from tests.console import answers as _answers  # noqa: F401  (registers the handlers)
from tests.console.said import news

POLICY = """
version: 1
workspace: {name: Example AI, time_zone: Europe/Berlin, currency: USD}
bills: [{name: cloud, files: bill.csv}]
channels: {finops: {}, recommendations: {}, search: {}, executives: {}, quiet-corner: {}}
teams:
  recommendations: {channel: recommendations, lead: lead@example.com}
  search: {channel: search}
people:
  - {email: engineer@example.com, name: ML engineer, team: recommendations}
  - {email: lead@example.com, name: ML lead, team: recommendations}
  - {email: search@example.com, name: Search engineer, team: search}
  - {email: finance@example.com, name: Finance partner}
  - {email: executive@example.com, name: Executive}
  - {email: finops@example.com, name: FinOps owner}
roles:
  engineer: {emails: [engineer@example.com, search@example.com]}
  lead: {emails: [lead@example.com]}
  finance: {emails: [finance@example.com]}
  executive: {emails: [executive@example.com]}
  finops: {emails: [finops@example.com]}
alerts:
  default: finops
"""


@dataclass
class Desk:
    """The running console; ``url`` is where it answers."""

    database: Database
    surface: ConsoleSurface
    kernel: Kernel
    now: datetime | None = None
    url: str = ""
    port: int = 0
    runner: web.AppRunner | None = field(default=None, repr=False)

    async def post(self, channel: str, key: str, message: Message) -> None:
        """Posts as a handler does, and waits until it is delivered."""
        await self.kernel.turn(lambda turn: turn.post(channel, key, message))
        await self.sent()

    async def reply(self, root: str, key: str, message: Message) -> None:
        """Replies as a handler does, and waits until it is delivered."""
        await self.kernel.turn(lambda turn: turn.reply(root, key, message))
        await self.sent()

    async def edit(self, key: str, message: Message) -> None:
        """Edits as a handler does, and waits until it is delivered."""
        await self.kernel.turn(lambda turn: turn.edit(key, message))
        await self.sent()

    async def fill(self, channel: str, count: int) -> None:
        """Posts News 0, News 1, … past the outbox: for tests that need many messages at once."""
        place = self.surface.place(channel)
        assert place is not None
        for i in range(count):
            await self.surface.post(place, f"{channel}.{i}", news(f"News {i}."), None)

    async def sent(self) -> None:
        """Waits until nothing is left to deliver."""
        await self.kernel.delivery.drain()

    async def start(self) -> None:
        """Serves on the port of before, on any free one the first time."""
        app = web.Application()
        add_routes(app, self.surface, self.kernel)
        self.runner = web.AppRunner(app, shutdown_timeout=2.0)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Stops serving; what was posted stays in the database."""
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    """A console on a fresh database, not yet serving; delivery runs."""
    database = Database(f"sqlite:///{folder / 'console.db'}")
    METADATA.create_all(database.writer)
    with database.write() as connection:
        connection.execute(
            insert(AuditHead.__table__).values(id=1, seq=0, hash="0" * 64)  # type: ignore[attr-defined]
        )
    loaded = LoadedPolicy(parse_policy(POLICY), "hash", folder)
    desk: Desk

    def clock() -> datetime:
        return desk.now or datetime.now(UTC)

    surface = ConsoleSurface(database, loaded.policy.channels, clock)
    delivery = Delivery(database, {"console": surface}, clock)
    desk = Desk(database, surface, Kernel(database, loaded, {"console": surface}, delivery, clock))
    running = asyncio.create_task(delivery.run())
    try:
        yield desk
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await desk.stop()
        database.close()
