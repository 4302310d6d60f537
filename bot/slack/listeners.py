"""The Bolt app: which of Slack's payloads are heard, the same over HTTP and Socket Mode."""

import logging
import re
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
    from_press,
    from_submission,
)
from bot.slack.surface import SlackSurface

log = logging.getLogger(__name__)

_ANY = re.compile(".*", re.DOTALL)
Take = Callable[[Asked], Awaitable[BoltResponse]]
Gone = Callable[[str], None]


def bolt_app(surface: SlackSurface, take: Take, gone: Gone) -> AsyncApp:
    """Bolt without what the door has done already: no second check, no sign-in on the first click.

    ``process_before_response``: a listener finishes before Slack is answered, so the answer can carry its reply,
    and nothing polls for it.
    """
    logger = logging.getLogger(f"{__name__}.bolt")
    logger.setLevel(logging.ERROR)  # below, Bolt logs what people sent

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id=surface.tenant,
            bot_user_id=surface.bot_user,
            bot_token=surface.settings.bot_token,
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

    async def uninstalled() -> BoltResponse:
        gone("the Slack app was uninstalled or its tokens were revoked: install it again.")
        return BoltResponse(status=200, body="")

    async def unheard(error: Exception) -> BoltResponse:
        if not isinstance(error, BoltUnhandledRequestError):
            log.error("a payload of Slack failed", exc_info=error)
        return BoltResponse(status=200, body="")  # Slack takes anything else for an outage

    app.block_action(_ANY)(heard(from_press))
    app.view_submission(_ANY)(heard(from_submission))
    app.command(_ANY)(heard(from_command))
    app.event("app_mention")(heard(lambda body: from_mention(body, surface.bot_user)))
    app.event("app_home_opened")(heard(from_home))
    app.event("app_uninstalled")(uninstalled)
    app.event("tokens_revoked")(uninstalled)
    app.event(_ANY)(nothing)
    app.view_closed(_ANY)(nothing)
    app.error(unheard)
