"""The outbox and its senders: order, merging, rate limits, dead letters, and a crash at every step."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.delivery import Delivery
from bot.surface import Closed, DeliveryError, Revoked, TryLater, Undeliverable
from handlers.conversation import Place, said
from handlers.turn import Turn
from storage import outbox
from storage.outbox import Ref
from tests.bot.wall import Post


async def test_a_lane_keeps_its_order_and_threads_find_their_root(post: Post) -> None:
    post.say(lambda t: t.post("a", "one", said("first")))
    post.say(lambda t: t.reply("one", "two", said("a reply")))
    post.say(lambda t: t.reply("two", "three", said("a reply to a reply")))
    await post.delivery.drain()
    assert post.wall.log == ["a: first", "a: a reply", "a: a reply to a reply"]
    assert post.wall.up["three@wall:a"][2] == "one@wall:a"  # trap 29: the root, not the reply
    assert set(post.states()) == {"sent"}


async def test_waiting_edits_of_one_message_are_merged(post: Post) -> None:
    post.say(lambda t: t.post("a", "m", said("v1")))
    for n in range(2, 7):
        post.say(lambda t, n=n: t.edit("m", said(f"v{n}")))  # type: ignore[misc]
    await post.delivery.drain()
    assert post.wall.log == ["a: v1", "a: v6 (edited)"]
    assert post.states() == ["sent", "merged", "merged", "merged", "merged", "sent"]


async def test_one_channels_trouble_does_not_stall_another(post: Post) -> None:
    post.wall.fail = lambda channel, words: TryLater("slow down", 30) if channel == "a" else None
    post.say(lambda t: t.post("a", "x", said("waits")))
    post.say(lambda t: t.post("a", "y", said("waits behind it")))
    post.say(lambda t: t.post("b", "z", said("goes")))
    await post.delivery.drain()
    assert post.wall.log == ["b: goes"]
    post.wall.fail = lambda channel, words: None
    post.clock.now += timedelta(seconds=29)
    await post.delivery.drain()
    assert post.wall.log == ["b: goes"]  # Retry-After is obeyed
    post.clock.now += timedelta(seconds=1)
    await post.delivery.drain()
    assert post.wall.log == ["b: goes", "a: waits", "a: waits behind it"]


async def test_a_permanent_failure_goes_to_the_dead_letters_and_frees_the_lane(post: Post) -> None:
    gone = Undeliverable("the channel is archived")
    post.wall.fail = lambda channel, words: gone if words == "bad" else None
    post.say(lambda t: t.post("a", "x", said("bad")))
    post.say(lambda t: t.reply("x", "y", said("reply to bad")))
    post.say(lambda t: t.post("a", "z", said("good")))
    await post.delivery.drain()
    assert post.wall.log == ["a: good"]
    with post.database.read() as connection:
        reasons = [reason for _, _, reason in outbox.dead_letters(connection)]
    assert reasons[-1] == "the channel is archived"
    assert len(reasons) == 2


async def test_trap_36_a_revoked_token_makes_everything_wait_not_loop(post: Post) -> None:
    calls = 0

    def revoked(channel: str, words: str) -> DeliveryError:
        nonlocal calls
        calls += 1
        return Revoked("the token was revoked")

    post.wall.fail = revoked
    for n in range(5):
        post.say(lambda t, n=n: t.post(f"c{n}", f"m{n}", said("hello")))  # type: ignore[misc]
    await post.delivery.drain()
    for _ in range(10):
        post.clock.now += timedelta(minutes=1)
        await post.delivery.drain()
    assert calls <= 5
    assert post.delivery.revoked == {"wall": "the token was revoked"}
    assert set(post.states()) == {"waiting"}  # nothing is lost


async def test_trap_32_a_lost_answer_does_not_post_twice(post: Post) -> None:
    post.wall.lose_answer = True
    post.say(lambda t: t.post("a", "m", said("once")))
    await post.delivery.drain()
    assert post.states() == ["waiting"]
    post.clock.now += timedelta(minutes=5)
    await post.delivery.drain()
    assert post.wall.log == ["a: once"]
    assert post.states() == ["sent"]


@pytest.mark.parametrize("sent_before_the_crash", [False, True])
async def test_a_sender_that_dies_is_taken_over_without_loss_or_double(
    post: Post, sent_before_the_crash: bool
) -> None:
    post.say(lambda t: t.post("a", "m", said("once")))
    with post.database.write() as connection:
        (claimed,) = outbox.claim(connection, post.clock(), ["wall"])
    if sent_before_the_crash:
        await post.wall.post(
            Place.model_validate(claimed.place), claimed.message_key, said("once"), None
        )
    # …and the process is gone before it could record it
    other = post.sender()
    await other.drain()
    assert post.states() == ["sending"]  # the lease still holds
    post.clock.now += outbox.LEASE + timedelta(seconds=1)
    await other.drain()
    assert post.wall.log == ["a: once"]
    assert post.states() == ["sent"]


async def test_two_senders_never_send_the_same_row(post: Post) -> None:
    for n in range(40):
        post.say(lambda t, n=n: t.post(f"c{n % 7}", f"m{n}", said(str(n))))  # type: ignore[misc]
    senders = [post.sender(), post.sender(), post.delivery]
    for _ in range(40):
        await asyncio.gather(*(s.drain() for s in senders))
    assert len(post.wall.log) == 40
    assert set(post.states()) == {"sent"}


async def test_an_unknown_fault_is_tried_again_and_then_given_up(post: Post) -> None:
    def broken(channel: str, words: str) -> DeliveryError:
        raise RuntimeError("a bug")

    post.wall.fail = broken
    post.say(lambda t: t.post("a", "m", said("never")))
    for _ in range(20):
        await post.delivery.drain()
        post.clock.now += timedelta(hours=1)
    assert post.states() == ["dead"]


async def test_a_lost_answer_is_not_forgotten_when_asking_fails(post: Post) -> None:
    """An answer was lost, then the platform was too busy to be asked; the third try once posted again,
    because only the last failure was remembered."""
    post.wall.lose_answer = True
    post.say(lambda t: t.post("a", "m", said("once")))
    await post.delivery.drain()
    find, busy = post.wall.find, True

    async def ask(*args: Any) -> Ref | None:
        if busy:
            raise TryLater("slow down", 30)
        return await find(*args)

    post.wall.find = ask  # type: ignore[method-assign]
    post.clock.now += timedelta(minutes=5)
    await post.delivery.drain()
    busy = False
    post.clock.now += timedelta(minutes=5)
    await post.delivery.drain()
    assert post.wall.log == ["a: once"]
    assert post.states() == ["sent"]


async def test_what_was_sent_but_not_recorded_is_not_sent_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record failed (the disk was full for a moment); the message once was posted a second time."""

    def full(*args: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("storage.outbox.sent", full)
    post.say(lambda t: t.post("a", "m", said("once")))
    with pytest.raises(OSError, match="disk full"):
        await post.delivery.drain()
    monkeypatch.undo()
    post.clock.now += outbox.LEASE + timedelta(seconds=1)
    await post.delivery.drain()
    assert post.wall.log == ["a: once"]
    assert post.states() == ["sent"]


async def test_waiting_does_not_kill_a_message(post: Post) -> None:
    """A rate limit of half a minute once ended in the dead letters after fifteen rounds."""
    post.wall.fail = lambda channel, words: TryLater("slow down", 30)
    post.say(lambda t: t.post("a", "m", said("late")))
    for _ in range(100):
        await post.delivery.drain()
        post.clock.now += timedelta(seconds=31)
    post.wall.fail = lambda channel, words: None
    await post.delivery.drain()
    assert post.wall.log == ["a: late"]


async def test_what_is_for_a_surface_that_does_not_run_here_waits_for_it(post: Post) -> None:
    post.say(lambda t: t.post("a", "m", said("for another")))
    elsewhere = Delivery(post.database, {}, post.clock)
    post.clock.now += timedelta(days=2)
    await elsewhere.drain()
    assert post.states() == ["waiting"]
    await post.delivery.drain()
    assert post.wall.log == ["a: for another"]


async def test_a_closed_channel_is_written_to_when_it_opens(post: Post) -> None:
    """The bot was not yet invited on the first day: its alerts once were dead letters for ever."""
    post.wall.fail = lambda channel, words: Closed("the bot is not in #a; invite it")
    post.say(lambda t: t.post("a", "m", said("alert")))
    post.say(lambda t: t.reply("m", "n", said("news")))
    for _ in range(24):
        await post.delivery.drain()
        post.clock.now += timedelta(hours=1)
    post.wall.fail = lambda channel, words: None
    await post.delivery.drain()
    assert post.wall.log == ["a: alert", "a: news"]


async def test_what_is_rolled_back_is_never_said(post: Post) -> None:
    def work(turn: Turn) -> None:
        turn.post("a", "m", said("never"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        post.say(work)
    await post.delivery.drain()
    assert post.wall.log == []


async def test_stopping_while_it_is_woken_ends_the_sender(post: Post) -> None:
    """A wake and a stop in the same moment once left the process running for ever: on Python 3.11
    asyncio.wait_for returned the wake and forgot the cancellation."""
    for _ in range(20):
        sender = post.sender()
        task = asyncio.create_task(sender.run())
        await asyncio.sleep(0.01)
        sender.wake()
        task.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait([task])
        assert task.cancelled()
