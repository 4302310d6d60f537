"""Without credentials: an emulator on this machine, and nothing else."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.settings import SettingsError, TeamsSettings, read_settings
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.fakes.teams_cards import words
from tests.teams.house import House, house


@pytest.fixture
async def emulator(sqlite: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[House]:
    """The bot without credentials, in front of a connector that asks for none."""
    settings = TeamsSettings("", "", "local")
    async with house(sqlite, loaded, clock, installed=False, settings=settings) as made:
        made.fake.tokens.allows = lambda *_: True  # type: ignore[method-assign]
        yield made


def message(home: House, text: str = "test said hello") -> dict[str, Any]:
    user = home.users["engineer"]
    where = home.fake.install_personal(user)
    return home.hands.make.message(user, where, text, mentions=False)


async def test_it_works_without_a_token(emulator: House) -> None:
    sent = await emulator.hands.send(message(emulator), token="")
    assert sent.status == 200
    await emulator.settle()
    assert "You said\nhello" in emulator.chat("engineer")[-1]
    assert emulator.audited() == [("engineer@example.com", "test.said")]
    assert emulator.fake.token_requests == 0
    assert emulator.fake.metadata_fetches == 0


async def test_cards_work_too(emulator: House) -> None:
    emulator.fake.install(emulator.team)
    await emulator.hands.mention(emulator.users["engineer"], emulator.channel("ml-search"), "help")
    root = await emulator.thing()
    sent = await emulator.press("engineer", root, "Take")
    assert emulator.state() == "investigating"
    assert "investigating by" in words(sent.card())


@pytest.mark.parametrize(
    "url",
    [
        "https://smba.trafficmanager.net/emea/",
        "http://elsewhere.example/",
        "http://127.0.0.1@elsewhere.example/",
        "http://127.0.0.1.elsewhere.example/",
        "http://elsewhere.example/127.0.0.1",
        "https://127.0.0.1/",
        "",
    ],
)
async def test_answers_go_to_this_machine_only(emulator: House, url: str) -> None:
    sent = await emulator.hands.send({**message(emulator), "serviceUrl": url}, token="")
    assert sent.status in (400, 403)
    await emulator.settle()
    assert emulator.audited() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Host": "rebound.example"},
        {"Content-Type": "application/json", "Host": "127.0.0.1.rebound.example:3978"},
    ],
)
async def test_a_page_in_a_browser_cannot_use_it(emulator: House, headers: dict[str, str]) -> None:
    sent = await emulator.hands.raw(json.dumps(message(emulator)).encode(), headers)
    assert sent.status == 403
    await emulator.settle()
    assert emulator.audited() == []


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "Via", "X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Proto", "X-Real-IP"],
)
async def test_a_proxy_on_this_machine_does_not_let_the_world_in(
    emulator: House, header: str
) -> None:
    """A tunnel or a web server beside the bot reaches it over loopback, for anybody."""
    given = {"Content-Type": "application/json", header: "for=203.0.113.9"}
    sent = await emulator.hands.raw(json.dumps(message(emulator)).encode(), given)
    assert sent.status == 403
    await emulator.settle()
    assert emulator.audited() == []


async def test_with_an_app_id_the_header_is_always_needed(home: House) -> None:
    assert (await home.hands.send(message(home), token="")).status == 401
    await home.settle()
    assert home.audited() == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "bot.example.com"])
def test_trap_39_it_does_not_start_where_others_reach_it(host: str) -> None:
    with pytest.raises(SettingsError, match="lets anybody in"):
        read_settings({"SANDRAIL_TEAMS_ANONYMOUS": "1", "HOST": host})


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1"])
def test_on_this_machine_it_starts(host: str) -> None:
    settings = read_settings({"SANDRAIL_TEAMS_ANONYMOUS": "1", "HOST": host})
    assert settings.on_loopback
    assert settings.teams is not None
    assert settings.teams.anonymous


def test_beside_slack_over_http_it_does_not_open_to_the_world() -> None:
    slack = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s"}
    with pytest.raises(SettingsError, match=r"0\.0\.0\.0"):
        read_settings({**slack, "SANDRAIL_TEAMS_ANONYMOUS": "1"})
    assert read_settings({**slack, "SANDRAIL_TEAMS_ANONYMOUS": "1", "HOST": "localhost"}).teams
