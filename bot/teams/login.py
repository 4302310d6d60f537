"""The bot's own tokens: asked for once, kept until shortly before they end.

The SDK's credentials block the event loop for every token and are made anew with every turn.
"""

import asyncio
import time
from collections.abc import Callable

import aiohttp

from bot.settings import TeamsSettings
from bot.surface import Revoked, TryLater

CONNECTOR = "https://api.botframework.com/.default"
GRAPH = "https://graph.microsoft.com/.default"
_AHEAD = 300.0  # seconds before its end that a token is no longer used
_REFUSED = 30.0  # seconds for which a refusal is believed: every click would ask again
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)


class Login:
    """Tokens by scope, with the client credentials of the app."""

    def __init__(
        self, settings: TeamsSettings, session: Callable[[], aiohttp.ClientSession]
    ) -> None:
        self._settings = settings
        self._session = session
        self._tokens: dict[str, tuple[float, str]] = {}  # scope → until (monotonic), token
        self._refused: dict[str, tuple[float, str]] = {}  # scope → until (monotonic), why
        self._asking: dict[str, asyncio.Lock] = {}

    async def token(self, scope: str) -> str:
        """A token for a scope. Raises TryLater, or Revoked when the credentials are not accepted."""
        kept = self._tokens.get(scope)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        async with self._asking.setdefault(scope, asyncio.Lock()):
            kept = self._tokens.get(scope)
            if kept is None or kept[0] <= time.monotonic():
                until, why = self._refused.get(scope, (0.0, ""))
                if until > time.monotonic():
                    raise Revoked(why)
                try:
                    kept = self._tokens[scope] = await self._ask(scope)
                except Revoked as error:
                    self._refused[scope] = time.monotonic() + _REFUSED, error.reason
                    raise
        return kept[1]

    def forget(self, token: str) -> None:
        """A token that was refused is not used again."""
        self._tokens = {s: kept for s, kept in self._tokens.items() if kept[1] != token}

    async def _ask(self, scope: str) -> tuple[float, str]:
        url = f"{self._settings.login_url}{self._settings.tenant}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.app_id,
            "client_secret": self._settings.password,
            "scope": scope,
        }
        try:
            async with self._session().post(url, data=form, timeout=_TIMEOUT) as response:
                said = await response.json(content_type=None)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise TryLater(f"Microsoft Entra does not answer ({why})") from None
        if not isinstance(said, dict):
            said = {}
        if status == 200 and said.get("access_token"):
            lives = _seconds(said.get("expires_in"))
            until = time.monotonic() + max(lives - _AHEAD, lives / 2)
            return until, str(said["access_token"])
        code = str(said.get("error") or status)
        if status in (400, 401, 403) and code != "temporarily_unavailable":
            raise Revoked(
                f"Microsoft Entra refuses the app's credentials ({code}): check MICROSOFT_APP_ID, "
                "MICROSOFT_APP_PASSWORD, which may have expired, and MICROSOFT_APP_TENANT_ID."
            )
        raise TryLater(f"Microsoft Entra answered {status}")


def _seconds(said: object) -> float:
    try:
        return float(str(said))
    except ValueError:
        return 3600.0
