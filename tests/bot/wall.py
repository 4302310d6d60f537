"""A surface that is a wall, and a sender in front of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bot.delivery import Delivery
from bot.surface import AnswerLost, DeliveryError, Sent
from handlers.conversation import Actor, Message, Place
from handlers.turn import Turn
from storage.database import Database
from storage.outbox import Ref
from storage.policy_file import LoadedPolicy
from storage.tables.delivery import Outbox
from tests.conftest import Clock


class Wall:
    """A surface that keeps what is put up, and fails as it is told."""

    name = "wall"
    tenant = "t"

    def __init__(self) -> None:
        self.up: dict[str, tuple[str, str, str]] = {}  # key → channel, words, thread
        self.log: list[str] = []
        self.fail: Callable[[str, str], DeliveryError | None] = lambda channel, words: None
        self.lose_answer = False
        self.room = 99  # blocks of one message

    def place(self, channel: str) -> Place | None:
        return Place(surface="wall", tenant="t", channel=channel)

    async def actors(self, person: str) -> list[Actor]:
        return []

    async def post(self, place: Place, key: str, message: Message, thread: Ref | None) -> Sent:
        error = self.fail(place.channel, message.summary)
        if error is not None:
            raise error
        assert key not in self.up, "posted twice"
        root = (thread.thread_id or thread.message_id) if thread else ""
        self.up[key] = (place.channel, message.summary, root)
        self.log.append(f"{place.channel}: {message.summary}")
        if self.lose_answer:
            self.lose_answer = False
            raise AnswerLost("the connection broke")
        return Sent(Ref("wall", "t", place.channel, key, root), self._rest(message))

    def _rest(self, message: Message) -> Message | None:
        left = message.blocks[self.room :]
        return Message(summary=f"{message.summary}+", blocks=left) if left else None

    async def edit(self, ref: Ref, key: str, message: Message) -> Sent:
        error = self.fail(ref.channel, message.summary)
        if error is not None:
            raise error
        said, self.up[key] = self.up[key], (ref.channel, message.summary, ref.thread_id)
        if said != self.up[key]:  # to say the same again is nothing that anybody sees
            self.log.append(f"{ref.channel}: {message.summary} (edited)")
        return Sent(ref, self._rest(message))

    async def find(self, place: Place, key: str, thread: Ref | None, since: datetime) -> Ref | None:
        if key not in self.up:
            return None
        return Ref("wall", "t", place.channel, key, self.up[key][2])


class Post:
    def __init__(self, database: Database, loaded: LoadedPolicy, clock: Clock) -> None:
        self.database, self.loaded, self.clock = database, loaded, clock
        self.wall = Wall()
        self.delivery = self.sender()

    def sender(self) -> Delivery:
        return Delivery(self.database, {"wall": self.wall}, self.clock)

    def say(self, work: Callable[[Turn], Any]) -> None:
        def places(channel: str) -> tuple[Place, ...]:
            place = self.wall.place(channel)
            return (place,) if place else ()

        with self.database.write() as connection:
            work(Turn(connection, self.loaded, self.clock(), places))

    def states(self) -> list[str]:
        with self.database.read() as connection:
            table = Outbox.__table__  # type: ignore[attr-defined]
            return [r.state for r in connection.execute(select(table).order_by(table.c.id))]
