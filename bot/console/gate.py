"""Who may talk to the console: a browser on this machine, from the console's own page.

The console has no passwords: it listens on loopback only. What remains is another page in the same
browser that asks it to send requests here (cross-site requests) or that makes its own name point here
(DNS rebinding). Both are answered with one sentence and change nothing.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TOKEN_HEADER = "X-Console-Token"  # noqa: S105 (the name of a header)
_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Gate:
    """Guards the console's routes; holds the token of this process that its page sends back."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)

    def page(self, handler: Handler) -> Handler:
        """For what a person opens: any link may lead here, but only under a name of this machine."""
        return self._guard(handler, lambda request: self._here(request))

    def read(self, handler: Handler) -> Handler:
        """For what the page loads: no other page may load it."""
        return self._guard(handler, lambda request: self._here(request) or _not_ours(request))

    def act(self, handler: Handler) -> Handler:
        """For what changes something: the page's own token must come with it."""

        def check(request: web.Request) -> web.Response | None:
            return self._here(request) or _not_ours(request) or self._token(request)

        return self._guard(handler, check)

    @staticmethod
    def _guard(handler: Handler, check: Callable[[web.Request], web.Response | None]) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            response: web.StreamResponse | None = check(request)
            if response is None:
                try:
                    response = await handler(request)
                except web.HTTPException as error:
                    error.headers.update(HEADERS)
                    raise
            if not response.prepared:
                response.headers.update(HEADERS)
            return response

        return guarded

    @staticmethod
    def _here(request: web.Request) -> web.Response | None:
        host = request.headers.get("Host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name.lower() not in _NAMES:
            return refuse(421, "host", "The console answers as localhost or 127.0.0.1 only.")
        if request.remote is not None and not _is_loopback(request.remote):
            return refuse(403, "remote", "The console answers on its own machine only.")
        return None

    def _token(self, request: web.Request) -> web.Response | None:
        if request.content_type != "application/json":
            return refuse(415, "type", "The console reads JSON only.")
        given = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return refuse(403, "token", "This page is from an earlier start; load it again.")
        return None


def refuse(status: int, reason: str, sentence: str) -> web.Response:
    """An error as the page and a script read it: a reason code and one sentence."""
    return web.json_response({"reason": reason, "error": sentence}, status=status)


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _not_ours(request: web.Request) -> web.Response | None:
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    ours = origin is None or origin == f"http://{request.headers.get('Host', '')}"
    if not ours or site not in ("same-origin", "none"):
        return refuse(403, "cross-site", "Another page may not use the console.")
    return None
