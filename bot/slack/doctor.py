"""What is wrong with the connection to Slack, and how to mend each: for ``sandrail doctor``."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import SlackSettings
from bot.slack.calls import Calls
from bot.slack.errors import typed
from bot.slack.scopes import SCOPES
from bot.surface import DeliveryError
from storage.database import Database
from storage.policy_file import LoadedPolicy

State = Literal["ok", "warning", "wrong"]
#: State, what was found, how to mend it.
Found = tuple[State, str, str]

_SKEW = 60  # seconds that our clock and Slack's may be apart before it is said


async def check_slack(
    settings: SlackSettings, loaded: LoadedPolicy, database: Database | None = None
) -> list[Found]:
    """Looks at token, scopes, clock, channels, user groups and Socket Mode; raises nothing.

    Without a bot token it looks so at each workspace whose installation is in the ``database``.
    """
    if settings.oauth and database is not None:
        return await _installed(settings, loaded, database)
    return await _workspace(settings, settings.bot_token, loaded)


async def _installed(
    settings: SlackSettings, loaded: LoadedPolicy, database: Database
) -> list[Found]:
    from bot.slack.installations import known

    tenants = await database.in_read(lambda c: known(c, settings.client_id))
    if not tenants:
        mend = "Open /slack/install in a browser and choose the workspace."
        return [("wrong", "The Slack app is not installed in any workspace yet.", mend)]
    found: list[Found] = []
    for number, (tenant, installed) in enumerate(tenants):
        name = f"{tenant.name or tenant.tenant} ({tenant.tenant})"
        if installed is None:
            mend = "Open /slack/install there, or name another workspace in the policy's channels."
            found.append(("wrong", f"{name}: {tenant.gone_why or 'its token is gone.'}", mend))
            continue
        here = {
            n: c.model_copy(update={"slack": where})
            for n, c in loaded.policy.channels.items()
            if c.slack
            for team, _, where in [c.slack.rpartition("/")]
            if team == tenant.tenant or (not team and number == 0)
        }
        policy = loaded.policy.model_copy(update={"channels": here})
        part = LoadedPolicy(policy, loaded.hash, loaded.folder)
        for state, what, mend in await _workspace(settings, installed.token, part, bool(here)):
            found.append((state, f"{name}: {what}", mend))
    return found


async def _workspace(
    settings: SlackSettings, token: str, loaded: LoadedPolicy, channels: bool = True
) -> list[Found]:
    calls = Calls(settings.api_url, token)
    try:
        return [found async for found in _checks(calls, settings, loaded, channels)]
    finally:
        await calls.close()


async def _checks(
    calls: Calls, settings: SlackSettings, loaded: LoadedPolicy, channels: bool
) -> AsyncIterator[Found]:
    await calls.session()
    try:
        answer = await calls.client.api_call("auth.test")
    except Exception as error:
        yield "wrong", typed(error, writes=False, channel="").reason, ""
        return
    yield "ok", f"Slack accepts the bot token: {answer.get('user')} in {answer.get('team')}.", ""
    headers = {str(k).lower(): str(v) for k, v in dict(answer.headers).items()}
    for found in (*_scopes(headers), *_clock(headers)):
        yield found
    teams: list[str | None] = [None]
    try:
        if answer.get("is_enterprise_install"):
            teams = await _teams(calls)
    except DeliveryError as error:
        yield "wrong", f"The workspaces of the organisation cannot be listed. {error.reason}", ""
        return
    if channels:
        async for found in _channels(calls, loaded, teams):
            yield found
    async for found in _groups(calls, loaded, teams):
        yield found
    if settings.app_token:
        yield await _socket(settings)


def _scopes(headers: dict[str, str]) -> list[Found]:
    given = {s.strip() for s in headers.get("x-oauth-scopes", "").split(",") if s.strip()}
    if not given:
        mend = "Slack did not say which it gave; compare them with docs/slack.md."
        return [("warning", "The scopes of the Slack app could not be checked.", mend)]
    missing = sorted(set(SCOPES) - given)
    mend = "Add it under OAuth & Permissions and install the app again."
    if not missing:
        return [("ok", f"The Slack app has its {len(SCOPES)} scopes.", "")]
    return [("wrong", f"The scope {s} is missing: the bot {SCOPES[s]}.", mend) for s in missing]


def _clock(headers: dict[str, str]) -> list[Found]:
    try:
        apart = (datetime.now(UTC) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return []
    if abs(apart) <= _SKEW:
        return [("ok", "This machine's clock agrees with Slack's.", "")]
    said = f"This machine's clock is {abs(apart):.0f} seconds {'ahead' if apart > 0 else 'behind'}."
    return [
        ("wrong", said, "Slack's requests are refused from 300 seconds on: set the clock by NTP.")
    ]


async def _teams(calls: Calls) -> list[str | None]:
    """The workspaces of an organisation: its token has to say which one it means."""
    answer = await calls.read("auth.teams.list", limit=1000)
    return [str(team["id"]) for team in answer.get("teams") or []]


async def _channels(
    calls: Calls, loaded: LoadedPolicy, teams: list[str | None]
) -> AsyncIterator[Found]:
    wanted = {n: c.slack for n, c in loaded.policy.channels.items() if c.slack}
    if not wanted:
        yield (
            "wrong",
            "No channel of the policy is in Slack.",
            "Give each under channels its slack: '#name'.",
        )
        return
    try:
        known = await _listed(calls, teams)
    except DeliveryError as error:
        yield "wrong", f"The channels cannot be listed. {error.reason}", ""
        return
    for name, slack in wanted.items():
        channel = known.get(slack)
        mend = f"Invite it: write /invite @Sandrail in {slack}."
        if channel is None:
            yield "wrong", f"The bot sees no channel {slack} ({name}).", f"Check its name. {mend}"
        elif channel.get("is_archived"):
            yield (
                "wrong",
                f"The channel {slack} ({name}) is archived.",
                "Unarchive it or name another.",
            )
        elif not channel.get("is_member"):
            yield "wrong", f"The bot is not in {slack} ({name}).", mend
        else:
            yield "ok", f"The bot is in {slack} ({name}).", ""


async def _listed(calls: Calls, teams: list[str | None]) -> dict[str, dict[str, Any]]:
    """The channels that the bot sees, by id and by ``#name``."""
    known: dict[str, dict[str, Any]] = {}
    for team in teams:
        cursor: str | None = None
        while True:
            answer = await calls.read(
                "conversations.list",
                types="public_channel,private_channel",
                exclude_archived=False,
                limit=999,
                cursor=cursor,
                team_id=team,
            )
            for channel in answer.get("channels") or []:
                known.setdefault(str(channel["id"]), channel)
                known.setdefault(f"#{channel['name']}", channel)
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                break
    return known


async def _groups(
    calls: Calls, loaded: LoadedPolicy, teams: list[str | None]
) -> AsyncIterator[Found]:
    wanted = sorted({g for m in loaded.policy.roles.values() for g in m.slack_groups})
    if not wanted:
        return
    known: list[tuple[str | None, dict[str, Any]]] = []
    try:
        for team in teams:
            answer = await calls.read("usergroups.list", include_disabled=True, team_id=team)
            known += [(team, group) for group in answer.get("usergroups") or []]
    except DeliveryError as error:
        mend = "User groups need a paid plan; give the roles e-mails instead."
        yield "wrong", f"The user groups cannot be read. {error.reason}", mend
        return
    for name in wanted:
        yield await _group(calls, name, known)


async def _group(calls: Calls, name: str, known: list[tuple[str | None, dict[str, Any]]]) -> Found:
    """Whether a group that has a role is there, is in use, and says who is in it."""
    called = name.lstrip("@").casefold()
    same = [
        (team, group)
        for team, group in known
        if called in {str(group.get(k, "")).casefold() for k in ("id", "handle")}
    ]
    if not same:
        return (
            "wrong",
            f"There is no user group {name}.",
            "Check its handle in the policy's roles.",
        )
    used = [(team, group) for team, group in same if not group.get("date_delete")]
    if not used:
        mend = (
            "Enable it in Slack under People, User groups, or name another in the policy's roles."
        )
        return "wrong", f"The user group {name} is disabled, so nobody has a role by it.", mend
    members: set[str] = set()
    try:
        for team, group in used:
            answer = await calls.read(
                "usergroups.users.list", usergroup=str(group["id"]), team_id=team
            )
            members |= set(answer.get("users") or [])
    except DeliveryError as error:
        mend = "Until that is mended nobody has a role by it; the role may have e-mails meanwhile."
        return "wrong", f"The members of the user group {name} cannot be read. {error.reason}", mend
    if not members:
        mend = "Add people to it in Slack, or give the role e-mails."
        return "warning", f"The user group {name} is empty, so nobody has a role by it.", mend
    people = "1 member" if len(members) == 1 else f"{len(members)} members"
    return "ok", f"The user group {name} has {people}.", ""


async def _socket(settings: SlackSettings) -> Found:
    client = AsyncWebClient(base_url=settings.api_url, timeout=10, retry_handlers=[])
    try:
        await client.apps_connections_open(app_token=settings.app_token or "")
    except SlackApiError as error:
        code = error.response.get("error")
        mend = "Make an app-level token with connections:write and turn Socket Mode on."
        return "wrong", f"Slack does not accept SLACK_APP_TOKEN ({code}).", mend
    except Exception as error:
        return "wrong", f"Socket Mode cannot be reached: {error}", ""
    return "ok", "Socket Mode can be opened.", ""
