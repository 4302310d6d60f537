"""The Bot Connector as Teams serves it: conversations, activities, members, teams; and Graph."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.fakes.teams_cards import ADAPTIVE, entity_problems, problems
from tests.fakes.teams_state import Chat, Message, State, Team, TeamsError, User

Answer = tuple[int, Any]
_NOT_THERE = "The bot is not part of the conversation roster."


def create_conversation(state: State, body: dict[str, Any]) -> Answer:
    """A new thread in a channel, or the chat of one person with the bot."""
    data = body.get("channelData") or {}
    activity = body.get("activity")
    channel = (data.get("channel") or {}).get("id")
    if body.get("isGroup") and channel:
        if not isinstance(activity, dict):
            raise TeamsError(400, "BadSyntax", "Incorrect conversation creation parameters")
        chat, _ = _enter(state, channel)
        made = _put_in(state, chat, activity, None)
        return 201, {
            "id": f"{chat.id};messageid={made[0]['root']}",
            **({"activityId": made[0]["id"]} if len(made) == 1 else {}),
        }
    members = body.get("members") or []
    named = next((v for k, v in body.items() if k.lower() == "tenantid"), None)  # SDKs say tenantID
    tenant = named or (data.get("tenant") or {}).get("id")
    if body.get("isGroup") or len(members) != 1 or not tenant:
        raise TeamsError(400, "BadSyntax", "Incorrect conversation creation parameters")
    given = str(members[0].get("id"))
    user = state.find_user(given)
    if user is None or given not in (user.mri, user.oid):
        raise TeamsError(400, "BadSyntax", "Failed to decrypt conversation id")
    if user.oid not in state.personal or tenant != user.tenant:
        message = "Bot is not installed in user's personal scope"
        raise TeamsError(403, "ForbiddenOperationException", message)
    chat = state.chats[state.personal_chat(user)]
    answer = {"id": chat.id}
    if isinstance(activity, dict):
        _enter(state, chat.id, writes=True)
        made = _put_in(state, chat, activity, None)
        answer |= {"activityId": made[0]["id"]} if len(made) == 1 else {}
    return 201, answer


def send(state: State, conversation: str, body: dict[str, Any]) -> Answer:
    """Into a conversation. In a channel the conversation id alone says which thread: a reply to a
    bare channel begins a new one, whatever it replies to."""
    chat, root = _enter(state, conversation, writes=True)
    if body.get("type") == "typing":
        return 202, {}
    made = _put_in(state, chat, body, root)
    return 201, {"id": made[0]["id"]} if len(made) == 1 else {}


def update(state: State, conversation: str, activity_id: str, body: dict[str, Any]) -> Answer:
    """Replaces a message of the bot; nobody sees a card of their own any more."""
    chat, root = _enter(state, conversation, writes=True)
    message = _own(state, _message(state, chat, root, activity_id))
    _check(state, body)
    message["history"].append(message["activity"])
    message["activity"] = body
    message["edited"] += 1
    for key in [k for k in state.views if k[1] == activity_id]:
        del state.views[key]
    return 200, {"id": activity_id}


def delete(state: State, conversation: str, activity_id: str) -> Answer:
    """Takes a message of the bot away."""
    chat, root = _enter(state, conversation, writes=True)
    _own(state, _message(state, chat, root, activity_id))["deleted"] = True
    return 200, None


def member(state: State, conversation: str, given: str) -> Answer:
    """Someone of a conversation, by Teams id, object id, sign-in name or e-mail."""
    chat, _ = _enter(state, conversation)
    user = state.find_user(given)
    if user is None or user not in state.members(chat):
        raise TeamsError(404, "MemberNotFoundInConversation", "Member not found in conversation")
    return 200, account(user)


def paged_members(state: State, conversation: str, size: str, token: str) -> Answer:
    """A page of a conversation's people."""
    chat, _ = _enter(state, conversation)
    people = state.members(chat)
    if not (size or "200").isdigit() or not (token or "0").isdigit():
        raise TeamsError(400, "BadArgument", "Invalid pageSize or continuationToken")
    first, most = int(token or 0), min(max(int(size or 200), 1), 500)
    rest = {"continuationToken": str(first + most)} if first + most < len(people) else {}
    return 200, {"members": [account(p) for p in people[first : first + most]], **rest}


def account(user: User) -> dict[str, Any]:
    """A person as the roster shows them; Teams says the object id twice."""
    given, _, surname = user.name.rpartition(" ")
    shown = {
        "id": user.mri,
        "name": user.name,
        "objectId": user.oid,
        "aadObjectId": user.oid,
        "givenName": given or user.name,
        "surname": surname,
        "email": user.email,
        "userPrincipalName": user.upn,
        "tenantId": user.tenant,
        "userRole": "guest" if user.guest else "user",
    }
    return {name: value for name, value in shown.items() if value is not None}


def team(state: State, team_id: str) -> Answer:
    """Facts of a team."""
    found = _team(state, team_id)
    people = state.members(state.chats[found.id])
    return 200, {
        "id": found.id,
        "name": found.name,
        "aadGroupId": found.group,
        "channelCount": len(found.channels),
        "memberCount": len(people),
        "type": "standard",
        "tenantId": found.tenant,
    }


def team_channels(state: State, team_id: str) -> Answer:
    """The channels of a team; General has no name, since each client says it in its own language."""
    found = _team(state, team_id)
    return 200, {
        "conversations": [
            {"id": channel, "name": None if channel == found.id else name, "type": "standard"}
            for name, channel in found.channels.items()
        ]
    }


# --- Graph ----------------------------------------------------------------------------------------


def check_member_groups(state: State, oid: str, body: dict[str, Any]) -> Answer:
    """Which of these groups someone is in."""
    wanted = body.get("groupIds")
    _may_read(state)
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= 20:
        message = "Invalid number of elements in 'groupIds'; 1 to 20 are allowed."
        raise TeamsError(400, "Request_BadRequest", message)
    user = state.find_user(oid)
    if user is None or user.oid != oid:
        message = (
            f"Resource '{oid}' does not exist or one of its queried properties are not present."
        )
        raise TeamsError(404, "Request_ResourceNotFound", message)
    value = [g for g in wanted if g in state.groups and oid in state.groups[g][1]]
    context = "https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)"
    return 200, {"@odata.context": context, "value": value}


def group(state: State, group_id: str) -> Answer:
    """Facts of a group."""
    _may_read(state)
    if group_id not in state.groups:
        message = f"Resource '{group_id}' does not exist."
        raise TeamsError(404, "Request_ResourceNotFound", message)
    return 200, {"id": group_id, "displayName": state.groups[group_id][0]}


def _may_read(state: State) -> None:
    if state.graph_denied:
        message = "Insufficient privileges to complete the operation."
        raise TeamsError(403, "Authorization_RequestDenied", message)


# --- what they share ------------------------------------------------------------------------------


def _enter(state: State, conversation: str, writes: bool = False) -> tuple[Chat, str | None]:
    chat, root = state.split(conversation)
    if chat.team is not None and not chat.team.installed:
        raise TeamsError(403, "BotNotInConversationRoster", _NOT_THERE)
    if chat.user is not None:
        if writes and chat.user in state.blocked:
            raise TeamsError(403, state.blocked_code, "Thread is blocked from message writes.")
        if chat.user not in state.personal:
            raise TeamsError(403, "BotNotInConversationRoster", _NOT_THERE)
    state.take_rate(conversation)
    return chat, root


def _team(state: State, team_id: str) -> Team:
    found = state.teams.get(team_id)
    if found is None:
        raise TeamsError(404, "TeamNotFound", "Team not found.")
    _enter(state, team_id)
    return found


def _message(state: State, chat: Chat, root: str | None, activity_id: str) -> Message:
    for message in chat.messages:
        if message["id"] == activity_id and root in (None, message["root"]):
            if message["deleted"]:
                raise TeamsError(*state.deleted_answer, "Message does not exist in the thread.")
            return message
    missing = "ActivityNotFoundInConversation"
    raise TeamsError(404, missing, "Message does not exist in the thread.")


def _own(state: State, message: Message) -> Message:
    if message["from"] != state.bot_id:
        raise TeamsError(403, "NotEnoughPermissions", "Only the sender may change a message.")
    return message


def _put_in(state: State, chat: Chat, activity: dict[str, Any], root: str | None) -> list[Message]:
    _check(state, activity)
    if activity.get("text") and activity.get("attachments"):
        words = {k: v for k, v in activity.items() if k != "attachments"}
        rest = {k: v for k, v in activity.items() if k not in ("text", "entities")}
        first = state.store(chat, words, state.bot_id, root)
        under = first["root"] if chat.team is not None else root
        return [first, state.store(chat, rest, state.bot_id, under)]
    return [state.store(chat, activity, state.bot_id, root)]


def _check(state: State, activity: dict[str, Any]) -> None:
    if activity.get("type") != "message":
        raise TeamsError(400, "BadArgument", f"Unknown activity type {activity.get('type')}")
    attachments = activity.get("attachments") or []
    if not activity.get("text") and not attachments:
        raise TeamsError(400, "BadSyntax", "Activity has neither text nor attachments")
    known = state.known_ids()
    wrong = entity_problems(activity.get("entities") or [], activity.get("text") or "", known)
    for attachment in attachments:
        if attachment.get("contentType") == ADAPTIVE:
            wrong += problems(attachment.get("content"), known)
        elif not attachment.get("contentType"):
            wrong.append("an attachment without a contentType")
    if wrong:
        raise TeamsError(400, "BadSyntax" if attachments else "BadArgument", "; ".join(wrong))


def route(state: State, request: web.Request, raw: bytes) -> Answer:
    """Carries out a call of the connector or of Graph; the route's name says which."""
    info = request.match_info
    what = request.match_info.route.name or ""
    body = read(raw) if request.method in ("POST", "PUT") else {}
    if len(raw) > state.max_bytes:
        raise TeamsError(413, "MessageSizeTooBig", "Message size too large.")
    work: dict[str, Callable[[], Answer]] = {
        "create": lambda: create_conversation(state, body),
        "send": lambda: send(state, info["conversation"], body),
        "reply": lambda: send(state, info["conversation"], body),
        "update": lambda: update(state, info["conversation"], info["activity"], body),
        "delete": lambda: delete(state, info["conversation"], info["activity"]),
        "member": lambda: member(state, info["conversation"], info["member"]),
        "paged": lambda: paged_members(
            state,
            info["conversation"],
            request.query.get("pageSize", ""),
            request.query.get("continuationToken", ""),
        ),
        "team": lambda: team(state, info["team"]),
        "channels": lambda: team_channels(state, info["team"]),
        "groups": lambda: check_member_groups(state, info["user"], body),
        "group": lambda: group(state, info["group"]),
    }
    return work[what]()


def read(raw: bytes) -> dict[str, Any]:
    """A body that must be a JSON object."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise TeamsError(400, "BadSyntax", "The body is not a JSON object")
    return body
