"""Where Teams comes in: POST /api/messages. What is not the Bot Framework's, or of another tenant, stays out."""

import asyncio
import json
import logging
from ipaddress import ip_address
from typing import Any

from aiohttp import web

from bot.incoming import whole_body
from bot.kernel import Kernel
from bot.settings import LOOPBACK
from bot.teams.adapter import Adapter
from bot.teams.connector import safe
from bot.teams.heard import Unreadable, where
from bot.teams.keys import KeyRing, KeysUnknown, NotAuthentic, Proof
from bot.teams.surface import TeamsSurface
from bot.teams.turns import Turns

log = logging.getLogger(__name__)

PATH = "/api/messages"
READING = 5.0  # seconds that a body may take to arrive


def add_routes(app: web.Application, surface: TeamsSurface, kernel: Kernel) -> "Door":
    """Serves Teams on the application; starting and stopping hang on the application's own."""
    door = Door(surface, kernel)
    app.router.add_post(PATH, door.messages)
    app.on_startup.append(lambda _: surface.conversations.look())
    app.on_shutdown.append(lambda _: door.settle())
    app.on_cleanup.append(lambda _: door.close())  # after delivery has finished what it sends
    return door


class _Elsewhere(Exception):
    """The activity is not for this bot; answered with 403."""


class _Unusable(Exception):
    """The request is answered with ``status`` and this sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Door:
    """Lets activities in and has them handled."""

    def __init__(self, surface: TeamsSurface, kernel: Kernel) -> None:
        self._surface = surface
        self._settings = surface.settings
        self._keys = KeyRing(surface.settings, surface.session, kernel.clock)
        self._adapter = Adapter(surface.settings.app_id, surface.connector)
        self._turns = Turns(surface, kernel)

    async def settle(self) -> None:
        """Waits for what is still being answered."""
        await self._turns.settle()

    async def close(self) -> None:
        """Ends what is still going on, and the connections."""
        await self._turns.close()
        await self._surface.close()

    async def messages(self, request: web.Request) -> web.Response:
        """POST /api/messages: an activity with a token of the Bot Framework."""
        try:
            proof = await self._prove(request)
            body = await _read(request)
            if proof is not None:
                proof.covers(body)
            self._check(body)
            result = await self._adapter.run(body, self._turns.take)
        except _Unusable as error:
            return _refuse(error.status, str(error))
        except NotAuthentic as error:
            log.warning("a request to %s was refused: %s", PATH, error)
            return _refuse(401, "This request does not come from the Bot Framework.")
        except KeysUnknown:
            return _refuse(503, "The keys of the Bot Framework cannot be fetched just now.")
        except _Elsewhere as error:
            log.warning("an activity was refused: %s", error)
            return _refuse(403, "This bot does not serve this tenant.")
        except Unreadable as error:
            log.warning("an activity cannot be read: %s", error)
            return _refuse(400, "The activity cannot be read.")
        except Exception:
            log.exception("an activity failed")
            return _refuse(500, "Something went wrong here.")
        if result is None:
            return web.Response()
        return web.json_response(result.body, status=int(result.status))

    async def _prove(self, request: web.Request) -> Proof | None:
        """What the request's token proves, before anything of its body is read; None for an emulator.

        Raises _Unusable, NotAuthentic, KeysUnknown.
        """
        if self._settings.anonymous:
            if not _of_an_emulator(request):
                raise _Unusable(
                    403, "Without credentials only an emulator on this machine is served."
                )
            return None
        header = request.headers.get("Authorization", "")
        if not header:
            raise _Unusable(401, "The request has no token.")
        return await self._keys.prove(header)

    def _check(self, body: dict[str, Any]) -> None:
        """Whose activity it is. Raises _Elsewhere, Unreadable; a token does not say which tenant."""
        there = where(body)
        if not self._settings.anonymous:
            if there.tenant != self._settings.tenant:
                raise _Elsewhere(f"it is of the tenant {there.tenant[:80] or '?'!r}")
            if body.get("channelId") != "msteams":
                raise _Elsewhere("it is of another channel than Microsoft Teams")
        if not safe(there.service_url, self._settings):
            raise _Elsewhere(f"its service URL is {there.service_url[:200]!r}")


async def _read(request: web.Request) -> dict[str, Any]:
    """The activity in a request's body. Raises _Unusable."""
    try:
        async with asyncio.timeout(READING):
            raw = await whole_body(request)
    except TimeoutError:
        raise _Unusable(408, "The request did not arrive in time.") from None
    except web.RequestPayloadError:
        raise _Unusable(400, "The request cannot be read.") from None
    if raw is None:
        raise _Unusable(413, "The request is too large.")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise _Unusable(400, "The request is not JSON.") from None
    if not isinstance(body, dict):
        raise _Unusable(400, "The request is not an activity.")
    return body


def _of_an_emulator(request: web.Request) -> bool:
    """Whether it came over this machine's own address, through no proxy, and no page in a browser sent it.

    A proxy on this machine has that address too, and lets the world in; it tells by its headers. A page cannot
    send JSON elsewhere unasked, and the name under which it reaches us tells when that was rebound.
    """
    address = request.get_extra_info("sockname")
    here = address is not None and ip_address(address[0]).is_loopback
    name = (request.url.host or "").strip("[]")
    passed_on = any(
        h.lower() in _OF_PROXIES or h.lower().startswith("x-forwarded-") for h in request.headers
    )
    sent = request.content_type == "application/json"
    return here and not passed_on and name in LOOPBACK and sent


#: Headers that proxies add: RFC 7239, RFC 9110 section 7.6.3, and what is common beside ``X-Forwarded-…``.
_OF_PROXIES = ("forwarded", "via", "x-real-ip")


def _refuse(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
