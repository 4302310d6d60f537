"""An API server that is not Kubernetes, over real HTTP.

``async with FakeKubernetes() as cluster`` serves on loopback, with Kubernetes' rules, controllers and bad days. It
knows nothing of the product.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.fakes import kubernetes_rules as rules
from tests.fakes.kubernetes_controllers import settle
from tests.fakes.kubernetes_rules import RESOURCES, ApiError, Object
from tests.fakes.kubernetes_state import Store

USER = "system:serviceaccount:sandrail:sandrail"
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


@dataclass
class Fault:
    """What goes wrong with the next requests of a method (``*``: any write) to a path that contains ``path``."""

    method: str
    path: str
    status: int = 500
    message: str = "Internal error occurred: etcdserver: request timed out"
    acts: bool = False  # the request is carried out before it fails
    hang: float = 0.0  # seconds before the answer
    cut: bool = False  # no answer: the connection is closed
    text: str | None = None  # this instead of a Status
    headers: dict[str, str] = field(default_factory=dict)
    skip: int = 0  # requests that go well before
    times: int = 1


@dataclass(frozen=True)
class Call:
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    body: Object


@dataclass(eq=False)
class FakeKubernetes:
    """A cluster that is served while the context lasts."""

    token: str = "kube-token"
    store: Store = field(default_factory=Store)
    denied: set[tuple[str, str]] = field(default_factory=set)  # ("list", "jobs.batch")
    faults: list[Fault] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)  # permissions that requests needed
    between: list[Any] = field(
        default_factory=list
    )  # called, once each, before a write is looked at

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    # --- what a test does -------------------------------------------------------------------------

    @property
    def writes(self) -> list[Call]:
        """Requests that would have changed something."""
        return [
            call
            for call in self.calls
            if call.method != "GET" and not call.path.endswith("selfsubjectaccessreviews")
        ]

    def add(self, plural: str, namespace: str, name: str, group: str = "", **spec: Any) -> Object:
        """Puts an object there, as somebody with kubectl would; controllers act at once."""
        kind, namespaced = RESOURCES[group, plural]
        version = f"{group}/v1" if group else "v1"
        meta: Object = {"name": name}
        for key in ("labels", "annotations", "ownerReferences"):
            if key in spec:
                meta[key] = spec.pop(key)
        body: Object = {"apiVersion": version, "kind": kind, "metadata": meta}
        if "status" in spec:
            body["status"] = spec.pop("status")
        made = self.store.create(
            group, plural, namespace if namespaced else "", body | {"spec": spec}
        )
        settle(self.store)
        return made

    def get(self, plural: str, namespace: str, name: str, group: str = "") -> Object | None:
        """The object as it stands."""
        return self.store.objects[group, plural].get((namespace, name))

    def running(self, namespace: str) -> list[str]:
        """Names of the pods that run and are not on their way out."""
        return [
            pod["metadata"]["name"]
            for pod in self.store.every("pods", namespace)
            if pod["status"]["phase"] == "Running" and not pod["metadata"].get("deletionTimestamp")
        ]

    def edit(self, plural: str, namespace: str, name: str, patch: Object, group: str = "") -> None:
        """Changes an object, as somebody else would."""
        self.store.patch(group, plural, namespace, name, patch)
        settle(self.store)

    # --- serving ----------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw else {}
        call = Call(request.method, request.path, dict(request.query), body)
        self.calls.append(call)
        fault = self._fault(call)
        if fault is not None and not fault.acts:
            return await self._failed(request, fault)
        try:
            if request.headers.get("Authorization") != f"Bearer {self.token}":
                raise ApiError(401, "Unauthorized", "Unauthorized")
            code, answer = self._answer(call, request.headers.get("Content-Type", ""))
        except ApiError as error:
            code, answer = error.code, error.body()
        if fault is not None:
            return await self._failed(request, fault)
        return web.json_response(answer, status=code)

    def _fault(self, call: Call) -> Fault | None:
        for fault in self.faults:
            method = fault.method == call.method or (fault.method == "*" and call.method != "GET")
            if not (fault.times and method and fault.path in call.path):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            return fault
        return None

    async def _failed(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        await asyncio.sleep(fault.hang)
        if fault.cut:
            assert request.transport is not None
            request.transport.close()
        if fault.text is not None:
            return web.Response(status=fault.status, text=fault.text, headers=fault.headers)
        body = ApiError(fault.status, "InternalError", fault.message).body()
        return web.json_response(body, status=fault.status, headers=fault.headers)

    def _answer(self, call: Call, content: str) -> tuple[int, Object]:
        parts = call.path.strip("/").split("/")
        if parts[0] == "version":
            return 200, {"major": "1", "minor": "35"}
        group = "" if parts[0] == "api" else parts[1]
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        if rest == ["selfsubjectaccessreviews"]:
            return 201, self._review(call.body)
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name = rest[0], rest[1] if len(rest) > 1 else ""
        if (group, plural) not in RESOURCES or len(rest) > 2:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        verb = _VERBS.get(call.method) or ("get" if name else "list")
        if call.method == "PUT":
            verb = "update"
        self._authorize(verb, group, plural, namespace, name)
        self.store.dry = call.query.get("dryRun") == "All"
        if verb not in ("get", "list"):
            while self.between:
                self.between.pop(0)()
        try:
            return self._do(verb, group, plural, namespace, name, call, content)
        finally:
            self.store.dry = False
            settle(self.store)

    def _do(
        self,
        verb: str,
        group: str,
        plural: str,
        namespace: str,
        name: str,
        call: Call,
        content: str,
    ) -> tuple[int, Object]:
        where = (group, plural, namespace)
        if verb == "get":
            return 200, self.store.find(*where, name)
        if verb == "list":
            limit = int(call.query.get("limit") or 0)
            return 200, self.store.listed(*where, limit, call.query.get("continue", ""))
        if verb == "create":
            return 201, self.store.create(*where, call.body)
        if verb == "patch":
            if content != "application/merge-patch+json":
                said = "the body of the request was in an unknown format"
                raise ApiError(415, "UnsupportedMediaType", said)
            return 200, self.store.patch(*where, name, call.body)
        if verb == "delete":
            return 200, self.store.delete(*where, name, call.body)
        raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on this")

    def _authorize(self, verb: str, group: str, plural: str, namespace: str, name: str) -> None:
        resource = rules.qualified(group, plural)
        self.used.add((verb, resource))
        if (verb, resource) not in self.denied:
            return
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        named = f'{resource} "{name}"' if name else resource
        why = f'User "{USER}" cannot {verb} resource "{plural}" in API group "{group}" {where}'
        raise ApiError(
            403, "Forbidden", f"{named} is forbidden: {why}", name=name, group=group, kind=plural
        )

    def _review(self, body: Object) -> Object:
        asked = body["spec"]["resourceAttributes"]
        resource = rules.qualified(asked.get("group", ""), asked["resource"])
        allowed = (asked["verb"], resource) not in self.denied
        return body | {"status": {"allowed": allowed}}
