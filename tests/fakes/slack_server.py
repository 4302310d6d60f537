"""A Slack that is not Slack: the Web API over real HTTP, with Slack's rules and its bad days.

``async with FakeSlack() as slack`` serves on loopback; ``slack.api_url`` is what SLACK_API_URL is set to. It
knows nothing of the product.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any, Self

from aiohttp import WSMsgType, web

from tests.fakes.slack_methods import METHODS, refuse_blocks
from tests.fakes.slack_state import Fault, SlackError, State

_JSON_ARGUMENTS = ("blocks", "view", "files", "metadata", "attachments")


class FakeSlack(State):
    """A workspace that is served while the context lasts, with others behind the same address."""

    client_id = "111.222"
    client_secret = "fake-client-secret"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=10 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_get("/files-pri/{team}-{file}/download/{name}", self._download)
        app.router.add_post("/response/{name}", self._respond)
        app.router.add_get("/socket", self._socket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.downloads: list[str] = []  # the files that were handed over
        self.others: list[State] = []  # more workspaces behind the same Web API
        self.codes: dict[str, State] = {}
        self.sockets: list[web.WebSocketResponse] = []
        self.envelopes: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.connected = asyncio.Event()
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self.sockets:
            await socket.close()
        await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        """The base of the Web API, with its slash."""
        return f"{self.base}/api/"

    # --- the Web API ------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        arguments = await _arguments(request)
        self.counters[name] += 1
        fault = self.next_fault(name, arguments)
        early = await self._early(request, fault)
        if early is not None:
            return early
        try:
            answer = {"ok": True, **self._carry_out(request, name, arguments)}
        except SlackError as error:
            answer = {"ok": False, "error": error.error, **error.more}
            if error.error == "ratelimited":
                return _slow_down(int(error.more.get("retry_after", 1)))
        if fault is not None and fault.what == "lose":
            return _broken(request)
        body = json.dumps(answer).replace("{base}", self.base)
        return web.Response(
            text=body,
            content_type="application/json",
            headers={"X-OAuth-Scopes": ",".join(sorted(self.scopes))},
        )

    async def _early(self, request: web.Request, fault: Fault | None) -> web.StreamResponse | None:
        match fault.what if fault else None:
            case "rate":
                assert fault
                return _slow_down(int(fault.value or 1))
            case "error":
                assert fault
                return web.json_response({"ok": False, "error": fault.value})
            case "status":
                assert fault
                return web.Response(status=int(fault.value), text="<html>upstream error</html>")
            case "drop":
                return _broken(request)
            case "delay":
                assert fault
                await asyncio.sleep(float(fault.value))
        return None

    def _carry_out(
        self, request: web.Request, name: str, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = given or str(arguments.pop("token", ""))
        if name == "oauth.v2.access":
            return self._oauth(request, arguments)
        if name == "apps.connections.open":
            if token != self.app_token:
                raise SlackError("invalid_auth")
            return {"url": self.base.replace("http", "ws") + "/socket"}
        if not token:
            raise SlackError("not_authed")
        state = next((s for s in (self, *self.others) if s.knows(token)), None)
        if state is None:
            raise SlackError(self.revoked or "invalid_auth")
        if state.revoked is not None:
            raise SlackError(state.revoked)
        if name not in METHODS:
            raise SlackError("unknown_method", req_method=name)
        scopes, work = METHODS[name]
        if scopes and not state.scopes.intersection(scopes):
            provided = ",".join(sorted(state.scopes))
            raise SlackError("missing_scope", needed=scopes[0], provided=provided)
        state.calls.append((name, arguments))
        return work(state, arguments)

    # --- OAuth ------------------------------------------------------------------------------------

    def consent(self, state: State) -> str:
        """Someone of the workspace agrees to the installing; returns the code that Slack sends."""
        code = f"code-{self.counters['consent']}"
        self.counters["consent"] += 1
        self.codes[code] = state
        return code

    def _oauth(self, request: web.Request, arguments: dict[str, Any]) -> dict[str, Any]:
        if request.method != "POST" or request.query:
            raise SlackError("invalid_arguments")  # a secret in an address ends in somebody's log
        if arguments.get("client_id") != self.client_id:
            raise SlackError("invalid_client_id")
        if arguments.get("client_secret") != self.client_secret:
            raise SlackError("bad_client_secret")
        if arguments.get("grant_type") == "refresh_token":
            given = arguments.get("refresh_token")
            found = [s for s in (self, *self.others) if s.rotates and s.refresh_token == given]
            if not found:
                raise SlackError("invalid_refresh_token")
            return _installed(found[0])
        state = self.codes.pop(str(arguments.get("code")), None)
        if state is None:
            raise SlackError("invalid_code")
        state.revoked = None
        return _installed(state)

    # --- uploads ----------------------------------------------------------------------------------

    async def _upload(self, request: web.Request) -> web.Response:
        file = self.files.get(request.match_info["file"])
        content = await request.read()
        fault = self.next_fault("upload", {})
        if file is None or fault is not None:
            return web.Response(status=500, text="failed")
        if len(content) != file["length"]:
            return web.Response(status=400, text="the length differs")
        file["content"] = content
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file that a person uploaded; whoever may not read it is sent to a page where people sign in."""
        fault = self.next_fault("download", {})
        match fault.what if fault else None:
            case "status":
                return web.Response(status=int(fault.value), text="failed")  # type: ignore[union-attr]
            case "redirect":
                raise web.HTTPFound(str(fault.value))  # type: ignore[union-attr]
            case "page":
                return web.Response(text="<html>Sign in</html>", content_type="text/html")
            case "drop":
                return _broken(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        state = next((s for s in (self, *self.others) if s.knows(token)), None)
        file = state.files.get(request.match_info["file"]) if state else None
        if state is None or file is None or "files:read" not in state.scopes:
            raise web.HTTPFound("https://slack.com/?redir=%2Ffiles-pri")
        self.downloads.append(request.match_info["file"])
        return web.Response(body=file["content"], content_type="text/plain")

    # --- response_url -----------------------------------------------------------------------------

    def response_url(self, user: str, channel: str) -> str:
        """A new response_url: five uses in thirty minutes."""
        name = f"r{len(self.response_urls)}"
        self.response_urls[name] = {
            "user": user,
            "channel": channel,
            "made": self.now(),
            "uses": 0,
        }
        return f"{self.base}/response/{name}"

    async def _respond(self, request: web.Request) -> web.Response:
        known = self.response_urls.get(request.match_info["name"])
        if known is None or self.next_fault("response_url", {}) is not None:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        known["uses"] += 1
        if known["uses"] > 5 or self.now() - known["made"] > 1800:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        body = await request.json()
        try:
            refuse_blocks(self, body)
        except SlackError as error:
            return web.json_response({"ok": False, "error": error.error}, status=404)
        self.ephemerals.append(
            {**body, "user": known["user"], "channel": known["channel"], "via": "response_url"}
        )
        return web.Response(text="ok")

    # --- Socket Mode ------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self.connected.set()
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data.startswith("{"):
                answer = json.loads(message.data)
                waiting = self.envelopes.get(answer.get("envelope_id", ""))
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        return socket

    async def envelope(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Sends an envelope over the socket and waits for its acknowledgement, three seconds at most."""
        name = f"envelope-{len(self.envelopes)}"
        self.envelopes[name] = asyncio.get_running_loop().create_future()
        await self.sockets[-1].send_json(
            {
                "type": kind,
                "envelope_id": name,
                "payload": payload,
                "accepts_response_payload": kind != "events_api",
            }
        )
        return await asyncio.wait_for(self.envelopes[name], 3)


def _installed(state: State) -> dict[str, Any]:
    """What oauth.v2.access answers."""
    enterprise = {"id": state.enterprise, "name": "Example Group"} if state.enterprise else None
    return {
        **state.new_token(),
        "token_type": "bot",
        "scope": ",".join(sorted(state.scopes)),
        "bot_user_id": state.bot_user,
        "app_id": "A0SANDRAIL",
        "team": None if state.org else {"id": state.team, "name": state.name},
        "enterprise": enterprise,
        "authed_user": {"id": "U0INSTALL1"},
        "is_enterprise_install": state.org,
    }


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        body = await request.text()
        return dict(json.loads(body)) if body else {}
    arguments: dict[str, Any] = dict(request.query)
    arguments |= dict(await request.post())
    for name in _JSON_ARGUMENTS:
        if isinstance(arguments.get(name), str):
            with suppress(ValueError):
                arguments[name] = json.loads(arguments[name])
    return arguments


def _slow_down(seconds: int) -> web.Response:
    return web.json_response(
        {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(seconds)}
    )


def _broken(request: web.Request) -> web.Response:
    """The connection breaks before a byte of the answer has gone out."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
