"""The Web API methods of the fake workspace, each with the scope it needs."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.block_kit import home_problems, problems, too_long, view_problems
from tests.fakes.slack_state import Channel, SlackError, State

Arguments = dict[str, Any]
Method = Callable[[State, Arguments], dict[str, Any]]

VIEW = 250_000  # bytes of a view, beyond which it is view_too_large

#: Method → (scopes of which any one is enough, what it does).
METHODS: dict[str, tuple[tuple[str, ...], Method]] = {}


def method(name: str, *scopes: str) -> Callable[[Method], Method]:
    """Registers a method."""

    def keep(work: Method) -> Method:
        METHODS[name] = (scopes, work)
        return work

    return keep


def refuse_blocks(state: State, arguments: Arguments) -> None:
    """Raises what Slack answers to blocks that it cannot show."""
    blocks = arguments.get("blocks")
    if blocks is None:
        if not str(arguments.get("text") or "").strip():
            raise SlackError("no_text")
        return
    found = problems(blocks) + _unready(state, blocks)
    if found:
        said = [f"[ERROR] {f}" for f in found]
        raise SlackError("invalid_blocks", errors=found, response_metadata={"messages": said})
    if too_long(blocks):
        raise SlackError("msg_blocks_too_long")


def _unready(state: State, blocks: list[Any]) -> list[str]:
    """The blocks whose picture Slack has not finished with."""
    return [
        f"invalid slack file [json-pointer:/blocks/{i}/slack_file]"
        for i, block in enumerate(blocks)
        if isinstance(block, dict)
        and (file := block.get("slack_file")) is not None
        and not state.file_is_ready(str(file.get("id")))
    ]


@method("auth.test")
def auth_test(state: State, _: Arguments) -> dict[str, Any]:
    return {
        "url": "https://sandrail.slack.com/",
        "team": state.name,
        "user": "sandrail",
        "team_id": state.team,
        "enterprise_id": state.enterprise,
        "is_enterprise_install": state.org,
        "user_id": state.bot_user,
        "bot_id": "B0SANDRAIL",
    }


@method("chat.postMessage", "chat:write")
def post_message(state: State, arguments: Arguments) -> dict[str, Any]:
    channel = _writable(state, arguments.get("channel"))
    thread = arguments.get("thread_ts")
    if thread is not None:
        root = state.message(channel, thread)
        if root.get("thread_ts", root["ts"]) != root["ts"]:
            raise SlackError("cannot_reply_to_message")
    refuse_blocks(state, arguments)
    _metadata(arguments)
    if state.pace is not None:
        last = state.last_post.get(channel.id)
        if last is not None and time.monotonic() - last < state.pace:
            raise SlackError("ratelimited", retry_after=1)
        state.last_post[channel.id] = time.monotonic()
    kept = ("text", "blocks", "metadata", "thread_ts", "unfurl_links", "unfurl_media")
    message = {
        "type": "message",
        "ts": state.ts(),
        "user": state.bot_user,
        "bot_id": "B0SANDRAIL",
        **{k: arguments[k] for k in kept if arguments.get(k) is not None},
    }
    channel.messages.append(message)
    return {"channel": channel.id, "ts": message["ts"], "message": message}


@method("chat.update", "chat:write")
def update(state: State, arguments: Arguments) -> dict[str, Any]:
    channel = state.channel(arguments.get("channel"))
    message = state.message(channel, arguments.get("ts"))
    if channel.archived:
        raise SlackError("is_archived")
    if message["user"] != state.bot_user:
        raise SlackError("cant_update_message")
    refuse_blocks(state, arguments)
    _metadata(arguments)
    message["text"] = arguments.get("text", "")
    if arguments.get("blocks") is None:
        message.pop("blocks", None)  # an update with text alone takes the blocks away
    else:
        message["blocks"] = arguments["blocks"]
    message["edited"] = {"user": state.bot_user, "ts": state.ts()}
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"]}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(state: State, arguments: Arguments) -> dict[str, Any]:
    channel = _writable(state, arguments.get("channel"))
    if arguments.get("user") not in state.users:
        raise SlackError("user_not_in_channel")
    refuse_blocks(state, arguments)
    state.ephemerals.append({**arguments, "channel": channel.id, "via": "chat.postEphemeral"})
    return {"message_ts": state.ts()}


@method("conversations.history", "channels:history", "groups:history")
def history(state: State, arguments: Arguments) -> dict[str, Any]:
    channel = _readable(state, arguments)
    roots = [m for m in channel.messages if m.get("thread_ts", m["ts"]) == m["ts"]]
    return _page(list(reversed(roots)), arguments)


@method("conversations.replies", "channels:history", "groups:history")
def replies(state: State, arguments: Arguments) -> dict[str, Any]:
    channel = _readable(state, arguments)
    root = state.message(channel, arguments.get("ts"))
    thread = [m for m in channel.messages if m is root or m.get("thread_ts") == root["ts"]]
    return _page(thread, arguments)


@method("auth.revoke")
def auth_revoke(state: State, _: Arguments) -> dict[str, Any]:
    state.revoked = "token_revoked"
    return {"revoked": True}


@method("auth.teams.list")
def auth_teams(state: State, _: Arguments) -> dict[str, Any]:
    return {"teams": [{"id": state.team, "name": state.name}], "response_metadata": {}}


@method("conversations.list", "channels:read", "groups:read")
def conversations(state: State, arguments: Arguments) -> dict[str, Any]:
    _names_team(state, arguments)
    kinds = str(arguments.get("types", "public_channel")).split(",")
    seen = [
        c
        for c in state.channels.values()
        if ("private_channel" in kinds and c.private and c.member)
        or ("public_channel" in kinds and not c.private)
    ]
    if _flag(arguments, "exclude_archived"):
        seen = [c for c in seen if not c.archived]
    start = int(arguments.get("cursor") or 0)
    limit = int(arguments.get("limit") or 100)
    if not 0 < limit < 1000:
        raise SlackError("invalid_limit")
    after = str(start + limit) if start + limit < len(seen) else ""
    return {
        "channels": [_described(c) for c in seen[start : start + limit]],
        "response_metadata": {"next_cursor": after},
    }


@method("conversations.info", "channels:read", "groups:read")
def conversation(state: State, arguments: Arguments) -> dict[str, Any]:
    return {"channel": _described(state.channel(arguments.get("channel")))}


@method("users.info", "users:read")
def user_info(state: State, arguments: Arguments) -> dict[str, Any]:
    user = state.users.get(str(arguments.get("user")))
    if user is None:
        raise SlackError("user_not_found")
    shown = {**user, "profile": dict(user["profile"])}
    if "users:read.email" not in state.scopes or user.get("is_stranger"):
        shown["profile"].pop("email", None)
    return {"user": shown}


@method("users.lookupByEmail", "users:read.email")
def by_email(state: State, arguments: Arguments) -> dict[str, Any]:
    for user in state.users.values():
        same = str(user["profile"].get("email", "")).lower() == str(arguments.get("email")).lower()
        if same and not user["deleted"]:
            return {"user": user}
    raise SlackError("users_not_found")


@method("usergroups.list", "usergroups:read")
def usergroups(state: State, arguments: Arguments) -> dict[str, Any]:
    _names_team(state, arguments)
    if not state.paid:
        raise SlackError("plan_upgrade_required")
    hidden = () if _flag(arguments, "include_users") else ("users",)
    shown = [
        g for g in state.groups if _flag(arguments, "include_disabled") or not g["date_delete"]
    ]
    return {"usergroups": [{k: v for k, v in g.items() if k not in hidden} for g in shown]}


@method("usergroups.users.list", "usergroups:read")
def usergroup_users(state: State, arguments: Arguments) -> dict[str, Any]:
    _names_team(state, arguments)
    for group in state.groups:
        if group["id"] == arguments.get("usergroup"):
            return {"users": group["users"]}
    raise SlackError("no_such_subteam")


@method("views.open")
def open_view(state: State, arguments: Arguments) -> dict[str, Any]:
    state.spend_trigger(arguments.get("trigger_id"))
    found = view_problems(arguments.get("view"))
    inputs = [b.get("element", {}).get("type") for b in arguments["view"].get("blocks", [])]
    if "file_input" in inputs and "files:read" not in state.scopes:
        found.append("a file_input needs files:read")
    if found:
        raise SlackError("invalid_arguments", response_metadata={"messages": found})
    view = {"id": f"V{len(state.views):08d}", "hash": state.ts(), **arguments["view"]}
    state.views.append(view)
    return {"view": view}


@method("views.publish")
def publish_view(state: State, arguments: Arguments) -> dict[str, Any]:
    user = str(arguments.get("user_id"))
    if user not in state.users:
        raise SlackError("user_not_found")
    found = home_problems(arguments.get("view")) + _unready(state, arguments["view"]["blocks"])
    if found:
        raise SlackError("invalid_arguments", response_metadata={"messages": found})
    if len(json.dumps(arguments["view"])) > VIEW:
        raise SlackError("view_too_large")
    view = {"id": f"V0HOME{user}", "hash": state.ts(), **arguments["view"]}
    state.homes[user] = view
    return {"view": view}


@method("files.getUploadURLExternal", "files:write")
def upload_url(state: State, arguments: Arguments) -> dict[str, Any]:
    if not arguments.get("filename") or int(arguments.get("length") or 0) <= 0:
        raise SlackError("missing_argument")
    if len(str(arguments.get("alt_txt", ""))) > 1000:
        raise SlackError("alt_txt_too_large")
    file_id = f"F{len(state.files):010d}"
    state.files[file_id] = {
        "id": file_id,
        "name": arguments["filename"],
        "length": int(arguments["length"]),
        "alt_txt": arguments.get("alt_txt", ""),
        "content": None,
        "completed": None,
    }
    return {"file_id": file_id, "upload_url": f"{{base}}/upload/{file_id}"}


@method("files.completeUploadExternal", "files:write")
def complete_upload(state: State, arguments: Arguments) -> dict[str, Any]:
    for named in arguments.get("files") or []:
        file = state.files.get(named.get("id"))
        if file is None or file["content"] is None:
            raise SlackError("file_not_found")
        file["completed"] = time.monotonic()
        file["title"] = named.get("title", "")
        file["channel_id"] = arguments.get("channel_id")
    return {"files": arguments.get("files")}


@method("files.info", "files:read")
def file_info(state: State, arguments: Arguments) -> dict[str, Any]:
    file = state.files.get(str(arguments.get("file")))
    if file is None:
        raise SlackError("file_not_found")
    if "user" in file:
        return {"file": uploaded_file(state, file["id"])}
    shown = {"id": file["id"], "name": file["name"], "mimetype": "", "size": file["length"]}
    if state.file_is_ready(file["id"]):
        shown |= {"mimetype": "image/png", "original_w": 880, "original_h": 440}
    return {"file": shown}


def uploaded_file(state: State, file_id: str) -> dict[str, Any]:
    """The file object of what a person uploaded; ``{base}`` stands for the address of files.slack.com."""
    file = state.files[file_id]
    path = f"{state.team}-{file_id}"
    return {
        "id": file_id,
        "name": file["name"],
        "title": file["name"],
        "mimetype": "text/plain",
        "filetype": "yaml",
        "mode": "snippet",
        "is_external": False,
        "user": file["user"],
        "size": file["length"],
        "url_private": f"{{base}}/files-pri/{path}/{file['name']}",
        "url_private_download": f"{{base}}/files-pri/{path}/download/{file['name']}",
    }


def _flag(arguments: Arguments, name: str) -> bool:
    return str(arguments.get(name, "false")).lower() in ("true", "1")


def _names_team(state: State, arguments: Arguments) -> None:
    """An organisation's token has to say which workspace it means."""
    if state.org and arguments.get("team_id") != state.team:
        raise SlackError("missing_argument", response_metadata={"messages": ["team_id"]})


def _described(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_member": channel.member,
    }


def _writable(state: State, given: Any) -> Channel:
    channel = state.channel(given)
    if channel.archived:
        raise SlackError("is_archived")
    if not channel.member:
        raise SlackError("not_in_channel")
    return channel


def _readable(state: State, arguments: Arguments) -> Channel:
    given = str(arguments.get("channel"))
    if given not in state.channels:  # history takes ids only
        raise SlackError("channel_not_found")
    channel = state.channel(given)
    if not channel.member:
        raise SlackError("not_in_channel")
    scope = "groups:history" if channel.private else "channels:history"
    if scope not in state.scopes:
        raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(state.scopes)))
    return channel


def _page(messages: list[dict[str, Any]], arguments: Arguments) -> dict[str, Any]:
    oldest = float(arguments.get("oldest") or 0)
    messages = [m for m in messages if float(m["ts"]) > oldest]
    if not _flag(arguments, "include_all_metadata"):
        messages = [{k: v for k, v in m.items() if k != "metadata"} for m in messages]
    start = int(arguments.get("cursor") or 0)
    limit = int(arguments.get("limit") or 100)
    more = start + limit < len(messages)
    return {
        "messages": messages[start : start + limit],
        "has_more": more,
        "response_metadata": {"next_cursor": str(start + limit) if more else ""},
    }


def _metadata(arguments: Arguments) -> None:
    given = arguments.get("metadata")
    if given is None:
        return
    if not isinstance(given, dict) or not {"event_type", "event_payload"} <= given.keys():
        raise SlackError("invalid_metadata_format")
    if not isinstance(given["event_payload"], dict):
        raise SlackError("invalid_metadata_schema")
