"""The console as a chat platform: its channels are the policy's, its messages our own rows."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection

from bot.console import notes
from bot.surface import Sent, Undeliverable
from guardrails.policy.people import Person
from handlers.conversation import Actor, Message, Place
from storage import console
from storage.database import Database
from storage.outbox import Ref

NAME = "console"
TENANT = "local"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ConsoleSurface:
    """A :class:`bot.surface.Surface` that keeps messages in the database and tells open pages.

    The message key is unique in the database, so posting or looking for a message again is safe.
    """

    name = NAME
    tenant = TENANT

    def __init__(
        self,
        database: Database,
        channels: Iterable[str],
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.database = database
        self.channels = tuple(channels)
        self._clock = clock
        self._listeners: set[asyncio.Event] = set()

    def place(self, channel: str) -> Place | None:
        """The channel of that name; None when the policy has none."""
        if channel not in self.channels:
            return None
        return Place(surface=NAME, tenant=TENANT, channel=channel)

    async def post(self, place: Place, key: str, message: Message, thread: Ref | None) -> Sent:
        """Posts a message under our own ``key``, in the thread of ``thread`` when given; whole, always."""
        content = message.model_dump(mode="json")

        def work(connection: Connection) -> tuple[int, int | None]:
            root = self._root(connection, thread)
            message_id, _ = console.post(
                connection,
                message_key=key,
                channel=place.channel,
                thread_id=root,
                content=content,
                now=self._clock(),
            )
            return message_id, root

        message_id, root = await self.database.in_write(work)
        self.notify()
        return Sent(_ref(place.channel, message_id, root))

    async def edit(self, ref: Ref, key: str, message: Message) -> Sent:
        """Makes the message say ``message``; posts it anew when it is no longer there."""
        content = message.model_dump(mode="json")

        def work(connection: Connection) -> bool | None:
            return console.edit(connection, int(ref.message_id), content, self._clock())

        changed = await self.database.in_write(work)
        if changed is None:
            place = Place(surface=NAME, tenant=TENANT, channel=ref.channel)
            return await self.post(place, key, message, _thread(ref))
        if changed:
            self.notify()
        return Sent(ref)

    async def find(self, place: Place, key: str, thread: Ref | None, since: datetime) -> Ref | None:
        """The message with our ``key``, whenever it was posted."""
        kept = await self.database.in_read(lambda c: console.by_key(c, key))
        return None if kept is None else _ref(kept.channel, kept.id, kept.thread_id)

    async def note(
        self, *, channel: str, root_id: int, person: Person, delivery_id: str, written: str
    ) -> int | notes.Why:
        """Keeps what a person wrote in a thread; returns its id, or why it was not kept."""
        kept = await self.database.in_write(
            lambda c: notes.keep(
                c,
                channel=channel,
                root_id=root_id,
                person=person,
                delivery_id=delivery_id,
                written=written,
                now=self._clock(),
            )
        )
        if isinstance(kept, int):
            self.notify()
        return kept

    def _root(self, connection: Connection, thread: Ref | None) -> int | None:
        if thread is None:
            return None
        root = console.by_id(connection, int(thread.message_id))
        if root is None:
            raise Undeliverable(
                "the console no longer has the message whose thread this belongs to"
            )
        return root.thread_id or root.id

    # --- open pages -------------------------------------------------------------------------------

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever something was posted or edited."""
        event = asyncio.Event()
        self._listeners.add(event)
        try:
            yield event
        finally:
            self._listeners.discard(event)

    async def actors(self, person: str) -> list[Actor]:
        """None: on the console one is who one says one is."""
        return []

    def notify(self) -> None:
        """Tells every open page to look."""
        for event in self._listeners:
            event.set()


def _ref(channel: str, message_id: int, root: int | None) -> Ref:
    return Ref(NAME, TENANT, channel, str(message_id), "" if root is None else str(root))


def _thread(ref: Ref) -> Ref | None:
    return Ref(NAME, TENANT, ref.channel, ref.thread_id, "") if ref.thread_id else None
