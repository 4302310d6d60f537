"""What does not fit is in the thread, once and in order, through redeliveries, crashes and edits."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot import parts
from bot.kernel import Kernel
from handlers.conversation import Items, Message, Paragraph, Private, Table, text
from storage import outbox
from tests.fakes.block_kit import problems
from tests.slack.conftest import ALERTS, ENGINEER, World
from tests.slack.test_overflow import TOKEN, shown

ITEMS = Items(items=tuple(text(f"q{n}z costs {n},000 USD " + "more " * 60) for n in range(80)))
ROWS = Table(
    header=("Experiment", "Cost"),
    rows=tuple((f"q{n}z and its name", f"${n:,} a day") for n in range(600)),
    align="lr",
)
TEXTS = tuple(
    Paragraph(text=text(" ".join(f"q{n * 500 + w}z" for w in range(500)))) for n in range(12)
)
LONG = {
    "items": Message(summary="Items", blocks=(ITEMS,)),
    "rows": Message(summary="Rows", blocks=(ROWS,)),
    "texts": Message(summary="Texts", blocks=TEXTS),
}


def _wanted(message: Message) -> list[str]:
    return TOKEN.findall(message.model_dump_json())


def _read(world: World) -> list[str]:
    """The words that stand in the channel and its one thread, in order."""
    root, *replies = world.slack.messages(ALERTS)
    assert {r["thread_ts"] for r in replies} <= {root["ts"]}
    assert all(problems(m["blocks"]) == [] for m in (root, *replies))
    return TOKEN.findall(shown([b for m in (root, *replies) for b in m["blocks"]]))


async def _post(world: World, message: Message, key: str = "m1") -> None:
    await world.kernel.turn(lambda turn: turn.post("alerts", key, message))
    await world.delivery.drain()


async def _edit(world: World, message: Message, key: str = "m1") -> None:
    await world.kernel.turn(lambda turn: turn.edit(key, message))
    await world.delivery.drain()


@pytest.mark.parametrize("what", LONG)
async def test_a_long_message_stands_in_channel_and_thread(world: World, what: str) -> None:
    await _post(world, LONG[what])
    assert _read(world) == _wanted(LONG[what])
    assert len(world.slack.messages(ALERTS)) > 1
    assert "in the thread" in json.dumps(world.slack.messages(ALERTS)[0])


@pytest.mark.parametrize("what", ["lose", "drop"])
@pytest.mark.parametrize("skipped", [0, 1, 2])
async def test_a_lost_answer_neither_loses_nor_doubles_a_part(
    world: World, what: str, skipped: int
) -> None:
    """The answer to the root, to the first reply, to the second one is lost."""
    await world.kernel.turn(lambda turn: turn.post("alerts", "m1", LONG["texts"]))
    for _ in range(skipped):
        await world.delivery.look()
        while world.delivery._busy:
            await next(iter(world.delivery._busy.values()))
    world.slack.fault("chat.postMessage", what)
    for _ in range(4):
        await world.delivery.drain()
        world.clock.now += timedelta(minutes=5)
    assert _read(world) == _wanted(LONG["texts"])


@pytest.mark.parametrize("crashes", [1, 2, 3])
async def test_a_crash_between_sending_and_recording_neither_loses_nor_doubles_a_part(
    world: World, crashes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, left = parts.record, [crashes]

    def crash(*given: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError("the power went")
        record(*given)

    monkeypatch.setattr("bot.parts.record", crash)
    await world.kernel.turn(lambda turn: turn.post("alerts", "m1", LONG["texts"]))
    for _ in range(crashes + 1):
        try:
            await world.delivery.drain()
        except OSError:
            world.clock.now += outbox.LEASE + timedelta(seconds=1)
    assert left == [0]
    assert _read(world) == _wanted(LONG["texts"])


async def test_an_edit_brings_the_thread_up_to_date(world: World) -> None:
    await _post(world, LONG["items"])
    before = len(world.slack.messages(ALERTS))
    newer = Items(items=tuple(text(f"q{n}z " + "again " * 60) for n in range(1000, 1070)))
    await _edit(world, Message(summary="Items", blocks=(newer,)))
    assert _read(world) == [f"q{n}z" for n in range(1000, 1070)]
    assert len(world.slack.messages(ALERTS)) == before
    calls = world.slack.counters["chat.update"]
    await _edit(world, Message(summary="Items", blocks=(newer,)))
    assert world.slack.counters["chat.update"] == calls + 1  # the thread says so already


async def test_an_edit_that_fits_says_so_in_the_thread_and_one_that_grows_uses_it_again(
    world: World,
) -> None:
    short = Message(summary="Short", blocks=(Paragraph(text=text("q7z")),))
    await _post(world, short)
    assert len(world.slack.messages(ALERTS)) == 1
    await _edit(world, LONG["texts"])
    assert _read(world) == _wanted(LONG["texts"])
    grown = len(world.slack.messages(ALERTS))
    await _edit(world, short)
    assert _read(world) == ["q7z"]
    for reply in world.slack.messages(ALERTS)[1:]:
        assert reply["text"] == "This part is now in the message above."
    await _edit(world, LONG["texts"])
    assert _read(world) == _wanted(LONG["texts"])
    assert len(world.slack.messages(ALERTS)) == grown


async def test_the_rest_of_a_reply_stands_in_the_same_thread(world: World) -> None:
    await _post(world, Message(summary="Root", blocks=(Paragraph(text=text("Root")),)))
    await world.kernel.turn(lambda turn: turn.reply("m1", "r1", LONG["texts"]))
    await world.delivery.drain()
    assert _read(world) == _wanted(LONG["texts"])
    assert len(world.slack.messages(ALERTS)) > 3


async def test_a_message_that_is_posted_anew_takes_its_rest_along(world: World) -> None:
    await _post(world, LONG["texts"])
    gone = world.slack.messages(ALERTS).pop(0)
    await _edit(world, LONG["texts"])
    old = [m for m in world.slack.messages(ALERTS) if m.get("thread_ts") == gone["ts"]]
    for message in old:
        world.slack.messages(ALERTS).remove(message)
    assert _read(world) == _wanted(LONG["texts"])
    assert len(old) == len(world.slack.messages(ALERTS)) - 1


async def test_what_no_thread_should_hold_ends_with_a_sentence(world: World) -> None:
    words = " ".join(f"q{n}z" for n in range(25_000))
    await _post(world, Message(summary="Endless", blocks=(Paragraph(text=text(words)),)))
    found = world.slack.messages(ALERTS)
    assert len(found) == parts.MOST + 1
    assert found[-1]["text"] == parts.TOO_LONG.summary
    assert _read(world) == [f"q{n}z" for n in range(len(_read(world)))]


# --- private answers --------------------------------------------------------------------------------


def _answer(world: World, monkeypatch: pytest.MonkeyPatch, message: Message) -> Callable[[], str]:
    """Whatever is asked is answered privately with the message; what was read of that."""

    async def answered(*_: Any) -> Private:
        return Private(message=message)

    monkeypatch.setattr(Kernel, "answer", answered)
    return lambda: shown([b for e in world.slack.ephemerals for b in e["blocks"]])


async def test_trap_34_a_long_answer_to_a_command_uses_four_of_the_five_uses_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _answer(world, monkeypatch, LONG["texts"])
    await world.hands.command(ENGINEER, "/spend")
    await world.settle()
    assert [u["uses"] for u in world.slack.response_urls.values()] == [4]
    assert {e["via"] for e in world.slack.ephemerals} == {"response_url"}
    wanted = _wanted(LONG["texts"])
    found = TOKEN.findall(read())
    assert found == wanted[: len(found)]
    assert len(found) > 4000
    assert "in the next message" in json.dumps(world.slack.ephemerals[0])


async def test_a_long_answer_to_a_press_comes_in_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await world.thing()
    items = Message(summary="Items", blocks=(ITEMS,))
    read = _answer(world, monkeypatch, items)
    await world.hands.press(ENGINEER, ALERTS, message, "Who am I")
    await world.settle()
    assert TOKEN.findall(read()) == _wanted(items)
    assert len(world.slack.ephemerals) == 3


async def test_parts_of_a_private_answer_find_another_way_when_the_first_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await world.thing()
    items = Message(summary="Items", blocks=(ITEMS,))
    read = _answer(world, monkeypatch, items)
    payload = world.hands.press_payload(ENGINEER, ALERTS, message, "Who am I")
    world.slack.response_urls[payload["response_url"].rpartition("/")[2]]["uses"] = 4
    await world.hands.send_payload(payload)
    await world.settle()
    assert TOKEN.findall(read()) == _wanted(items)
    assert [e["via"] for e in world.slack.ephemerals] == [
        "response_url",
        "chat.postEphemeral",
        "chat.postEphemeral",
    ]


async def test_a_long_answer_to_a_form_stands_in_the_channel_it_was_opened_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await world.thing()
    await world.hands.press(ENGINEER, ALERTS, message, "Expected")
    items = Message(summary="Items", blocks=(ITEMS,))
    read = _answer(world, monkeypatch, items)
    await world.hands.submit(ENGINEER, world.slack.views[0], why="Launch", until="2026-11-30")
    await world.settle()
    assert TOKEN.findall(read()) == _wanted(items)
    assert {e["via"] for e in world.slack.ephemerals} == {"chat.postEphemeral"}
