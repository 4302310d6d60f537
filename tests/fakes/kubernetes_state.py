"""The objects of a cluster that is not one: stored, admitted, listed and deleted as an API server does."""

import base64
import copy
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.fakes import kubernetes_rules as rules
from tests.fakes.kubernetes_rules import RESOURCES, ApiError, Object

_TIME = "2026-11-23T09:00:00Z"
_TERMINAL = ("Succeeded", "Failed")


@dataclass(eq=False)
class Store:
    """What the cluster holds. Every write raises the one counter of versions."""

    objects: dict[tuple[str, str], dict[tuple[str, str], Object]] = field(
        default_factory=lambda: {resource: {} for resource in RESOURCES}
    )
    version: int = 100
    tokens_expired: bool = False  # every continue token is too old, once
    slow_pods: bool = (
        False  # a deleted pod stays with its deletionTimestamp until finish_deletions()
    )
    dry: bool = False

    def find(self, group: str, plural: str, namespace: str, name: str) -> Object:
        found = self.objects[group, plural].get((namespace, name))
        if found is None:
            raise rules.not_found(group, plural, name)
        return found

    def every(self, plural: str, namespace: str, group: str = "") -> list[Object]:
        """All of a kind in a namespace."""
        return [
            found
            for (where, _), found in sorted(self.objects[group, plural].items())
            if where == namespace
        ]

    def create(self, group: str, plural: str, namespace: str, body: Object) -> Object:
        kind, namespaced = RESOURCES[group, plural]
        if body.get("kind", kind) != kind:
            raise ApiError(
                400, "BadRequest", f"the object provided is unrecognized: {body['kind']}"
            )
        made = copy.deepcopy(body)
        meta = made.setdefault("metadata", {})
        if meta.get("resourceVersion"):
            said = "resourceVersion should not be set on objects to be created"
            raise ApiError(500, "InternalError", said)
        if "generateName" in meta and "name" not in meta:
            meta["name"] = f"{meta['generateName']}{self.version:x}"
        name = meta.get("name", "")
        if namespaced:
            if meta.setdefault("namespace", namespace) != namespace:
                said = "the namespace of the provided object does not match the namespace sent on the request"
                raise ApiError(400, "BadRequest", said)
            self._room_in(group, plural, namespace, name)
        rules.check(group, plural, made)
        if (namespace, name) in self.objects[group, plural]:
            raise rules.already_exists(group, plural, name)
        self._default(plural, made)
        if plural == "pods":
            self._limit_ranger(namespace, made)
        self._admit(plural, namespace, made)
        meta |= {"uid": f"uid-{self.version}", "creationTimestamp": _TIME, "generation": 1}
        self._canonical(plural, made)
        if not self.dry:
            self.objects[group, plural][namespace, name] = made
            self._touch(made)
        return made

    def patch(self, group: str, plural: str, namespace: str, name: str, body: Object) -> Object:
        """A merge patch; with a resourceVersion in it, of that version only."""
        found = self.find(group, plural, namespace, name)
        wanted = (body.get("metadata") or {}).get("resourceVersion")
        if wanted is not None and wanted != found["metadata"]["resourceVersion"]:
            raise rules.conflict(group, plural, name, rules.MODIFIED)
        merged = rules.merge(found, body)
        for key in ("name", "namespace", "uid"):
            if merged["metadata"].get(key) != found["metadata"].get(key):
                kind = RESOURCES[group, plural][0]
                cause = (f"metadata.{key}", "Invalid value: field is immutable")
                raise rules.invalid(kind, group, name, [cause])
        self._default(plural, merged)
        rules.check(group, plural, merged)
        self._canonical(plural, merged)
        if merged == found or self.dry:
            return merged  # nothing to write keeps the version
        if merged.get("spec") != found.get("spec"):
            merged["metadata"]["generation"] = found["metadata"].get("generation", 0) + 1
        self.objects[group, plural][namespace, name] = merged
        self._touch(merged)
        return merged

    def delete(self, group: str, plural: str, namespace: str, name: str, options: Object) -> Object:
        found = self.find(group, plural, namespace, name)
        meta = found["metadata"]
        for key, value in (options.get("preconditions") or {}).items():
            if meta.get(key) != value:
                why = (
                    f"Precondition failed: {key.upper()} in precondition: {value}, in object meta: "
                )
                raise rules.conflict(group, plural, name, why + str(meta.get(key)))
        if plural == "namespaces":
            if meta.get("deletionTimestamp"):
                why = "The system is ensuring all content is removed from this namespace. Upon completion, this "
                raise rules.conflict(
                    group, plural, name, why + "namespace will automatically be purged."
                )
            if not self.dry:
                meta["deletionTimestamp"] = _TIME
                found["status"] = {"phase": "Terminating"}
                self._touch(found)
            return found
        if self.dry:
            return found
        if plural == "pods" and self.slow_pods:
            meta["deletionTimestamp"] = _TIME
            self._touch(found)
            return found
        del self.objects[group, plural][namespace, name]
        self.version += 1
        for resource, kinds in list(self.objects.items()):
            for (where, child), value in list(kinds.items()):
                owners = value["metadata"].get("ownerReferences") or ()
                if where == namespace and any(owner["uid"] == meta["uid"] for owner in owners):
                    self.delete(*resource, where, child, {})
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

    def listed(self, group: str, plural: str, namespace: str, limit: int, token: str) -> Object:
        """A page, with a continue token when there is more."""
        kind, _ = RESOURCES[group, plural]
        after = ""
        if token:
            if self.tokens_expired:
                self.tokens_expired = False
                said = "The provided continue parameter is too old to display a consistent list result."
                raise ApiError(410, "Expired", said)
            after = json.loads(base64.b64decode(token))["start"]
        found = [
            one for one in self.every(plural, namespace, group) if one["metadata"]["name"] > after
        ]
        page = found[:limit] if limit else found
        meta: Object = {"resourceVersion": str(self.version)}
        if len(page) < len(found):
            start = json.dumps({"v": "meta.k8s.io/v1", "start": page[-1]["metadata"]["name"]})
            meta["continue"] = base64.b64encode(start.encode()).decode()
            meta["remainingItemCount"] = len(found) - len(page)
        version = f"{group}/v1" if group else "v1"
        return {"kind": f"{kind}List", "apiVersion": version, "metadata": meta, "items": page}

    def finish_deletions(self) -> None:
        """What is being deleted is gone."""
        for namespace, found in [
            (name, one) for (_, name), one in self.objects["", "namespaces"].items()
        ]:
            if found["metadata"].get("deletionTimestamp"):
                del self.objects["", "namespaces"]["", namespace]
                for kinds in self.objects.values():
                    for key in [key for key in kinds if key[0] == namespace]:
                        del kinds[key]
        pods = self.objects["", "pods"]
        for key in [key for key, pod in pods.items() if pod["metadata"].get("deletionTimestamp")]:
            del pods[key]

    # --- admission --------------------------------------------------------------------------------

    def _room_in(self, group: str, plural: str, namespace: str, name: str) -> None:
        where = self.objects["", "namespaces"].get(("", namespace))
        if where is None:
            raise rules.not_found("", "namespaces", namespace)
        if where["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise rules.forbidden(group, plural, name, why, causes=[cause])

    def _limit_ranger(self, namespace: str, pod: Object) -> None:
        for limits in self.every("limitranges", namespace):
            for item in limits["spec"]["limits"]:
                if item["type"] != "Container":
                    continue
                for container in pod["spec"]["containers"]:
                    has = container.setdefault("resources", {})
                    named = dict(has.get("limits") or {})
                    has["limits"] = (item.get("default") or {}) | named
                    # A limit that is named and no request: the request is the limit.
                    has["requests"] = (
                        (item.get("defaultRequest") or {}) | named | (has.get("requests") or {})
                    )

    def _admit(self, plural: str, namespace: str, made: Object) -> None:
        for quota in self.every("resourcequotas", namespace):
            name = quota["metadata"]["name"]
            hard = quota["spec"]["hard"]
            asked = _use(plural, made)
            if plural == "pods":
                self._must_specify(name, hard, made)
            used = self.used(namespace)
            over = [
                key
                for key in hard
                if asked.get(key) and asked[key] + used.get(key, 0) > rules.quantity(hard[key])
            ]
            if over:
                columns = (("requested", asked), ("used", used), ("limited", hard))
                said = ", ".join(
                    f"{title}: " + ",".join(f"{key}={of.get(key, 0)}" for key in sorted(over))
                    for title, of in columns
                )
                why = f"exceeded quota: {name}, {said}"
                raise rules.forbidden("", plural, made["metadata"].get("name", ""), why)

    def _must_specify(self, quota: str, hard: Object, pod: Object) -> None:
        missing = [
            f"{part}.{unit} for: {container['name']}"
            for part in ("limits", "requests")
            for unit in ("cpu", "memory")
            for container in pod["spec"]["containers"]
            if f"{part}.{unit}" in hard
            and unit not in ((container.get("resources") or {}).get(part) or {})
        ]
        if missing:
            why = f"failed quota: {quota}: must specify {'; '.join(missing)}"
            raise rules.forbidden("", "pods", pod["metadata"].get("name", ""), why)

    def used(self, namespace: str) -> dict[str, Decimal]:
        """What counts against quotas: pods that are not at their end, services, volume claims."""
        sums: dict[str, Decimal] = {}
        for plural in ("pods", "services", "persistentvolumeclaims"):
            for found in self.every(plural, namespace):
                if (found.get("status") or {}).get("phase") in _TERMINAL:
                    continue
                for key, amount in _use(plural, found).items():
                    sums[key] = sums.get(key, Decimal(0)) + amount
        return sums

    def _default(self, plural: str, made: Object) -> None:
        spec = made.setdefault("spec", {}) if plural != "limitranges" else made["spec"]
        if plural in ("deployments", "statefulsets", "replicasets"):
            spec.setdefault("replicas", 1)
        if plural in ("jobs", "cronjobs"):
            spec.setdefault("suspend", False)
        if plural == "namespaces":
            made.setdefault("status", {"phase": "Active"})
            spec.setdefault("finalizers", ["kubernetes"])
            labels = made["metadata"].setdefault("labels", {})
            labels["kubernetes.io/metadata.name"] = made["metadata"]["name"]
        if plural == "pods":
            made.setdefault("status", {"phase": "Running"})

    def _canonical(self, plural: str, made: Object) -> None:
        if plural == "resourcequotas":
            hard = made["spec"].get("hard") or {}
            made["spec"]["hard"] = {key: rules.canonical(value) for key, value in hard.items()}
        if plural == "limitranges":
            for item in made["spec"]["limits"]:
                for part in ("default", "defaultRequest", "max", "min"):
                    if part in item:
                        item[part] = {
                            key: rules.canonical(value) for key, value in item[part].items()
                        }

    def _touch(self, made: Object) -> None:
        self.version += 1
        made["metadata"]["resourceVersion"] = str(self.version)


def _use(plural: str, found: Object) -> dict[str, Decimal]:
    if plural == "pods":
        use: dict[str, Decimal] = {"pods": Decimal(1)}
        for container in found["spec"]["containers"]:
            for part in ("requests", "limits"):
                for unit, amount in ((container.get("resources") or {}).get(part) or {}).items():
                    key = f"{part}.{unit}"
                    use[key] = use.get(key, Decimal(0)) + rules.quantity(amount)
        return use
    if plural == "services":
        kind = (found.get("spec") or {}).get("type", "ClusterIP")
        return {
            "services": Decimal(1),
            "services.loadbalancers": Decimal(kind == "LoadBalancer"),
            "services.nodeports": Decimal(kind in ("NodePort", "LoadBalancer")),
        }
    if plural == "persistentvolumeclaims":
        asked: Any = found["spec"]["resources"]["requests"]["storage"]
        return {"persistentvolumeclaims": Decimal(1), "requests.storage": rules.quantity(asked)}
    return {}
