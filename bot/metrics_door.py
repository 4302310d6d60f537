"""Where metrics come in: POST /api/v1/metrics, with a bearer token."""

import asyncio
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from aiohttp import web
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.kernel import Kernel
from bot.pushed_points import JSON, LINES, Mistake, Wrong, read_points
from storage.metric_points import (
    PUSHED,
    Kept,
    KeyInUse,
    OfAnotherSource,
    Point,
    keep,
    kept,
    sources_of,
    store_points,
)

log = logging.getLogger(__name__)

PATH = "/api/v1/metrics"
LARGEST = 5 * 1024 * 1024  # bytes of a body, unpacked
AT_ONCE = 4  # requests that are worked on; more are asked to come back
READING = 30.0  # seconds that a body may take to arrive
_PACKED = ("", "identity", "gzip", "deflate")


def add_routes(app: web.Application, kernel: Kernel, token: str | None) -> None:
    """Serves the metrics endpoint; without a token it answers that it is not set up."""
    app.router.add_route("*", PATH, MetricsDoor(kernel, token).take)


class _Refused(Exception):
    """The request is answered with ``status`` and a sentence; nothing was stored."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, headers


class MetricsDoor:
    """Takes points, all of a request or none."""

    def __init__(self, kernel: Kernel, token: str | None) -> None:
        self._kernel = kernel
        self._token = token
        self._busy = 0

    async def take(self, request: web.Request) -> web.Response:
        """POST /api/v1/metrics: points as JSON or JSON lines."""
        try:
            self._admit(request)
            if self._busy >= AT_ONCE:
                sentence = "Too many requests at once; try again in a second."
                raise _Refused(429, sentence, **{"Retry-After": "1"})
            self._busy += 1
            try:
                return _answer(200, await self._work(request))
            finally:
                self._busy -= 1
        except _Refused as error:
            return _answer(error.status, {"error": str(error)}, error.headers)
        except Wrong as error:
            return _answer(error.status, _wrong(error))
        except SQLAlchemyError:
            log.exception("pushed metrics could not be stored")
            sentence = "The database does not answer; send it again with the same Idempotency-Key."
            return _answer(503, {"error": sentence}, {"Retry-After": "10"})
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("pushed metrics failed, reference %s", reference)
            sentence = f"Something went wrong here; tell the operator the reference {reference}."
            return _answer(500, {"error": sentence})

    def _admit(self, request: web.Request) -> None:
        """Whether the sender may push, before anything of the body is read. Raises _Refused."""
        if request.method != "POST":
            raise _Refused(
                405, "Points are sent with POST; there is nothing to read.", Allow="POST"
            )
        if self._token is None:
            raise _Refused(
                503, "Metrics are not taken here: the operator has not set SANDRAIL_METRICS_TOKEN."
            )
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        same = hmac.compare_digest(
            given.strip().encode("utf-8", "surrogateescape"), self._token.encode()
        )
        if kind.lower() != "bearer" or not same:
            raise _Refused(
                401,
                "Send the header Authorization: Bearer with the token of SANDRAIL_METRICS_TOKEN.",
                **{"WWW-Authenticate": 'Bearer realm="metrics"'},
            )

    async def _work(self, request: web.Request) -> dict[str, Any]:
        key = request.headers.get("Idempotency-Key")
        if key is not None and not re.fullmatch(r"[\x21-\x7e]{1,200}", key):
            raise _Refused(400, "Idempotency-Key must be 1 to 200 visible ASCII characters.")
        content_type = request.content_type.lower()
        if content_type not in (*JSON, *LINES):
            raise _Refused(
                415, "Send application/json (a point or an array) or application/x-ndjson."
            )
        body = await _body(request)
        digest = sha256(content_type.encode() + b"\n" + body).hexdigest()
        now = self._kernel.clock()
        if key is not None and (told := await self._told(key, digest)) is not None:
            return told
        today = now.astimezone(UTC).date()
        # In a thread: thousands of points take a while, and the loop has people to answer.
        points = await asyncio.to_thread(read_points, body, content_type, today)
        try:
            return await self._kernel.database.in_write(
                lambda c: _store(c, [p for _, p in points], key, digest, now)
            )
        except KeyInUse:  # by the same request, sent twice at once
            told = await self._told(key or "", digest)
            if told is None:
                raise _Refused(409, "This key is in use just now; try again.") from None
            return told
        except OfAnotherSource as error:
            raise await self._foreign(error, points) from None

    async def _told(self, key: str, digest: str) -> dict[str, Any] | None:
        """What this key was answered before. Raises _Refused when that was for another body."""
        answered = await self._kernel.database.in_read(lambda c: kept(c, key))
        if answered is None:
            return None
        if answered.digest != digest:
            raise _Refused(422, "This Idempotency-Key was used for another body; use a new one.")
        return answered.answer

    async def _foreign(self, error: OfAnotherSource, points: list[tuple[int, Point]]) -> Wrong:
        """Points of files and of MLflow are theirs: they would take turns with what is pushed."""
        named = [(line, p.key) for line, p in points if p.key in error.keys]
        some = [key for _, key in named[:100]]
        whose = await self._kernel.database.in_read(lambda c: sources_of(c, some))
        mistakes = [
            Mistake(line, "metric", f"this point comes from {whose[key]}; change it there")
            for line, key in named[:100]
            if key in whose
        ]
        count = len(named)
        what = "a point comes" if count == 1 else f"{count} points come"
        return Wrong(f"Nothing was stored: {what} from another source.", mistakes, count, 409)


def _store(
    connection: Connection, points: list[Point], key: str | None, digest: str, now: datetime
) -> dict[str, Any]:
    answer: dict[str, Any] = {"stored": store_points(connection, PUSHED, points)}
    if key is not None:
        keep(connection, key, Kept(digest, answer), now)
    return answer


async def _body(request: web.Request) -> bytes:
    """The body, unpacked. Raises _Refused when it is too large, too slow or broken."""
    if request.headers.get("Content-Encoding", "").strip().lower() not in _PACKED:
        raise _Refused(415, "Only gzip and deflate are unpacked here.")
    large = _Refused(
        413, f"The body is larger than {LARGEST // 1024 // 1024} MiB; send less at once."
    )
    if (request.content_length or 0) > LARGEST:
        raise large
    raw = bytearray()
    try:
        async with asyncio.timeout(READING):
            async for chunk in request.content.iter_chunked(64 * 1024):
                raw += chunk
                if len(raw) > LARGEST:  # counted unpacked: little gzip is much JSON
                    raise large
    except TimeoutError:
        raise _Refused(408, "The body did not arrive in time.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise _Refused(400, "The body is not what its Content-Encoding or length says.") from None
    return bytes(raw)


def _wrong(error: Wrong) -> dict[str, Any]:
    said: dict[str, Any] = {"error": str(error)}
    if error.mistakes:
        said["errors"] = [
            {"line": m.line, "field": m.field, "error": m.error} for m in error.mistakes
        ]
    if error.count > len(error.mistakes):
        said["more"] = error.count - len(error.mistakes)
    return said


def _answer(
    status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.json_response(body, status=status, headers=headers)
