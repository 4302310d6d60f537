"""What a fake Slack workspace knows: people, channels, messages, files, triggers, and its faults."""

import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ALL_SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)


class SlackError(Exception):
    """An answer of ``ok: false``; ``more`` stands beside ``error``."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass
class Channel:
    id: str
    name: str
    private: bool = False
    archived: bool = False
    member: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Fault:
    """Something that goes wrong with a method, ``times`` times; ``channel`` narrows it."""

    method: str
    what: str  # error, rate, lose (after acting), drop (before acting), delay, status
    value: Any = None
    times: int = 1
    channel: str | None = None


@dataclass
class State:
    """A workspace. ``now`` is Unix time; tests may bring their own."""

    team: str = "T0SANDRAIL"
    bot_user: str = "U0SANDRAIL"
    token: str = "xoxb-fake-token"
    app_token: str = "xapp-fake-token"
    scopes: set[str] = field(default_factory=lambda: set(ALL_SCOPES))
    now: Callable[[], float] = time.time
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: list[dict[str, Any]] = field(default_factory=list)
    paid: bool = True
    channels: dict[str, Channel] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    views: list[dict[str, Any]] = field(default_factory=list)
    homes: dict[str, dict[str, Any]] = field(default_factory=dict)  # by user
    ephemerals: list[dict[str, Any]] = field(default_factory=list)
    triggers: dict[str, list[float]] = field(default_factory=dict)
    response_urls: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    revoked: str | None = None
    name: str = "Sandrail"
    enterprise: str | None = None  # the organisation that the workspace is of
    org: bool = False  # the app is installed in the organisation as a whole
    rotates: bool = False  # tokens live twelve hours
    token_ends: float | None = None
    refresh_token: str = ""
    old_tokens: dict[str, float] = field(default_factory=dict)  # token → when it ends
    file_seconds: float = 0.2  # how long Slack works on an upload
    pace: float | None = None  # seconds between posts to one channel before 429; None: no limit
    last_post: dict[str, float] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    _ticks: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    # --- setting the scene ------------------------------------------------------------------------

    def add_user(self, user_id: str, name: str, email: str | None, **more: Any) -> str:
        """Someone in the workspace; ``more`` are fields of users.info such as ``is_restricted``."""
        profile = {"display_name": name, "real_name": name}
        if email is not None:
            profile["email"] = email
        self.users[user_id] = {
            "id": user_id,
            "team_id": self.team,
            "name": name.lower().replace(" ", "."),
            "deleted": False,
            "is_bot": False,
            "is_email_confirmed": True,
            "profile": profile,
            **more,
        }
        return user_id

    def add_group(self, group_id: str, handle: str, users: list[str]) -> None:
        """A user group. Its ``date_delete`` is 0 until it is disabled."""
        self.groups.append(
            {
                "id": group_id,
                "team_id": self.team,
                "handle": handle,
                "name": handle,
                "users": users,
                "date_delete": 0,
            }
        )

    def add_channel(self, channel_id: str, name: str, **more: Any) -> Channel:
        """A channel; ``more``: private, archived, member."""
        self.channels[channel_id] = Channel(channel_id, name, **more)
        return self.channels[channel_id]

    def fault(
        self,
        method: str,
        what: str,
        value: Any = None,
        times: int = 1,
        channel: str | None = None,
    ) -> None:
        """The next ``times`` calls of the method go wrong."""
        self.faults.append(Fault(method, what, value, times, channel))

    def trigger(self) -> str:
        """A new trigger id: it lives three seconds and works once."""
        name = f"{next(self._ticks)}.{self.team}.trigger"
        self.triggers[name] = [time.monotonic(), 0.0]
        return name

    def new_token(self) -> dict[str, Any]:
        """Another token for the app, as oauth.v2.access gives it; the former one lives on to its end."""
        number = next(self._ticks)
        if not self.rotates:
            self.token = f"xoxb-{self.team}-{number}"
            return {"access_token": self.token}
        if self.token_ends is not None:
            self.old_tokens[self.token] = self.token_ends
        self.token = f"xoxe.xoxb-{self.team}-{number}"
        self.refresh_token = f"xoxe-{self.team}-{number}"
        self.token_ends = self.now() + 43200
        return {
            "access_token": self.token,
            "refresh_token": self.refresh_token,
            "expires_in": 43200,
        }

    def knows(self, token: str) -> bool:
        """Whether a token is, or was, of this workspace. Raises token_expired after its end."""
        if token != self.token and token not in self.old_tokens:
            return False
        ends = self.token_ends if token == self.token else self.old_tokens[token]
        if ends is not None and self.now() >= ends:
            raise SlackError("token_expired")
        return True

    def expire_triggers(self) -> None:
        """More than three seconds pass for every trigger id that is out."""
        for times in self.triggers.values():
            times[0] -= 4

    def ts(self) -> str:
        """A new message's timestamp: unique and growing."""
        return f"{int(self.now())}.{next(self._ticks):06d}"

    # --- looking ----------------------------------------------------------------------------------

    def messages(self, channel_id: str) -> list[dict[str, Any]]:
        """What stands in a channel and its threads, oldest first."""
        return self.channels[channel_id].messages

    def called(self, method: str) -> list[dict[str, Any]]:
        """The arguments of each call of a method that was let in, oldest first."""
        return [arguments for name, arguments in self.calls if name == method]

    # --- what methods share -----------------------------------------------------------------------

    def next_fault(self, method: str, arguments: dict[str, Any]) -> Fault | None:
        """The fault that this call meets, used up by it."""
        for fault in self.faults:
            if fault.method != method or fault.times <= 0:
                continue
            if fault.channel is not None and fault.channel != arguments.get("channel"):
                continue
            fault.times -= 1
            return fault
        return None

    def channel(self, given: Any) -> Channel:
        """The channel of an id or ``#name`` as the bot may see it; of a person's id their chat with the bot."""
        if given in self.users:
            if self.users[given].get("deleted"):
                raise SlackError("user_disabled")
            chat = f"D{str(given)[1:]}"
            return self.channels.setdefault(chat, Channel(chat, ""))
        for channel in self.channels.values():
            if given in (channel.id, channel.name, f"#{channel.name}"):
                if channel.private and not channel.member:
                    break
                return channel
        raise SlackError("channel_not_found")

    def message(self, channel: Channel, ts: Any) -> dict[str, Any]:
        """A message of the channel."""
        if not isinstance(ts, str):
            raise SlackError("invalid_ts_format")
        for message in channel.messages:
            if message["ts"] == ts:
                return message
        raise SlackError("message_not_found")

    def spend_trigger(self, trigger: Any) -> None:
        """Uses a trigger id up."""
        if trigger not in self.triggers:
            raise SlackError("invalid_trigger_id")
        made, used = self.triggers[trigger]
        if used:
            raise SlackError("exchanged_trigger_id")
        if time.monotonic() - made > 3:
            raise SlackError("expired_trigger_id")
        self.triggers[trigger][1] = 1.0

    def add_file(self, user: str, name: str, content: bytes) -> str:
        """A file that a person uploads into a form; returns its id."""
        file_id = f"F{len(self.files):010d}"
        self.files[file_id] = {
            "id": file_id,
            "name": name,
            "user": user,
            "length": len(content),
            "content": content,
            "completed": 0.0,
        }
        return file_id

    def file_is_ready(self, file_id: str) -> bool:
        """Whether Slack has finished with an upload."""
        file = self.files.get(file_id)
        done = file.get("completed") if file else None
        return done is not None and time.monotonic() - done >= self.file_seconds
