"""A bare bot for the tests of the fake itself: it calls what it is told to, and remembers what it hears."""

import json
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from tests.fakes.teams_cards import ADAPTIVE
from tests.fakes.teams_server import FakeTeams
from tests.fakes.teams_tokens import CONNECTOR_SCOPE

Json = dict[str, Any]


def a_card(*actions: Json, body: list[Json] | None = None, **more: Any) -> Json:
    blocks = body or [{"type": "TextBlock", "text": "Spend rose"}]
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": blocks,
        "actions": list(actions),
        **more,
    }


def holding(card: Json) -> Json:
    return {"type": "message", "attachments": [{"contentType": ADAPTIVE, "content": card}]}


def execute(title: str, **data: Any) -> Json:
    return {"type": "Action.Execute", "title": title, "verb": "press", "data": data}


class Caller:
    """Calls the fake as a bot does."""

    def __init__(self, fake: FakeTeams, http: aiohttp.ClientSession) -> None:
        self.fake, self.http, self.bearer = fake, http, ""

    async def sign_in(self, scope: str = CONNECTOR_SCOPE, **changes: str) -> tuple[int, Json]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.fake.app_id,
            "client_secret": self.fake.password,
            "scope": scope,
            **changes,
        }
        url = f"{self.fake.login_url}{form.pop('tenant', self.fake.tenant)}/oauth2/v2.0/token"
        async with self.http.post(url, data=form) as response:
            answer = await response.json()
        self.bearer = answer.get("access_token", "")
        return response.status, answer

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Json]:
        base = self.fake.base if path.startswith("/") else self.fake.service_url
        headers = {"Authorization": f"Bearer {self.bearer}"}
        async with self.http.request(method, base + path, json=body, headers=headers) as response:
            text = await response.text()
        return response.status, json.loads(text) if text.startswith("{") else {
            "headers": response.headers
        }

    async def send(self, conversation: str, activity: Json) -> tuple[int, Json]:
        path = f"v3/conversations/{quote(conversation, safe='')}/activities"
        return await self("POST", path, activity)


class Bot:
    """Remembers what came and answers with ``answer``."""

    def __init__(self) -> None:
        self.got: list[Json] = []
        self.answer: Json = {}

    async def __call__(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        return web.json_response(self.answer) if self.answer else web.Response()
