"""What is wrong with the connection to Teams, and how to mend each: for ``sandrail doctor``."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Literal

import aiohttp
from sqlalchemy import Connection

from bot.settings import TeamsSettings
from bot.surface import Closed, DeliveryError, Revoked
from bot.teams.connector import Connector
from bot.teams.errors import TeamsRefused
from bot.teams.graph import Graph
from bot.teams.heard import NAME
from bot.teams.login import CONNECTOR, Login
from storage import identities, teams
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.teams import Conversation

State = Literal["ok", "warning", "wrong"]
#: State, what was found, how to mend it.
Found = tuple[State, str, str]

_LISTED = 20  # channels, and people, that are named one by one
_GRAPH_MEND = (
    "Give the app registration the application permissions GroupMember.Read.All and User.ReadBasic.All of "
    "Microsoft Graph, with admin consent."
)
_ADD_MEND = "Add the app to the team (Apps, Sandrail, Add to a team)."


@dataclass(frozen=True)
class _Team:
    """A team that the bot heard of, with its channels by id. ``failed``: they are those that were known before."""

    name: str
    channels: dict[str, str]
    failed: DeliveryError | None = None


async def check_teams(
    settings: TeamsSettings, loaded: LoadedPolicy, database: Database
) -> list[Found]:
    """Looks at credentials, channels, groups and people; raises nothing."""
    async with aiohttp.ClientSession() as session:
        return [found async for found in _checks(settings, loaded, database, session)]


async def _checks(
    settings: TeamsSettings,
    loaded: LoadedPolicy,
    database: Database,
    session: aiohttp.ClientSession,
) -> AsyncIterator[Found]:
    login = Login(settings, lambda: session)
    if settings.anonymous:
        yield (
            "warning",
            "Teams is served without authentication: whoever reaches the port can be anybody.",
            "It is for emulators on this machine. Unset SANDRAIL_TEAMS_ANONYMOUS elsewhere.",
        )
        return
    try:
        await login.token(CONNECTOR)
    except DeliveryError as error:
        mend = "Make a new client secret if it has expired." if isinstance(error, Revoked) else ""
        yield "wrong", _sentence(error), mend
        return
    yield "ok", "Microsoft Entra accepts the app's credentials.", ""
    connector = Connector(settings, login, lambda: session)
    known = await database.in_read(lambda c: teams.all_of(c, settings.tenant))
    async for found in _channels(connector, loaded, known):
        yield found
    async for found in _groups(Graph(settings, login, lambda: session), loaded):
        yield found
    yield _chats(known)
    seen = await database.in_read(lambda c: _seen(c, settings.tenant, loaded))
    for found in _roles(loaded, seen):
        yield found


# --- channels -------------------------------------------------------------------------------------


async def _channels(
    connector: Connector, loaded: LoadedPolicy, known: list[Conversation]
) -> AsyncIterator[Found]:
    wanted = {n: c.teams for n, c in loaded.policy.channels.items() if c.teams}
    if not wanted:
        yield (
            "wrong",
            "No channel of the policy is in Microsoft Teams.",
            "Give each under channels its teams: the link that Get link to channel gives.",
        )
    if not any(one.kind == "channel" for one in known):
        yield (
            "wrong",
            "The app is in no team yet, as far as Teams has told.",
            f"{_ADD_MEND} The bot must run and be reached at its messaging endpoint then.",
        )
        return
    here = [await _team(connector, team, known) for team in _team_ids(known)]
    for team in here:
        if team.failed is not None:
            state: State = "wrong" if isinstance(team.failed, Revoked) else "warning"
            what = f"Teams does not say which channels {team.name} has. {_sentence(team.failed)}"
            yield state, what, ""
    for name, channel in wanted.items():
        yield _channel(name, channel, here, known)
    listed = set(wanted.values())
    others = [(i, n) for t in here for i, n in t.channels.items() if i not in listed]
    for channel, called in sorted(others, key=lambda one: one[1])[:_LISTED]:
        yield (
            "ok",
            f"The bot also sees {called}, which no channel of the policy names: {channel}",
            "",
        )
    if len(others) > _LISTED:
        yield "ok", f"and {len(others) - _LISTED} channels more.", ""


def _team_ids(known: Iterable[Conversation]) -> list[str]:
    """The teams that the bot heard of, those that are gone too."""
    return list(dict.fromkeys(one.team for one in known if one.kind == "channel" and one.team))


async def _team(connector: Connector, team: str, known: list[Conversation]) -> _Team:
    """What Teams says of a team now."""
    of_team = [one for one in known if one.team == team]
    channels = {o.conversation: o.name or o.conversation for o in of_team if not o.gone_why}
    name = next((one.name.partition(" / ")[0] for one in of_team if one.name), "") or team
    try:
        said = await connector.channels(of_team[0].service_url, team)
    except (Closed, TeamsRefused):  # the app is not in there
        return _Team(name, {})
    except DeliveryError as error:
        return _Team(name, channels, error)
    return _Team(name, {str(c["id"]): f"{name} / {c.get('name') or 'General'}" for c in said})


def _channel(name: str, channel: str, here: list[_Team], known: list[Conversation]) -> Found:
    """Whether the bot can write to a channel of the policy."""
    for team in here:
        if channel in team.channels:
            return "ok", f"The bot is in {team.channels[channel]} ({name}).", ""
    heard = next((one for one in known if one.conversation == channel), None)
    if heard is None:
        mend = f"{_ADD_MEND} Or mend the link under channels: the bot sees standard channels only."
        return "wrong", f"The bot sees no channel {channel} ({name}).", mend
    called = heard.name or channel
    return "wrong", f"The bot is not in {called} ({name}) any more.", heard.gone_why or _ADD_MEND


# --- people ---------------------------------------------------------------------------------------


async def _groups(graph: Graph, loaded: LoadedPolicy) -> AsyncIterator[Found]:
    policy = loaded.policy
    wanted = {g: role for role, m in sorted(policy.roles.items()) for g in m.entra_groups}
    for group, role in wanted.items():
        try:
            name = await graph.group_name(group)
        except DeliveryError as error:
            yield _no_group(group, role, error)
            if "(404)" not in error.reason:
                return  # the others would fail alike
        else:
            yield "ok", f"The Entra group of the role {role} is {name}.", ""
    oid = next((p.teams for p in policy.people if p.teams), None)
    if not wanted or oid is None:
        return
    try:
        await graph.groups_of(oid, list(wanted))
    except DeliveryError as error:
        mend = _GRAPH_MEND if "(403)" in error.reason else ""
        yield "wrong", f"Who is in an Entra group cannot be read. {_sentence(error)}", mend


def _no_group(group: str, role: str, error: DeliveryError) -> Found:
    what = f"The Entra group {group} of the role {role} cannot be read. {_sentence(error)}"
    if "(403)" in error.reason:
        return "wrong", what, _GRAPH_MEND
    if "(404)" in error.reason:
        what = f"There is no Entra group {group} (role {role})."
        return "wrong", what, "Check its object id in the policy's roles."
    return "wrong", what, ""


def _chats(known: list[Conversation]) -> Found:
    count = sum(one.kind == "personal" and not one.gone_why for one in known)
    if count:
        chats = "1 personal chat is" if count == 1 else f"{count} personal chats are"
        return "ok", f"{chats} known.", ""
    return (
        "warning",
        "No personal chat is known, and answers for one person need one.",
        "People add the app for themselves, or an administrator installs it for them by a setup policy.",
    )


def _seen(connection: Connection, tenant: str, loaded: LoadedPolicy) -> set[str]:
    """Those with a role whom Teams has shown to the bot."""
    wanted = {email for m in loaded.policy.roles.values() for email in m.emails}
    return set(identities.named_accounts(connection, NAME, tenant, wanted))


def _sentence(error: DeliveryError) -> str:
    return error.reason.rstrip(".") + "."


def _roles(loaded: LoadedPolicy, seen: set[str]) -> list[Found]:
    """Whom the bot cannot mention or show buttons of their own yet."""
    found: list[Found] = []
    for role, members in sorted(loaded.policy.roles.items()):
        missing = [email for email in members.emails if email not in seen]
        if not missing:
            continue
        shown = ", ".join(missing[:_LISTED])
        more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        what = f"Never seen in Teams, with the role {role}: {shown}{more}."
        mend = "They are not mentioned until they write to the bot or press a button once."
        found.append(("warning", what, mend))
    return found
