"""The Bolt app: which of Slack's payloads are heard, the same over HTTP and Socket Mode."""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.payloads import (
    Asked,
    PayloadError,
    from_command,
    from_home,
    from_mention,
    from_message_menu,
    from_press,
    from_submission,
    installed,
)
from bot.slack.surface import SlackSurface

log = logging.getLogger(__name__)

_ANY = re.compile(".*", re.DOTALL)
Take = Callable[[Asked], Awaitable[BoltResponse]]
#: Told which installation is gone, why, and when that was (Unix time).
Gone = Callable[[str, str, float], Awaitable[None]]


def bolt_app(surface: SlackSurface, take: Take, gone: Gone) -> AsyncApp:
    """Bolt without what the door has done already: no second check, no sign-in on the first click.

    ``process_before_response``: a listener finishes before Slack is answered, so the answer can carry its reply,
    and nothing polls for it.
    """
    logger = logging.getLogger(f"{__name__}.bolt")
    logger.setLevel(logging.ERROR)  # below, Bolt logs what people sent

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        # Bolt uses it to leave out what the bot itself did. Whose installation it is, is looked up by
        # :func:`bot.slack.payloads.installed`, with which everything is then done.
        found = surface.heard(team_id or "") or surface.heard(enterprise_id or "")
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_user_id=found.installed.bot_user if found else None,
            bot_token=None,
        )

    app = AsyncApp(
        name="sandrail",
        logger=logger,
        client=AsyncWebClient(base_url=surface.settings.api_url, retry_handlers=[]),
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        url_verification_enabled=False,
        attaching_function_token_enabled=False,
        raise_error_for_unhandled_request=True,
    )
    _listen(app, surface, take, gone)
    return app


def _listen(app: AsyncApp, surface: SlackSurface, take: Take, gone: Gone) -> None:
    def heard(
        read: Callable[[dict[str, Any]], Asked | None],
    ) -> Callable[..., Awaitable[BoltResponse]]:
        async def listener(body: dict[str, Any]) -> BoltResponse:
            try:
                asked = read(body)
            except PayloadError as error:
                log.warning("a payload of Slack cannot be used: %s", error)
                return BoltResponse(status=200, body="")
            return await take(asked) if asked is not None else BoltResponse(status=200, body="")

        return listener

    async def nothing() -> BoltResponse:
        return BoltResponse(status=200, body="")

    def mentioned(body: dict[str, Any]) -> Asked:
        workspace = surface.heard(installed(body))
        return from_mention(body, workspace.installed.bot_user if workspace else "")

    async def uninstalled(body: dict[str, Any], event: dict[str, Any]) -> BoltResponse:
        tokens = event.get("tokens")
        if isinstance(tokens, dict) and not tokens.get("bot"):
            return BoltResponse(status=200, body="")  # a person's token; the bot has none of those
        why = "The Slack app was uninstalled or its tokens were revoked: install it again."
        told = body.get("event_time")
        await gone(installed(body), why, float(told) if isinstance(told, int) else time.time())
        return BoltResponse(status=200, body="")

    async def unheard(error: Exception) -> BoltResponse:
        if not isinstance(error, BoltUnhandledRequestError):
            log.error("a payload of Slack failed", exc_info=error)
        return BoltResponse(status=200, body="")  # Slack takes anything else for an outage

    app.block_action(_ANY)(heard(from_press))
    app.message_shortcut(_ANY)(heard(from_message_menu))
    app.view_submission(_ANY)(heard(from_submission))
    app.command(_ANY)(heard(from_command))
    app.event("app_mention")(heard(mentioned))
    app.event("app_home_opened")(heard(from_home))
    app.event("app_uninstalled")(uninstalled)
    app.event("tokens_revoked")(uninstalled)
    app.event(_ANY)(nothing)
    app.view_closed(_ANY)(nothing)
    app.error(unheard)
