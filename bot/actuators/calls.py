"""Calls over HTTP to what carries out orders: bounded answers, no redirects, no secrets in what is said."""

import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import aiohttp
from yarl import URL

from bot.actuators.actuator import ActFailed

#: Answers are a sentence and a few names; what is longer is not read to its end.
LARGEST_ANSWER = 64 * 1024
LONGEST_REASON = 200
#: Nobody is waited for longer than this because they said so.
LONGEST_WAIT = 24 * 3600.0

_AGAIN = frozenset({408, 425, 429})
_KEY = re.compile(r"\b(sk-|whsec_)[A-Za-z0-9+/=_-]{6,}")

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of an actuator that was given none."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Answer:
    """What the other side answered. ``body`` is None when it was longer than LARGEST_ANSWER."""

    status: int
    body: bytes | None
    kind: str  # the content type
    after: float | None  # Retry-After in seconds

    @property
    def fine(self) -> bool:
        return 200 <= self.status < 300

    def read(self) -> Any:
        """The JSON that was answered. Raises ValueError when it is no JSON, too long or nothing."""
        if self.body is None:
            raise ValueError("too long")
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None


class Calls:
    """Calls one other side. The session is made when it is first needed, in the loop that needs it."""

    def __init__(self, who: str, *, clock: Clock = utc_now, secrets: tuple[str, ...] = ()) -> None:
        self._who = who
        self._clock = clock
        self._secrets = tuple(sorted((s for s in secrets if s), key=len, reverse=True))
        self._made: aiohttp.ClientSession | None = None

    async def call(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        headers: Mapping[str, str],
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """What is answered, whatever its status. Raises ActFailed, never final, when nothing is."""
        try:
            async with self._session().request(
                method,
                url,
                data=body,
                headers=headers,
                params=query,
                timeout=aiohttp.ClientTimeout(total=seconds),
                # a redirect would carry the order, and what authorizes it, to a place nobody named
                allow_redirects=False,
            ) as response:
                return Answer(
                    status=response.status,
                    body=await _bounded(response),
                    kind=response.content_type,
                    after=retry_after(response.headers.get("Retry-After"), self._clock()),
                )
        except aiohttp.InvalidURL:
            raise ActFailed(
                f"The policy's address of {self._who[0].lower()}{self._who[1:]} is none that can be called.",
                final=True,
            ) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ActFailed(f"{self._who} cannot be reached ({self.clean(_why(error))}).") from None
        except TimeoutError:
            raise ActFailed(
                f"{self._who} did not answer within {seconds:g} seconds; it may have acted."
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise ActFailed(
                f"{self._who} did not answer ({self.clean(_why(error))}); it may have acted."
            ) from None

    def failed(self, answer: Answer, *, hint: str = "") -> ActFailed:
        """What an answer that is not fine means. ``hint`` is a sentence on how to mend it."""
        status, why = answer.status, self.reason(answer)
        said = f"{self._who} answered {status}" + (f": {why.rstrip('.')}." if why else ".")
        if hint:
            said += f" {hint}"
        if status in _AGAIN or status >= 500:
            return ActFailed(said, after=answer.after)
        if 300 <= status < 400:
            return ActFailed(
                f"{self._who} answered {status}, a redirect, and redirects are not followed. "
                "Put the address that it leads to into the policy.",
                final=True,
            )
        return ActFailed(said, final=True)

    def reason(self, answer: Answer) -> str:
        """The other side's own short reason, cleaned; empty when it gave none that people can read."""
        if answer.body is None:
            return ""
        try:
            said = _reason(answer.read())
        except ValueError:
            said = answer.body.decode(errors="replace") if answer.kind == "text/plain" else ""
        return self.clean(said)

    def clean(self, text: str, longest: int = LONGEST_REASON) -> str:
        """A text of others as one line without secrets and control characters, cut to ``longest``."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        text = _KEY.sub(r"\1…", text)
        text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
        text = " ".join(text.split())
        return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._made is not None:
            await self._made.close()
            self._made = None

    def _session(self) -> aiohttp.ClientSession:
        if self._made is None or self._made.closed:
            # a sandbox's receiver has no business with cookies
            self._made = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._made


def retry_after(said: str | None, now: datetime) -> float | None:
    """Retry-After (RFC 9110, 10.2.3) in seconds from ``now``, at most a day; None when it says nothing."""
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        try:
            when = parsedate_to_datetime(said)
        except (TypeError, ValueError):
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds()
    return min(max(0.0, seconds), LONGEST_WAIT) if isfinite(seconds) else None


def place(url: str) -> str:
    """An address as it may be shown: without path, query and what stands before an @."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return "an address that cannot be read"


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            response.close()  # the rest is not waited for
            return None
    return bytes(body)


def _why(error: Exception) -> str:
    # a wrong certificate is a ClientConnectorError without os_error
    cause = getattr(error, "os_error", None)
    number = getattr(cause, "errno", None)
    if isinstance(number, int):
        return os.strerror(number)  # asyncio's own words name the address in Python
    return getattr(cause, "strerror", None) or str(error) or type(error).__name__


def _reason(said: Any) -> str:
    """The words of an error in any of the shapes that are common: text, RFC 9457, OpenAI's."""
    if isinstance(said, str):
        return said
    if isinstance(said, list) and said:
        return _reason(said[0])  # FastAPI's validation errors
    if isinstance(said, dict):
        for key in ("error", "message", "msg", "detail", "reason", "title"):
            if words := _reason(said.get(key)):
                return words
    return ""
