"""The API server that is not Kubernetes behaves like one: what the product's tests rely upon."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.fakes import kubernetes_rules as rules
from tests.fakes.kubernetes_server import FakeKubernetes

MERGE = "application/merge-patch+json"
POD = {"containers": [{"name": "main"}]}


class Hands:
    """kubectl, so to speak."""

    def __init__(self, cluster: FakeKubernetes, session: aiohttp.ClientSession) -> None:
        self.cluster, self.session = cluster, session

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        content: str = "application/json",
        **query: str,
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.cluster.token}", "Content-Type": content}
        async with self.session.request(
            method, self.cluster.base + path, json=body, headers=headers, params=query
        ) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def ask() -> AsyncIterator[Hands]:
    async with FakeKubernetes() as cluster, aiohttp.ClientSession() as session:
        cluster.add("namespaces", "", "ns")
        yield Hands(cluster, session)


async def test_errors_are_status_objects(ask: Hands) -> None:
    code, said = await ask("GET", "/api/v1/namespaces/none")
    assert (code, said["kind"], said["reason"]) == (404, "Status", "NotFound")
    code, said = await ask("POST", "/api/v1/namespaces", {"metadata": {"name": "ns"}})
    assert (code, said["reason"]) == (409, "AlreadyExists")
    bad = {"metadata": {"name": "Bad", "labels": {"a": "b c"}}}
    code, said = await ask("POST", "/api/v1/namespaces", bad)
    assert (code, said["reason"]) == (422, "Invalid")
    fields = [cause["field"] for cause in said["details"]["causes"]]
    assert fields == ["metadata.name", "metadata.labels"]
    ask.cluster.token = "other"
    async with ask.session.get(f"{ask.cluster.base}/api/v1/namespaces") as answer:
        assert answer.status == 401


async def test_a_stale_patch_is_a_conflict_and_none_keeps_the_version(ask: Hands) -> None:
    path = "/api/v1/namespaces/ns"
    _, before = await ask("GET", path)
    version = before["metadata"]["resourceVersion"]
    _, after = await ask("PATCH", path, {"metadata": {"labels": {"a": "1"}}}, MERGE)
    assert after["metadata"]["resourceVersion"] != version
    stale = {"metadata": {"resourceVersion": version, "labels": {"a": None}}}
    code, said = await ask("PATCH", path, stale, MERGE)
    assert (code, said["reason"]) == (409, "Conflict")
    _, same = await ask("PATCH", path, {"metadata": {"labels": {"a": "1"}}}, MERGE)
    assert same["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    code, _ = await ask("PATCH", path, {}, "application/json")
    assert code == 415


async def test_dry_run_writes_nothing(ask: Hands) -> None:
    made = {"metadata": {"name": "dry"}}
    code, _ = await ask("POST", "/api/v1/namespaces", made, dryRun="All")
    assert code == 201
    await ask("DELETE", "/api/v1/namespaces/ns", dryRun="All")
    assert ask.cluster.get("namespaces", "", "dry") is None
    found = ask.cluster.get("namespaces", "", "ns")
    assert found is not None
    assert "deletionTimestamp" not in found["metadata"]


async def test_a_namespace_lingers_and_takes_nothing_new(ask: Hands) -> None:
    ask.cluster.add("pods", "ns", "one", **POD)
    code, said = await ask("DELETE", "/api/v1/namespaces/ns")
    assert (code, said["status"]["phase"]) == (200, "Terminating")
    assert (await ask("DELETE", "/api/v1/namespaces/ns"))[0] == 409
    code, said = await ask(
        "POST", "/api/v1/namespaces/ns/pods", {"metadata": {"name": "two"}, "spec": POD}
    )
    assert code == 403
    assert said["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    ask.cluster.store.finish_deletions()
    assert (await ask("GET", "/api/v1/namespaces/ns"))[0] == 404
    assert ask.cluster.running("ns") == []


async def test_a_quota_wants_limits_and_counts_what_runs(ask: Hands) -> None:
    ask.cluster.add("resourcequotas", "ns", "q", hard={"pods": "2", "limits.cpu": "1"})
    pods = "/api/v1/namespaces/ns/pods"
    one = {"metadata": {"name": "one"}, "spec": POD}
    code, said = await ask("POST", pods, one)
    assert code == 403
    assert "failed quota: q: must specify limits.cpu for: main" in said["message"]
    default = {"type": "Container", "default": {"cpu": "600m"}}
    ask.cluster.add("limitranges", "ns", "l", limits=[default])
    assert (await ask("POST", pods, one))[0] == 201
    code, said = await ask("POST", pods, one | {"metadata": {"name": "two"}})
    over = (
        "exceeded quota: q, requested: limits.cpu=0.6, used: limits.cpu=0.6, limited: limits.cpu=1"
    )
    assert (code, over in said["message"]) == (403, True)
    await ask("PATCH", f"{pods}/one", {"status": {"phase": "Succeeded"}}, MERGE)
    assert (await ask("POST", pods, one | {"metadata": {"name": "two"}}))[0] == 201


async def test_pages_and_tokens_that_grow_old(ask: Hands) -> None:
    for n in range(5):
        ask.cluster.add("pods", "ns", f"p{n}", **POD)
    path, names, token = "/api/v1/namespaces/ns/pods", [], ""
    while True:
        _, page = await ask("GET", path, limit="2", **({"continue": token} if token else {}))
        names += [pod["metadata"]["name"] for pod in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert names == [f"p{n}" for n in range(5)]
    _, page = await ask("GET", path, limit="2")
    ask.cluster.store.tokens_expired = True
    code, said = await ask("GET", path, limit="2", **{"continue": page["metadata"]["continue"]})
    assert (code, said["reason"]) == (410, "Expired")


async def test_a_delete_of_another_object_of_the_name_is_a_conflict(ask: Hands) -> None:
    ask.cluster.add("pods", "ns", "one", **POD)
    options = {"preconditions": {"uid": "other"}}
    assert (await ask("DELETE", "/api/v1/namespaces/ns/pods/one", options))[0] == 409
    await asyncio.sleep(0)
    assert ask.cluster.running("ns") == ["one"]


async def test_controllers_make_and_end_pods(ask: Hands) -> None:
    cluster = ask.cluster
    cluster.add("deployments", "ns", "web", "apps", replicas=3, template={"spec": POD})
    assert len(cluster.running("ns")) == 3
    cluster.edit("deployments", "ns", "web", {"spec": {"replicas": 1}}, "apps")
    assert len(cluster.running("ns")) == 1
    cluster.add("jobs", "ns", "job", "batch", parallelism=2, template={"spec": POD})
    assert len(cluster.running("ns")) == 3
    cluster.edit("jobs", "ns", "job", {"spec": {"suspend": True}}, "batch")
    assert len(cluster.running("ns")) == 1
    cluster.store.delete("apps", "deployments", "ns", "web", {})
    assert cluster.running("ns") == []


async def test_permissions_and_reviews(ask: Hands) -> None:
    ask.cluster.denied.add(("list", "jobs.batch"))
    code, said = await ask("GET", "/apis/batch/v1/namespaces/ns/jobs")
    assert code == 403
    assert (
        'cannot list resource "jobs" in API group "batch" in the namespace "ns"' in said["message"]
    )
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    asked = {"verb": "list", "group": "batch", "resource": "jobs"}
    code, said = await ask("POST", path, {"spec": {"resourceAttributes": asked}})
    assert (code, said["status"]["allowed"]) == (201, False)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1024Mi", "1Gi"), ("1000m", "1"), ("250m", "250m"), ("0.5", "500m"), ("2000", "2k"),
        ("1536Mi", "1536Mi"), ("0", "0"), ("1500", "1500"), ("288Gi", "288Gi"), ("128Mi", "128Mi"),
    ],
)  # fmt: skip
def test_quantities_are_written_back_in_short(written: str, read: str) -> None:
    assert rules.canonical(written) == read
    assert rules.quantity(read) == rules.quantity(written)
