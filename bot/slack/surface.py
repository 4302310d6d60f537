"""One Slack workspace as a surface: posts, edits and finds messages, one channel at its own pace."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from bot.settings import SlackSettings
from bot.slack import limits
from bot.slack.blocks import Rendered, render
from bot.slack.calls import Answer, Calls, sign_in
from bot.slack.errors import BLOCKS, CLOSED, MOVED, SlackRefused, mended
from bot.slack.people import People
from bot.slack.pictures import Pictures
from handlers.conversation import (
    At,
    Band,
    Code,
    Facts,
    Items,
    Link,
    Mention,
    Message,
    Paragraph,
    Place,
    Plain,
    Small,
    Strong,
    text,
)
from storage.database import Database
from storage.outbox import Ref
from storage.policy_file import LoadedPolicy

log = logging.getLogger(__name__)

NAME = "slack"
EVENT = "sandrail_message"  # the event_type of our metadata
PACE = 1.0  # seconds between two messages to a channel: Slack's own limit of chat.postMessage
_SKEW = timedelta(minutes=2)  # how far Slack's clock and ours may be apart
_PAGES = 20


class SlackSurface:
    """A :class:`bot.surface.Surface` over the Web API with one bot token."""

    name = NAME

    def __init__(
        self,
        settings: SlackSettings,
        loaded: LoadedPolicy,
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self.settings = settings
        self.loaded = loaded
        self.calls = Calls(settings)
        self.bot_user = ""
        self.pace = PACE
        self._tenant = ""
        self._next: dict[str, float] = {}
        self._ids: dict[str, str] = {}
        self.pictures = Pictures(self.calls)
        self.people = People(
            self.calls, database, clock, lambda: self.loaded.policy, lambda: self.tenant
        )

    # --- who we are -------------------------------------------------------------------------------

    @property
    def tenant(self) -> str:
        """The workspace's id. Asks Slack, and blocks, when nobody has signed in yet."""
        if not self._tenant:
            self.sign_in()
        return self._tenant

    def sign_in(self) -> None:
        """Asks Slack who we are; blocks, so outside the event loop only.

        Raises SettingsError with one sentence when the token is refused or Slack cannot be reached.
        """
        self._signed_in(sign_in(self.settings))

    async def start(self) -> None:
        """The same inside the event loop. Raises :class:`bot.surface.DeliveryError`."""
        if not self._tenant:
            self._signed_in(await self.calls.read("auth.test"))

    async def close(self) -> None:
        """Ends all connections."""
        await self.people.close()
        await self.calls.close()

    def _signed_in(self, answer: Answer) -> None:
        self._tenant = str(answer.get("team_id", ""))
        self.bot_user = str(answer.get("user_id", ""))

    # --- the surface ------------------------------------------------------------------------------

    def place(self, channel: str) -> Place | None:
        """Where a channel of the policy is in this workspace; None when the policy does not say."""
        found = self.loaded.policy.channels.get(channel)
        if found is None or found.slack is None:
            return None
        return Place(surface=NAME, tenant=self.tenant, channel=found.slack)

    async def post(self, place: Place, key: str, message: Message, thread: Ref | None) -> Ref:
        """Posts under our own ``key`` as metadata; into the default channel when this one is closed.

        Raises :class:`bot.surface.DeliveryError`.
        """
        # A reply's ts must never stand for the thread's: replies belong to the root.
        root = (thread.thread_id or thread.message_id) if thread else None
        channel = thread.channel if thread else place.channel
        try:
            return await self._post(channel, key, message, root)
        except SlackRefused as refused:
            if refused.code not in CLOSED:
                raise
            other = self._default_channel()
            if other is None or other in (channel, place.channel):
                raise
            log.error("%s Its messages go to %s.", refused.reason, other)
            return await self._post(other, key, _moved(message, place.channel), None)

    async def edit(self, ref: Ref, key: str, message: Message) -> Ref:
        """Makes the message at ``ref`` say ``message``; posts it anew when it can no longer be edited.

        Raises :class:`bot.surface.DeliveryError`.
        """
        try:
            await self._send(
                message,
                lambda said: self.calls.write(
                    "chat.update",
                    channel=ref.channel,
                    ts=ref.message_id,
                    metadata=_metadata(key),
                    **said.as_arguments(),
                ),
            )
        except SlackRefused as refused:
            if refused.code not in MOVED | CLOSED:
                raise
            place = Place(surface=NAME, tenant=ref.tenant, channel=ref.channel)
            root = Ref(NAME, ref.tenant, ref.channel, ref.thread_id, "") if ref.thread_id else None
            return await self.post(place, key, message, root)
        return ref

    async def find(self, place: Place, key: str, thread: Ref | None, since: datetime) -> Ref | None:
        """The message with our ``key`` if it has been posted since; looks in the default channel too."""
        oldest = f"{(since - _SKEW).timestamp():.6f}"
        channels = [thread.channel if thread else place.channel]
        other = self._default_channel()
        if other is not None and other not in channels:
            channels.append(other)
        for i, channel in enumerate(channels):
            root = (thread.thread_id or thread.message_id) if thread and i == 0 else None
            try:
                found = await self._find(channel, key, root, oldest)
            except SlackRefused as refused:
                # Two messages are better than none: an alert must arrive.
                log.error("Slack cannot be asked whether a message arrived: %s", refused.reason)
                continue
            if found is not None:
                return found
        return None

    # --- how --------------------------------------------------------------------------------------

    async def render(
        self, message: Message, *, pictures: bool = True, blocks: int = limits.BLOCKS
    ) -> Rendered:
        """The message with the accounts of those it mentions and its charts as pictures."""
        accounts = await self.people.accounts(_mentioned(message))
        bands = [b for b in message.blocks if isinstance(b, Band)]
        return render(message, accounts, await self.pictures.of(bands) if pictures else {}, blocks)

    async def _post(self, channel: str, key: str, message: Message, root: str | None) -> Ref:
        await self._pace(channel)
        answer = await self._send(
            message,
            lambda said: self.calls.write(
                "chat.postMessage",
                channel=channel,
                thread_ts=root,
                metadata=_metadata(key),
                unfurl_links=False,
                unfurl_media=False,
                **said.as_arguments(),
            ),
        )
        where = str(answer["channel"])
        self._ids[channel] = where
        return Ref(NAME, self._tenant, where, str(answer["ts"]), root or "")

    async def _send(self, message: Message, call: Callable[[Rendered], Any]) -> Answer:
        """Sends the message; once more without pictures when Slack refuses the blocks with them."""
        said = await self.render(message)
        try:
            answer: Answer = await call(said)
        except SlackRefused as refused:
            bands = [b for b in message.blocks if isinstance(b, Band)]
            if refused.code not in BLOCKS or not any(b["type"] == "image" for b in said.blocks):
                raise
            log.warning("Slack refused a picture; the chart is shown in words")
            self.pictures.forget(bands)
            answer = await call(await self.render(message, pictures=False))
        return answer

    async def _pace(self, channel: str) -> None:
        now = time.monotonic()
        at = max(self._next.get(channel, 0.0), now)
        self._next[channel] = at + self.pace
        if at > now:
            await asyncio.sleep(at - now)

    def _default_channel(self) -> str | None:
        found = self.loaded.policy.channels.get(self.loaded.policy.alerts.default)
        return found.slack if found else None

    async def _find(self, channel: str, key: str, root: str | None, oldest: str) -> Ref | None:
        where = await self._id(channel)
        cursor: str | None = None
        for _ in range(_PAGES):
            answer = await self.calls.read(
                "conversations.replies" if root else "conversations.history",
                channel=where,
                ts=root,
                oldest=oldest,
                limit=200,
                include_all_metadata=True,
                cursor=cursor,
            )
            for message in answer.get("messages") or []:
                metadata = message.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                if metadata.get("event_type") == EVENT and payload.get("key") == key:
                    return Ref(NAME, self._tenant, where, str(message["ts"]), root or "")
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return None
        log.error("%s is too busy to look through for a message", channel)
        return None

    async def _id(self, channel: str) -> str:
        """The id of a channel that the policy calls by its name."""
        if not channel.startswith("#"):
            return channel
        if channel not in self._ids:
            cursor: str | None = None
            for _ in range(_PAGES):
                answer = await self.calls.read(
                    "conversations.list",
                    types="public_channel,private_channel",
                    exclude_archived=False,
                    limit=1000,
                    cursor=cursor,
                )
                self._ids |= {f"#{c['name']}": str(c["id"]) for c in answer.get("channels") or []}
                cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
                if channel in self._ids or cursor is None:
                    break
        if channel not in self._ids:
            raise SlackRefused(mended("channel_not_found", channel), "channel_not_found")
        return self._ids[channel]


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": EVENT, "event_payload": {"key": key}}


def _moved(message: Message, channel: str) -> Message:
    shown = channel if channel.startswith("#") else f"the channel {channel}"
    note = Small(text=text(f"Meant for {shown}, which the bot cannot write to."))
    return message.model_copy(update={"blocks": (note, *message.blocks)})


_Span = Plain | Strong | Code | Link | Mention | At


def _mentioned(message: Message) -> set[str]:
    """The people whom a message mentions."""
    spans: list[Iterable[_Span]] = []
    for block in message.blocks:
        if isinstance(block, Paragraph | Small):
            spans.append(block.text)
        elif isinstance(block, Facts):
            spans += [fact.value for fact in block.facts]
        elif isinstance(block, Items):
            spans += list(block.items)
    return {s.person for some in spans for s in some if isinstance(s, Mention)}
