"""Calls of the Web API: one session, no hidden retries, errors that delivery understands.

slack_sdk's own retries are off: one repeats a post whose connection broke (and so posts twice), one sleeps the
worker through a rate limit. Who may try again, and when, is the outbox's business.
"""

import logging
import time
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import SettingsError, SlackSettings
from bot.slack.errors import raise_typed
from bot.surface import TryLater

log = logging.getLogger(__name__)

_QUIET = logging.getLogger(f"{__name__}.client")
_QUIET.setLevel(logging.WARNING)  # below, slack_sdk logs answers, and some hold tokens

_TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
Answer = dict[str, Any]


class Calls:
    """The Web API with one bot token. Made outside a loop; the session begins with the first call."""

    def __init__(self, api_url: str, token: str) -> None:
        self.client = AsyncWebClient(
            token=token, base_url=api_url, timeout=15, retry_handlers=[], logger=_QUIET
        )
        self._blocked: dict[str, float] = {}  # lane of a rate limit → when it ends, monotonic

    async def session(self) -> aiohttp.ClientSession:
        """The session of all requests to Slack."""
        if self.client.session is None or self.client.session.closed:
            self.client.session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self.client.session

    async def close(self) -> None:
        """Ends the session."""
        if self.client.session is not None:
            await self.client.session.close()

    async def read(self, method: str, **arguments: Any) -> Answer:
        """Asks for something. Raises :class:`bot.surface.DeliveryError`; never AnswerLost."""
        params = {k: _form(v) for k, v in arguments.items() if v is not None}
        return await self._call(method, method, writes=False, channel="", params=params)

    async def write(self, method: str, *, shown: str = "", **arguments: Any) -> Answer:
        """Changes something. Raises :class:`bot.surface.DeliveryError`.

        ``shown`` is how errors call the channel; it defaults to the argument ``channel``.
        """
        channel = str(arguments.get("channel", ""))
        lane = f"{method} {channel}" if method == "chat.postMessage" else method
        given = {k: v for k, v in arguments.items() if v is not None}
        return await self._call(method, lane, writes=True, channel=shown or channel, json=given)

    async def _call(
        self, method: str, lane: str, *, writes: bool, channel: str, **how: Any
    ) -> Answer:
        left = self._blocked.get(lane, 0.0) - time.monotonic()
        if left > 0:
            raise TryLater("Slack asks us to slow down", after=left)
        await self.session()
        try:
            response = await self.client.api_call(
                method, http_verb="POST" if writes else "GET", **how
            )
        except Exception as error:
            try:
                raise_typed(error, writes=writes, channel=channel or "the channel")
            except TryLater as later:
                if later.after is not None:
                    self._blocked[lane] = time.monotonic() + later.after
                raise
        self._blocked.pop(lane, None)
        data = response.data
        return data if isinstance(data, dict) else {}


async def exchange(settings: SlackSettings, **arguments: Any) -> Answer:
    """What oauth.v2.access answers: a token for a code, or for a token that ends. Raises DeliveryError.

    AnswerLost means that Slack may have made the new token although we do not have it.
    """
    calls = Calls(settings.api_url, "")
    try:
        await calls.session()
        # Not its oauth_v2_access: that uses what aiohttp is about to take away.
        who = {"client_id": settings.client_id, "client_secret": settings.client_secret}
        response = await calls.client.api_call("oauth.v2.access", data={**who, **arguments})
    except Exception as error:
        raise_typed(error, writes=True)
    finally:
        await calls.close()
    return response.data if isinstance(response.data, dict) else {}


def sign_in(settings: SlackSettings) -> Answer:
    """What auth.test says of the bot token; blocks. Raises SettingsError with one sentence."""
    # Imported here: only a start outside the event loop needs the blocking client.
    from slack_sdk import WebClient

    client = WebClient(
        token=settings.bot_token, base_url=settings.api_url, timeout=10, retry_handlers=[]
    )
    try:
        data = client.auth_test().data
    except Exception as error:
        from bot.slack.errors import typed

        reason = typed(error, writes=False, channel="").reason
        raise SettingsError(reason) from None
    return data if isinstance(data, dict) else {}


def _form(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value
