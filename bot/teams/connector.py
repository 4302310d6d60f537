"""Calls of the Bot Connector over HTTP: one session, tokens that are kept, errors that delivery understands.

The SDK's own client builds a list of 999 retry delays for every turn, asks for its token with a blocking call and
does not try again what Teams throttles; so it is not used. Trying again is the outbox's business.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from bot.settings import LOOPBACK, TeamsSettings
from bot.surface import AnswerLost, Revoked, TryLater
from bot.teams.errors import typed
from bot.teams.login import CONNECTOR, Login

_TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
Answer = dict[str, Any]


class Connector:
    """The connector of any service URL that came with a verified activity."""

    def __init__(
        self,
        settings: TeamsSettings,
        login: Login,
        session: Callable[[], aiohttp.ClientSession],
    ) -> None:
        self._settings = settings
        self._login = login
        self._session = session

    async def send(self, service_url: str, conversation: str, activity: Answer) -> str:
        """Posts an activity; its id. Raises :class:`bot.surface.DeliveryError`."""
        path = f"v3/conversations/{quote(conversation, safe='')}/activities"
        said = await self._call("POST", service_url, path, conversation, activity)
        return str(said.get("id") or "")

    async def update(
        self, service_url: str, conversation: str, activity_id: str, activity: Answer
    ) -> None:
        """Makes the activity another one. Raises :class:`bot.surface.DeliveryError`."""
        path = f"v3/conversations/{quote(conversation, safe='')}/activities/{quote(activity_id, safe='')}"
        body = {**activity, "id": activity_id}
        await self._call("PUT", service_url, path, conversation, body)

    async def create(self, service_url: str, parameters: Answer, where: str) -> tuple[str, str]:
        """Begins a thread in a channel, or a personal chat: (conversation, activity id)."""
        said = await self._call("POST", service_url, "v3/conversations", where, parameters)
        conversation, activity = str(said.get("id") or ""), str(said.get("activityId") or "")
        # A thread's id ends in that of the message it begins with.
        return conversation, activity or conversation.partition(";messageid=")[2]

    async def member(self, service_url: str, conversation: str, user: str) -> Answer:
        """The Teams account of someone in a conversation."""
        path = f"v3/conversations/{quote(conversation, safe='')}/members/{quote(user, safe='')}"
        return await self._call("GET", service_url, path, conversation)

    async def channels(self, service_url: str, team: str) -> list[Answer]:
        """The channels of a team; the one called General has no name."""
        path = f"v3/teams/{quote(team, safe='')}/conversations"
        said = await self._call("GET", service_url, path, team)
        return [c for c in said.get("conversations") or [] if isinstance(c, dict)]

    async def _call(
        self, method: str, service_url: str, path: str, where: str, body: Answer | None = None
    ) -> Answer:
        url = service_url.rstrip("/") + "/" + path
        for again in (False, True):
            headers = {}
            token = ""
            if not self._settings.anonymous:
                token = await self._login.token(CONNECTOR)
                headers["Authorization"] = f"Bearer {token}"
            try:
                async with self._session().request(
                    method, url, json=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
                ) as response:
                    status = response.status
                    after = _seconds(response.headers.get("Retry-After"))
                    said = await _json(response)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                raise TryLater(f"Teams cannot be reached ({error})") from None
            except (aiohttp.ClientError, TimeoutError) as error:
                why = str(error) or type(error).__name__
                if method == "POST":
                    raise AnswerLost(f"Teams did not answer ({why})") from None
                # doing it again is harmless
                raise TryLater(f"Teams did not answer ({why})") from None
            if 200 <= status < 300:
                return said
            if status == 401 and token and not again:
                self._login.forget(token)  # it may have been taken back
                continue
            if status == 401:
                raise Revoked(
                    "Teams refuses the bot's token: check that the bot with MICROSOFT_APP_ID exists, "
                    "belongs to MICROSOFT_APP_TENANT_ID and has the Microsoft Teams channel."
                )
            code = str(_dict(said.get("error")).get("code") or said.get("errorCode") or "")
            raise typed(status, code, after, where)
        raise AssertionError  # both rounds return or raise


def safe(service_url: str, settings: TeamsSettings) -> bool:
    """Whether our messages may go there: https, or this machine for an emulator and tests."""
    try:
        url = URL(service_url)  # read as the client that sends there reads it
    except ValueError:
        return False
    if url.scheme == "http":
        here = settings.anonymous or settings.openid_url.startswith("http://")
        return here and url.host in LOOPBACK
    return url.scheme == "https" and bool(url.host) and not settings.anonymous


async def _json(response: aiohttp.ClientResponse) -> Answer:
    try:
        return _dict(await response.json(content_type=None))
    except ValueError:
        return {}


def _dict(value: Any) -> Answer:
    return value if isinstance(value, dict) else {}


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds, however it was said."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
