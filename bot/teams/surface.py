"""Microsoft Teams as a surface: the channels and personal chats of one Entra tenant."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import aiohttp

from bot.closed import Closures
from bot.settings import TeamsSettings
from bot.surface import (
    DeliveryError,
    NoAccount,
    NotInstalled,
    Sent,
    TryLater,
    Undeliverable,
)
from bot.teams.cards import Rendered, card
from bot.teams.connector import Connector
from bot.teams.conversations import Conversations
from bot.teams.errors import BLOCKED, DELETED, MOVED, TeamsClosed, TeamsRefused
from bot.teams.graph import Graph
from bot.teams.heard import NAME, Sender, Where
from bot.teams.login import Login
from bot.teams.people import People
from bot.teams.pictures import picture
from handlers.conversation import (
    Actor,
    Chart,
    Controls,
    Message,
    Place,
    mentioned,
)
from handlers.turn import PERSON
from storage.database import Database
from storage.outbox import Ref
from storage.policy_file import LoadedPolicy
from storage.teams import Conversation

log = logging.getLogger(__name__)

PACE = 0.15  # seconds between two messages to a conversation: Teams takes seven a second …
LIMITS = ((8, 2.2), (60, 31.0))  # … eight in two seconds, sixty in thirty, and the way there varies
_PACED = 1000  # conversations whose pace is remembered
CARD = "application/vnd.microsoft.card.adaptive"
_CHANNEL = "19:"  # how the id of a channel begins


class TeamsSurface:
    """A :class:`bot.surface.Surface` over the Bot Connector.

    Teams has no way to ask whether a message has arrived (:meth:`find`): after a lost answer it is posted again,
    because two messages are better than none. Buttons of both act on the same state, so nothing happens twice.
    """

    name = NAME

    def __init__(
        self,
        settings: TeamsSettings,
        loaded: LoadedPolicy,
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self.settings = settings
        self.loaded = loaded
        self.pace = PACE
        self._own_session: aiohttp.ClientSession | None = None
        self.login = Login(settings, self.session)
        self.connector = Connector(settings, self.login, self.session)
        self.graph = Graph(settings, self.login, self.session)
        self.conversations = Conversations(self.connector, settings.tenant, database, clock)
        self.people = People(
            self.connector,
            self.graph,
            settings.tenant,
            database,
            clock,
            lambda: self.loaded.policy,
            self.conversations.personal,
            anonymous=settings.anonymous,
        )
        self._closures = Closures(clock)
        self._sent: dict[str, deque[float]] = {}  # when the last sixty went to a conversation

    @property
    def tenant(self) -> str:
        """The Entra tenant."""
        return self.settings.tenant

    def session(self) -> aiohttp.ClientSession:
        """The session of all requests to Microsoft."""
        if self._own_session is None or self._own_session.closed:
            self._own_session = aiohttp.ClientSession()
        return self._own_session

    async def close(self) -> None:
        """Ends all connections."""
        await self.people.close()
        if self._own_session is not None:
            await self._own_session.close()

    def place(self, channel: str) -> Place | None:
        """Where a channel of the policy is, or a person's own chat; None when the policy does not say."""
        if channel.startswith(PERSON):
            return Place(surface=NAME, tenant=self.tenant, channel=channel)
        found = self.loaded.policy.channels.get(channel)
        if found is None or found.teams is None:
            return None
        return Place(surface=NAME, tenant=self.tenant, channel=found.teams)

    async def post(self, place: Place, key: str, message: Message, thread: Ref | None) -> Sent:
        """Posts a card; the default channel hears when this one is closed, or gone.

        Raises DeliveryError.
        """
        try:
            return await self._post(place, message, thread)
        except (TeamsClosed, NotInstalled) as closed:
            there = thread.channel if thread else place.channel
            default = self.place(self.loaded.policy.alerts.default)
            # What is for one person is told to nobody else.
            if default is not None and there.startswith(_CHANNEL) and default.channel != there:
                await self._closures.tell(
                    there, closed.reason, lambda notice: self._post(default, notice, None)
                )
            raise  # until somebody adds the app

    async def edit(self, ref: Ref, key: str, message: Message) -> Sent:
        """Makes the message say ``message``; posts it anew when it can no longer be edited."""
        if not ref.message_id:  # Teams did not say which message it made
            return await self._again(ref, key, message)
        rendered = await self.render(message)
        conversation = _address(ref.channel, ref.thread_id or ref.message_id)
        try:
            there = await self._where(ref.channel)
            await self._wait(ref.channel)
            await self.connector.update(
                there.service_url,
                conversation,
                ref.message_id,
                message_activity(rendered.card, rendered.summary),
            )
        except (TeamsClosed, NotInstalled):
            return await self._again(ref, key, message)
        except TeamsRefused as error:
            deleted = error.code in MOVED or error.status == 404
            if not deleted and (error.status, error.code) != (403, DELETED):
                raise
            return await self._again(ref, key, message)
        return Sent(ref, rendered.rest)

    async def find(self, place: Place, key: str, thread: Ref | None, since: datetime) -> Ref | None:
        """None: Teams cannot be asked."""
        return None

    # --- how --------------------------------------------------------------------------------------

    async def render(self, message: Message, may: Callable[[str], bool] | None = None) -> Rendered:
        """The message as a card with the accounts of those it mentions and its charts as pictures.

        With ``may`` it is the view of one person: with the controls that they may use.
        """
        accounts = await self.people.accounts(mentioned(message))
        pictures = {}
        for chart in message.blocks:
            if isinstance(chart, Chart):
                drawn = await asyncio.to_thread(picture, chart)
                if drawn is not None:
                    pictures[chart] = drawn
        refresh = await self.people.who_may(_actions(message))
        return card(message, accounts, pictures, refresh=refresh, may=may)

    async def _again(self, ref: Ref, key: str, message: Message) -> Sent:
        place = Place(surface=NAME, tenant=ref.tenant, channel=ref.channel)
        root = Ref(NAME, ref.tenant, ref.channel, ref.thread_id, "") if ref.thread_id else None
        return await self.post(place, key, message, root)

    async def _post(self, place: Place, message: Message, thread: Ref | None) -> Sent:
        rendered = await self.render(message)
        activity = message_activity(rendered.card, rendered.summary)
        if thread is not None:
            root = thread.thread_id or thread.message_id
            there = await self._where(thread.channel)
            await self._wait(thread.channel)
            sent = await self.connector.send(
                there.service_url, _address(thread.channel, root), activity
            )
            return Sent(Ref(NAME, self.tenant, thread.channel, sent, root), rendered.rest)
        if place.channel.startswith(_CHANNEL):
            there = await self._where(place.channel)
            await self._wait(place.channel)
            parameters = {
                "isGroup": True,
                "tenantId": self.tenant,
                "channelData": {"channel": {"id": place.channel}},
                "activity": activity,
            }
            _, sent = await self.connector.create(
                there.service_url, parameters, there.name or place.channel
            )
            return Sent(Ref(NAME, self.tenant, place.channel, sent, ""), rendered.rest)
        chat = await self.chat(place.channel)
        await self._wait(chat.conversation)
        try:
            sent = await self.connector.send(chat.service_url, chat.conversation, activity)
        except TeamsRefused as refused:
            if refused.code not in BLOCKED:
                raise
            raise Undeliverable(f"{chat.name or 'Somebody'} has blocked the bot.") from refused
        return Sent(Ref(NAME, self.tenant, chat.conversation, sent, ""), rendered.rest)

    async def chat(self, channel: str) -> Conversation:
        """The personal chat that a place means: ``@`` and an e-mail, or its id. Raises DeliveryError."""
        if not channel.startswith(PERSON):
            return await self._where(channel)
        person = channel.removeprefix(PERSON)
        account = await self.people.account(person)
        if account is None:
            raise NoAccount(f"{person} has never been seen in Microsoft Teams.")
        try:
            return await self.chat_with(account.id, account.name)
        except TeamsRefused as refused:
            if refused.status != 403:
                raise
            raise NoAccount(f"{person} has not installed the app in Microsoft Teams.") from refused

    async def chat_with(self, account: str, name: str) -> Conversation:
        """The personal chat with an account; begun when there is none yet. Raises DeliveryError."""
        known = await self.conversations.personal(account)
        if known is not None:
            return known
        service_url = await self.conversations.service_url()
        if not service_url:
            raise NotInstalled("The app is not installed in Microsoft Teams yet.")
        parameters = {
            "isGroup": False,
            "members": [{"id": account}],
            "tenantId": self.tenant,
            "channelData": {"tenant": {"id": self.tenant}},
        }
        conversation, _ = await self.connector.create(service_url, parameters, name)
        if not conversation:
            raise TryLater("Teams did not say where the chat is")
        await self.conversations.began(conversation, account, name, service_url)
        return Conversation(self.tenant, conversation, "personal", service_url, "", name, account)

    async def actors(self, person: str) -> list[Actor]:
        """The account of a person; one whose standing is unknown while Teams does not answer."""
        account = await self.people.account(person)
        if account is None:
            return []
        try:
            chat = await self.chat(f"{PERSON}{person}")
            member = await self.connector.member(chat.service_url, chat.conversation, account.id)
        except NoAccount:
            return []  # not there any more, and nothing can be told there
        except DeliveryError:
            unknown = Actor(
                person=person,
                name=person,
                surface=NAME,
                tenant=self.tenant,
                user_id=account.id,
                standing="unknown",
            )
            return [unknown]
        oid = str(member.get("aadObjectId") or member.get("objectId") or "").lower()
        where = Where(self.tenant, chat.service_url, chat.conversation, personal=True)
        return [await self.people.actor(Sender(account.id, oid, account.name), where)]

    async def _where(self, conversation: str) -> Conversation:
        """A conversation that we have a reference to; a personal chat is known once it was written to."""
        return await self.conversations.channel(conversation)

    def _limits(self, sent: deque[float]) -> Iterator[tuple[int, float]]:
        """(how many messages ago, how long ago at least) for what has been sent so far."""
        if self.pace:
            yield from ((n, t) for n, t in ((1, self.pace), *LIMITS) if len(sent) >= n)

    async def _wait(self, conversation: str) -> None:
        now = time.monotonic()
        if len(self._sent) > _PACED:
            self._sent = {c: sent for c, sent in self._sent.items() if sent[-1] > now - 30}
        sent = self._sent.setdefault(conversation, deque(maxlen=LIMITS[-1][0]))
        at = max([now, *(sent[-most] + seconds for most, seconds in self._limits(sent))])
        sent.append(at)
        if at > now:
            await asyncio.sleep(at - now)


def message_activity(shown: dict[str, Any], summary: str) -> dict[str, Any]:
    """A message that is a card alone: text beside an attachment is split in two and returns no id."""
    return {
        "type": "message",
        "summary": summary,
        "attachments": [{"contentType": CARD, "content": shown}],
    }


def _address(conversation: str, root: str) -> str:
    return f"{conversation};messageid={root}" if conversation.startswith(_CHANNEL) else conversation


def _actions(message: Message) -> list[str]:
    return [c.action for b in message.blocks if isinstance(b, Controls) for c in b.controls]
