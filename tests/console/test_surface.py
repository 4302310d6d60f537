"""The console as a surface, on both databases: posting, editing, finding, threads."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from bot.console.surface import ConsoleSurface
from bot.surface import Sent, Surface, Undeliverable
from handlers.conversation import Message, Place
from storage import console
from storage.console import Mark
from storage.database import Database
from storage.outbox import Ref
from storage.tables.delivery import ConsoleMessage
from tests.console import said

NOW = datetime(2026, 11, 5, 9, 0, tzinfo=UTC)
FINOPS = Place(surface="console", tenant="local", channel="finops")


@pytest.fixture
def surface(database: Database) -> ConsoleSurface:
    """A surface whose clock goes on by a second at each look."""
    return ConsoleSurface(database, ["finops", "search"], _ticking())


def _ticking() -> Callable[[], datetime]:
    seconds = iter(range(10_000))
    return lambda: NOW + timedelta(seconds=next(seconds))


async def _posted(
    surface: ConsoleSurface, key: str, message: Message, thread: Ref | None = None
) -> Ref:
    """Where a message stands that is posted whole."""
    sent = await surface.post(FINOPS, key, message, thread)
    assert sent.rest is None
    return sent.ref


async def _kept(surface: ConsoleSurface, ref: Ref) -> console.Kept:
    found = await surface.database.in_read(lambda c: console.by_id(c, int(ref.message_id)))
    assert found is not None
    return found


async def test_it_is_a_surface_with_the_channels_of_the_policy(surface: ConsoleSurface) -> None:
    as_protocol: Surface = surface
    assert as_protocol.place("finops") == FINOPS
    assert as_protocol.place("nowhere") is None


async def test_posting_the_same_key_again_is_one_message(surface: ConsoleSurface) -> None:
    first = await _posted(surface, "a1", said.alert())
    assert await _posted(surface, "a1", said.alert()) == first
    assert await surface.find(FINOPS, "a1", None, NOW) == first
    assert await surface.find(FINOPS, "a2", None, NOW) is None
    page, older = await surface.database.in_read(lambda c: console.page(c, "finops", limit=9))
    assert ([m.id for m in page], older) == ([int(first.message_id)], False)


async def test_an_edit_counts_once_however_often_it_is_sent(surface: ConsoleSurface) -> None:
    ref = await _posted(surface, "a1", said.alert())
    for _ in range(3):
        assert await surface.edit(ref, "a1", said.resolved()) == Sent(ref)
    kept = await _kept(surface, ref)
    assert (kept.revision, kept.content["summary"]) == (2, said.resolved().summary)
    assert kept.edited_at is not None
    assert kept.edited_at > kept.posted_at


async def test_replies_stand_in_the_thread_and_are_counted(surface: ConsoleSurface) -> None:
    root = await _posted(surface, "a1", said.alert())
    first = await _posted(surface, "r1", said.news(), root)
    second = await _posted(surface, "r2", said.news(), first)
    assert first.thread_id == second.thread_id == root.message_id
    kept = await _kept(surface, root)
    assert kept.replies == 2
    thread = await surface.database.in_read(lambda c: console.thread(c, int(root.message_id)))
    assert [str(m.id) for m in thread] == [root.message_id, first.message_id, second.message_id]
    assert kept.last_reply_at == thread[-1].posted_at


async def test_a_message_that_is_gone_is_posted_anew_but_its_thread_is_not(
    surface: ConsoleSurface,
) -> None:
    ref = await _posted(surface, "a1", said.alert())
    await surface.database.in_write(lambda c: c.execute(delete(ConsoleMessage)).rowcount)
    with pytest.raises(Undeliverable):
        await surface.post(FINOPS, "r1", said.news(), ref)
    anew = (await surface.edit(ref, "a1", said.resolved())).ref
    assert (await _kept(surface, anew)).content["summary"] == said.resolved().summary


async def test_open_pages_are_told_of_what_is_new_only(surface: ConsoleSurface) -> None:
    with surface.listen() as told:
        ref = await _posted(surface, "a1", said.alert())
        assert told.is_set()
        told.clear()
        await surface.edit(ref, "a1", said.alert())
        assert not told.is_set(), "it says so already"
        await surface.edit(ref, "a1", said.resolved())
        assert told.is_set()


async def test_what_changed_since_a_mark_covers_posts_and_edits(surface: ConsoleSurface) -> None:
    first = await _posted(surface, "a1", said.alert())
    for i in range(30):
        last = await _posted(surface, f"n{i}", said.news(f"News {i}"))
    database = surface.database
    mark = await database.in_read(console.mark)
    assert mark.last_id == int(last.message_id)
    await surface.edit(first, "a1", said.resolved())
    new = await _posted(surface, "n99", said.news())
    changed = await database.in_read(lambda c: console.changed_since(c, mark, 100))
    ids = {str(m.id) for m in changed}
    assert {first.message_id, new.message_id} <= ids
    assert len(ids) < 20, "only a short overlap is told again"
    everything = await database.in_read(lambda c: console.changed_since(c, Mark(0, None), 100))
    assert len(everything) == 32


async def test_unread_counts_what_is_newer(surface: ConsoleSurface) -> None:
    root = await _posted(surface, "a1", said.alert())
    await surface.post(FINOPS, "r1", said.news(), root)
    read = {"finops": int(root.message_id)}
    states = await surface.database.in_read(lambda c: console.channels(c, read))
    assert (states["finops"].messages, states["finops"].unread) == (2, 1)
    assert "search" not in states
