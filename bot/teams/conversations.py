"""Where the bot is: what Teams tells about teams, channels and chats, kept and looked up."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot.incoming import part
from bot.surface import DeliveryError, NotInstalled
from bot.teams.connector import Connector
from bot.teams.heard import Where, is_bot, sender, where
from storage import teams
from storage.database import Database
from storage.teams import Conversation

log = logging.getLogger(__name__)

_REMOVED = "The app was removed there; add it again."
_DELETED = "The channel was deleted."
_TEAM_DELETED = "The team was deleted."
_CHANNEL = ("channelCreated", "channelRenamed", "channelRestored")
_TEAM = ("teamRenamed", "teamRestored", "teamUnarchived")
LOOK = timedelta(seconds=30)  # how soon is known here what another replica heard


class Conversations:
    """The conversations of one tenant."""

    def __init__(
        self,
        connector: Connector,
        tenant: str,
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self._connector = connector
        self._tenant = tenant
        self._database = database
        self._clock = clock
        self._known: dict[str, Conversation] = {}  # by conversation
        self._people: dict[str, Conversation] = {}  # by account
        self._service_url = ""  # the one last seen in this tenant
        self._looked: datetime | None = None

    async def look(self) -> None:
        """Brings what is known in line with the database: other replicas hear of other things."""
        self._looked = self._clock()
        found = await self._database.in_read(lambda c: teams.all_of(c, self._tenant))
        self._known = {one.conversation: one for one in found}
        here = [one for one in found if not one.gone_why]
        self._people = {one.user_id: one for one in reversed(here) if one.user_id}
        self._service_url = here[0].service_url if here else ""

    async def channel(self, conversation: str) -> Conversation:
        """A channel that can be written to. Raises NotInstalled with what to do."""
        known = self._known.get(conversation)
        await self._fresh(known is not None and not known.gone_why)
        found = self._known.get(conversation)
        if found is not None and found.gone_why:
            raise NotInstalled(f"{found.name or conversation}: {found.gone_why}")
        if found is not None:
            return found
        if self._service_url:  # a channel that was made after the app was added
            return Conversation(self._tenant, conversation, "channel", self._service_url)
        raise NotInstalled(
            "The app is not in any team of Microsoft Teams yet: upload what sandrail manifest teams "
            "writes, and add the app to the team of each channel."
        )

    async def personal(self, account: str) -> Conversation | None:
        """The personal chat with an account, None when there is none yet."""
        await self._fresh(account in self._people)
        return self._people.get(account)

    async def service_url(self) -> str:
        """A service URL of this tenant, empty before the first activity."""
        await self._fresh(bool(self._service_url))
        return self._service_url

    async def began(self, conversation: str, account: str, name: str, service_url: str) -> None:
        """A personal chat that the bot has begun itself."""
        await self._remember(
            Conversation(self._tenant, conversation, "personal", service_url, "", name, account)
        )

    async def seen(self, activity: dict[str, Any]) -> None:
        """Keeps where an activity of a person came from: it may be the first thing we hear of it, and its service
        URL counts from now on."""
        there = where(activity)
        known = self._known.get(there.conversation)
        news = known is None or known.gone_why or known.service_url != there.service_url
        if not news:
            return
        if there.personal:
            who = sender(activity)
            await self.began(there.conversation, who.mri, who.name, there.service_url)
        elif there.team:
            url, team = there.service_url, there.team
            here = known or Conversation(
                self._tenant, there.conversation, "channel", url, team, there.conversation
            )
            others = [c for c in self._known.values() if c.team == team and c.service_url != url]
            found = {c.conversation: replace(c, service_url=url) for c in others}
            found[here.conversation] = replace(here, service_url=url, gone_why="")
            await self._remember(*found.values())

    async def changed(self, activity: dict[str, Any]) -> bool:
        """A ``conversationUpdate`` or ``installationUpdate``; whether the bot came to a new place."""
        there = where(activity)
        added, removed = _members(activity, "membersAdded"), _members(activity, "membersRemoved")
        data = part(activity, "channelData")
        event = str(data.get("eventType") or "")
        came = activity.get("action") in ("add", "add-upgrade") or any(
            is_bot(activity, m) for m in added
        )
        left = activity.get("action") in ("remove", "remove-upgrade") or any(
            is_bot(activity, m) for m in removed
        )
        channel = part(data, "channel")
        channel_id, channel_name = str(channel.get("id") or ""), str(channel.get("name") or "")
        if left:
            await self._lost(there, _REMOVED)
        elif event == "channelDeleted" and channel_id:
            await self._lost(there, _DELETED, conversation=channel_id)
        elif event in ("teamDeleted", "teamHardDeleted"):
            await self._lost(there, _TEAM_DELETED)
        elif event in _CHANNEL and channel_id:
            name = f"{part(data, 'team').get('name') or ''} / {channel_name}"
            await self._remember(
                Conversation(
                    self._tenant, channel_id, "channel", there.service_url, there.team, name
                )
            )
        elif came or event in _TEAM:
            await self._came(activity, there, data)
        return came and not left

    # --- how --------------------------------------------------------------------------------------

    async def _came(self, activity: dict[str, Any], there: Where, data: dict[str, Any]) -> None:
        if there.personal:
            who = sender(activity)
            await self.began(there.conversation, who.mri, who.name, there.service_url)
            return
        team = part(data, "team")
        team_id, team_name = str(team.get("id") or there.conversation), str(team.get("name") or "")
        channels: list[dict[str, Any]] = [{"id": team_id, "name": None}]
        try:
            channels = await self._connector.channels(there.service_url, team_id) or channels
        except DeliveryError as error:
            log.warning("the channels of %s cannot be listed: %s", team_name, error.reason)
        await self._remember(
            *(
                Conversation(
                    self._tenant,
                    str(channel["id"]),
                    "channel",
                    there.service_url,
                    team_id,
                    f"{team_name} / {channel.get('name') or 'General'}",
                )
                for channel in channels
                if channel.get("id")
            )
        )

    async def _remember(self, *found: Conversation) -> None:
        now = self._clock()

        def work(connection: Connection) -> None:
            for one in found:
                teams.remember(connection, one, now)

        await self._database.in_write(work)
        await self.look()

    async def _lost(self, there: Where, why: str, conversation: str = "") -> None:
        team = "" if conversation or there.personal else (there.team or there.conversation)
        one = conversation or there.conversation
        await self._database.in_write(
            lambda c: teams.lost(c, self._tenant, why, conversation=one, team=team)
        )
        await self.look()

    async def _fresh(self, known: bool) -> None:
        old = self._looked is None or self._clock() - self._looked >= LOOK
        if old or not known:
            await self.look()


def _members(activity: dict[str, Any], key: str) -> list[str]:
    said = activity.get(key)
    return [str(m.get("id")) for m in said if isinstance(m, dict)] if isinstance(said, list) else []
