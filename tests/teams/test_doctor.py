"""What ``sandrail doctor`` says of Teams."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.main import app
from bot.settings import TeamsSettings
from bot.teams.doctor import Found, check_teams
from guardrails.policy.people import Members
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import POLICY, Clock
from tests.teams.house import House, house, settings_of

GROUP = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"


@pytest.fixture
async def there(database: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[House]:
    """The app in the team AI and with everybody, all of whom have written to it once."""
    async with house(database, loaded, clock) as made:
        for user in made.users.values():
            assert (await made.hands.say(user, "help")).status == 200
        await made.settle()
        yield made


def policy_of(there: House) -> LoadedPolicy:
    return there.surface.loaded


def with_group(loaded: LoadedPolicy, *groups: str) -> LoadedPolicy:
    """The policy with a role by Entra groups, and one person whose object id is known."""
    policy = loaded.policy
    first = policy.people[0].model_copy(update={"teams": None})
    roles = {**policy.roles, "operator": Members(entra_groups=groups)}
    changed = policy.model_copy(update={"roles": roles, "people": (first, *policy.people[1:])})
    return replace(loaded, policy=changed)


async def looked(
    there: House, loaded: LoadedPolicy | None = None, settings: TeamsSettings | None = None
) -> list[Found]:
    return await check_teams(
        settings or settings_of(there.fake),
        loaded or policy_of(there),
        there.kernel.database,
    )


def wrong(found: list[Found]) -> list[str]:
    return [f"{what} {mend}".strip() for state, what, mend in found if state != "ok"]


def said(found: list[Found]) -> str:
    return "\n".join(f"{state}: {what} {mend}".strip() for state, what, mend in found)


async def test_nothing_is_wrong(there: House) -> None:
    found = await looked(there)
    assert wrong(found) == []
    assert "ok: Microsoft Entra accepts the app's credentials." in said(found)
    assert "ok: The bot is in AI / finops (finops)." in said(found)
    assert "ok: The bot is in AI / ml-search (ml-search)." in said(found)
    assert f"ok: {len(there.users)} personal chats are known." in said(found)


async def test_channels_that_the_policy_lacks_are_named_with_their_ids(there: House) -> None:
    team = there.team
    lines = said(await looked(there))
    for name in ("General", "leadership"):
        assert f"AI / {name}, which no channel of the policy names: {team.channels[name]}" in lines
    assert f"names: {team.channels['finops']}" not in lines


async def test_a_channel_that_was_made_later_is_seen(there: House) -> None:
    there.fake.chats["19:later@thread.tacv2"] = replace(there.fake.chats[there.team.id])
    there.team.channels["later"] = "19:later@thread.tacv2"
    assert "AI / later, which no channel of the policy names" in said(await looked(there))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"password": "expired"}, "MICROSOFT_APP_PASSWORD"),
        ({"tenant": OTHER}, "MICROSOFT_APP_TENANT_ID"),
        ({"app_id": OTHER}, "MICROSOFT_APP_ID"),
    ],
)
async def test_refused_credentials_are_one_sentence(
    there: House, changed: dict[str, str], why: str
) -> None:
    (one,) = await looked(there, settings=replace(settings_of(there.fake), **changed))
    assert one[0] == "wrong"
    assert why in one[1]


async def test_a_sign_in_that_does_not_answer_is_said(there: House) -> None:
    settings = replace(settings_of(there.fake), login_url="http://127.0.0.1:9/")
    (one,) = await looked(there, settings=settings)
    assert one[0] == "wrong"
    assert "Microsoft Entra does not answer" in one[1]


async def test_an_app_that_was_removed_is_named_with_each_channel(there: House) -> None:
    await there.hands.uninstall_team(there.team, there.users["lead"])
    bad = wrong(await looked(there))
    assert len(bad) == 2
    assert all("any more. The app was removed there; add it again." in line for line in bad)


async def test_an_app_that_was_removed_unheard_is_found(there: House) -> None:
    there.fake.uninstall(there.team)
    bad = wrong(await looked(there))
    assert len(bad) == 2
    assert all("any more. Add the app to the team" in line for line in bad)


async def test_a_deleted_channel_is_named(there: House) -> None:
    await there.hands.delete_channel(there.team, there.channel("ml-search"), there.users["lead"])
    (bad,) = wrong(await looked(there))
    assert bad.startswith("The bot is not in AI / ml-search (ml-search) any more.")
    assert bad.endswith("The channel was deleted.")


async def test_a_channel_of_a_team_without_the_app_is_named(there: House) -> None:
    loaded = policy_of(there)
    far = "19:far@thread.tacv2"
    channels = {
        **loaded.policy.channels,
        "leadership": loaded.policy.channels["leadership"].model_copy(update={"teams": far}),
    }
    policy = loaded.policy.model_copy(update={"channels": channels})
    (bad,) = wrong(await looked(there, replace(loaded, policy=policy)))
    assert f"The bot sees no channel {far} (leadership)." in bad
    assert "standard channels only" in bad


async def test_teams_that_does_not_answer_is_a_warning_with_what_was_known(there: House) -> None:
    there.fake.fail("GET", "/conversations", 503)
    found = await looked(there)
    (bad,) = wrong(found)
    assert bad.startswith("Teams does not say which channels AI has. Teams answered 503")
    assert "ok: The bot is in AI / finops (finops)." in said(found)


async def test_a_bot_that_the_connector_refuses_is_wrong(there: House) -> None:
    there.fake.fail("GET", "/conversations", 401, times=2)
    states = [state for state, what, _ in await looked(there) if "Teams refuses" in what]
    assert states == ["wrong"]


async def test_before_the_first_team_it_is_said_what_to_do(
    database: Database, loaded: LoadedPolicy, clock: Clock
) -> None:
    async with house(database, loaded, clock, installed=False) as h:
        bad = "\n".join(wrong(await looked(h)))
    assert "The app is in no team yet" in bad
    assert "messaging endpoint" in bad
    assert "No personal chat is known" in bad


async def test_a_policy_without_channels_in_teams(there: House, loaded: LoadedPolicy) -> None:
    lines = said(await looked(there, loaded))
    assert "wrong: No channel of the policy is in Microsoft Teams." in lines
    assert there.channel("finops") in lines  # to be put there


async def test_groups_are_named(there: House) -> None:
    there.fake.add_group(GROUP, "FinOps operators", [there.users["finops"]])
    found = await looked(there, with_group(policy_of(there), GROUP))
    assert wrong(found) == []
    assert "ok: The Entra group of the role operator is FinOps operators." in said(found)


async def test_a_group_that_is_not_there_is_named_beside_the_others(there: House) -> None:
    there.fake.add_group(GROUP, "FinOps operators", [there.users["finops"]])
    found = await looked(there, with_group(policy_of(there), OTHER, GROUP))
    (bad,) = wrong(found)
    assert f"There is no Entra group {OTHER} (role operator)." in bad
    assert "FinOps operators" in said(found)


async def test_a_missing_permission_of_graph_is_named_once(there: House) -> None:
    there.fake.graph_denied = True
    (bad,) = wrong(await looked(there, with_group(policy_of(there), GROUP, OTHER)))
    assert "GroupMember.Read.All and User.ReadBasic.All" in bad
    assert "admin consent" in bad


async def test_a_permission_to_read_members_is_missed_too(there: House) -> None:
    there.fake.add_group(GROUP, "FinOps operators", [])
    loaded = with_group(policy_of(there), GROUP)
    known = loaded.policy.people[0].model_copy(update={"teams": there.users["lead"].oid})
    policy = loaded.policy.model_copy(update={"people": (known, *loaded.policy.people[1:])})
    loaded = replace(loaded, policy=policy)
    assert wrong(await looked(there, loaded)) == []
    there.fake.fail("POST", "checkMemberGroups", 403, "Authorization_RequestDenied")
    (bad,) = wrong(await looked(there, loaded))
    assert bad.startswith("Who is in an Entra group cannot be read.")
    assert "User.ReadBasic.All" in bad


async def test_people_with_a_role_who_were_never_seen(
    database: Database, loaded: LoadedPolicy, clock: Clock
) -> None:
    async with house(database, loaded, clock) as h:
        await h.hands.say(h.users["lead"], "help")
        await h.settle()
        bad = "\n".join(wrong(await looked(h)))
    assert "Never seen in Teams, with the role engineer: engineer@example.com." in bad
    assert "role lead" not in bad


async def test_the_anonymous_mode_is_warned_about(there: House) -> None:
    ((state, what, mend),) = await looked(there, settings=TeamsSettings("", "", "local"))
    assert state == "warning"
    assert "without authentication" in what
    assert "SANDRAIL_TEAMS_ANONYMOUS" in mend


def test_the_command_looks_at_teams_when_it_is_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.yaml").write_text(POLICY, encoding="utf-8")
    without = CliRunner().invoke(app, ["doctor"]).stdout
    assert "Neither Slack nor Microsoft Teams is set up" in " ".join(without.split())
    monkeypatch.setenv("SANDRAIL_TEAMS_ANONYMOUS", "1")
    said = " ".join(CliRunner().invoke(app, ["doctor"]).stdout.split())
    assert "Teams is served without authentication" in said
    assert "Neither Slack" not in said
