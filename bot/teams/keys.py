"""Who may talk to the bot: the token of the Bot Framework that comes with every activity.

Rules: learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication, "Authenticate
requests from the Bot Connector service to your bot". The SDK's own check fetches keys with a blocking call
without a timeout, never asks again for a key that it does not know, and takes any tenant; this one does not.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import jwt

from bot.settings import TeamsSettings

log = logging.getLogger(__name__)

FRESH = timedelta(hours=24)  # how long keys are kept
AGAIN = timedelta(minutes=1)  # how soon an unknown key id may make us ask again
FAILED = timedelta(seconds=10)  # how soon we ask again after a failure
PROVEN = timedelta(minutes=5)  # how long a token's signature is not looked at again
_MOST = 500  # tokens that are remembered
SKEW = 300  # seconds that the platform's clock and ours may be apart
_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=3)
_PATIENCE = 6.0  # seconds for both requests: Teams waits ten for the whole answer
_LARGEST = 1024 * 1024


class NotAuthentic(Exception):
    """The request does not prove that it comes from the Bot Framework; answered with 401."""


class KeysUnknown(Exception):
    """The keys cannot be fetched just now, so nobody can be let in; answered with 503."""


@dataclass(frozen=True)
class _Key:
    key: Any
    endorsements: frozenset[str]


@dataclass(frozen=True)
class Proof:
    """A token that is signed as it should be, in time, and for this bot."""

    claims: dict[str, Any]
    key: _Key

    def covers(self, activity: dict[str, Any]) -> None:
        """Checks that the activity is of a channel and an address that the token is for. Raises NotAuthentic."""
        channel = str(activity.get("channelId") or "")
        if channel not in self.key.endorsements:
            raise NotAuthentic(f"a key that does not stand for the channel {channel[:40]!r}")
        # Without this claim anybody's activity could make us send our own token to their address.
        there = str(activity.get("serviceUrl") or "")
        if not there or self.claims.get("serviceurl") != there:
            raise NotAuthentic("a token for another service URL")


class KeyRing:
    """The Bot Framework's public keys, fetched when they are needed."""

    def __init__(
        self,
        settings: TeamsSettings,
        session: Callable[[], aiohttp.ClientSession],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._keys: dict[str, _Key] = {}
        self._fetched: datetime | None = None
        self._next_try: datetime | None = None
        self._failing = False
        self._fetching = asyncio.Lock()
        self._known: dict[str, tuple[datetime, Proof]] = {}

    async def prove(self, header: str) -> Proof:
        """What the Authorization header proves; the activity need not be there yet. Raises NotAuthentic,
        KeysUnknown."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthentic("no bearer token")
        proof = await self._proven(token)
        self._in_time(proof.claims)
        return proof

    async def _proven(self, token: str) -> Proof:
        """What a token proves that is signed as it should be.

        The Bot Framework sends one token with many activities, and a signature costs as much as all the rest of an
        answer; so a token that was proven lately, with keys that still count, is not proven again.
        """
        now = self._clock()
        kept = self._known.get(token)
        if kept is not None and now - kept[0] < PROVEN and kept[1].key in self._keys.values():
            return kept[1]
        try:
            kid = str(jwt.get_unverified_header(token).get("kid", ""))
        except (jwt.PyJWTError, ValueError) as error:  # a header may hold bytes that are no text
            raise NotAuthentic(f"a token that cannot be read ({type(error).__name__})") from None
        key = await self._key(kid)
        if key is None:
            raise NotAuthentic("a token signed with a key that nobody knows")
        try:
            # The algorithm is ours to say, never the token's.
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=self._settings.app_id,
                issuer=self._settings.issuer,
                options={
                    "require": ["exp", "iss", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise NotAuthentic(f"a token that is not good ({type(error).__name__})") from None
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[token] = (now, Proof(claims, key))
        return self._known[token][1]

    def _in_time(self, claims: dict[str, Any]) -> None:
        """By our clock, so that tests and replicas have one time."""
        now = self._clock().timestamp()
        try:
            late = now - SKEW >= float(claims["exp"])
            early = now + SKEW < float(claims.get("nbf", 0))
        except (TypeError, ValueError):
            raise NotAuthentic("a token without times") from None
        if late or early:
            raise NotAuthentic("a token that has expired" if late else "a token of the future")

    async def _key(self, kid: str) -> _Key | None:
        """The key of that id; asks again when it is not known, at most once a minute.

        Raises KeysUnknown when that cannot be told: the keys cannot be fetched.
        """
        now = self._clock()
        stale = self._fetched is None or now - self._fetched > FRESH
        if kid in self._keys and not stale:
            return self._keys[kid]
        async with self._fetching:
            stale = self._fetched is None or now - self._fetched > FRESH
            asked = self._next_try is not None and now < self._next_try
            if (stale or kid not in self._keys) and not asked:
                await self._refresh(now)
            if kid not in self._keys and self._failing:
                raise KeysUnknown("the keys of the Bot Framework cannot be fetched")
            return self._keys.get(kid)

    async def _refresh(self, now: datetime) -> None:
        """Fetches the keys; when that fails, those that are known still count."""
        try:
            async with asyncio.timeout(_PATIENCE):
                self._keys = await self._fetch()
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.error("the keys of the Bot Framework cannot be fetched: %s", _said(error))
            self._failing, self._next_try = True, now + FAILED
        else:
            self._fetched, self._failing, self._next_try = now, False, now + AGAIN

    async def _fetch(self) -> dict[str, _Key]:
        metadata = await self._get(self._settings.openid_url)
        found = await self._get(str(metadata["jwks_uri"]))
        keys: dict[str, _Key] = {}
        for described in found["keys"]:
            try:
                key = jwt.PyJWK(described, algorithm="RS256").key
            except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
                continue  # of a kind that no token of ours is signed with
            endorsements = frozenset(str(e) for e in described.get("endorsements") or ())
            keys[str(described.get("kid", ""))] = _Key(key, endorsements)
        return keys

    async def _get(self, url: str) -> Any:
        async with self._session().get(url, timeout=_TIMEOUT, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"{url} answered {response.status}")
            # read() takes what has come so far, which is not always all.
            raw = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                raw += chunk
                if len(raw) > _LARGEST:
                    raise ValueError(f"{url} answered more than {_LARGEST} bytes")
        return json.loads(raw)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
