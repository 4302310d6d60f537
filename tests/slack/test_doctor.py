"""What ``sandrail doctor`` says of Slack, and how a start without Slack ends."""

import asyncio

import pytest
from aiohttp import web

from bot.settings import SettingsError, SlackSettings
from bot.slack.calls import sign_in
from bot.slack.doctor import check_slack
from bot.slack.door import add_routes
from bot.slack.scopes import SCOPES
from bot.slack.surface import SlackSurface
from storage.policy_file import LoadedPolicy
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_state import ALL_SCOPES
from tests.slack.conftest import SECRET, World


async def _wrong(slack: FakeSlack, policy: LoadedPolicy, app_token: str | None = None) -> list[str]:
    settings = SlackSettings(slack.token, SECRET, app_token, slack.api_url)
    found = await check_slack(settings, policy)
    return [f"{what} {mend}" for state, what, mend in found if state != "ok"]


def test_the_scopes_that_are_asked_for_are_those_that_the_tests_need() -> None:
    assert set(SCOPES) == ALL_SCOPES


async def test_nothing_is_wrong(slack: FakeSlack, policy: LoadedPolicy) -> None:
    assert await _wrong(slack, policy, slack.app_token) == []


async def test_each_thing_that_is_wrong_is_named_with_its_mending(
    slack: FakeSlack, policy: LoadedPolicy
) -> None:
    slack.scopes.discard("files:write")
    slack.channels["C0ALERTS1"].member = False
    slack.channels["C0SEARCH1"].archived = True
    slack.groups.clear()
    wrong = "\n".join(await _wrong(slack, policy, "xapp-wrong"))
    assert "files:write" in wrong
    assert "/invite @Sandrail in C0ALERTS1" in wrong
    assert "#ml-search (search) is archived" in wrong
    assert "no user group @ml-leads" in wrong
    assert "SLACK_APP_TOKEN" in wrong


async def test_a_refused_token_is_one_sentence(slack: FakeSlack, policy: LoadedPolicy) -> None:
    slack.revoked = "token_revoked"
    (wrong,) = await _wrong(slack, policy)
    assert "install the app again" in wrong


async def test_a_plan_without_groups_is_said(slack: FakeSlack, policy: LoadedPolicy) -> None:
    slack.paid = False
    (wrong,) = await _wrong(slack, policy)
    assert "give the roles e-mails" in wrong


async def test_signing_in_outside_the_loop(slack: FakeSlack) -> None:
    settings = SlackSettings(slack.token, SECRET, None, slack.api_url)
    answer = await asyncio.to_thread(sign_in, settings)
    assert answer["team_id"] == slack.team
    slack.revoked = "invalid_auth"
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN"):
        await asyncio.to_thread(sign_in, settings)


async def test_a_start_with_a_refused_token_ends_with_a_sentence(world: World) -> None:
    world.slack.revoked = "invalid_auth"
    surface = SlackSurface(
        world.surface.settings, world.kernel.loaded, world.kernel.database, world.clock
    )
    app = web.Application()
    add_routes(app, surface, world.kernel)
    runner = web.AppRunner(app)
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN"):
        await runner.setup()
    await runner.cleanup()
    await surface.close()


async def test_a_channel_that_is_not_in_slack_has_no_place(world: World) -> None:
    assert world.surface.place("leadership") is None
    place = world.surface.place("search")
    assert place is not None
    assert (place.tenant, place.channel) == (world.slack.team, "#ml-search")
