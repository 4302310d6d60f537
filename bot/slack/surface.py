"""Slack as a surface: one workspace by its token, or each workspace that has installed the app."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from bot.closed import Closures
from bot.settings import SlackSettings
from bot.slack import installations, limits
from bot.slack.blocks import Rendered
from bot.slack.calls import Answer, Calls, sign_in
from bot.slack.errors import CLOSED, MOVED, SlackRefused, SlackRevoked
from bot.slack.people import People
from bot.slack.workspace import EVENT, NAME, PACE, Installed, SlackWorkspace
from bot.surface import Closed, NoAccount, NotInstalled, Sent, TryLater
from handlers.conversation import Actor, Message, Place
from handlers.turn import PERSON
from storage.database import Database
from storage.installations import Tenant
from storage.outbox import Ref
from storage.policy_file import LoadedPolicy

__all__ = ["EVENT", "NAME", "SlackSurface"]
log = logging.getLogger(__name__)

T = TypeVar("T")
_SKEW = timedelta(minutes=2)  # how far Slack's clock and ours may be apart
_NOT_YET = "The Slack app is not installed in any workspace yet: open /slack/install."
_UNKNOWN = "The Slack app is not installed in {}: open /slack/install there."
#: Told which tenant is gone and why; None: it is back.
Told = Callable[[str, str | None], None]


class SlackSurface:
    """A :class:`bot.surface.Surface` over the Web API.

    A channel of the policy is in the workspace that its ``slack`` names (``T0123ABCD/#name``, or the id of an
    organisation), else in the first workspace that installed the app. That stays so when the first one is gone:
    its messages wait for it, because another company's channel of the same name must not get them.
    """

    name = NAME

    def __init__(
        self,
        settings: SlackSettings,
        loaded: LoadedPolicy,
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self.settings = settings
        self.loaded = loaded
        self.workspaces: dict[str, SlackWorkspace] = {}
        self.told: Told = lambda tenant, why: None
        self._database = database
        self._clock = clock
        self._pace = PACE
        self._closures = Closures(clock)
        self._first = ""  # the tenant of the first installation
        self._loading = threading.Lock()
        self._looking = asyncio.Lock()
        self._loaded = False
        self._own: SlackWorkspace | None = None
        if not settings.oauth:
            self._own = self._made(Installed("", settings.bot_token))

    # --- who we are -------------------------------------------------------------------------------

    @property
    def tenant(self) -> str:
        """The workspace's id; of several the first one's, empty before there is one.

        With one token: asks Slack, and blocks, when nobody has signed in yet.
        """
        if self._own is None:
            self._load()
            return self._first
        if not self._own.tenant:
            self.sign_in()
        return self._own.tenant

    @property
    def main(self) -> SlackWorkspace:
        """The workspace of the one token, or the first one. Raises :class:`bot.surface.NotInstalled`."""
        return self._own or self._there("")

    @property
    def calls(self) -> Calls:
        """The Web API in the main workspace."""
        return self.main.calls

    @property
    def people(self) -> People:
        """The people of the main workspace."""
        return self.main.people

    @property
    def pace(self) -> float:
        """Seconds between two messages to a channel."""
        return self._pace

    @pace.setter
    def pace(self, seconds: float) -> None:
        self._pace = seconds
        for workspace in self._all():
            workspace.pace = seconds

    def sign_in(self) -> None:
        """Asks Slack who we are; blocks, so outside the event loop only.

        Raises SettingsError with one sentence when the token is refused or Slack cannot be reached.
        """
        if self._own is not None:
            self._signed_in(self._own, sign_in(self.settings))

    async def start(self) -> None:
        """The same inside the event loop, or finds the installations. Raises DeliveryError."""
        if self._own is None:
            await self.look()
        elif not self._own.tenant:
            self._signed_in(self._own, await self._own.calls.read("auth.test"))

    async def settle(self) -> None:
        """Waits for what is being kept of people."""
        for workspace in self._all():
            await workspace.people.settle()

    async def close(self) -> None:
        """Ends all connections."""
        for workspace in self._all():
            await workspace.close()

    def heard(self, installed: str) -> SlackWorkspace | None:
        """The workspace that a payload came through, by the installation that the payload names."""
        if self._own is not None:
            return self._own
        exact = self.workspaces.get(installed)
        if exact is not None:
            return exact
        return next((w for w in self.workspaces.values() if installed in w.teams), None)

    # --- installations ----------------------------------------------------------------------------

    async def look(self) -> None:
        """Brings the workspaces in line with the installations: new ones, new tokens, removed ones."""
        async with self._looking:  # else an older view could be applied after a newer one
            known = await self._database.in_read(self._known)
            with self._loading:
                left = self._apply(known)
        for workspace in self.workspaces.values():
            if workspace.org and not workspace.teams:
                await workspace.know_teams()
        for workspace in left:
            await workspace.close()

    def refused(self, workspace: SlackWorkspace, why: str | None) -> None:
        """A workspace no longer accepts us, or does again (None); what is for it waits for that."""
        if workspace.gone == why:
            return
        workspace.gone = why
        self.told(workspace.tenant, why)

    def _known(self, connection: Connection) -> list[tuple[Tenant, Installed | None]]:
        return installations.known(connection, self.settings.client_id)

    def _load(self) -> None:
        """The installations before the event loop runs; blocks once."""
        if self._loaded or self._own is not None:
            return
        with self._loading:
            if not self._loaded:
                with self._database.read() as connection:
                    self._apply(self._known(connection))

    def _apply(self, known: list[tuple[Tenant, Installed | None]]) -> list[SlackWorkspace]:
        """Keeps what is installed; returns the workspaces that have left."""
        self._loaded = True
        self._first = known[0][0].tenant if known else ""
        left = []
        for tenant, installed in known:
            workspace = self.workspaces.get(tenant.tenant)
            if installed is None:
                if workspace is not None:
                    left.append(self.workspaces.pop(tenant.tenant))
                self.told(tenant.tenant, tenant.gone_why or _UNKNOWN.format(tenant.tenant))
            elif workspace is None:
                made = self._made(installed)
                made.main = tenant.tenant == self._first
                self.workspaces[tenant.tenant] = made
                self.told(tenant.tenant, None)
            elif workspace.installed.token != installed.token:
                workspace.renew(installed)
                workspace.gone = None
                self.told(tenant.tenant, None)
        return left

    def _made(self, installed: Installed) -> SlackWorkspace:
        made = SlackWorkspace(
            installed,
            self.settings.api_url,
            lambda: self.loaded.policy,
            self._database,
            self._clock,
        )
        made.pace = self._pace
        return made

    def _signed_in(self, workspace: SlackWorkspace, answer: Answer) -> None:
        tenant, bot_user = str(answer.get("team_id", "")), str(answer.get("user_id", ""))
        workspace.renew(Installed(tenant, workspace.installed.token, bot_user))

    def _all(self) -> list[SlackWorkspace]:
        return [self._own] if self._own is not None else list(self.workspaces.values())

    # --- the surface ------------------------------------------------------------------------------

    def place(self, channel: str) -> Place | None:
        """Where a channel of the policy is; None when the policy does not say, or names a workspace
        that the one token is not of."""
        if channel.startswith(PERSON):
            return Place(surface=NAME, tenant=self.tenant, channel=channel)
        found = self.loaded.policy.channels.get(channel)
        if found is None or found.slack is None:
            return None
        named, _, where = found.slack.rpartition("/")
        tenant = self.tenant
        if named and named != tenant:
            if self._own is not None:
                return None
            workspace = self.heard(named)
            tenant = workspace.tenant if workspace is not None else named
        return Place(surface=NAME, tenant=tenant, channel=where)

    async def post(self, place: Place, key: str, message: Message, thread: Ref | None) -> Sent:
        """Posts under our own ``key`` as metadata; the default channel hears when this one is closed.

        Raises :class:`bot.surface.DeliveryError`.
        """
        # A reply's ts must never stand for the thread's: replies belong to the root.
        root = (thread.thread_id or thread.message_id) if thread else None
        channel = thread.channel if thread else place.channel
        workspace = self._there(thread.tenant if thread else place.tenant)
        if channel.startswith(PERSON):
            account = await self._account(workspace, channel.removeprefix(PERSON))
            return await self._in(workspace, workspace.post(account, key, message, root))
        try:
            return await self._in(workspace, workspace.post(channel, key, message, root))
        except SlackRefused as refused:
            if refused.code not in CLOSED:
                raise
            if not (place.channel.startswith(PERSON) or channel.startswith("D")):
                await self._tell_of(workspace, (channel, place.channel), refused.reason)
            raise Closed(refused.reason) from refused  # until somebody invites the bot

    async def edit(self, ref: Ref, key: str, message: Message) -> Sent:
        """Makes the message at ``ref`` say ``message``; posts it anew when it can no longer be edited.

        Raises :class:`bot.surface.DeliveryError`.
        """
        workspace = self._there(ref.tenant)
        try:
            return await self._in(workspace, workspace.update(ref, key, message))
        except SlackRefused as refused:
            if refused.code not in MOVED | CLOSED:
                raise
            place = Place(surface=NAME, tenant=ref.tenant, channel=ref.channel)
            root = Ref(NAME, ref.tenant, ref.channel, ref.thread_id, "") if ref.thread_id else None
            return await self.post(place, key, message, root)

    async def find(self, place: Place, key: str, thread: Ref | None, since: datetime) -> Ref | None:
        """The message with our ``key`` if it has been posted since."""
        if place.channel.startswith(PERSON) and thread is None:
            return (
                None  # reading people's chats is not asked for; two messages are better than none
            )
        oldest = f"{(since - _SKEW).timestamp():.6f}"
        root = (thread.thread_id or thread.message_id) if thread else None
        channel = thread.channel if thread else place.channel
        workspace = self._there(thread.tenant if thread else place.tenant)
        try:
            return await self._in(workspace, workspace.find(channel, key, root, oldest))
        except SlackRefused as refused:
            # Two messages are better than none: an alert must arrive.
            log.error("Slack cannot be asked whether a message arrived: %s", refused.reason)
            return None

    async def render(
        self, message: Message, *, pictures: bool = True, blocks: int = limits.BLOCKS
    ) -> Rendered:
        """The message as the main workspace shows it."""
        return await self.main.render(message, pictures=pictures, blocks=blocks)

    # --- how --------------------------------------------------------------------------------------

    def _there(self, tenant: str) -> SlackWorkspace:
        """The workspace of a place. Raises :class:`bot.surface.NotInstalled`."""
        if self._own is not None:
            return self._own
        found = self.heard(tenant or self._first)
        if found is None:
            wanted = tenant or self._first
            raise NotInstalled(_UNKNOWN.format(wanted) if wanted else _NOT_YET)
        if found.gone is not None:
            raise NotInstalled(found.gone)
        return found

    async def _in(self, workspace: SlackWorkspace, call: Awaitable[T]) -> T:
        """The call's result. Of several workspaces one that refuses us does not stop the others."""
        token = workspace.installed.token
        try:
            return await call
        except SlackRevoked as revoked:
            if workspace is self._own:
                raise
            await self.look()  # another replica may have a new token
            if workspace.installed.token != token:
                raise TryLater("the token was exchanged meanwhile", after=1) from revoked
            name = workspace.installed.name or workspace.tenant
            why = (
                f"Slack no longer accepts the bot in {name} ({revoked.code}): "
                "install it there again with /slack/install."
            )
            self.refused(workspace, why)
            raise NotInstalled(why) from revoked

    async def actors(self, person: str) -> list[Actor]:
        """The accounts of a person in every workspace that is installed."""
        one_token = not self.settings.oauth
        found = []
        for workspace in [self.main] if one_token else list(self.workspaces.values()):
            account = (await workspace.people.accounts([person])).get(person)
            if account is not None:
                found.append(await workspace.people.actor(account))
        return found

    async def _account(self, workspace: SlackWorkspace, person: str) -> str:
        """The account of a person; posting to it is posting into their chat with the app."""
        account = (await workspace.people.accounts([person])).get(person)
        if account is None:
            raise NoAccount(f"{person} has no account in {workspace.tenant}.")
        return account

    async def _tell_of(
        self, workspace: SlackWorkspace, channels: tuple[str, ...], reason: str
    ) -> None:
        """Says in the default channel that another one is closed, without a word of what is for it."""
        default = self.place(self.loaded.policy.alerts.default)
        if default is None or self._same(default, workspace, *channels):
            return

        async def say(message: Message) -> None:
            there = self._there(default.tenant)
            key = f"closed:{channels[0]}:{self._clock():%Y-%m-%d}"
            await self._in(there, there.post(default.channel, key, message, None))

        await self._closures.tell(f"{workspace.tenant}:{channels[0]}", reason, say)

    def _same(self, other: Place, workspace: SlackWorkspace, *channels: str) -> bool:
        """Whether a place is one of these channels of the workspace."""
        if other.channel not in channels:
            return False
        return self._own is not None or self.heard(other.tenant or self._first) is workspace
