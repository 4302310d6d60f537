"""A LiteLLM proxy that is not LiteLLM: its key management and chat completions over real HTTP.

Statuses, error bodies and traps are those of LiteLLM 1.109; ``old`` turns on what older versions did otherwise.
It knows nothing of the product.
"""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Self

from aiohttp import web

MASTER = "sk-master-of-the-proxy-0001"
_NOT_PREMIUM = (
    "You must be a LiteLLM Enterprise user to use this feature. If you have a license please set "
    "`LITELLM_LICENSE` in your env."
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_COLUMNS = (
    "key_alias",
    "models",
    "max_budget",
    "metadata",
    "rpm_limit",
    "tpm_limit",
    "budget_duration",
    "blocked",
    "user_id",
    "team_id",
)


class ProxyError(Exception):
    """An answer in the shape of LiteLLM's ProxyException."""

    def __init__(self, status: int, kind: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {"message": message, "type": kind, "param": param, "code": str(status)}
        }


class Invalid(Exception):
    """FastAPI's 422."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.body = {
            "detail": [{"type": "value_error", "loc": ["body", where], "msg": message, "input": {}}]
        }


@dataclass
class Fault:
    """What goes wrong at the next call of a path. ``acted``: the proxy does it, and answers wrongly."""

    path: str
    status: int = 500
    body: str = '{"error": {"message": "Internal server error", "type": "internal_server_error"}}'
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    acted: bool = False
    lost: bool = False  # the connection is closed without an answer
    silent: float = 0.0  # seconds before it answers


class FakeLiteLLM:
    """A proxy with a database, served while the context lasts."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self.clock = clock or (lambda: datetime.now(UTC))
        self.premium = False
        self.old = False
        self.custom_keys_disabled = False
        self.defaults: dict[str, Any] = {}
        self.largest: dict[str, Any] = {}  # upperbound_key_generate_params
        self.price = 1.0
        self.keys: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[Fault] = []
        self._minutes: dict[tuple[str, int], int] = {}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/key/list", self._managed(self._list))
        for name in ("generate", "update", "block", "unblock", "delete"):
            app.router.add_post(f"/key/{name}", self._managed(getattr(self, f"_{name}")))
        app.router.add_post("/chat/completions", self._completions)
        app.middlewares.append(_not_found)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    # --- what an administrator does in LiteLLM's own pages ------------------------------------------

    @property
    def only(self) -> dict[str, Any]:
        """The one key that there is."""
        (row,) = self.keys.values()
        return row

    def exchange(self, new: str) -> None:
        """Gives the one key another value: /key/regenerate."""
        row = self.only
        self.keys = {_hash(new): {**row, "token": _hash(new)}}

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    # --- management ---------------------------------------------------------------------------------

    def _managed(self, method: Callable[[dict[str, Any]], Any]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            path = request.path
            fault = next((f for f in self.faults if f.path == path), None)
            if fault is not None:
                self.faults.remove(fault)
            if request.method == "GET":
                asked: Any = dict(request.query)
            else:
                asked = await request.json()
            self.calls.append((path, asked))
            if fault is None or fault.acted:
                answer = self._done(request, method, asked)
            if fault is None:
                return answer
            await asyncio.sleep(fault.silent)
            if fault.lost:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(
                status=fault.status,
                text=fault.body,
                content_type=fault.kind,
                headers=fault.headers,
            )

        return handle

    def _done(
        self, request: web.Request, method: Callable[[dict[str, Any]], Any], asked: dict[str, Any]
    ) -> web.Response:
        try:
            self._admin(request)
            return web.json_response(method(asked))
        except ProxyError as error:
            return web.json_response(error.body, status=error.status)
        except Invalid as error:
            return web.json_response(error.body, status=422)

    def _admin(self, request: web.Request) -> None:
        key = _bearer(request)
        if key == MASTER:
            return
        if _hash(key) in self.keys:
            raise ProxyError(
                401,
                "auth_error",
                "Authentication Error, Only proxy admin can be used to generate, delete, update info for new "
                f"keys/users/teams. Route={request.path}. Your role=unknown. Your user_id=unknown",
            )
        raise ProxyError(
            401, "token_not_found_in_db", "Authentication Error, Invalid API key provided.", "key"
        )

    def _list(self, query: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= int(query.get("size", "10")) <= 100:
            raise Invalid("size", "Input should be less than or equal to 100")
        rows = list(self.keys.values())
        if alias := query.get("key_alias"):
            contains = self.old  # for a while, aliases were searched for
            rows = [
                r
                for r in rows
                if r["key_alias"] == alias or (contains and alias in (r["key_alias"] or ""))
            ]
        if token := query.get("key_hash"):
            rows = [r for r in rows if r["token"] == token]
        full = query.get("return_full_object") == "true"
        listed = [self._shown(r) if full else r["token"] for r in rows]
        page = listed[: int(query.get("size", "10"))]
        return {
            "keys": page,
            "total_count": len(rows),
            "current_page": 1,
            "total_pages": 1,
        }

    def _generate(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._validate(asked)
        for name, value in self.defaults.items():
            said = name in asked and name == "budget_duration" and not self.old
            if asked.get(name) is None and not said:
                asked = {**asked, name: value}
        self._bounds(asked)
        for name, value in self.largest.items():
            if asked.get(name) is None:
                asked = {**asked, name: value}
        self._tagged(asked)
        key = asked.get("key")
        self._unique(asked.get("key_alias"), but=None)
        if key is not None and self.custom_keys_disabled:
            raise ProxyError(
                403,
                "auth_error",
                "{'error': 'Custom API key values are disabled by your administrator. Keys must be "
                "auto-generated.'}",
            )
        if key is None:
            key = "sk-" + sha256(str(len(self.calls)).encode()).hexdigest()[:22]
        if not key.startswith("sk-"):
            raise ProxyError(
                400,
                "invalid_request_error",
                "{'error': \"Invalid key format. LiteLLM Virtual Key must start with 'sk-'.\"}",
            )
        row = dict.fromkeys(_COLUMNS)
        row |= {"models": [], "metadata": {}, "spend": 0.0, "token": _hash(key)}
        row |= {name: value for name, value in asked.items() if name in _COLUMNS}
        row["metadata"] = dict(row["metadata"] or {})
        if asked.get("tags") is not None:
            row["metadata"]["tags"] = asked["tags"]
        row["expires"] = self._expires(asked.get("duration"))
        row["key_name"] = f"sk-...{key[-4:]}"
        # an upsert that updates nothing: the answer has what was asked, the database what it had
        self.keys.setdefault(row["token"], row)
        return {**self._shown(row), "key": key, "token_id": row["token"]}

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._validate(asked)
        if asked.get("key") is None and asked.get("key_alias") is None:
            raise Invalid("key", "Value error, either key or key_alias must be provided")
        row = self._row(asked.get("key"))
        self._bounds(asked)
        self._tagged(asked)
        if alias := asked.get("key_alias"):
            self._unique(alias, but=row["token"])
        # metadata is replaced as a whole; without any it is kept
        metadata = dict(asked["metadata"] if "metadata" in asked else row["metadata"])
        if asked.get("tags") is not None:
            metadata["tags"] = asked["tags"]
        row |= {name: value for name, value in asked.items() if name in _COLUMNS}
        row["metadata"] = metadata
        if "duration" in asked:
            row["expires"] = self._expires(asked["duration"])
        return {**self._shown(row), "key": asked.get("key")}

    def _block(self, asked: dict[str, Any]) -> dict[str, Any]:
        row = self._blockable(asked)
        row["blocked"] = True
        return self._shown(row)

    def _unblock(self, asked: dict[str, Any]) -> dict[str, Any]:
        row = self._blockable(asked)
        row["blocked"] = False
        return self._shown(row)

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not asked.get("keys") and not asked.get("key_aliases"):
            raise Invalid(
                "keys", "Value error, At least one of 'keys' or 'key_aliases' must be provided."
            )
        tokens = [_hashed(key) for key in asked.get("keys") or []]
        aliases = asked.get("key_aliases") or []
        gone = [
            t
            for t, row in self.keys.items()
            if t in tokens or (aliases and row["key_alias"] in aliases)
        ]
        if not gone:
            raise ProxyError(404, "invalid_request_error", "{'error': 'No keys found'}")
        for token in gone:
            del self.keys[token]
        return {"deleted_keys": asked.get("keys") or aliases}

    def _blockable(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "key" not in asked:
            raise Invalid("key", "Field required")
        if not re.fullmatch(r"sk-[A-Za-z0-9_-]+|[a-fA-F0-9]{64}", str(asked["key"])):
            raise ProxyError(400, "bad_request_error", "Invalid key format.", "key")
        return self._row(asked["key"])

    def _row(self, key: str | None) -> dict[str, Any]:
        row = self.keys.get(_hashed(key or ""))
        if row is None:
            raise ProxyError(404, "not_found_error", "Key not found.", "key")
        return row

    def _unique(self, alias: str | None, *, but: str | None) -> None:
        if alias and any(
            row["key_alias"] == alias and token != but for token, row in self.keys.items()
        ):
            raise ProxyError(
                400,
                "bad_request_error",
                f"Key with alias '{alias}' already exists. Unique key aliases across all keys are required.",
                "key_alias",
            )

    def _tagged(self, asked: dict[str, Any]) -> None:
        if not asked.get("tags") or self.premium:
            return
        if self.old:
            raise ProxyError(
                500,
                "internal_server_error",
                f"Only premium users can add tags to keys. {_NOT_PREMIUM}",
            )
        raise ProxyError(
            403,
            "auth_error",
            f"{{'error': 'This feature is only available for LiteLLM Enterprise users: tags. {_NOT_PREMIUM}'}}",
        )

    def _bounds(self, asked: dict[str, Any]) -> None:
        budget = asked.get("max_budget")
        if budget is not None and budget < 0:
            raise ProxyError(
                400,
                "invalid_request_error",
                f"{{'error': 'max_budget must be a non-negative finite number. Received: {budget}'}}",
            )
        bound = self.largest.get("max_budget")
        if budget is not None and bound is not None and budget > bound:
            raise ProxyError(
                400,
                "invalid_request_error",
                f"{{'error': 'max_budget is over max limit set in config - user_value={budget}; "
                f"max_value={bound}'}}",
            )

    def _validate(self, asked: dict[str, Any]) -> None:
        kinds: dict[str, type | tuple[type, ...]] = {
            "key": str,
            "key_alias": str,
            "duration": str,
            "models": list,
            "tags": list,
            "metadata": dict,
            "max_budget": (int, float),
            "rpm_limit": int,
            "budget_duration": str,
        }
        for name, value in asked.items():
            if name not in kinds:
                raise Invalid(name, "the fake does not know this field")
            if value is not None and not isinstance(value, kinds[name]):
                raise Invalid(name, f"Input should be a valid {kinds[name]}")

    def _expires(self, duration: str | None) -> datetime | None:
        if duration is None:
            return None
        read = re.fullmatch(r"(\d+)([smhdw])", duration)
        if read is None:
            raise ProxyError(500, "internal_server_error", "Invalid duration format")
        return self.clock() + timedelta(seconds=int(read[1]) * _UNITS[read[2]])

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        expires = row["expires"]
        return {**row, "expires": expires.isoformat() if expires else None}

    # --- use ----------------------------------------------------------------------------------------

    async def _completions(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            self._allowed(_bearer(request), asked.get("model", ""))
        except ProxyError as error:
            return web.json_response(error.body, status=error.status)
        said = {"role": "assistant", "content": "Yes."}
        return web.json_response(
            {"object": "chat.completion", "choices": [{"index": 0, "message": said}]}
        )

    def _allowed(self, key: str, model: str) -> None:
        row = self.keys.get(_hash(key))
        if row is None:
            raise ProxyError(
                401,
                "token_not_found_in_db",
                "Authentication Error, Invalid API key provided.",
                "key",
            )
        if row["blocked"] is True:
            raise ProxyError(
                401,
                "auth_error",
                "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.",
            )
        if row["models"] and model not in row["models"]:
            raise ProxyError(
                403, "key_model_access_denied", f"key not allowed to access model. Tried {model}"
            )
        now = self.clock()
        if row["expires"] is not None and row["expires"] < now:
            raise ProxyError(
                401,
                "expired_key",
                f"Authentication Error - Expired Key. Key Expiry time {row['expires']} and current time {now}",
            )
        if row["max_budget"] is not None and row["spend"] >= row["max_budget"]:
            raise ProxyError(
                400 if self.old else 422,
                "budget_exceeded",
                f"Budget has been exceeded! Key={row['key_alias']} ({row['key_name']}) Current cost: "
                f"{row['spend']}, Max budget: {row['max_budget']}",
            )
        minute = (row["token"], int(now.timestamp() // 60))
        if row["rpm_limit"] is not None and self._minutes.get(minute, 0) >= row["rpm_limit"]:
            raise ProxyError(
                429,
                "rate_limit_error",
                f"Rate limit exceeded for api_key: {row['token']}. Limit type: requests. Current limit: "
                f"{row['rpm_limit']}, Remaining: 0.",
            )
        self._minutes[minute] = self._minutes.get(minute, 0) + 1
        row["spend"] += self.price


@web.middleware
async def _not_found(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return await handler(request)  # type: ignore[no-any-return]
    except web.HTTPNotFound:
        return web.json_response({"detail": "Not Found"}, status=404)
    except json.JSONDecodeError:
        return web.json_response(
            {"detail": [{"loc": ["body"], "msg": "JSON decode error"}]}, status=422
        )


def _bearer(request: web.Request) -> str:
    said = request.headers.get("Authorization", "")
    if not said:
        raise ProxyError(401, "auth_error", "Authentication Error, No api key passed in.")
    if not said.startswith("Bearer "):
        raise ProxyError(
            401,
            "auth_error",
            "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix.",
        )
    return said.removeprefix("Bearer ")


def _hash(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _hashed(key: str) -> str:
    return _hash(key) if key.startswith("sk-") else key
