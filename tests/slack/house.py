"""The bot for several workspaces: installed by OAuth, its tokens in the database, behind one address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web

from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.settings import SlackSettings
from bot.slack.door import Door, add_routes
from bot.slack.keeper import Keeper
from bot.slack.surface import SlackSurface
from bot.surface import Surface
from bot.web import web_application
from storage.database import Database
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from tests.conftest import Clock
from tests.fakes.slack_hands import Hands
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_state import State
from tests.slack.conftest import ALERTS, ENGINEER, LEAD, SEARCH, SECRET

LABS = "T0LABS"
LABS_CHANNEL = "C0LABS111"
POLICY = f"""
version: 1
workspace: {{name: Example AI, time_zone: Europe/Berlin, currency: USD}}
bills:
  - {{name: main, files: bill}}
channels:
  alerts: {{slack: {ALERTS}}}
  search: {{slack: "#ml-search"}}
  labs: {{slack: "{LABS}/#lab-costs"}}
people:
  - {{email: engineer@example.com, name: Erin Engineer, slack: {ENGINEER}}}
roles:
  engineer: {{emails: [engineer@example.com]}}
  lead: {{slack_groups: ["@ml-leads"]}}
alerts: {{default: alerts}}
"""


def policy() -> LoadedPolicy:
    """The policy: two channels in the first workspace, one in another."""
    from pathlib import Path

    parsed = parse_policy(POLICY)
    return LoadedPolicy(parsed, policy_hash(parsed), Path())


def labs(slack: FakeSlack, **more: object) -> State:
    """Another workspace behind the same Web API, with an engineer and a lead of its own."""
    other = State(team=LABS, bot_user="U0LABSBOT", token="", name="Labs", now=slack.now)
    for name, value in more.items():
        setattr(other, name, value)
    other.add_user("U0LABSENG", "Erin", "engineer@example.com")
    other.add_user("U0LABSLED", "Lea", "lea@example.com")
    other.add_group("S0LABSLED", "ml-leads", ["U0LABSLED"])
    other.add_channel(LABS_CHANNEL, "lab-costs")
    slack.others.append(other)
    return other


@dataclass
class House:
    """A running bot that workspaces install themselves."""

    slack: FakeSlack
    url: str
    surface: SlackSurface
    kernel: Kernel
    delivery: Delivery
    door: Door
    clock: Clock
    keeper: Keeper
    browser: aiohttp.ClientSession

    async def begin(self) -> str:
        """Opens /slack/install; returns the state that Slack is sent."""
        async with self.browser.get(f"{self.url}/slack/install", allow_redirects=False) as got:
            assert got.status == 302
            there = urlsplit(got.headers["Location"])
            return parse_qs(there.query)["state"][0]

    async def back(self, state: str, **query: str) -> tuple[int, str]:
        """Slack sends the browser back; the page's status and words."""
        where = f"{self.url}/slack/oauth_redirect"
        async with self.browser.get(where, params={"state": state, **query}) as got:
            return got.status, await got.text()

    async def install(self, workspace: State) -> tuple[int, str]:
        """The whole way of installing, as someone of the workspace goes it."""
        return await self.back(await self.begin(), code=self.slack.consent(workspace))

    async def ready(self) -> tuple[int, str]:
        """What /readyz says."""
        async with self.browser.get(f"{self.url}/readyz") as got:
            return got.status, await got.text()

    def hands(self, workspace: State) -> Hands:
        """The people of a workspace."""
        return Hands(self.slack, f"{self.url}/slack/events", SECRET, workspace)

    async def deliver(self) -> None:
        """Sends what is due."""
        await self.door.settle()
        await self.delivery.drain()


@asynccontextmanager
async def house(
    slack: FakeSlack,
    database: Database,
    clock: Clock,
    teams: frozenset[str] = frozenset(),
    *,
    socket: bool = False,
) -> AsyncIterator[House]:
    """A bot on the database; two on one database are two replicas. ``socket``: it hears by Socket Mode."""
    loaded = policy()
    settings = SlackSettings(
        bot_token="",
        signing_secret=None if socket else SECRET,
        app_token=slack.app_token if socket else None,
        api_url=slack.api_url,
        client_id=slack.client_id,
        client_secret=slack.client_secret,
        teams=teams,
    )
    surface = SlackSurface(settings, loaded, database, clock)
    surface.pace = 0.0
    surfaces: dict[str, Surface] = {"slack": surface}
    delivery = Delivery(database, surfaces, clock)
    kernel = Kernel(database, loaded, surfaces, delivery, clock)
    app = web_application(kernel)
    door = add_routes(app, surface, kernel)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    # Browsers keep cookies of addresses too.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        keeper = Keeper(surface, kernel)
        yield House(slack, url, surface, kernel, delivery, door, clock, keeper, browser)
    await runner.cleanup()


__all__ = ["ALERTS", "ENGINEER", "LEAD", "SEARCH", "House", "house", "labs", "policy"]
