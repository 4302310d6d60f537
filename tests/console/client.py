"""The page's requests, without the page."""

import json
from typing import Any

import aiohttp

from bot.console.gate import TOKEN_HEADER
from tests.console.desk import Desk

ENGINEER, EXECUTIVE = "engineer@example.com", "executive@example.com"


class Client:
    """The page's requests, without the page."""

    def __init__(self, desk: Desk, http: aiohttp.ClientSession, token: str) -> None:
        self.desk, self.http, self.token = desk, http, token

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """(status, JSON)."""
        async with self.http.get(f"{self.desk.url}/console/api{path}", headers=headers) as got:
            return got.status, await got.json()

    async def post(
        self, path: str, body: object, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """(status, JSON); with the page's token unless other headers are given."""
        given = {TOKEN_HEADER: self.token} if headers is None else headers
        address = f"{self.desk.url}/console/api{path}"
        async with self.http.post(address, json=body, headers=given) as got:
            return got.status, await got.json()

    async def press(self, action: str, person: str = ENGINEER, **more: object) -> Any:
        """The reply to a press on the alert a1 in finops."""
        status, reply = await self.post("/press", asked(person, action=action, **more))
        assert status == 200, reply
        await self.desk.sent()
        return reply

    async def messages(self, channel: str = "finops", query: str = "") -> list[Any]:
        """The messages of a channel."""
        _, found = await self.get(f"/channels/{channel}/messages{query}")
        return list(found["messages"])


_count = 0


def asked(person: str = ENGINEER, **more: object) -> dict[str, object]:
    """The body of a POST."""
    global _count
    _count += 1
    body = {"delivery_id": f"delivery-{_count}", "person": person, "channel": "finops"}
    if "action" in more:
        body["subject"] = "a1"
    return {**body, **more}


def words(message: dict[str, Any]) -> str:
    """All that a message says."""
    return json.dumps(message["content"], ensure_ascii=False)
