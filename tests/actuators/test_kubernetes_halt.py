"""A halt stops all that a sandbox runs, and a resume is exactly the reverse."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import date

import pytest

from bot.actuators.actuator import ActFailed
from bot.actuators.cluster_api import Cluster, connect
from bot.actuators.cluster_objects import POD
from bot.actuators.kubernetes import KubernetesActuator
from guardrails.orders import Operation
from tests.actuators.clusters import NS, TEMPLATE, actuator, busy, configuration, hard, order, shape
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


async def test_halt_stops_everything_and_keeps_volumes(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    assert len(cluster.running(NS)) == 11
    acted = await act.carry_out(order("halt"))
    assert cluster.running(NS) == []
    assert cluster.get("persistentvolumeclaims", NS, "data") is not None
    assert cluster.get("pods", NS, "over") is not None
    assert acted.said == (
        "Namespace sandbox-ranker-v2 is halted: 1 Deployment, 1 StatefulSet, 1 ReplicaSet, 1 CronJob, 1 Job"
        " at rest, no new pod starts, volumes stay. Deleted, and to be started by hand after Resume: notebook."
        " 2 pods of other controllers were deleted; Resume lets them come back."
    )
    serve = cluster.get("deployments", NS, "serve", "apps")
    assert serve is not None
    assert serve["metadata"]["annotations"]["sandrail.io/replicas"] == "3"


async def test_a_halted_namespace_starts_nothing_new(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    await act.carry_out(order("halt"))
    with pytest.raises(ApiError, match="exceeded quota: sandrail, requested: pods=1, used: pods=0"):
        cluster.add("pods", NS, "sneaky", **TEMPLATE["spec"])
    cluster.add("deployments", NS, "sneaky", "apps", replicas=2, template=TEMPLATE)
    await act.carry_out(order("change", ends_on=date(2027, 1, 1)))
    await act.carry_out(order("throttle"))
    await act.carry_out(order("allocate"))
    assert cluster.running(NS) == []


async def test_resume_is_exactly_the_reverse(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    before, allowed = shape(cluster), hard(cluster)
    await act.carry_out(order("halt"))
    await act.carry_out(order("halt", id="second"))
    assert shape(cluster) != before
    acted = await act.carry_out(order("resume"))
    assert shape(cluster) == before
    assert hard(cluster) == allowed
    # all but the bare pod, which nothing can bring back
    assert len(cluster.running(NS)) == 10
    assert "1 Deployment, 1 Job, 1 ReplicaSet, 1 StatefulSet as before the halt" in acted.said


async def test_a_halt_that_broke_off_goes_on(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    before = shape(cluster)
    cluster.faults.append(Fault("PATCH", "statefulsets/store", cut=True))
    with pytest.raises(ActFailed, match="nobody knows") as failed:
        await act.carry_out(order("halt"))
    assert not failed.value.final
    assert cluster.running(NS)
    await act.carry_out(order("halt"))
    assert cluster.running(NS) == []
    await act.carry_out(order("resume"))
    assert shape(cluster) == before


async def test_a_resume_that_broke_off_goes_on(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    before = shape(cluster)
    await act.carry_out(order("halt"))
    cluster.faults.append(Fault("PATCH", "statefulsets/store", cut=True, acts=True))
    with pytest.raises(ActFailed):
        await act.carry_out(order("resume"))
    await act.carry_out(order("resume"))
    assert shape(cluster) == before


@pytest.mark.parametrize("operation", ["halt", "resume"])
@pytest.mark.parametrize("acts", [False, True])
async def test_it_may_break_off_at_any_write(
    cluster: FakeKubernetes, act: KubernetesActuator, operation: Operation, acts: bool
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    before, broken = shape(cluster), 0
    for skip in range(12):
        for each in ("halt", "resume"):
            if each == operation:
                cluster.faults = [Fault("*", NS, cut=True, acts=acts, skip=skip)]
                try:
                    await act.carry_out(order(operation))
                except ActFailed as failed:
                    broken += not failed.final
                cluster.faults = []
            await act.carry_out(order(each))  # type: ignore[arg-type]
            assert bool(cluster.running(NS)) == (each == "resume")
        assert shape(cluster) == before
    assert broken >= 7


async def test_what_somebody_scales_in_a_halt_comes_back_as_it_was_before(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    cluster.add("deployments", NS, "serve", "apps", replicas=3, template=TEMPLATE)
    await act.carry_out(order("halt"))
    cluster.edit("deployments", NS, "serve", {"spec": {"replicas": 1}}, "apps")
    await act.carry_out(order("halt"))
    assert cluster.get("deployments", NS, "serve", "apps")["spec"]["replicas"] == 0  # type: ignore[index]
    await act.carry_out(order("resume"))
    assert len(cluster.running(NS)) == 3


async def test_one_workload_that_refuses_does_not_keep_the_rest_running(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    said = 'admission webhook "policy.example.com" denied the request: no'
    cluster.faults.append(Fault("PATCH", "deployments/serve", 400, said, times=9))
    with pytest.raises(ActFailed, match="admission webhook") as failed:
        await act.carry_out(order("halt"))
    assert failed.value.final
    assert failed.value.reason.endswith("Everything else was done.")
    assert {pod.split("-")[0] for pod in cluster.running(NS)} == {"serve"}


async def test_two_halts_at_once(cluster: FakeKubernetes, act: KubernetesActuator) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    before = shape(cluster)
    await asyncio.gather(*(act.carry_out(order("halt", id=f"halt-{n}")) for n in range(3)))
    assert cluster.running(NS) == []
    await act.carry_out(order("resume"))
    assert shape(cluster) == before


async def test_somebody_scales_while_it_is_halted(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    cluster.add("deployments", NS, "serve", "apps", replicas=3, template=TEMPLATE)

    def scale() -> None:
        cluster.edit("deployments", NS, "serve", {"spec": {"replicas": 5}}, "apps")

    cluster.between.append(scale)
    await act.carry_out(order("halt"))
    assert cluster.running(NS) == []
    await act.carry_out(order("resume"))
    serve = cluster.get("deployments", NS, "serve", "apps")
    assert serve is not None
    assert serve["spec"]["replicas"] == 5


async def test_an_operator_that_scales_up_again_runs_nothing(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    owner = {"kind": "InferenceService", "name": "llm", "uid": "u", "controller": True}
    cluster.add(
        "deployments", NS, "llm", "apps", replicas=2, template=TEMPLATE, ownerReferences=[owner]
    )
    assert len(cluster.running(NS)) == 2
    await act.carry_out(order("halt"))
    assert cluster.running(NS) == []


async def test_a_long_list_of_deleted_pods_is_cut(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    small = {"name": "main", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    for n in range(12):
        cluster.add("pods", NS, f"p-{n:02}", containers=[small])
    assert "p-09 and 2 more." in (await act.carry_out(order("halt"))).said


@pytest.mark.parametrize("expired", [False, True])
async def test_long_lists_come_in_pages(cluster: FakeKubernetes, expired: bool) -> None:
    cluster.add("namespaces", "", NS)
    cluster.store.objects["", "pods"] = {
        (NS, f"p-{n:04}"): {"metadata": {"name": f"p-{n:04}"}} for n in range(1203)
    }
    cluster.store.tokens_expired = expired
    client = connect(None, configuration(cluster))
    asked = Cluster(client, time.monotonic() + 30, 10)
    found = await asyncio.to_thread(asked.list_all, POD, NS)
    client.close()
    assert [pod["metadata"]["name"] for pod in found] == [f"p-{n:04}" for n in range(1203)]
    pages = [call.query.get("limit") for call in cluster.calls]
    assert pages == (["500", "500", None] if expired else ["500"] * 3)
