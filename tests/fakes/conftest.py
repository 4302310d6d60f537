"""A fake Teams with one engineer and one team, and a bare bot in front of it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.fakes.teams_caller import Bot, Caller
from tests.fakes.teams_hands import Hands
from tests.fakes.teams_server import FakeTeams
from tests.fakes.teams_state import Team, User


@pytest.fixture
async def fake() -> AsyncIterator[FakeTeams]:
    async with FakeTeams() as teams:
        yield teams


@pytest.fixture
async def call(fake: FakeTeams) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as http:
        caller = Caller(fake, http)
        await caller.sign_in()
        yield caller


@pytest.fixture
def engineer(fake: FakeTeams) -> User:
    return fake.add_user("engineer@example.com", "ML engineer, search")


@pytest.fixture
def team(fake: FakeTeams, engineer: User) -> Team:
    made = fake.add_team("Search", ["ml-search"])
    fake.install(made)
    return made


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
async def hands(fake: FakeTeams, bot: Bot) -> AsyncIterator[Hands]:
    async def messages(request: web.Request) -> web.Response:
        return await bot(request)

    app = web.Application()
    app.router.add_post("/api/messages", messages)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with Hands(fake, f"http://127.0.0.1:{runner.addresses[0][1]}/api/messages") as made:
        yield made
    await runner.cleanup()
