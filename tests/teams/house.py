"""The bot in Teams over real HTTP: a cloud, people, a team with the policy's channels, and the bot's own port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from sqlalchemy import select

from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.settings import TeamsSettings
from bot.surface import Surface
from bot.teams.door import PATH, Door, add_routes
from bot.teams.surface import TeamsSurface
from bot.web import web_application
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.tables.audit import AuditEntry
from tests.conftest import Clock
from tests.fakes.teams_cards import words
from tests.fakes.teams_hands import Hands
from tests.fakes.teams_server import FakeTeams
from tests.fakes.teams_state import Team, User
from tests.slack import handlers
from tests.teams import handlers as _handlers  # noqa: F401  (registers them)


@dataclass
class House:
    """``users`` by the local part of their e-mail."""

    fake: FakeTeams
    hands: Hands
    kernel: Kernel
    surface: TeamsSurface
    door: Door
    users: dict[str, User]
    team: Team
    clock: Clock

    async def settle(self) -> None:
        """Waits for answers and deliveries."""
        await self.door.settle()
        await self.kernel.delivery.drain()

    def channel(self, name: str) -> str:
        """The id of a channel of the policy."""
        return self.team.channels[name]

    async def thing(
        self, subject: str = "recs-v2", owner: str = "", channel: str = "ml-search"
    ) -> dict[str, Any]:
        """Something to decide; returns its message as it stands in Teams."""
        await self.kernel.turn(lambda turn: handlers.thing(turn, subject, owner, channel))
        await self.kernel.delivery.drain()
        return self.root(channel)

    def root(self, channel: str = "ml-search") -> dict[str, Any]:
        """The last message of the bot in a channel, outside of threads."""
        return self.fake.roots(self.channel(channel))[-1]

    async def press(self, who: str, message: dict[str, Any], label: str, **more: Any) -> Any:
        """Somebody uses a button of a message; returns the answer when everything is delivered."""
        chat = self.fake.split(message["conversation"])[0].id
        sent = await self.hands.press(self.users[who], chat, message, label, **more)
        await self.settle()
        return sent

    def chat(self, who: str) -> list[str]:
        """What the bot has said in somebody's personal chat."""
        there = self.fake.messages(self.fake.personal_chat(self.users[who]))
        return [words(m) for m in there if m["from"] == self.fake.bot_id and not m["deleted"]]

    async def actor(self, who: str) -> str:
        """E-mail, standing and roles, as a handler sees somebody who presses now."""
        if not any("Who am I" in str(m) for m in self.fake.roots(self.channel("ml-search"))):
            await self.thing()
        message = deepcopy(self.root())
        self.fake.views.clear()
        return str((await self.press(who, message, "Who am I")).told())

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

    async def ready(self) -> tuple[int, str]:
        """What /readyz says."""
        url = self.hands.url.removesuffix(PATH) + "/readyz"
        async with self.hands.session.get(url) as got:
            return got.status, await got.text()


def settings_of(fake: FakeTeams) -> TeamsSettings:
    """The bot's settings in front of this cloud."""
    return TeamsSettings(
        fake.app_id,
        fake.password,
        fake.tenant,
        fake.openid_url,
        fake.issuer,
        fake.login_url,
        fake.graph_url,
    )


def in_teams(loaded: LoadedPolicy, team: Team) -> LoadedPolicy:
    """The policy with the channels that are somewhere in Slack, in this team."""
    channels = {
        name: channel.model_copy(
            update={"teams": team.channels.get(name) if channel.slack else None}
        )
        for name, channel in loaded.policy.channels.items()
    }
    return replace(loaded, policy=loaded.policy.model_copy(update={"channels": channels}))


def with_roles(loaded: LoadedPolicy, **roles: dict[str, Any]) -> LoadedPolicy:
    """The policy with other members of these roles."""
    changed = dict(loaded.policy.roles)
    for role, members in roles.items():
        changed[role] = changed[role].model_copy(update=members)  # type: ignore[index]
    return replace(loaded, policy=loaded.policy.model_copy(update={"roles": changed}))


@asynccontextmanager
async def house(
    database: Database,
    loaded: LoadedPolicy,
    clock: Clock,
    *,
    installed: bool = True,
    settings: TeamsSettings | None = None,
) -> AsyncIterator[House]:
    """The bot with its people; with ``installed`` the app is in the team and with everybody."""
    async with FakeTeams(now=lambda: clock().timestamp()) as fake:
        team = fake.add_team("AI", [*loaded.policy.channels])
        users = {
            person.email.partition("@")[0]: fake.add_user(person.email, person.name)
            for person in loaded.policy.people
        }
        loaded = in_teams(loaded, team)
        surface = TeamsSurface(settings or settings_of(fake), loaded, database, clock)
        surface.pace = 0.0
        surfaces: dict[str, Surface] = {"teams": surface}
        delivery = Delivery(database, surfaces, clock)
        kernel = Kernel(database, loaded, surfaces, delivery, clock)
        app = web_application(kernel)
        door = add_routes(app, surface, kernel)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with Hands(fake, f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}") as hands:
            made = House(fake, hands, kernel, surface, door, users, team, clock)
            if installed:
                await hands.install_team(team, next(iter(users.values())))
                for user in users.values():
                    fake.install_personal(user)
            try:
                yield made
            finally:
                await made.settle()
                await runner.cleanup()
