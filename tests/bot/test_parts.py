"""What does not fit into a message: once each, in its thread, and up to date."""

import asyncio
from datetime import timedelta

import pytest

from bot import parts
from handlers.conversation import Message, Paragraph, Place, said, text
from storage import outbox
from tests.bot.wall import Post


def long(summary: str, blocks: int) -> Message:
    """A message of so many blocks."""
    words = (Paragraph(text=text(f"{summary} {n}")) for n in range(blocks))
    return Message(summary=summary, blocks=tuple(words))


async def test_what_does_not_fit_is_said_in_the_thread_of_its_message(post: Post) -> None:
    post.wall.room = 2
    post.say(lambda t: t.post("a", "m", long("long", 5)))
    post.say(lambda t: t.post("a", "n", said("another")))
    await post.delivery.drain()
    assert post.wall.log == ["a: long", "a: another", "a: long+", "a: long++"]
    assert [key for key in post.wall.up if "~" in key] == ["m~2@wall:a", "m~3@wall:a"]
    assert {post.wall.up[f"m~{n}@wall:a"][2] for n in (2, 3)} == {"m@wall:a"}


async def test_an_edit_changes_what_was_said_in_the_thread(post: Post) -> None:
    post.wall.room = 2
    post.say(lambda t: t.post("a", "m", long("one", 5)))
    await post.delivery.drain()
    post.say(lambda t: t.edit("m", long("two", 3)))
    await post.delivery.drain()
    assert [words for _, words, _ in post.wall.up.values()] == [
        "two",
        "two+",
        parts.NOW_ABOVE.summary,
    ]
    post.say(lambda t: t.edit("m", long("three", 7)))
    await post.delivery.drain()
    assert [w for _, w, _ in post.wall.up.values()] == ["three", "three+", "three++", "three+++"]
    assert len(set(post.wall.up)) == 4


async def test_a_sender_that_was_too_slow_says_no_rest(post: Post) -> None:
    """Its lease ran out, another sent the row, and by now the message says something else."""
    post.wall.room = 1
    post.say(lambda t: t.post("a", "m", long("old", 2)))
    with post.database.write() as connection:
        (slow,) = outbox.claim(connection, post.clock(), ["wall"])
    sent = await post.wall.post(
        Place.model_validate(slow.place), slow.message_key, long("old", 2), None
    )
    post.clock.now += outbox.LEASE + timedelta(seconds=1)
    await post.delivery.drain()
    post.say(lambda t: t.edit("m", long("new", 2)))
    await post.delivery.drain()
    with post.database.write() as connection:
        parts.record(connection, slow, sent, post.clock())
    await post.delivery.drain()
    assert [words for _, words, _ in post.wall.up.values()] == ["new", "new+"]


async def test_two_senders_say_each_part_once(post: Post) -> None:
    post.wall.room = 1
    for n in range(6):
        post.say(lambda t, n=n: t.post(f"c{n}", f"m{n}", long(str(n), 4)))  # type: ignore[misc]
    senders = [post.sender(), post.sender(), post.delivery]
    for _ in range(20):
        await asyncio.gather(*(s.drain() for s in senders))
    assert len(post.wall.up) == 24
    assert set(post.states()) == {"sent"}


async def test_parts_have_an_end(post: Post) -> None:
    post.wall.room = 1
    post.say(lambda t: t.post("a", "m", long("endless", 50)))
    await post.delivery.drain()
    assert len(post.wall.log) == parts.MOST + 1
    assert post.wall.log[-1] == f"a: {parts.TOO_LONG.summary}"


@pytest.mark.parametrize(
    ("key", "behind"),
    [
        ("m@slack:alerts", (2, "m~2", "m~2@slack:alerts")),
        ("m~2@slack:alerts", (3, "m~3", "m~3@slack:alerts")),
        ("a@b~9@slack:c", (10, "a@b~10", "a@b~10@slack:c")),
        ("anomaly:x~y@slack:c", (2, "anomaly:x~y~2", "anomaly:x~y~2@slack:c")),
        ("bare", (2, "bare~2", "bare~2")),
    ],
)
def test_the_key_of_a_part_is_made_of_the_key_before(
    key: str, behind: tuple[int, str, str]
) -> None:
    assert parts.following(key, "slack") == behind
