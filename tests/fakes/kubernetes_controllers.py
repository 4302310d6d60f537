"""The controllers of a cluster: they make pods for workloads and end them, as far as quotas let them."""

from typing import Any

from tests.fakes.kubernetes_rules import ApiError, Object
from tests.fakes.kubernetes_state import Store

_ROUNDS = 20


def settle(store: Store) -> None:
    """Lets every controller act until nothing changes."""
    for _ in range(_ROUNDS):
        before = store.version
        for (_, namespace), found in list(store.objects["", "namespaces"].items()):
            if not found["metadata"].get("deletionTimestamp"):
                _once(store, namespace)
        if store.version == before:
            return


def _once(store: Store, namespace: str) -> None:
    for deployment in store.every("deployments", namespace, "apps"):
        _deployment(store, namespace, deployment)
    for plural in ("replicasets", "statefulsets"):
        for found in store.every(plural, namespace, "apps"):
            _pods(store, namespace, found, found["spec"]["replicas"])
    for found in store.every("daemonsets", namespace, "apps"):
        _pods(store, namespace, found, 1)
    for found in store.every("rayclusters", namespace, "ray.io"):
        _pods(store, namespace, found, 1)
    for found in store.every("jobs", namespace, "batch"):
        done = any(
            said["type"] in ("Complete", "Failed")
            for said in (found.get("status") or {}).get("conditions") or ()
        )
        if not done:
            wanted = 0 if found["spec"]["suspend"] else found["spec"].get("parallelism", 1)
            _pods(store, namespace, found, wanted)
    for quota in store.every("resourcequotas", namespace):
        used = store.used(namespace)
        status = {
            "hard": quota["spec"]["hard"],
            "used": {k: str(used.get(k, 0)) for k in quota["spec"]["hard"]},
        }
        if quota.get("status") != status:
            quota["status"] = status
            store._touch(quota)


def _deployment(store: Store, namespace: str, deployment: Object) -> None:
    owner = deployment["metadata"].get("ownerReferences")
    if owner and not deployment["spec"]["replicas"]:  # an operator wants it otherwise
        deployment["spec"]["replicas"] = 1
        store._touch(deployment)
    replicas = deployment["spec"]["replicas"]
    mine = [one for one in store.every("replicasets", namespace, "apps") if _owned(one, deployment)]
    if not mine:
        name = f"{deployment['metadata']['name']}-5d5c"
        spec: Object = {"replicas": replicas, "template": deployment["spec"]["template"]}
        meta: Object = {"name": name, "ownerReferences": [_reference(deployment)]}
        store.create("apps", "replicasets", namespace, {"metadata": meta, "spec": spec})
    for found in mine:
        if found["spec"]["replicas"] != replicas:
            found["spec"]["replicas"] = replicas
            store._touch(found)


def _pods(store: Store, namespace: str, owner: Object, wanted: int) -> None:
    live = [
        pod
        for pod in store.every("pods", namespace)
        if _owned(pod, owner) and not pod["metadata"].get("deletionTimestamp")
    ]
    for pod in live[wanted:]:
        store.delete("", "pods", namespace, pod["metadata"]["name"], {})
    for _ in range(wanted - len(live)):
        meta = {
            "generateName": f"{owner['metadata']['name']}-",
            "ownerReferences": [_reference(owner)],
        }
        template: Any = owner["spec"].get("template") or {}
        spec = template.get("spec") or {"containers": [{"name": "main"}]}
        try:
            store.create("", "pods", namespace, {"metadata": meta, "spec": spec})
        except ApiError:
            return  # an event FailedCreate; the controller tries again later


def _owned(found: Object, owner: Object) -> bool:
    owners = found["metadata"].get("ownerReferences") or ()
    return any(one["uid"] == owner["metadata"]["uid"] for one in owners)


def _reference(owner: Object) -> Object:
    return {
        "apiVersion": owner.get("apiVersion", "apps/v1"),
        "kind": owner.get("kind", "ReplicaSet"),
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
