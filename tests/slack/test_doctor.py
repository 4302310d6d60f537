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
from tests.slack.conftest import LEAD, SECRET, World


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


async def test_a_group_that_is_empty_or_disabled_is_named(
    slack: FakeSlack, policy: LoadedPolicy
) -> None:
    slack.groups[0]["users"] = []
    (wrong,) = await _wrong(slack, policy)
    assert wrong == (
        "The user group @ml-leads is empty, so nobody has a role by it. "
        "Add people to it in Slack, or give the role e-mails."
    )
    slack.groups[0] |= {"users": [LEAD], "date_delete": 1_795_000_000}
    (wrong,) = await _wrong(slack, policy)
    assert wrong.startswith("The user group @ml-leads is disabled")
    assert "Enable it in Slack" in wrong


@pytest.mark.parametrize("code", ["missing_scope", "no_such_subteam", "fatal_error"])
async def test_a_group_whose_members_cannot_be_read_is_named(
    slack: FakeSlack, policy: LoadedPolicy, code: str
) -> None:
    slack.fault("usergroups.users.list", "error", code)
    (wrong,) = await _wrong(slack, policy)
    assert wrong.startswith("The members of the user group @ml-leads cannot be read. ")
    assert ("install the app again" if code == "missing_scope" else code) in wrong
    assert "the role may have e-mails" in wrong


async def test_without_the_scope_for_groups_it_is_named(
    slack: FakeSlack, policy: LoadedPolicy
) -> None:
    slack.scopes.discard("usergroups:read")
    wrong = "\n".join(await _wrong(slack, policy))
    assert "The scope usergroups:read is missing" in wrong
    assert "The user groups cannot be read." in wrong


async def test_an_organisation_is_asked_workspace_by_workspace(
    slack: FakeSlack, policy: LoadedPolicy
) -> None:
    slack.org, slack.enterprise = True, "E0GROUP"
    assert await _wrong(slack, policy) == []
    assert {given["team_id"] for given in slack.called("usergroups.users.list")} == {slack.team}
    assert {given["team_id"] for given in slack.called("conversations.list")} == {slack.team}
    slack.fault("auth.teams.list", "error", "fatal_error")
    (wrong,) = await _wrong(slack, policy)
    assert wrong.startswith("The workspaces of the organisation cannot be listed.")


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
