"""Socket Mode, for a company whose firewall lets nobody in: Slack's payloads over a connection that we open."""

import logging
from collections.abc import Awaitable
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import SlackSettings


def connect(app: AsyncApp, settings: SlackSettings) -> tuple[Any, Awaitable[None]]:
    """The handler of the connection, and the connecting, which tries until it succeeds or is closed."""
    logger = logging.getLogger(__name__)
    handler = AsyncSocketModeHandler(
        app,
        settings.app_token,
        logger=logger,
        web_client=AsyncWebClient(base_url=settings.api_url, logger=logger, retry_handlers=[]),
    )
    return handler, handler.connect_async()  # type: ignore[no-untyped-call]
