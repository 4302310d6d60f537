"""Socket Mode: the same handlers over a connection that the bot opens."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.delivery import Delivery
from bot.kernel import Kernel
from bot.settings import SlackSettings
from bot.slack.door import add_routes
from bot.slack.surface import SlackSurface
from bot.surface import Surface
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.fakes.slack_hands import Hands
from tests.fakes.slack_server import FakeSlack
from tests.slack.conftest import ALERTS, ENGINEER, World
from tests.slack.house import LABS, LABS_CHANNEL, house, labs


@pytest.fixture
async def socket(
    slack: FakeSlack, policy: LoadedPolicy, sqlite: Database, clock: Clock
) -> AsyncIterator[World]:
    """The bot behind a firewall: an app token, no signing secret."""
    settings = SlackSettings(slack.token, None, slack.app_token, slack.api_url)
    surface = SlackSurface(settings, policy, sqlite, clock)
    surface.pace = 0.0
    surfaces: dict[str, Surface] = {"slack": surface}
    delivery = Delivery(sqlite, surfaces, clock)
    kernel = Kernel(sqlite, policy, surfaces, delivery, clock)
    app = web.Application()
    door = add_routes(app, surface, kernel)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await asyncio.wait_for(slack.connected.wait(), 5)
    hands = Hands(slack, "", "")
    yield World(slack, hands, surface, kernel, delivery, door, clock)
    await hands.close()
    await runner.cleanup()
    await asyncio.sleep(0)


async def test_a_press_a_form_and_a_command_over_the_socket(socket: World) -> None:
    message = await socket.thing()
    payload = socket.hands.press_payload(ENGINEER, ALERTS, message, "Expected")
    answer = await socket.slack.envelope("interactive", payload)
    assert "payload" not in answer
    (view,) = socket.slack.views
    refused = socket.hands.submission_payload(ENGINEER, view, why="", until="2026-11-30")
    answer = await socket.slack.envelope("interactive", refused)
    assert answer["payload"]["response_action"] == "errors"
    assert set(answer["payload"]["errors"]) == {"why"}
    good = socket.hands.submission_payload(ENGINEER, view, why="Launch", until="2026-11-30")
    await socket.slack.envelope("interactive", good)
    assert socket.state() == "expected"
    command = socket.hands.command_body(ENGINEER, "/test", "echo hi", ALERTS)
    answer = await socket.slack.envelope("slash_commands", command)
    assert answer["payload"]["text"] == "You said hi"
    assert answer["payload"]["response_type"] == "ephemeral"


async def test_an_entry_in_a_messages_menu_over_the_socket(socket: World) -> None:
    message = await socket.thing()
    payload = socket.hands.menu_payload(ENGINEER, ALERTS, message, "Bring to the council")
    await socket.slack.envelope("interactive", payload)
    assert "The policy has no council." in await socket.note()


async def test_an_envelope_sent_again_runs_once(socket: World) -> None:
    message = await socket.thing()
    payload = socket.hands.press_payload(ENGINEER, ALERTS, message, "Take")
    await socket.slack.envelope("interactive", payload)
    await socket.slack.envelope("interactive", json.loads(json.dumps(payload)))
    await socket.deliver()
    assert len(socket.audited()) == 1
    assert socket.slack.ephemerals == []


async def test_without_a_signing_secret_there_is_no_http_door(socket: World) -> None:
    app = web.Application()
    add_routes(app, socket.surface, socket.kernel)
    assert [r for r in app.router.routes() if r.method == "POST"] == []


async def test_workspaces_that_install_the_app_are_heard_over_the_socket(
    slack: FakeSlack, sqlite: Database, clock: Clock
) -> None:
    """Only the browser of the one who installs comes by HTTP; there is no address for Slack's requests."""
    async with house(slack, sqlite, clock, frozenset({slack.team, LABS}), socket=True) as bot:
        await asyncio.wait_for(slack.connected.wait(), 5)
        other = labs(slack)
        for workspace in (slack, other):
            status, _ = await bot.install(workspace)
            assert status == 200
        for workspace, user, channel in (
            (slack, ENGINEER, ALERTS),
            (other, "U0LABSENG", LABS_CHANNEL),
        ):
            hands = bot.hands(workspace)
            command = hands.command_body(user, "/test", "echo hi", channel)
            answer = await slack.envelope("slash_commands", command)
            assert answer["payload"]["text"] == "You said hi"
            await hands.close()
        async with bot.browser.post(f"{bot.url}/slack/events", data=b"") as got:
            assert got.status == 404
