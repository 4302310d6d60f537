"""One workspace, or organisation, that the app is installed in: what it says there, at each channel's pace."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.slack import limits
from bot.slack.blocks import Goes, Rendered, render
from bot.slack.calls import Answer, Calls
from bot.slack.errors import BLOCKS, SlackRefused, mended
from bot.slack.people import People
from bot.slack.pictures import Pictures
from bot.surface import DeliveryError, Sent
from guardrails.policy.model import Policy
from handlers.conversation import Chart, Message, mentioned
from storage.database import Database
from storage.outbox import Ref

log = logging.getLogger(__name__)

NAME = "slack"
EVENT = "sandrail_message"  # the event_type of our metadata
PACE = 1.0  # seconds between two messages to a channel: Slack's own limit of chat.postMessage
_PAGES = 20


@dataclass(frozen=True)
class Installed:
    """An installation. ``org``: it covers an organisation (Enterprise Grid), whose id is the tenant."""

    tenant: str
    token: str = field(repr=False)
    bot_user: str = ""
    name: str = ""
    org: bool = False
    expires_at: float | None = None  # Unix time; None: the token is not rotated


class SlackWorkspace:
    """Calls, people, pictures, pace and ids of one installation. Nothing of it is known to another."""

    def __init__(
        self,
        installed: Installed,
        api_url: str,
        policy: Callable[[], Policy],
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self.installed = installed
        self.main = True  # whether accounts that the policy names are of this workspace
        self.gone: str | None = None  # why it no longer accepts us
        self.teams: frozenset[str] = frozenset()  # the workspaces of an organisation
        self.pace = PACE
        self.calls = Calls(api_url, installed.token)
        self.pictures = Pictures(self.calls)
        self.people = People(self.calls, database, clock, policy, self)
        self._next: dict[str, float] = {}
        self._ids: dict[str, str] = {}

    @property
    def tenant(self) -> str:
        """The id of the workspace, or of the organisation."""
        return self.installed.tenant

    @property
    def org(self) -> bool:
        """Whether the installation covers an organisation."""
        return self.installed.org

    def renew(self, installed: Installed) -> None:
        """The same installation with another token, as after a rotation or a second installing."""
        self.installed = installed
        self.calls.client.token = installed.token

    async def know_teams(self) -> None:
        """Learns which workspaces an organisation has; keeps what it knew when Slack does not say."""
        if not self.org:
            return
        try:
            found = [t async for t in self.pages("auth.teams.list", "teams", limit=1000)]
        except DeliveryError as error:
            log.warning("the workspaces of %s cannot be listed: %s", self.tenant, error.reason)
            return
        self.teams = frozenset(str(t["id"]) for t in found)

    async def close(self) -> None:
        """Ends all connections."""
        await self.people.close()
        await self.calls.close()

    async def post(self, channel: str, key: str, message: Message, root: str | None) -> Sent:
        """Posts under our own ``key`` as metadata. Raises :class:`bot.surface.DeliveryError`."""
        await self._pace(channel)
        # A name may stand for several channels of an organisation.
        where = await self._id(channel) if self.org else channel
        answer, rest = await self._send(
            message,
            lambda said: self.calls.write(
                "chat.postMessage",
                shown=channel,
                channel=where,
                thread_ts=root,
                metadata=_metadata(key),
                unfurl_links=False,
                unfurl_media=False,
                **said.as_arguments(),
            ),
        )
        where = str(answer["channel"])
        self._ids[channel] = where
        return Sent(Ref(NAME, self.tenant, where, str(answer["ts"]), root or ""), rest)

    async def update(self, ref: Ref, key: str, message: Message) -> Sent:
        """Makes the message at ``ref`` say ``message``. Raises :class:`bot.surface.DeliveryError`."""
        _, rest = await self._send(
            message,
            lambda said: self.calls.write(
                "chat.update",
                channel=ref.channel,
                ts=ref.message_id,
                metadata=_metadata(key),
                **said.as_arguments(),
            ),
        )
        return Sent(ref, rest)

    async def find(self, channel: str, key: str, root: str | None, oldest: str) -> Ref | None:
        """The message with our ``key`` since the timestamp ``oldest``, None when it is not there."""
        where = await self._id(channel)
        method = "conversations.replies" if root else "conversations.history"
        async for message in self.pages(
            method,
            "messages",
            channel=where,
            ts=root,
            oldest=oldest,
            limit=200,
            include_all_metadata=True,
        ):
            metadata = message.get("metadata") or {}
            payload = metadata.get("event_payload") or {}
            if metadata.get("event_type") == EVENT and payload.get("key") == key:
                return Ref(NAME, self.tenant, where, str(message["ts"]), root or "")
        return None

    async def render(
        self,
        message: Message,
        *,
        pictures: bool = True,
        blocks: int = limits.BLOCKS,
        goes: Goes = "thread",
    ) -> Rendered:
        """The message with the accounts of those it mentions and its charts as pictures."""
        accounts = await self.people.accounts(mentioned(message))
        charts = [b for b in message.blocks if isinstance(b, Chart)]
        shown = await self.pictures.of(charts) if pictures else {}
        return render(message, accounts, shown, blocks, goes)

    async def pages(self, method: str, what: str, **arguments: Any) -> AsyncIterator[Answer]:
        """What a method lists, page by page, twenty pages at most."""
        cursor: str | None = None
        for _ in range(_PAGES):
            answer = await self.calls.read(method, cursor=cursor, **arguments)
            for one in answer.get(what) or []:
                yield one
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return
        log.error("%s in %s has too many pages; the rest is not looked at", method, self.tenant)

    # --- how --------------------------------------------------------------------------------------

    async def _send(
        self, message: Message, call: Callable[[Rendered], Any]
    ) -> tuple[Answer, Message | None]:
        """Sends the message; once more without pictures when Slack refuses the blocks with them.

        Returns Slack's answer and what did not fit.
        """
        said = await self.render(message)
        try:
            answer: Answer = await call(said)
        except SlackRefused as refused:
            charts = [b for b in message.blocks if isinstance(b, Chart)]
            if refused.code not in BLOCKS or not any(b["type"] == "image" for b in said.blocks):
                raise
            log.warning("Slack refused a picture; the chart is shown in words")
            self.pictures.forget(charts)
            said = await self.render(message, pictures=False)
            answer = await call(said)
        return answer, said.rest

    async def _pace(self, channel: str) -> None:
        now = time.monotonic()
        at = max(self._next.get(channel, 0.0), now)
        self._next[channel] = at + self.pace
        if at > now:
            await asyncio.sleep(at - now)

    async def _id(self, channel: str) -> str:
        """The id of a channel that the policy calls by its name."""
        if not channel.startswith("#"):
            return channel
        for team in sorted(self.teams) if self.org and self.teams else [None]:
            if channel in self._ids:
                break
            async for c in self.pages(
                "conversations.list",
                "channels",
                types="public_channel,private_channel",
                exclude_archived=False,
                limit=999,
                team_id=team,
            ):
                self._ids.setdefault(f"#{c['name']}", str(c["id"]))
                if channel in self._ids:
                    break
        if channel not in self._ids:
            raise SlackRefused(mended("channel_not_found", channel), "channel_not_found")
        return self._ids[channel]


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": EVENT, "event_payload": {"key": key}}
