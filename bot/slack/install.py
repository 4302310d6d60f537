"""Installing the app in a workspace with OAuth v2: GET /slack/install and GET /slack/oauth_redirect."""

import hmac
import html
import logging
import secrets
from datetime import timedelta
from typing import Any

from aiohttp import web
from slack_sdk.oauth import AuthorizeUrlGenerator
from slack_sdk.oauth.installation_store import Installation

from bot.kernel import Kernel
from bot.slack import installations
from bot.slack.calls import Answer, Calls, exchange
from bot.slack.scopes import SCOPES
from bot.slack.surface import SlackSurface
from bot.surface import AnswerLost, DeliveryError
from storage import installations as kept

log = logging.getLogger(__name__)

INSTALL, REDIRECT = "/slack/install", "/slack/oauth_redirect"
COOKIE = "sandrail-slack-oauth"
LIVES = timedelta(minutes=10)  # how long someone may take to say yes
_AGAIN = f'Begin again at <a href="{INSTALL}">{INSTALL}</a>.'
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address holds the code
    "X-Content-Type-Options": "nosniff",
}


def add_install_routes(app: web.Application, surface: SlackSurface, kernel: Kernel) -> None:
    """Serves the two pages."""
    pages = _Pages(surface, kernel)
    app.router.add_get(INSTALL, pages.install)
    app.router.add_get(REDIRECT, pages.redirect)


class _Pages:
    def __init__(self, surface: SlackSurface, kernel: Kernel) -> None:
        self._surface = surface
        self._kernel = kernel
        self._settings = surface.settings

    async def install(self, request: web.Request) -> web.Response:
        """Sends the browser to Slack with a state that only this browser can bring back, once, in ten minutes."""
        state = secrets.token_urlsafe(32)
        until = self._kernel.clock() + LIVES
        await self._kernel.database.in_write(lambda c: kept.give_state(c, state, until))
        url = AuthorizeUrlGenerator(
            client_id=self._settings.client_id,
            scopes=sorted(SCOPES),
            authorization_url=_authorize(self._settings.api_url),
        ).generate(state)
        response = web.Response(status=302, headers={"Location": url, **_HEADERS})
        response.set_cookie(
            COOKIE,
            state,
            max_age=int(LIVES.total_seconds()),
            path="/slack/",
            secure=not _on_loopback(request),
            httponly=True,
            samesite="Lax",  # it comes back with a navigation from Slack's page
        )
        return response

    async def redirect(self, request: web.Request) -> web.Response:
        """Where Slack sends the browser back to: exchanges the code and keeps the installation."""
        state, cookie = request.query.get("state", ""), request.cookies.get(COOKIE, "")
        same = hmac.compare_digest(
            state.encode("utf-8", "replace"), cookie.encode("utf-8", "replace")
        )
        now = self._kernel.clock()
        if not state or not same:
            return _page(400, f"This installing was not begun in this browser. {_AGAIN}")
        if not await self._kernel.database.in_write(lambda c: kept.take_state(c, state, now)):
            return _page(400, f"This installing took too long, or was done already. {_AGAIN}")
        if request.query.get("error"):
            said = (
                "was cancelled" if request.query["error"] == "access_denied" else "failed at Slack"
            )
            return _page(400, f"The installing {said}; nothing was installed. {_AGAIN}")
        code = request.query.get("code", "")
        if not code:
            return _page(400, f"Slack sent no code; nothing was installed. {_AGAIN}")
        try:
            answer = await exchange(self._settings, code=code)
            return await self._keep(answer)
        except AnswerLost as error:
            log.error("installing failed: %s", error.reason)
            return _page(502, f"Slack's answer was lost; nothing was installed. {_AGAIN}")
        except DeliveryError as error:
            log.error("installing failed: %s", error.reason)
            return _page(
                502, f"Slack did not accept the installing; nothing was installed. {_AGAIN}"
            )

    async def _keep(self, answer: Answer) -> web.Response:
        if not answer.get("access_token") or answer.get("token_type") != "bot":
            log.error("installing failed: Slack gave no bot token")
            return _page(502, f"Slack gave no bot token; nothing was installed. {_AGAIN}")
        installation = self._described(answer)
        tenant = installations.tenant_of(installation)
        if not tenant:
            log.error("installing failed: Slack did not say for which workspace")
            return _page(
                502, f"Slack did not say for which workspace; nothing was installed. {_AGAIN}"
            )
        name = installation.enterprise_name or installation.team_name or tenant
        if not installation.is_enterprise_install:
            name = installation.team_name or tenant
        if not await self._kernel.database.in_write(lambda c: self._accepted(c, installation)):
            log.error("%s (%s) tried to install the app and was refused", name, tenant)
            await self._undo(str(answer["access_token"]))
            return _page(
                403,
                f"{html.escape(name)} ({html.escape(tenant)}) is not one of the workspaces of this Sandrail; "
                "nothing was installed. Its operator can add the id to SLACK_TEAMS.",
            )
        log.info("Slack workspace %s (%s) has installed the app", name, tenant)
        await self._surface.look()
        self._kernel.delivery.wake()
        return _page(
            200,
            f"Sandrail is installed in {html.escape(name)}. Invite it into each channel of the policy: "
            "<code>/invite @Sandrail</code>. You can close this page.",
        )

    def _accepted(self, connection: Any, installation: Installation) -> bool:
        """Keeps the installation if its tenant may install: in the transaction, so that one is first."""
        tenant = installations.tenant_of(installation)
        known = {t.tenant for t in kept.tenants(connection)}
        named = {
            c.slack.partition("/")[0]
            for c in self._surface.loaded.policy.channels.values()
            if c.slack and "/" in c.slack
        }
        allowed = self._settings.teams or (named | known if known else {tenant})
        if tenant not in allowed:
            return False
        now = self._kernel.clock()
        installations.save(connection, self._settings.client_id, installation, now)
        return True

    def _described(self, answer: Answer) -> Installation:
        team, enterprise = answer.get("team") or {}, answer.get("enterprise") or {}
        lives, now = answer.get("expires_in"), self._kernel.clock().timestamp()
        org = bool(answer.get("is_enterprise_install"))
        return Installation(
            app_id=str(answer.get("app_id") or ""),
            enterprise_id=enterprise.get("id"),
            enterprise_name=enterprise.get("name"),
            team_id=None if org else team.get("id"),
            team_name=team.get("name"),
            bot_token=str(answer["access_token"]),
            bot_id="",
            bot_user_id=str(answer.get("bot_user_id") or ""),
            bot_scopes=str(answer.get("scope") or ""),
            bot_refresh_token=answer.get("refresh_token"),
            bot_token_expires_at=int(now + float(lives)) if lives else None,
            user_id=str((answer.get("authed_user") or {}).get("id") or ""),
            is_enterprise_install=org,
            token_type=answer.get("token_type"),
            installed_at=now,
        )

    async def _undo(self, token: str) -> None:
        """Gives a token back that is not kept."""
        calls = Calls(self._settings.api_url, token)
        try:
            await calls.write("auth.revoke")
        except DeliveryError as error:
            log.warning("a token that is not kept could not be revoked: %s", error.reason)
        finally:
            await calls.close()


def _authorize(api_url: str) -> str:
    """Slack's page of consent, which stands beside the Web API."""
    return api_url.removesuffix("api/") + "oauth/v2/authorize"


def _on_loopback(request: web.Request) -> bool:
    """Whether the browser is on this machine, where there is no TLS."""
    host = request.host.rpartition(":")[0] or request.host
    return request.scheme == "http" and host in ("localhost", "127.0.0.1", "[::1]")


def _page(status: int, sentence: str) -> web.Response:
    """A page of one sentence, which is HTML already."""
    body = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Sandrail</title>"
        "<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}"
        f"</style><h1>Sandrail</h1><p>{sentence}</p></html>"
    )
    response = web.Response(status=status, text=body, content_type="text/html", headers=_HEADERS)
    response.del_cookie(COOKIE, path="/slack/")
    return response
