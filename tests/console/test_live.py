"""The live stream: what happens, what was missed, and how it ends."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.console import live
from tests.console import said
from tests.console.client import Client, words
from tests.console.desk import open_desk


class Stream:
    """Reads Server-Sent Events."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.last_id = ""

    async def next(self, kind: str) -> Any:
        """The data of the next event of that kind."""
        event: dict[str, str] = {}
        async for line in self._response.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                event[name] = value
                continue
            self.last_id = event.get("id", self.last_id)
            if event.get("event") == kind:
                return json.loads(event["data"])
            event = {}
        raise AssertionError(f"the stream ended before {kind}")


@pytest.mark.parametrize("how", ["header", "query"])
async def test_the_stream_tells_what_happens_and_what_was_missed(client: Client, how: str) -> None:
    address = f"{client.desk.url}/console/api/live"
    async with client.http.get(address) as response:
        assert response.content_type == "text/event-stream"
        stream = Stream(response)
        assert (await stream.next("hello"))["token"] == client.token
        await stream.next("ping")
        await client.desk.post("finops", "a1", said.alert())
        posted = await stream.next("message")
        assert (posted["channel"], posted["revision"]) == ("finops", 1)
        await client.press("test.console.investigate")
        changed = await stream.next("message")
        if changed["revision"] == 1:
            pytest.fail("the post was told twice")
        assert changed["revision"] == 2
        reply = await stream.next("message")
        assert reply["root"]["replies"] == 1
        await stream.next("ping")
    await client.desk.post("search", "s1", said.news("While nobody looked"))
    await client.desk.edit("a1", said.alert("a1", "Changed while nobody looked."))
    headers = {"Last-Event-ID": stream.last_id} if how == "header" else {}
    query = f"?since={stream.last_id}" if how == "query" else ""
    async with client.http.get(address + query, headers=headers) as response:
        again = Stream(response)
        missed: dict[int, Any] = {}
        while len(missed) < 3:
            message = await again.next("message")
            missed[message["id"]] = message
    assert "Changed while nobody looked." in words(missed[posted["id"]])
    assert any(m["channel"] == "search" for m in missed.values())


async def test_too_much_at_once_makes_the_page_load_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LIMIT", 3)
    await client.desk.fill("finops", 5)
    async with client.http.get(f"{client.desk.url}/console/api/live?since=0-0") as response:
        await Stream(response).next("reset")


@pytest.mark.parametrize(
    "since", ["", "x", "1-", "-1", "1-99999999999999999999999", "٣-٣", "1-1-1"]
)
async def test_a_mark_that_cannot_be_read_starts_now(client: Client, since: str) -> None:
    await client.desk.post("finops", "n1", said.news())
    address = f"{client.desk.url}/console/api/live"
    async with client.http.get(address, params={"since": since}) as response:
        await Stream(response).next("hello")
        await Stream(response).next("ping")


async def test_another_process_writes_and_the_page_hears_of_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two processes share a database: nobody tells us, so the stream looks by itself."""
    monkeypatch.setattr(live, "KEEP_ALIVE", 0.05)
    monkeypatch.setattr(client.desk.surface, "notify", lambda: None)
    async with client.http.get(f"{client.desk.url}/console/api/live") as response:
        stream = Stream(response)
        await stream.next("ping")
        await client.desk.post("finops", "n1", said.news("From elsewhere"))
        assert (await stream.next("message"))["content"]["summary"] == "From elsewhere"


async def test_the_server_stops_at_once_with_a_stream_open(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk, aiohttp.ClientSession() as http:
        await desk.start()
        async with http.get(f"{desk.url}/console/api/live") as response:
            await Stream(response).next("ping")
            await desk.stop()
            assert await response.content.read() == b""
