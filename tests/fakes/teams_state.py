"""What a fake Teams knows: people, teams, chats, messages, groups, and what is about to go wrong."""

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

HOME = "5f0c2f0a-6a3b-4c7e-9d11-0a5d0d5a2b10"
Message = dict[str, Any]


class TeamsError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str = "", retry: int | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.retry = status, code, message or code, retry


@dataclass(frozen=True)
class User:
    """Someone in a directory. ``mri`` is what Teams calls the person in front of this bot."""

    mri: str
    oid: str
    email: str | None
    name: str
    upn: str
    tenant: str
    guest: bool = False


@dataclass
class Team:
    """A team; ``channels`` by name. The General channel has the id of the team."""

    id: str
    name: str
    group: str
    tenant: str
    channels: dict[str, str]
    members: list[str] | None = None  # object ids; None: everyone
    installed: bool = False


@dataclass
class Chat:
    """Where messages stand: a channel with all its threads, or a chat of one person with the bot."""

    id: str
    team: Team | None = None
    user: str | None = None  # the object id, in a personal chat
    messages: list[Message] = field(default_factory=list)
    gone: bool = False


@dataclass
class Fault:
    """Something that goes wrong with a call, ``times`` times."""

    what: str  # status, lose (after acting), hang
    method: str
    part: str
    times: int
    status: int = 0
    code: str = ""
    retry: int | None = None
    seconds: float = 0.0


@dataclass
class State:
    """A cloud with its home tenant. ``now`` is Unix time; tests may bring their own."""

    now: Callable[[], float] = time.time
    app_id: str = "0b6f3c5e-1d0a-4a58-8f53-6a9b0c1d2e3f"
    password: str = "fake~client~secret"
    bot_name: str = "Sandrail"
    tenant: str = HOME
    users: dict[str, User] = field(default_factory=dict)  # by object id
    removed: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    personal: set[str] = field(default_factory=set)  # who has installed the app
    teams: dict[str, Team] = field(default_factory=dict)
    chats: dict[str, Chat] = field(default_factory=dict)
    groups: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    graph_denied: bool = False
    rate_limits: bool = False
    rates: list[tuple[int, float]] = field(
        default_factory=lambda: [(7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0)]
    )
    max_bytes: int = 80 * 1024
    blocked_code: str = "MessageWritesBlocked"  # ConversationBlockedByUser is seen as well
    deleted_answer: tuple[int, str] = (404, "ActivityNotFoundInConversation")
    calls: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    views: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    toasts: list[tuple[str, str]] = field(default_factory=list)  # e-mail, what was said
    _sent: dict[str, list[float]] = field(default_factory=dict)
    _last_id: int = 0

    # --- the directory ----------------------------------------------------------------------------

    @property
    def bot_id(self) -> str:
        """What Teams calls the bot."""
        return f"28:{self.app_id}"

    def add_user(
        self,
        email: str | None,
        name: str,
        *,
        oid: str | None = None,
        guest: bool = False,
        tenant: str | None = None,
        upn: str | None = None,
    ) -> User:
        """Someone in the directory; a guest's sign-in name is the mangled one of the host."""
        given = oid or str(uuid.uuid5(uuid.NAMESPACE_URL, f"{email}{len(self.users)}"))
        local = (email or given).replace("@", "_")
        mangled = f"{local}#EXT#@home.onmicrosoft.example"
        user = User(
            mri="29:1" + hashlib.sha256(given.encode()).hexdigest()[:40],
            oid=given,
            email=email,
            name=name,
            upn=upn or (mangled if guest or email is None else email),
            tenant=tenant or self.tenant,
            guest=guest,
        )
        self.users[user.oid] = user
        return user

    def change_user(self, user: User, **changes: Any) -> User:
        """The same person with other facts, such as ``guest=True`` or a new ``email``."""
        self.users[user.oid] = replace(self.users[user.oid], **changes)
        return self.users[user.oid]

    def remove_user(self, user: User) -> None:
        """The account is deleted."""
        self.removed.add(user.oid)

    def block(self, user: User, blocked: bool = True) -> None:
        """The person blocks the bot in the personal chat, or no longer."""
        (self.blocked.add if blocked else self.blocked.discard)(user.oid)

    def add_team(
        self,
        name: str,
        channels: list[str],
        *,
        members: list[User] | None = None,
        tenant: str | None = None,
    ) -> Team:
        """A team with General and these channels, without the app. ``members`` None: everyone."""
        seed = f"{name}{len(self.teams)}"
        made = {"General": _thread(seed)} | {
            c: _thread(seed + c) for c in channels if c != "General"
        }
        team = Team(
            id=made["General"],
            name=name,
            group=str(uuid.uuid5(uuid.NAMESPACE_OID, seed)),
            tenant=tenant or self.tenant,
            channels=made,
            members=None if members is None else [m.oid for m in members],
        )
        self.teams[team.id] = team
        for channel in made.values():
            self.chats[channel] = Chat(channel, team=team)
        return team

    def install(self, team: Team) -> None:
        team.installed = True

    def uninstall(self, team: Team) -> None:
        team.installed = False

    def install_personal(self, user: User) -> str:
        """The app is installed for the person; returns the id of the chat."""
        self.personal.add(user.oid)
        return self.personal_chat(user)

    def uninstall_personal(self, user: User) -> None:
        self.personal.discard(user.oid)

    def personal_chat(self, user: User) -> str:
        """The id of the person's chat with the bot, always the same one."""
        digest = hashlib.sha256((user.oid + self.app_id).encode()).hexdigest()
        chat = f"a:1{digest[:48]}"
        self.chats.setdefault(chat, Chat(chat, user=user.oid))
        return chat

    def add_group(self, group_id: str, name: str, members: list[User]) -> None:
        """A group of the directory; adding it again replaces it."""
        self.groups[group_id] = (name, {m.oid for m in members})

    def find_user(self, given: str) -> User | None:
        """By Teams id, object id, sign-in name or e-mail; not the deleted."""
        for user in self.users.values():
            if user.oid not in self.removed and given in (user.mri, user.oid, user.upn, user.email):
                return user
        return None

    def known_ids(self) -> set[str]:
        """Every id that a mention may name."""
        return {i for u in self.users.values() for i in (u.mri, u.oid, u.upn)} | {self.bot_id}

    def members(self, chat: Chat) -> list[User]:
        """Who is in a chat, without the bot."""
        if chat.user is not None:
            wanted = [chat.user]
        elif chat.team is None or chat.team.members is None:
            wanted = list(self.users)
        else:
            wanted = chat.team.members
        return [self.users[oid] for oid in wanted if oid not in self.removed]

    # --- messages ---------------------------------------------------------------------------------

    def new_id(self) -> str:
        """A message id: milliseconds, unique and growing."""
        self._last_id = max(self._last_id + 1, int(self.now() * 1000))
        return str(self._last_id)

    def store(self, chat: Chat, activity: dict[str, Any], sender: str, root: str | None) -> Message:
        """Puts a message into a chat; without ``root`` it begins a thread."""
        number = self.new_id()
        message = {
            "id": number,
            "root": root or number,
            "conversation": chat.id
            if chat.team is None
            else f"{chat.id};messageid={root or number}",
            "from": sender,
            "activity": activity,
            "edited": 0,
            "deleted": False,
            "history": [],
        }
        chat.messages.append(message)
        return message

    def split(self, conversation: str) -> tuple[Chat, str | None]:
        """The chat of a conversation id, and the root when it names a thread."""
        base, _, root = conversation.partition(";messageid=")
        chat = self.chats.get(base)
        if chat is None or chat.gone:
            raise TeamsError(404, "ConversationNotFound", "Conversation not found.")
        if root and not any(m["id"] == root for m in chat.messages):
            raise TeamsError(404, "ConversationNotFound", "Conversation not found.")
        return chat, root or None

    def messages(self, conversation: str) -> list[Message]:
        """All that was ever put into a conversation, oldest first; a thread begins with its root."""
        base, _, root = conversation.partition(";messageid=")
        return [m for m in self.chats[base].messages if not root or m["root"] == root]

    def roots(self, channel: str, people: bool = False) -> list[Message]:
        """The bot's messages that stand in a channel outside of threads; ``people``: theirs as well."""
        found = self.chats[channel].messages
        return [m for m in found if m["id"] == m["root"] and self._stands(m, people)]

    def thread(self, channel: str, root_id: str, people: bool = False) -> list[Message]:
        """The bot's replies that stand under a root, without the root itself."""
        found = self.chats[channel.partition(";")[0]].messages
        return [m for m in found if m["root"] == root_id != m["id"] and self._stands(m, people)]

    def _stands(self, message: Message, people: bool) -> bool:
        return not message["deleted"] and (people or message["from"] == self.bot_id)

    # --- what goes wrong --------------------------------------------------------------------------

    def fail(
        self,
        method: str,
        path_part: str,
        status: int,
        code: str = "",
        times: int = 1,
        retry_after: int | None = None,
    ) -> None:
        """The next calls of this method whose path has this part are answered with an error."""
        self.faults.append(Fault("status", method, path_part, times, status, code, retry_after))

    def lose(self, times: int = 1, *, method: str = "", path_part: str = "v3/") -> None:
        """The next calls of the connector are carried out, but their answers are lost."""
        self.faults.append(Fault("lose", method, path_part, times))

    def hang(
        self, seconds: float, times: int = 1, *, method: str = "", path_part: str = "v3/"
    ) -> None:
        """The next calls of the connector wait before anything happens."""
        self.faults.append(Fault("hang", method, path_part, times, seconds=seconds))

    def next_fault(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, used up by it."""
        for fault in self.faults:
            if fault.times > 0 and fault.method in ("", method) and fault.part in path:
                fault.times -= 1
                return fault
        return None

    def take_rate(self, conversation: str) -> None:
        """Counts a call against the conversation's rates; raises 429 when one is used up."""
        if not self.rate_limits:
            return
        now = self.now()
        sent = self._sent.setdefault(conversation, [])
        for most, seconds in self.rates:
            recent = [t for t in sent if t > now - seconds]
            if len(recent) >= most:
                wait = max(1, round(recent[-most] + seconds - now + 0.5))
                raise TeamsError(429, "Throttled", "Too many requests", wait)
        sent.append(now)

    def called(self, method: str, path_part: str) -> list[str]:
        """The paths of the calls of this method whose path has this part, oldest first."""
        return [path for m, path in self.calls if m == method and path_part in path]


def _thread(seed: str) -> str:
    return f"19:{hashlib.sha256(seed.encode()).hexdigest()[:32]}@thread.tacv2"
