"""Answers that fail, get lost or are refused; and where credentials come from."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.actuators.actuator import ActFailed
from bot.actuators.kubernetes import KubernetesActuator
from guardrails.policy.actuators import Kubernetes
from tests.actuators.clusters import NS, TEMPLATE, actuator, busy, hard, meta, order
from tests.fakes.kubernetes_rules import ApiError
from tests.fakes.kubernetes_server import FakeKubernetes, Fault


@pytest.fixture
async def cluster() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as serving:
        yield serving


@pytest.fixture
async def act(cluster: FakeKubernetes) -> AsyncIterator[KubernetesActuator]:
    made = actuator(cluster)
    yield made
    await made.close()


# --- answers that fail -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/namespaces", "resourcequotas", "limitranges"])
@pytest.mark.parametrize("how", [{"cut": True}, {"hang": 30}, {"status": 504}])
async def test_allocate_after_a_lost_answer(
    cluster: FakeKubernetes, act: KubernetesActuator, path: str, how: dict[str, Any]
) -> None:
    cluster.faults.append(Fault("POST", path, acts=True, **how))
    with pytest.raises(ActFailed) as failed:
        await actuator(cluster, patience=0.5).carry_out(order("allocate"))
    assert not failed.value.final
    cluster.faults.clear()
    await act.carry_out(order("allocate"))
    assert hard(cluster)["pods"] == "50"
    assert cluster.get("limitranges", NS, "sandrail") is not None


async def test_close_after_a_lost_answer(cluster: FakeKubernetes, act: KubernetesActuator) -> None:
    await act.carry_out(order("allocate"))
    cluster.faults.append(Fault("DELETE", NS, acts=True, hang=30))
    with pytest.raises(ActFailed, match="nobody knows"):
        await actuator(cluster, patience=0.5).carry_out(order("close"))
    cluster.faults.clear()
    assert "being deleted" in (await act.carry_out(order("close"))).said


@pytest.mark.parametrize(
    ("fault", "says", "final", "after"),
    [
        ({"status": 429, "headers": {"Retry-After": "7"}}, "patience", False, 7),
        ({"status": 503, "headers": {"Retry-After": "2"}}, "not ready", False, 2),
        ({"status": 500}, "failed to get namespaces", False, None),
        ({"status": 502, "text": "<html>bad gateway"}, "failed to get namespaces", False, None),
        ({"status": 404, "text": "404 page not found"}, "not a Kubernetes API server", False, None),
        ({"status": 200, "text": "<html>welcome"}, "not a Kubernetes API server", False, None),
        ({"status": 200, "text": "[]"}, "not a Kubernetes API server", False, None),
        ({"status": 200, "text": "{}"}, "not a Kubernetes API server", False, None),
        (
            {"status": 200, "text": '{"metadata": {"name": "x", "labels": 7}}'},
            "garbled",
            False,
            None,
        ),
        ({"status": 409, "text": "{}"}, "odd answer", False, None),
        ({"status": 302, "text": "", "headers": {"Location": "/"}}, "refused to get", True, None),
        ({"hang": 30}, "did not answer in time", False, None),
        ({"cut": True}, "broke off", False, None),
        ({"status": 400, "message": "garbled"}, "garbled", True, None),
    ],
)
async def test_what_an_error_means(
    cluster: FakeKubernetes,
    act: KubernetesActuator,
    fault: dict[str, Any],
    says: str,
    final: bool,
    after: float | None,
) -> None:
    cluster.faults.append(Fault("GET", NS, **fault))
    failing = actuator(cluster, patience=0.5) if "hang" in fault else act
    with pytest.raises(ActFailed, match=says) as failed:
        await failing.carry_out(order("halt"))
    assert (failed.value.final, failed.value.after) == (final, after)


async def test_nobody_answers(cluster: FakeKubernetes) -> None:
    from kubernetes.client import Configuration

    section = Kubernetes(name="gpus", kind="kubernetes")
    nobody = KubernetesActuator(section, Configuration(host="http://127.0.0.1:9"))
    with pytest.raises(ActFailed, match="cannot be reached") as failed:
        await nobody.carry_out(order("close"))
    assert not failed.value.final
    assert "cannot be reached" in str(await nobody.check())


async def test_missing_permission_names_verb_and_resource(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    cluster.denied.add(("create", "resourcequotas"))
    with pytest.raises(ActFailed, match="does not let Sandrail create resourcequotas:") as failed:
        await act.carry_out(order("allocate"))
    assert failed.value.final
    cluster.denied.clear()
    await act.carry_out(order("allocate"))
    assert hard(cluster)["pods"] == "50"


async def test_a_halt_without_one_permission_stops_the_rest(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    cluster.denied = {("list", "cronjobs.batch"), ("patch", "statefulsets.apps")}
    with pytest.raises(
        ActFailed, match=r"list cronjobs\.batch.* 1 more requests were refused"
    ) as failed:
        await act.carry_out(order("halt"))
    assert failed.value.final
    assert {pod.split("-")[0] for pod in cluster.running(NS)} == {"store"}
    with pytest.raises(ApiError, match="exceeded quota"):
        cluster.add("pods", NS, "new", **TEMPLATE["spec"])


async def test_check(cluster: FakeKubernetes, act: KubernetesActuator) -> None:
    assert await act.check() is None
    cluster.denied = {("patch", "jobs.batch"), ("create", "namespaces")}
    assert await act.check() == (
        "Kubernetes does not let Sandrail create namespaces, patch jobs.batch:"
        " bind the ClusterRole of docs/actuators-kubernetes.md to its account."
    )
    assert await actuator(cluster, dry_run=True).check() is None
    assert cluster.writes == []
    assert "credentials" in str(await actuator(cluster, token="old").check())


async def test_wrong_credentials_are_final(cluster: FakeKubernetes) -> None:
    with pytest.raises(ActFailed, match="credentials") as failed:
        await actuator(cluster, token="wrong").carry_out(order("halt"))
    assert failed.value.final
    assert "wrong" not in failed.value.reason.replace("missing, wrong or", "")


# --- credentials -----------------------------------------------------------------------------------


def kubeconfig(path: Path, server: str, token: str) -> None:
    path.write_text(
        f"""
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
users: [{{name: u, user: {{token: {token}}}}}]
contexts: [{{name: gpus, context: {{cluster: c, user: u}}}}]
"""
    )


async def test_a_context_of_the_kubeconfig(
    cluster: FakeKubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    act = KubernetesActuator(Kubernetes(name="gpus", kind="kubernetes", context="gpus"))
    assert "cannot be used" in str(await act.check())
    kubeconfig(path, cluster.base, "kube-token")
    assert await act.check() is None
    # the token is exchanged, in the cluster and in the file, while the bot runs
    cluster.token = "second"
    kubeconfig(path, cluster.base, "second")
    await act.carry_out(order("allocate"))
    assert meta(cluster)["labels"]["team"] == "search"
    other = KubernetesActuator(Kubernetes(name="gpus", kind="kubernetes", context="nowhere"))
    assert "nowhere" in str(await other.check())
    await act.close()


async def test_outside_a_cluster_without_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    act = KubernetesActuator(Kubernetes(name="gpus", kind="kubernetes"))
    with pytest.raises(ActFailed, match="does not run in a cluster") as failed:
        await act.carry_out(order("allocate"))
    assert failed.value.final
