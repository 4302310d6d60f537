"""The bot in front of a fake Slack: the real application, its kernel, its outbox, a workspace of people."""

import copy
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.settings import SlackSettings
from bot.slack.door import Door, add_routes
from bot.slack.surface import SlackSurface
from bot.surface import Surface
from storage.database import Database
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.audit import AuditEntry
from tests import migrated as _fixtures
from tests.conftest import Clock
from tests.fakes.slack_hands import Hands
from tests.fakes.slack_server import FakeSlack
from tests.slack import handlers

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
ALERTS, SEARCH = "C0ALERTS1", "C0SEARCH1"
ENGINEER, LEAD, FINANCE, GUEST, STRANGER, GONE, NOBODY = (
    "U0ENGINEER",
    "U0LEADER1",
    "U0FINANCE",
    "U0GUEST11",
    "U0STRANGE",
    "U0GONE111",
    "U0NOBODY1",
)

POLICY = """
version: 1
workspace: {name: Example AI, time_zone: Europe/Berlin, currency: USD}
bills:
  - {name: main, files: bill}
channels:
  alerts: {slack: C0ALERTS1}
  search: {slack: "#ml-search"}
  leadership: {}
people:
  - {email: engineer@example.com, name: Erin Engineer}
roles:
  engineer: {emails: [engineer@example.com]}
  lead: {slack_groups: ["@ml-leads"]}
  finance: {emails: [finance@example.com]}
  executive: {emails: [nobody@example.com]}
alerts: {default: alerts}
"""


@dataclass
class World:
    """Everything that a test of the Slack surface needs."""

    slack: FakeSlack
    hands: Hands
    surface: SlackSurface
    kernel: Kernel
    delivery: Delivery
    door: Door
    clock: Clock

    async def thing(
        self, subject: str = "recs-v2", owner: str = "", channel: str = "alerts"
    ) -> Any:
        """Something to decide; returns its message as it stands in Slack."""
        await self.kernel.turn(lambda turn: handlers.thing(turn, subject, owner, channel))
        await self.delivery.drain()
        where = ALERTS if channel == "alerts" else SEARCH
        return copy.deepcopy(self.slack.messages(where)[-1])

    async def deliver(self) -> None:
        """Sends what is due."""
        await self.settle()
        await self.delivery.drain()

    async def settle(self) -> None:
        """Waits for private answers and home tabs that are still on their way."""
        await self.door.settle()

    async def note(self) -> str:
        """The last private answer that someone got."""
        await self.settle()
        return str(self.slack.ephemerals[-1]["text"])

    def state(self, subject: str = "recs-v2") -> str:
        """The state of a thing in the database."""
        with self.kernel.database.read() as connection:
            table = handlers.THINGS
            return str(
                connection.execute(select(table.c.state).where(table.c.id == subject)).scalar_one()
            )

    def audited(self) -> list[tuple[str, str]]:
        """Who did what, from the audit chain."""
        with self.kernel.database.read() as connection:
            table = AuditEntry.__table__  # type: ignore[attr-defined]
            rows = connection.execute(select(table.c.actor, table.c.action).order_by(table.c.seq))
            return [(r.actor, r.action) for r in rows]


migrated, sqlite = _fixtures.migrated, _fixtures.sqlite


@pytest.fixture
def policy() -> LoadedPolicy:
    parsed = parse_policy(POLICY)
    return LoadedPolicy(parsed, policy_hash(parsed), Path())


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[FakeSlack]:
    """A workspace with its people; its clock is the test's."""
    async with FakeSlack(now=lambda: clock().timestamp()) as fake:
        fake.add_user(ENGINEER, "Erin", "Engineer@Example.com")
        fake.add_user(LEAD, "Lee", "lead@example.com")
        fake.add_user(FINANCE, "Fin", "finance@example.com")
        fake.add_user(GUEST, "Gus", "engineer2@example.com", is_restricted=True)
        fake.add_user(STRANGER, "Sam", "sam@other.example", team_id="T0OTHER", is_stranger=True)
        fake.add_user(GONE, "Gone", "finance2@example.com", deleted=True)
        fake.add_user(NOBODY, "Nobody", "new@example.com")
        fake.add_group("S0LEADS", "ml-leads", [LEAD])
        fake.add_channel(ALERTS, "alerts")
        fake.add_channel(SEARCH, "ml-search")
        yield fake


@pytest.fixture
async def world(
    slack: FakeSlack, policy: LoadedPolicy, sqlite: Database, clock: Clock
) -> AsyncIterator[World]:
    """The bot over HTTP, signed in and serving."""
    settings = SlackSettings(slack.token, SECRET, None, slack.api_url)
    surface = SlackSurface(settings, policy, sqlite, clock)
    surface.pace = 0.0
    surfaces: dict[str, Surface] = {"slack": surface}
    delivery = Delivery(sqlite, surfaces, clock)
    kernel = Kernel(sqlite, policy, surfaces, delivery, clock)
    app = web.Application()
    door = add_routes(app, surface, kernel)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    hands = Hands(slack, url, SECRET)
    yield World(slack, hands, surface, kernel, delivery, door, clock)
    await hands.close()
    await runner.cleanup()
