"""A file that is attached to a command in the personal chat."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from bot.settings import TeamsSettings
from bot.teams.files import allowed
from bot.teams.heard import FILE
from handlers.conversation import LARGEST_FILE
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.handlers.handing_in import OTHER, bill, replays
from tests.teams.house import House, house

REAL = TeamsSettings("11111111-2222-3333-4444-555555555555", "x", "t")


@dataclass
class Drive:
    """Where Teams keeps what people attach."""

    url: str = ""
    content: bytes = OTHER.encode()
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)

    async def get(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.headers))
        headers = {"Location": f"{self.url}/elsewhere"} if self.status == 302 else {}
        return web.Response(body=self.content, status=self.status, headers=headers)


@pytest.fixture
async def drive() -> AsyncIterator[Drive]:
    made = Drive()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.get)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def home(sqlite: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[House]:
    bill(sqlite)
    async with house(sqlite, loaded, clock) as made:
        yield made


async def say(home: House, drive: Drive, typed: str, *, who: str = "finops", files: int = 1) -> str:
    """Writes to the bot with a file; what it answers."""
    user = home.users[who]
    chat = home.fake.personal_chat(user)
    activity = home.hands.make.message(user, chat, typed, mentions=False)
    one: dict[str, Any] = {
        "contentType": FILE,
        "contentUrl": "https://example-my.sharepoint.com/app.yaml",
        "name": "app.yaml",
        "content": {
            "downloadUrl": f"{drive.url}/a?tempauth=x",
            "uniqueId": "1",
            "fileType": "yaml",
        },
    }
    activity["attachments"] += [one] * files
    sent = await home.hands.send(activity)
    assert sent.status < 300
    await home.settle()
    return home.chat(who)[-1]


async def test_it_is_taken_at_once(home: House, drive: Drive) -> None:
    assert "Replaying 30 days" in await say(home, drive, "policy replay 30d")
    (row,) = replays(home.kernel.database)
    assert (row.policy_text, row.days) == (OTHER, 30)
    assert "Authorization" not in drive.asked[0]


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (OTHER.encode("utf-16"), 200, "not text in UTF-8"),
        (b"#" * (LARGEST_FILE + 1), 200, "larger than 512 kB"),
        (b"version: 2\n", 200, "line 1, column 1"),
        (OTHER.encode(), 302, "send it again"),
        (OTHER.encode(), 404, "send it again"),
    ],
)
async def test_what_cannot_be_used_is_answered(
    home: House, drive: Drive, content: bytes, status: int, said: str
) -> None:
    drive.content, drive.status = content, status
    assert said in await say(home, drive, "policy replay")
    assert replays(home.kernel.database) == []
    assert len(drive.asked) == 1


async def test_only_one_file_and_only_for_the_role(home: House, drive: Drive) -> None:
    assert "one file alone" in await say(home, drive, "policy replay", files=2)
    assert "This needs the role FinOps" in await say(home, drive, "policy replay", who="lead")
    for other in ("help", "policy show", "policy replayed"):
        await say(home, drive, other)
    assert drive.asked == []
    assert replays(home.kernel.database) == []


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://example-my.sharepoint.com/personal/x/_layouts/15/download.aspx?tempauth=y", True),
        ("http://example-my.sharepoint.com/x", False),
        ("http://127.0.0.1/x", False),
        ("https://127.0.0.1/x", False),
        ("https://sharepoint.com.evil.example/x", False),
        ("https://evilsharepoint.com/x", False),
        ("https://x@example.sharepoint.com/x", False),
        ("https://example.sharepoint.com:8443/x", False),
        ("", False),
    ],
)
def test_where_a_file_may_be_fetched(url: str, good: bool) -> None:
    assert allowed(url, REAL) is good
