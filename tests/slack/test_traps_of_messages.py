"""What goes out: traps 23 to 34, 36 and 56 of the platform rules."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bot.slack.blocks import render
from bot.surface import Undeliverable
from handlers.conversation import (
    Button,
    Controls,
    Items,
    Message,
    Paragraph,
    Place,
    said,
    text,
)
from handlers.turn import Turn
from scheduler.clockwork import Clockwork, Job
from storage import outbox
from storage.outbox import Ref
from tests.fakes.block_kit import problems
from tests.slack.conftest import ALERTS, ENGINEER, SEARCH, World


def _dead(world: World) -> list[str]:
    with world.kernel.database.read() as connection:
        return [reason for _, _, reason in outbox.dead_letters(connection)]


def _waiting(world: World) -> int:
    with world.kernel.database.read() as connection:
        return outbox.waiting(connection)


async def _say(world: World, channel: str, key: str, sentence: str = "Hello") -> None:
    await world.kernel.turn(lambda turn: turn.post(channel, key, said(sentence)))
    await world.delivery.drain()


async def _edit(world: World, key: str, sentence: str) -> None:
    await world.kernel.turn(lambda turn: turn.edit(key, said(sentence)))
    await world.delivery.drain()


async def test_trap_23_nobodys_words_ping_the_channel(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    why = "<!channel> <@U0LEADER1> *bold* @here & co"
    await world.hands.submit(ENGINEER, world.slack.views[0], why=why, until="2026-11-30")
    await world.deliver()
    for posted in world.slack.messages(ALERTS):
        assert "<!" not in posted["text"]
        for block in posted["blocks"]:
            for found in (block.get("text"), *block.get("elements", [])):
                if isinstance(found, dict) and found.get("type") == "mrkdwn":
                    assert "<!" not in found["text"]
                    assert "<@" not in found["text"]


async def test_trap_24_words_are_escaped_once_however_often_they_are_shown(world: World) -> None:
    await _say(world, "alerts", "m1", "Search & Ranking")
    for _ in range(3):
        await _edit(world, "m1", "Search & Ranking < all")
    posted = world.slack.messages(ALERTS)[0]
    assert posted["text"] == "Search &amp; Ranking &lt; all"
    assert "amp;amp" not in json.dumps(posted)


async def test_trap_25_a_long_name_does_not_kill_an_alert(world: World) -> None:
    label = (
        "Ask the team Recommendations, Search and Personalisation of Example AI Europe to decide"
    )
    message = Message(
        summary="x", blocks=(Controls(controls=(Button(label=label, action="a", subject="s"),)),)
    )
    await world.kernel.turn(lambda turn: turn.post("alerts", "m1", message))
    await world.delivery.drain()
    button = world.slack.messages(ALERTS)[0]["blocks"][0]["elements"][0]
    assert button["text"]["text"].startswith("Ask the team Recommendations")
    assert button["text"]["text"].endswith("…")


async def test_trap_26_a_long_digest_arrives_with_its_buttons(world: World) -> None:
    lines = tuple(
        text(f"experiment-{n} costs $1,234,567 a day " + "and more " * 9) for n in range(200)
    )
    blocks = (
        *(Paragraph(text=text(f"Part {n}. " + "word " * 60)) for n in range(60)),
        Items(items=lines),
        Controls(controls=(Button(label="Decide", action="a", subject="s"),)),
    )
    await world.kernel.turn(
        lambda turn: turn.post("alerts", "m1", Message(summary="Digest", blocks=blocks))
    )
    await world.delivery.drain()
    posted, *replies = world.slack.messages(ALERTS)
    assert len(posted["blocks"]) <= 50
    assert any(b["type"] == "actions" for b in posted["blocks"])
    assert "in the thread" in json.dumps(posted["blocks"])
    assert {reply["thread_ts"] for reply in replies} == {posted["ts"]}
    everything = json.dumps([m["blocks"] for m in (posted, *replies)])
    assert all(f"Part {n}. " in everything for n in range(60))
    assert all(f"experiment-{n} " in everything for n in range(200))
    assert _dead(world) == []


async def test_trap_27_an_update_carries_its_blocks(world: World) -> None:
    await _say(world, "alerts", "m1")
    await _edit(world, "m1", "Changed")
    (given,) = world.slack.called("chat.update")
    assert given["text"] == "Changed"
    assert given["blocks"]
    assert world.slack.messages(ALERTS)[0]["blocks"][0]["text"]["text"] == "Changed"


async def test_trap_28_a_timestamp_stays_the_string_it_is(world: World) -> None:
    world.slack._ticks = iter(range(100000, 900000, 100000))  # type: ignore[assignment]
    await _say(world, "alerts", "m1")
    ts = world.slack.messages(ALERTS)[0]["ts"]
    assert ts.endswith("00000")  # a float would lose these digits
    with world.kernel.database.read() as connection:
        ref = outbox.ref_of(connection, "m1@slack:alerts")
    assert ref == Ref("slack", world.slack.team, ALERTS, ts, "")
    await _edit(world, "m1", "Changed")
    assert world.slack.called("chat.update")[0]["ts"] == ts


async def test_trap_29_a_reply_to_a_reply_goes_to_the_root(world: World) -> None:
    place = Place(surface="slack", tenant=world.slack.team, channel=ALERTS)
    root = (await world.surface.post(place, "k1", said("root"), None)).ref
    reply = (await world.surface.post(place, "k2", said("reply"), root)).ref
    assert reply.thread_id == root.message_id
    again = (await world.surface.post(place, "k3", said("to the reply"), reply)).ref
    assert again.thread_id == root.message_id
    assert world.slack.messages(ALERTS)[2]["thread_ts"] == root.message_id


async def test_trap_30_a_deleted_message_is_posted_anew(world: World) -> None:
    message = await world.thing()
    world.slack.messages(ALERTS).clear()
    await world.hands.press(ENGINEER, ALERTS, message, "Take")
    await world.deliver()
    assert world.state() == "investigating"
    (posted,) = world.slack.messages(ALERTS)
    assert "investigating by Erin" in posted["text"]
    with world.kernel.database.read() as connection:
        ref = outbox.ref_of(connection, "recs-v2@slack:alerts")
    assert ref is not None
    assert ref.message_id == posted["ts"]


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_trap_30_a_message_that_cannot_be_edited_is_posted_anew(
    world: World, code: str
) -> None:
    await _say(world, "alerts", "m1")
    world.slack.fault("chat.update", "error", code)
    await _edit(world, "m1", "Changed")
    assert [m["text"] for m in world.slack.messages(ALERTS)] == ["Hello", "Changed"]
    await _edit(world, "m1", "Changed again")
    assert [m["text"] for m in world.slack.messages(ALERTS)] == ["Hello", "Changed again"]


@pytest.mark.parametrize("what", ["archived", "left", "gone"])
async def test_trap_30_what_is_for_a_closed_channel_waits_and_is_told_nowhere_else(
    world: World, what: str
) -> None:
    """A private channel's cards went into the default channel, words and all, when the bot was put out of it."""
    message = await world.thing(channel="search")
    closed = world.slack.channels[SEARCH]
    if what == "archived":
        closed.archived = True
    elif what == "left":
        closed.member = False
        world.slack.messages(SEARCH).clear()
    else:
        del world.slack.channels[SEARCH]
    world.slack.add_channel("C0OTHER11", "other")
    payload = world.hands.press_payload(ENGINEER, "C0OTHER11", message, "Take")
    await world.hands.send_payload(payload)
    await world.deliver()
    assert world.state() == "investigating"
    (told,) = world.slack.messages(ALERTS)
    assert "Messages wait for a channel that the bot cannot write to" in told["text"]
    assert "Erin" not in json.dumps(told)
    assert "investigating" not in json.dumps(told)
    assert _dead(world) == []
    world.slack.channels[SEARCH] = closed
    closed.archived, closed.member = False, True
    world.clock.now += timedelta(minutes=5)
    await world.delivery.drain()
    assert "investigating by Erin" in world.slack.messages(SEARCH)[-1]["text"]
    assert len(world.slack.messages(ALERTS)) == 1


async def test_trap_30_a_closed_channel_is_told_of_once_a_day(world: World) -> None:
    world.slack.channels[SEARCH].member = False
    for n in range(3):
        await _say(world, "search", f"m{n}")
        world.clock.now += timedelta(minutes=5)
    await world.delivery.drain()
    (told,) = world.slack.messages(ALERTS)
    assert "/invite" in told["text"]
    world.clock.now += timedelta(days=1)
    await world.delivery.drain()
    assert len(world.slack.messages(ALERTS)) == 2
    world.slack.channels[SEARCH].member = True
    world.clock.now += timedelta(minutes=5)
    await world.delivery.drain()
    assert len(world.slack.messages(SEARCH)) == 3
    assert _dead(world) == []


async def test_the_default_channel_stands_in_for_what_is_on_no_platform_only(world: World) -> None:
    """``leadership`` is a channel of the policy that is nowhere; ``search`` is one in Slack."""
    (elsewhere,) = world.kernel.places("leadership")
    assert elsewhere.channel == ALERTS
    (own,) = world.kernel.places("search")
    assert own.channel == "#ml-search"
    world.slack.channels[SEARCH].member = False
    assert world.kernel.places("search") == (own,)


async def test_trap_30_without_another_channel_the_operator_is_told_how_to_mend_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.slack.channels[ALERTS].member = False
    with caplog.at_level("ERROR"):
        await _say(world, "alerts", "m1")
    assert "/invite" in caplog.text
    assert _dead(world) == []
    world.slack.channels[ALERTS].member = True
    world.clock.now += timedelta(minutes=5)
    await world.delivery.drain()
    assert len(world.slack.messages(ALERTS)) == 1


async def test_trap_30_with_both_channels_closed_the_message_waits(world: World) -> None:
    for channel in (ALERTS, SEARCH):
        world.slack.channels[channel].member = False
    await _say(world, "search", "m1")
    assert _dead(world) == []
    world.slack.channels[ALERTS].member = True
    world.clock.now += timedelta(minutes=5)
    await world.delivery.drain()
    (told,) = world.slack.messages(ALERTS)
    assert "/invite" in told["text"]
    assert world.slack.messages(SEARCH) == []


async def test_trap_31_a_rate_limit_is_obeyed_and_nothing_is_lost(world: World) -> None:
    world.slack.fault("chat.postMessage", "rate", 7, channel=ALERTS)
    await _say(world, "alerts", "m1")
    assert world.slack.counters["chat.postMessage"] == 1  # no hidden second try
    assert world.slack.messages(ALERTS) == []
    world.clock.now += timedelta(seconds=6)
    await world.delivery.drain()
    assert world.slack.counters["chat.postMessage"] == 1
    world.surface.calls._blocked.clear()  # its clock is the machine's
    world.clock.now += timedelta(seconds=1)
    await world.delivery.drain()
    assert len(world.slack.messages(ALERTS)) == 1


@pytest.mark.parametrize("what", ["lose", "status"])
async def test_trap_32_a_lost_answer_does_not_post_twice(world: World, what: str) -> None:
    await _say(world, "alerts", "m0", "Something before")
    world.slack.fault("chat.postMessage", what, 503)
    await _say(world, "alerts", "m1", "Only once")
    world.clock.now += timedelta(hours=1)
    await world.delivery.drain()
    texts = [m["text"] for m in world.slack.messages(ALERTS)]
    assert texts == ["Something before", "Only once"]
    await _edit(world, "m1", "Edited")
    assert [m["text"] for m in world.slack.messages(ALERTS)] == ["Something before", "Edited"]


async def test_trap_32_a_lost_reply_is_found_in_its_thread(world: World) -> None:
    await _say(world, "alerts", "m1", "Root")
    world.slack.fault("chat.postMessage", "lose")
    await world.kernel.turn(lambda turn: turn.reply("m1", "r1", said("Reply")))
    await world.delivery.drain()
    world.clock.now += timedelta(hours=1)
    await world.delivery.drain()
    root, reply = world.slack.messages(ALERTS)
    assert reply["thread_ts"] == root["ts"]
    assert _waiting(world) == 0


async def test_trap_32_a_request_that_was_never_sent_is_sent_again(world: World) -> None:
    world.slack.fault("chat.postMessage", "drop")
    await _say(world, "alerts", "m1")
    assert world.slack.messages(ALERTS) == []
    world.clock.now += timedelta(hours=1)
    await world.delivery.drain()
    assert len(world.slack.messages(ALERTS)) == 1


async def test_trap_32_without_the_scope_to_look_a_message_may_double_but_is_not_lost(
    world: World,
) -> None:
    world.slack.scopes.discard("channels:history")
    world.slack.fault("chat.postMessage", "drop")
    await _say(world, "alerts", "m1")
    world.clock.now += timedelta(hours=1)
    await world.delivery.drain()
    assert len(world.slack.messages(ALERTS)) == 1


async def test_trap_33_one_channels_rate_limit_does_not_stall_another(world: World) -> None:
    world.slack.fault("chat.postMessage", "rate", 30, times=9, channel=ALERTS)
    await world.kernel.turn(lambda turn: turn.post("alerts", "m1", said("waits")))
    await world.kernel.turn(lambda turn: turn.post("search", "m2", said("goes on")))
    await world.delivery.drain()
    assert world.slack.messages(ALERTS) == []
    assert len(world.slack.messages(SEARCH)) == 1


async def test_trap_33_a_channels_own_pace_is_kept(world: World) -> None:
    world.slack.pace = 0.25
    world.surface.pace = 0.3

    def say(turn: Turn) -> None:
        for n in range(3):
            turn.post("alerts", f"m{n}", said(f"{n}"))

    await world.kernel.turn(say)
    await world.delivery.drain()
    assert [m["text"] for m in world.slack.messages(ALERTS)] == ["0", "1", "2"]
    assert world.slack.counters["chat.postMessage"] == 3


async def test_trap_34_a_response_url_that_is_used_up_is_not_the_only_way(world: World) -> None:
    message = await world.thing()
    payload = world.hands.press_payload(ENGINEER, ALERTS, message, "Who am I")
    world.slack.response_urls[payload["response_url"].rpartition("/")[2]]["uses"] = 5
    await world.hands.send_payload(payload)
    assert (await world.note()).startswith("engineer@example.com")
    assert world.slack.ephemerals[-1]["via"] == "chat.postEphemeral"


async def test_trap_34_an_interaction_uses_its_response_url_once(world: World) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Approve")
    await world.deliver()
    assert [u["uses"] for u in world.slack.response_urls.values()] == [1]


@pytest.mark.parametrize("code", ["token_revoked", "account_inactive", "invalid_auth"])
async def test_trap_36_a_revoked_token_stops_sending_and_tells_the_operator(
    world: World, code: str
) -> None:
    world.slack.revoked = code
    await _say(world, "alerts", "m1")
    assert code in world.delivery.revoked["slack"]
    asked = world.slack.counters["chat.postMessage"]
    for _ in range(5):
        world.clock.now += timedelta(minutes=10)
        await world.delivery.drain()
    assert world.slack.counters["chat.postMessage"] == asked
    assert _waiting(world) == 1  # nothing is lost either
    world.clock.now += timedelta(minutes=10)
    await world.delivery.drain()
    assert world.slack.counters["chat.postMessage"] == asked + 1  # hourly: it may have been mended
    world.slack.revoked = None
    world.clock.now += timedelta(hours=1)
    await world.delivery.drain()
    assert world.delivery.revoked == {}
    assert _waiting(world) == 0


async def test_trap_36_uninstalling_the_app_stops_sending(world: World) -> None:
    body = world.hands.event_body({"type": "app_uninstalled"}, "Ev0GONE")
    await world.hands.send(json.dumps(body).encode(), "application/json")
    assert "uninstalled" in world.delivery.revoked["slack"]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # 02:30 in Berlin, which comes again in an hour
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),  # 03:00: there was no 02:30
    ],
)
async def test_trap_56_two_replicas_at_a_change_of_the_clock_post_one_digest(
    world: World, moment: datetime
) -> None:
    world.clock.now = moment

    def digest(replica: int) -> str:
        with world.kernel.database.write() as connection:
            turn = Turn(connection, world.kernel.loaded, world.clock(), world.kernel.places)
            turn.post("alerts", f"digest-{replica}", said("The digest"))
        return "posted"

    jobs = [Job("digest", ("02:30",), partial(digest, n)) for n in range(2)]
    zone = world.kernel.loaded.policy.workspace.zone
    machines = [
        Clockwork(world.kernel.database, zone, world.clock, [job], lambda: 0, lambda: None)
        for job in jobs
    ]
    for _ in range(3):  # half an hour, an hour later: the same slot still
        await asyncio.gather(*(m.fire(j) for m, j in zip(machines, jobs, strict=True)))
        await world.delivery.drain()
        world.clock.now += timedelta(minutes=40)
    assert len(world.slack.messages(ALERTS)) == 1


async def test_trap_30_an_edit_in_a_frozen_channel_waits(world: World) -> None:
    await _say(world, "search", "m1")
    world.slack.fault("chat.update", "error", "is_inactive")
    world.slack.channels[SEARCH].archived = True
    await _edit(world, "m1", "Changed")
    (told,) = world.slack.messages(ALERTS)
    assert "Changed" not in json.dumps(told)
    assert _dead(world) == []
    world.slack.channels[SEARCH].archived = False
    world.clock.now += timedelta(minutes=5)
    await world.delivery.drain()
    assert [m["text"] for m in world.slack.messages(SEARCH)] == ["Changed"]


async def test_a_missing_scope_is_named(world: World) -> None:
    world.slack.scopes.discard("chat:write")
    await _say(world, "alerts", "m1")
    (reason,) = _dead(world)
    assert "chat:write" in reason


async def test_blocks_that_slack_refuses_are_given_up_with_a_reason(world: World) -> None:
    world.slack.fault("chat.postMessage", "error", "invalid_blocks")
    place = Place(surface="slack", tenant=world.slack.team, channel=ALERTS)
    with pytest.raises(Undeliverable, match="blocks"):
        await world.surface.post(place, "k1", said("x"), None)


def test_a_message_without_anything_still_says_something() -> None:
    rendered = render(Message(summary="", blocks=()))
    assert rendered.text.strip()
    assert problems(rendered.blocks) == []
