"""The same bot in front of each surface."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from bot.console.surface import ConsoleSurface
from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.settings import SlackSettings
from bot.slack.door import add_routes
from bot.slack.surface import SlackSurface
from bot.surface import Surface
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.console.client import Client
from tests.console.desk import Desk
from tests.contract.seats import ConsoleSeat, Seat, SlackSeat, TeamsSeat
from tests.fakes.slack_hands import Hands
from tests.fakes.slack_server import FakeSlack
from tests.teams.house import house

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


@pytest.fixture(params=["console", "slack", "teams"])
async def seat(
    request: pytest.FixtureRequest, sqlite: Database, loaded: LoadedPolicy, clock: Clock
) -> AsyncIterator[Seat]:
    """A seat in front of one surface; each test of the contract runs on every surface."""
    open_ = {"console": _console, "slack": _slack, "teams": _teams}[request.param]
    async with AsyncExitStack() as stack:
        yield await open_(stack, sqlite, loaded, clock)


async def _console(
    stack: AsyncExitStack, database: Database, loaded: LoadedPolicy, clock: Clock
) -> Seat:
    surface = ConsoleSurface(database, loaded.policy.channels, clock)
    surfaces: dict[str, Surface] = {"console": surface}
    delivery = Delivery(database, surfaces, clock)
    desk = Desk(database, surface, Kernel(database, loaded, surfaces, delivery, clock))
    await desk.start()
    stack.push_async_callback(desk.stop)
    http = await stack.enter_async_context(aiohttp.ClientSession())
    async with http.get(f"{desk.url}/console/api/session") as got:
        token = (await got.json())["token"]
    return ConsoleSeat(Client(desk, http, token))


async def _slack(
    stack: AsyncExitStack, database: Database, loaded: LoadedPolicy, clock: Clock
) -> Seat:
    fake = await stack.enter_async_context(FakeSlack(now=lambda: clock().timestamp()))
    for number, person in enumerate(loaded.policy.people):
        fake.add_user(f"U0PERSON{number}", person.name, person.email)
    fake.add_channel("C0FINOPS1", "finops")
    fake.add_channel("C0SEARCH1", "ml-search")
    settings = SlackSettings(fake.token, SECRET, None, fake.api_url)
    surface = SlackSurface(settings, loaded, database, clock)
    surface.pace = 0.0
    surfaces: dict[str, Surface] = {"slack": surface}
    delivery = Delivery(database, surfaces, clock)
    kernel = Kernel(database, loaded, surfaces, delivery, clock)
    app = web.Application()
    door = add_routes(app, surface, kernel)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hands = Hands(fake, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events", SECRET)
    stack.push_async_callback(hands.close)
    return SlackSeat(fake, hands, kernel, door)


async def _teams(
    stack: AsyncExitStack, database: Database, loaded: LoadedPolicy, clock: Clock
) -> Seat:
    return TeamsSeat(await stack.enter_async_context(house(database, loaded, clock)))
