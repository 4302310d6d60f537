"""What people write in a thread: kept in the console, seen by all, sent nowhere else."""

import json

import pytest

from bot.console.notes import LONGEST
from tests.console import said
from tests.console.client import EXECUTIVE, Client, asked
from tests.console.desk import Desk


async def _write(client: Client, text: str, /, **more: object) -> tuple[int, dict[str, object]]:
    return await client.post("/note", asked(EXECUTIVE) | {"thread": 1, "text": text} | more)


async def _replies(client: Client) -> list[dict[str, object]]:
    _, thread = await client.get("/messages/1/thread")
    return list(thread["replies"])


@pytest.fixture
async def alerted(client: Client) -> Client:
    """A client whose #finops has one alert, the message 1."""
    await client.desk.post("finops", "a1", said.alert())
    return client


async def test_a_note_is_kept_under_its_author(alerted: Client) -> None:
    status, kept = await _write(alerted, "  Planned?\r\nAsk <b>Ana</b> 👩‍🔬\x00\x1b ")
    assert status == 200
    (note,) = await _replies(alerted)
    assert note["id"] == kept["id"]
    assert note["author"] == {"person": EXECUTIVE, "name": "Executive"}
    assert note["content"]["summary"] == "Planned?\nAsk <b>Ana</b> 👩‍🔬"  # type: ignore[index]
    (root,) = await alerted.messages()
    assert (root["replies"], root["author"]) == (1, None)


async def test_a_note_sent_again_stays_one(alerted: Client) -> None:
    body = asked(EXECUTIVE) | {"thread": 1, "text": "Once"}
    assert await alerted.post("/note", body) == await alerted.post("/note", body)
    assert len(await _replies(alerted)) == 1


async def test_the_longest_note(alerted: Client) -> None:
    assert (await _write(alerted, "é" * LONGEST))[0] == 200
    (note,) = await _replies(alerted)
    assert "é" * LONGEST in json.dumps(note["content"], ensure_ascii=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"text": " \n\x07"}, "Write something first."),
        ({"text": "x" * (LONGEST + 1)}, "A note has at most 2,000 characters; shorten it."),
        ({"thread": 99}, "The thread that this belongs to is no longer here."),
        ({"thread": 2}, "The thread that this belongs to is no longer here."),
        ({"channel": "search"}, "The thread that this belongs to is no longer here."),
        ({"channel": "nowhere"}, "There is no channel called nowhere."),
        ({"person": "nobody@example.com"}, "The policy's people do not include nobody@example.com"),
        ({"text": "\ud800 half a character"}, "text"),
        ({"thread": 0}, "thread"),
        ({"thread": None}, "thread"),
        ({"thread": 10**30}, "thread"),
        ({"roles": ["finops"]}, "roles"),
    ],
)
async def test_what_is_refused_is_not_kept(
    alerted: Client, change: dict[str, object], sentence: str
) -> None:
    await alerted.desk.reply("a1", "n1", said.news())  # the message 2 is no root
    status, refused = await _write(alerted, "Hello", **change)
    assert status == 422
    assert sentence in str(refused["error"])
    assert len(await _replies(alerted)) == 1


async def test_another_page_cannot_write(alerted: Client) -> None:
    body = asked(EXECUTIVE) | {"thread": 1, "text": "Hello"}
    status, refused = await alerted.post("/note", body, {"X-Console-Token": "guessed"})
    assert (status, refused["reason"]) == (403, "token")
    assert await _replies(alerted) == []


async def test_open_pages_hear_of_a_note(alerted: Client, desk: Desk) -> None:
    with desk.surface.listen() as heard:
        await _write(alerted, "Hello")
        assert heard.is_set()
        heard.clear()
        await _write(alerted, "")
        assert not heard.is_set()
