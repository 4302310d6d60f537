"""What only looks is answered beside the clicks, and cannot write."""

import asyncio
import threading
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from bot.delivery import Delivery
from bot.kernel import Kernel
from handlers import catalog as _catalog  # noqa: F401  (registers the handlers)
from handlers.conversation import Actor, Done, Interaction, Place, Refused
from handlers.router import looks, press, registered
from handlers.turn import Turn
from storage import audit
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock

_held = threading.Event()


@press("test.look", permission="read", looks=True)
def look(turn: Turn, it: Interaction) -> Done:
    """Only looks."""
    return Done(note="seen")


@press("test.false-look", permission="read", looks=True)
def write(turn: Turn, it: Interaction) -> Done:
    """Says that it looks, and writes."""
    turn.audit(it.actor.person, "test.written", "test:x")
    return Done(note="written")


@press("test.hold", permission="read")
def hold(turn: Turn, it: Interaction) -> Done:
    """Keeps the writer busy until it is let go."""
    assert _held.wait(20)
    return Done()


@pytest.fixture
async def kernel(database: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[Kernel]:
    _held.clear()
    yield Kernel(database, loaded, {}, Delivery(database, {}, clock), clock)
    _held.set()


def asked(name: str) -> Interaction:
    actor = Actor(
        surface="console", tenant="", user_id="u", person="engineer@example.com", name="Engineer",
        roles=frozenset({"engineer"}),
    )  # fmt: skip
    place = Place(surface="console", tenant="", channel="finops")
    return Interaction(
        delivery_id=uuid4().hex, kind="press", name=name, actor=actor, place=place, version=1
    )


async def test_a_click_that_takes_long_keeps_nobody_from_looking(kernel: Kernel) -> None:
    """Dashboards were made in the one thread that writes, so clicks waited for each of them."""
    held = asyncio.create_task(kernel.answer(asked("test.hold")))
    seen = await asyncio.wait_for(kernel.answer(asked("test.look")), 10)
    assert isinstance(seen, Done)
    assert not held.done()
    _held.set()
    assert isinstance(await held, Done)


async def test_what_says_that_it_looks_cannot_write(kernel: Kernel) -> None:
    def entries() -> int | str:
        with kernel.database.read() as connection:
            return audit.verify(connection)  # type: ignore[return-value]

    before = entries()
    reply = await kernel.answer(asked("test.false-look"))
    assert isinstance(reply, Refused)
    assert reply.reason == "failed"
    assert entries() == before
    # The next one has the same connection, and those who write write.
    assert isinstance(await kernel.answer(asked("test.look")), Done)
    _held.set()
    assert isinstance(await kernel.answer(asked("test.hold")), Done)


def test_a_command_is_found_by_the_words_after_it() -> None:
    def command(text: str) -> bool:
        it = asked("spend")
        return looks(it.model_copy(update={"kind": "command", "inputs": {"text": text}}))

    assert command("why ranker last 7d")
    assert command("dashboard finance")
    assert not command("overrun ranker")
    assert not looks(asked("no such press"))
    assert {r.kind for r in registered() if r.looks} == {"press", "command", "home"}
