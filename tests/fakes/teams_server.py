"""A Teams that is not Teams: Bot Connector, sign-in, signing keys and Graph over real HTTP.

``async with FakeTeams() as teams`` serves on loopback, with Teams' rules and its bad days. It knows nothing of
the product.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

from tests.fakes import teams_connector as connector
from tests.fakes.teams_state import Fault, State, TeamsError
from tests.fakes.teams_tokens import CONNECTOR_SCOPE, GRAPH_SCOPE, ISSUER, Key, Tokens

_MEMBERS = "/emea/v3/conversations/{conversation}"


@dataclass(eq=False)
class FakeTeams(State):
    """A cloud that is served while the context lasts."""

    issuer: str = ISSUER
    token_seconds: int = 3599
    hang_keys: float = 0.0  # seconds before the metadata and the keys are answered
    fail_keys: bool = False  # both answer 500
    tokens: Tokens = field(init=False)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=10 * 1024 * 1024)
        add = app.router.add_route
        add("GET", "/v1/.well-known/openidconfiguration", self._metadata)
        add("GET", "/v1/.well-known/keys", self._keys)
        add("POST", "/{tenant}/oauth2/v2.0/token", self._token)
        for method, path, name in (
            ("POST", "/emea/v3/conversations", "create"),
            ("POST", f"{_MEMBERS}/activities", "send"),
            ("POST", f"{_MEMBERS}/activities/{{activity}}", "reply"),
            ("PUT", f"{_MEMBERS}/activities/{{activity}}", "update"),
            ("DELETE", f"{_MEMBERS}/activities/{{activity}}", "delete"),
            ("GET", f"{_MEMBERS}/members/{{member}}", "member"),
            ("GET", f"{_MEMBERS}/pagedmembers", "paged"),
            ("GET", "/emea/v3/teams/{team}", "team"),
            ("GET", "/emea/v3/teams/{team}/conversations", "channels"),
            ("POST", "/graph/v1.0/users/{user}/checkMemberGroups", "groups"),
            ("GET", "/graph/v1.0/groups/{group}", "group"),
        ):
            add(method, path, self._call, name=name)
        app.middlewares.append(self._bad_days)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.tokens = Tokens(
            lambda: self.now(),
            issuer=self.issuer,
            audience=self.app_id,
            service_url=self.service_url,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    # --- addresses --------------------------------------------------------------------------------

    @property
    def service_url(self) -> str:
        """The connector, as activities name it."""
        return f"{self.base}/emea/"

    @property
    def openid_url(self) -> str:
        """The metadata of the channel's tokens."""
        return f"{self.base}/v1/.well-known/openidconfiguration"

    @property
    def login_url(self) -> str:
        """Where the bot signs in: ``{login_url}{tenant}/oauth2/v2.0/token``."""
        return f"{self.base}/"

    @property
    def graph_url(self) -> str:
        return f"{self.base}/graph/v1.0/"

    # --- keys and tokens --------------------------------------------------------------------------

    @property
    def metadata_fetches(self) -> int:
        return self.counters["metadata"]

    @property
    def key_fetches(self) -> int:
        return self.counters["keys"]

    @property
    def token_requests(self) -> int:
        return self.counters["token"]

    def mint(self, **overrides: Any) -> str:
        """A token to the bot. Overrides: key, kid, alg, expires_in, or any claim (None: leave it out).

        ``key=teams.other_key`` signs with a key that was never published.
        """
        return self.tokens.mint(**overrides)

    @property
    def other_key(self) -> Key:
        """A key that was never published."""
        return self.tokens.other_key

    def rotate_keys(self, keep_old: bool = False) -> Key:
        """New tokens are signed with a new key; returns the key that signed before."""
        before = self.tokens.key
        self.tokens.rotate(keep_old)
        return before

    def revoke_tokens(self) -> None:
        """Every token that the bot has got is worth nothing from now on."""
        self.tokens.issued.clear()

    async def _metadata(self, _: web.Request) -> web.Response:
        self.counters["metadata"] += 1
        await asyncio.sleep(self.hang_keys)
        if self.fail_keys:
            return web.Response(status=500, text="failed")
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": "https://invalid.botframework.com",
                "jwks_uri": f"{self.base}/v1/.well-known/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        self.counters["keys"] += 1
        await asyncio.sleep(self.hang_keys)
        if self.fail_keys:
            return web.Response(status=500, text="failed")
        shown = [key.jwk(self.tokens.endorsements) for key in self.tokens.published]
        return web.json_response({"keys": shown})

    async def _token(self, request: web.Request) -> web.Response:
        self.counters["token"] += 1
        form = await request.post()
        refusal = self._refusal(request.match_info["tenant"], {k: str(v) for k, v in form.items()})
        if refusal is not None:
            status, error, words = refusal
            code = int(words.partition(":")[0].removeprefix("AADSTS"))
            said = {"error": error, "error_description": words, "error_codes": [code]}
            return web.json_response(said, status=status)
        return web.json_response(
            {
                "token_type": "Bearer",
                "expires_in": self.token_seconds,
                "ext_expires_in": self.token_seconds,
                "access_token": self.tokens.issue(str(form["scope"]), self.token_seconds),
            }
        )

    def _refusal(self, tenant: str, form: dict[str, str]) -> tuple[int, str, str] | None:
        if tenant != self.tenant:
            return 400, "invalid_request", f"AADSTS90002: Tenant '{tenant}' not found."
        if form.get("grant_type") != "client_credentials":
            return 400, "unsupported_grant_type", "AADSTS70003: The grant type is not supported."
        if form.get("client_id") != self.app_id:
            return 400, "unauthorized_client", "AADSTS700016: Application was not found."
        if form.get("client_secret") != self.password:
            return 401, "invalid_client", "AADSTS7000215: Invalid client secret provided."
        if form.get("scope") not in (CONNECTOR_SCOPE, GRAPH_SCOPE):
            return 400, "invalid_scope", "AADSTS70011: The provided scope is not valid."
        return None

    # --- calls ------------------------------------------------------------------------------------

    @web.middleware
    async def _bad_days(self, request: web.Request, handler: Any) -> web.StreamResponse:
        path = unquote(request.rel_url.raw_path).removeprefix("/emea").lstrip("/")
        self.calls.append((request.method, path))
        fault = self.next_fault(request.method, path)
        if fault is not None and fault.what == "status":
            return _failed(fault)
        if fault is not None and fault.what == "hang":
            await asyncio.sleep(fault.seconds)
        answer: web.StreamResponse = await handler(request)
        if fault is not None and fault.what == "lose":
            assert request.transport is not None
            request.transport.abort()
        return answer

    async def _call(self, request: web.Request) -> web.Response:
        graph = request.path.startswith("/graph/")
        raw = await request.read()
        given = request.headers.get("Authorization", "")
        try:
            if not self.tokens.allows(given, GRAPH_SCOPE if graph else CONNECTOR_SCOPE):
                code = "InvalidAuthenticationToken" if graph else "Unauthorized"
                raise TeamsError(401, code, "Authorization has been denied for this request.")
            status, body = connector.route(self, request, raw)
        except TeamsError as error:
            return _refused(error)
        if body is None:
            return web.Response(status=status)
        return web.json_response(body, status=status)


def _refused(error: TeamsError) -> web.Response:
    headers = {} if error.retry is None else {"Retry-After": str(error.retry)}
    said = {"error": {"code": error.code, "message": error.message}}
    return web.json_response(said, status=error.status, headers=headers)


def _failed(fault: Fault) -> web.Response:
    if fault.code:
        return _refused(TeamsError(fault.status, fault.code, retry=fault.retry))
    headers = {} if fault.retry is None else {"Retry-After": str(fault.retry)}
    return web.Response(status=fault.status, text="<html>upstream error</html>", headers=headers)
