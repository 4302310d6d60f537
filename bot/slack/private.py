"""Answers that only the one who asked sees, whatever they did."""

import asyncio
import logging
from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.slack.blocks import Goes, Rendered, render
from bot.slack.forms import notice
from bot.slack.payloads import Asked
from bot.slack.surface import SlackSurface
from bot.slack.workspace import SlackWorkspace
from bot.surface import DeliveryError
from handlers.conversation import Message

log = logging.getLogger(__name__)

HOST = "hooks.slack.com"
FOLLOWING = 3  # further messages of one answer: with the first, four of a response_url's five uses
_REMEMBERED = 5000


def allowed(url: str, api_url: str) -> bool:
    """Whether an answer may be sent there: Slack's own host, or the host of the configured API.

    A response_url comes with a signed payload, but what the bot posts must not go where a payload says.
    """
    try:
        there, api = urlsplit(url), urlsplit(api_url)
        if there.scheme == "https" and there.hostname == HOST and there.port in (None, 443):
            return there.username is None
        return (there.scheme, there.netloc) == (api.scheme, api.netloc) and bool(api.netloc)
    except ValueError:
        return False


class Private:
    """Says things privately, in four messages at most: a response_url has five uses."""

    def __init__(self, surface: SlackSurface) -> None:
        self._surface = surface
        self._said: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def rendered(self, asked: Asked, message: Message, goes: Goes = "nowhere") -> Rendered:
        """The message without pictures, which take too long; names when accounts do."""
        try:
            workspace = self._surface.heard(asked.installed)
            if workspace is not None:
                shown = workspace.render(message, pictures=False, goes=goes)
                return await asyncio.wait_for(shown, 0.6)
        except (TimeoutError, DeliveryError):
            pass
        return render(message, goes=goes)

    def later(self, asked: Asked, message: Message, *, replace: bool = False) -> None:
        """Says it behind the answer to Slack; once for the same delivery, however often it comes.

        ``replace``: in the place of the private answer whose button was pressed."""
        if asked.delivery_id in self._said:
            return
        self._said[asked.delivery_id] = None
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        task = asyncio.create_task(self._say(asked, message, replace))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Waits for what is still being said."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _say(self, asked: Asked, message: Message, replace: bool) -> None:
        try:
            workspace = self._surface.heard(asked.installed)
            if workspace is None:
                return
            said = await self._message(workspace, asked, message, FOLLOWING, replace)
            if not said and asked.trigger and asked.kind != "submission":
                shown = await self.rendered(asked, message)
                await workspace.calls.write(
                    "views.open", trigger_id=asked.trigger, view=notice("Sandrail", shown)
                )
            elif not said:
                log.error("a private answer reached nobody")
        except DeliveryError as error:
            log.error("a private answer was not delivered: %s", error.reason)
        except Exception:
            log.exception("a private answer was not delivered")

    async def _message(
        self,
        workspace: SlackWorkspace,
        asked: Asked,
        message: Message,
        more: int,
        replace: bool = False,
    ) -> bool:
        """Says it in a message, and what does not fit in ``more`` others, in order; whether it was said."""
        shown = await self.rendered(asked, message, "next" if more else "nowhere")
        said = bool(asked.response_url) and await self._respond(workspace, asked, shown, replace)
        if not said:
            said = bool(asked.channel) and await self._ephemeral(workspace, asked, shown)
        if not said or not more or shown.rest is None:
            return said
        if not await self._message(workspace, asked, shown.rest, more - 1):
            log.error("the rest of a private answer reached nobody")
        return True

    async def _respond(
        self, workspace: SlackWorkspace, asked: Asked, shown: Rendered, replace: bool
    ) -> bool:
        if not allowed(asked.response_url, self._surface.settings.api_url):
            log.error("a response_url does not lead to Slack; it is not used")
            return False
        body: dict[str, Any] = {
            "response_type": "ephemeral",
            "replace_original": replace,
            **shown.as_arguments(),
        }
        if asked.thread:
            body["thread_ts"] = asked.thread
        session = await workspace.calls.session()
        try:
            async with session.post(
                asked.response_url, json=body, allow_redirects=False
            ) as response:
                if response.status == 200:
                    return True
                log.warning("a response_url answered %s", response.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("a response_url did not answer: %s", type(error).__name__)
        return False

    async def _ephemeral(self, workspace: SlackWorkspace, asked: Asked, shown: Rendered) -> bool:
        try:
            await workspace.calls.write(
                "chat.postEphemeral",
                channel=asked.channel,
                user=asked.user,
                thread_ts=asked.thread,
                **shown.as_arguments(),
            )
        except DeliveryError as error:
            log.warning("a private answer in the channel failed: %s", error.reason)
            return False
        return True
