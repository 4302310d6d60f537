"""The Kubernetes actuator, with the official client, against an API server over HTTP."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from bot.actuators.actuator import ActFailed
from bot.actuators.cluster_objects import PERMISSIONS
from bot.actuators.kubernetes import KubernetesActuator
from guardrails.orders import Operation, Resources
from tests.actuators.clusters import GPU_POD, NS, TEMPLATE, actuator, busy, hard, meta, order
from tests.fakes.kubernetes_rules import ApiError
from tests.fakes.kubernetes_server import FakeKubernetes


@pytest.fixture
async def cluster() -> AsyncIterator[FakeKubernetes]:
    async with FakeKubernetes() as serving:
        yield serving


@pytest.fixture
async def act(cluster: FakeKubernetes) -> AsyncIterator[KubernetesActuator]:
    made = actuator(cluster)
    yield made
    await made.close()


# --- allocate and change ---------------------------------------------------------------------------


async def test_allocate_sets_up_a_namespace(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    acted = await act.carry_out(order("allocate"))
    assert acted.handle == {"namespace": NS, "uid": meta(cluster)["uid"]}
    assert acted.said == (
        "Namespace sandbox-ranker-v2 is ready: up to 4 H100 GPUs, 40 CPUs, 288 GiB of memory, 50 pods"
        " and 200 GiB of volumes."
    )
    found = meta(cluster)
    assert found["labels"]["sandrail.io/sandbox"] == "42"
    assert found["labels"]["team"] == "search"
    assert found["labels"]["owner"] == "engineer-example.com"
    assert found["annotations"]["sandrail.io/owner"] == "engineer@example.com"
    assert found["annotations"]["sandrail.io/ends-on"] == "2026-12-07"
    assert hard(cluster) == {
        "requests.cpu": "40",
        "limits.cpu": "40",
        "requests.memory": "288Gi",
        "limits.memory": "288Gi",
        "requests.nvidia.com/gpu": "4",
        "requests.storage": "200Gi",
        "pods": "50",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


async def test_what_names_no_limits_starts(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    cluster.add("deployments", NS, "serve", "apps", replicas=3, template=TEMPLATE)
    assert len(cluster.running(NS)) == 3


async def test_a_fifth_gpu_and_a_load_balancer_are_refused(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    for n in range(4):
        cluster.add("pods", NS, f"gpu-{n}", **GPU_POD)
    with pytest.raises(
        ApiError, match=r"exceeded quota: sandrail, requested: requests.nvidia.com/gpu=1"
    ):
        cluster.add("pods", NS, "gpu-4", **GPU_POD)
    with pytest.raises(
        ApiError, match=r"exceeded quota: sandrail, requested: services.loadbalancers"
    ):
        cluster.add("services", NS, "world", type="LoadBalancer")


@pytest.mark.parametrize("operation", ["allocate", "change", "throttle", "halt", "resume"])
async def test_the_same_order_twice_writes_once(
    cluster: FakeKubernetes, act: KubernetesActuator, operation: Operation
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    await act.carry_out(order("halt"))
    await act.carry_out(order("resume"))
    first = await act.carry_out(order(operation, ends_on=date(2026, 12, 24)))
    cluster.calls.clear()
    again = await act.carry_out(order(operation, ends_on=date(2026, 12, 24)))
    assert cluster.writes == []
    assert again.handle == first.handle


async def test_change_brings_quota_labels_and_end_in_line(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    cluster.edit(
        "namespaces", "", NS, {"metadata": {"labels": {"istio": "on"}, "annotations": {"x": "y"}}}
    )
    tags = {"experiment": "ranker-v2", "team": "ads"}
    await act.carry_out(
        order("change", tags=tags, ends_on=date(2027, 1, 1), resources=Resources(gpus=1))
    )
    found = meta(cluster)
    assert found["labels"]["team"] == "ads"
    assert "feature" not in found["labels"]
    assert found["labels"]["istio"] == "on"
    assert "sandrail.io/feature" not in found["annotations"]
    assert found["annotations"]["x"] == "y"
    assert found["annotations"]["sandrail.io/ends-on"] == "2027-01-01"
    assert hard(cluster)["requests.nvidia.com/gpu"] == "1"


async def test_a_renamed_gpu_resource_leaves_no_old_limit(cluster: FakeKubernetes) -> None:
    await actuator(cluster).carry_out(order("allocate"))
    await actuator(cluster, gpu_resource="amd.com/gpu").carry_out(order("change"))
    assert hard(cluster)["requests.amd.com/gpu"] == "4"
    assert "requests.nvidia.com/gpu" not in hard(cluster)


async def test_change_puts_back_what_somebody_removed(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    cluster.store.delete("", "resourcequotas", NS, "sandrail", {})
    cluster.edit("limitranges", NS, "sandrail", {"spec": {"limits": []}})
    await act.carry_out(order("change"))
    assert hard(cluster)["pods"] == "50"
    limits = cluster.get("limitranges", NS, "sandrail")
    assert limits is not None
    assert limits["spec"]["limits"][0]["default"] == {"cpu": "1", "memory": "4Gi"}


async def test_the_smallest_sandbox_can_start_a_pod(cluster: FakeKubernetes) -> None:
    small = actuator(cluster, cpus=1, memory_gib=1, pods=1, storage_gib=1)
    await small.carry_out(order("allocate", resources=Resources()))
    cluster.add("pods", NS, "one", **TEMPLATE["spec"])
    assert cluster.running(NS) == ["one"]


# --- throttle --------------------------------------------------------------------------------------


async def test_throttle_halves_and_ends_nothing(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    for n in range(4):
        cluster.add("pods", NS, f"gpu-{n}", **GPU_POD)
    acted = await act.carry_out(order("throttle"))
    assert hard(cluster)["requests.nvidia.com/gpu"] == "2"
    assert len(cluster.running(NS)) == 4
    assert "What runs goes on" in acted.said
    await act.carry_out(order("change", ends_on=date(2026, 12, 24)))
    assert hard(cluster)["requests.nvidia.com/gpu"] == "2"
    await act.carry_out(order("resume"))
    assert hard(cluster)["requests.nvidia.com/gpu"] == "4"


async def test_throttle_of_one_gpu_lets_no_new_one_start(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    one = Resources(gpus=1)
    await act.carry_out(order("allocate", resources=one))
    await act.carry_out(order("throttle", resources=one))
    with pytest.raises(ApiError, match="exceeded quota"):
        cluster.add("pods", NS, "gpu", **GPU_POD)


# --- close -----------------------------------------------------------------------------------------


async def test_close_deletes_the_namespace(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    acted = await act.carry_out(order("close"))
    assert "is deleted with all that was in it" in acted.said
    assert cluster.writes[-1].body["preconditions"] == {"uid": meta(cluster)["uid"]}
    assert {call.query.get("fieldManager") for call in cluster.writes[:-1]} == {"sandrail"}
    assert (await act.carry_out(order("close"))).said == f"Namespace {NS} is being deleted."
    assert (await act.carry_out(order("halt"))).said == f"Namespace {NS} is being deleted."
    with pytest.raises(ActFailed, match="still being deleted") as failed:
        await act.carry_out(order("allocate", sandbox="43"))
    assert not failed.value.final
    assert failed.value.after == 30
    cluster.store.finish_deletions()
    assert (await act.carry_out(order("close"))).said == f"Namespace {NS} is not there."
    await act.carry_out(order("allocate", sandbox="43"))
    assert meta(cluster)["labels"]["sandrail.io/sandbox"] == "43"


@pytest.mark.parametrize("operation", ["halt", "throttle", "close"])
async def test_what_is_not_there_is_done(
    cluster: FakeKubernetes, act: KubernetesActuator, operation: Operation
) -> None:
    assert (await act.carry_out(order(operation))).said == f"Namespace {NS} is not there."
    assert cluster.writes == []


# --- whose namespace -------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["allocate", "change", "resume"])
@pytest.mark.parametrize("labels", [{}, {"sandrail.io/sandbox": "7"}])
async def test_a_foreign_namespace_is_never_touched(
    cluster: FakeKubernetes, act: KubernetesActuator, operation: Operation, labels: dict[str, str]
) -> None:
    cluster.add("namespaces", "", NS, labels=labels)
    with pytest.raises(ActFailed, match="leaves it alone") as failed:
        await act.carry_out(order(operation))
    assert failed.value.final
    assert cluster.writes == []


@pytest.mark.parametrize("labels", [{}, {"sandrail.io/sandbox": "7"}])
@pytest.mark.parametrize("operation", ["halt", "close"])
async def test_there_is_a_way_out_past_a_foreign_namespace(
    cluster: FakeKubernetes, act: KubernetesActuator, operation: Operation, labels: dict[str, str]
) -> None:
    cluster.add("namespaces", "", NS, labels=labels)
    cluster.add("pods", NS, "theirs", **TEMPLATE["spec"])
    acted = await act.carry_out(order(operation))
    assert "not this sandbox's and was left alone" in acted.said
    again = await act.carry_out(order(operation, handle=dict(acted.handle)))
    assert again == acted
    assert cluster.writes == []


async def test_somebody_made_the_namespace_anew(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    handle = dict((await act.carry_out(order("allocate"))).handle)
    cluster.store.delete("", "namespaces", "", NS, {})
    cluster.store.finish_deletions()
    cluster.add("namespaces", "", NS)
    assert "left alone" in (await act.carry_out(order("close", handle=handle))).said
    assert "deletionTimestamp" not in meta(cluster)


async def test_a_resume_of_what_somebody_deleted_sets_it_up_anew(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    assert "set up anew, with nothing in it" in (await act.carry_out(order("resume"))).said
    assert hard(cluster)["pods"] == "50"


async def test_our_namespace_without_its_label_is_not_taken_for_gone(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    handle = dict((await act.carry_out(order("allocate"))).handle)
    cluster.edit("namespaces", "", NS, {"metadata": {"labels": {"sandrail.io/sandbox": None}}})
    cluster.calls.clear()
    with pytest.raises(ActFailed, match="put the label back") as failed:
        await act.carry_out(order("close", handle=handle))
    assert failed.value.final
    assert cluster.writes == []


async def test_a_namespace_that_appears_meanwhile_is_not_taken_over(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    cluster.between.append(lambda: cluster.add("namespaces", "", NS))
    with pytest.raises(ActFailed, match="leaves it alone"):
        await act.carry_out(order("allocate"))
    assert cluster.store.every("resourcequotas", NS) == []


async def test_a_namespace_that_is_deleted_meanwhile_is_waited_for(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    cluster.store.delete("", "resourcequotas", NS, "sandrail", {})
    cluster.between.append(lambda: cluster.store.delete("", "namespaces", "", NS, {}))
    with pytest.raises(ActFailed, match="still being deleted") as failed:
        await act.carry_out(order("allocate"))
    assert not failed.value.final


async def test_the_handle_outlives_a_changed_prefix(cluster: FakeKubernetes) -> None:
    handle = dict((await actuator(cluster).carry_out(order("allocate"))).handle)
    renamed = actuator(cluster, namespace_prefix="box-")
    await renamed.carry_out(order("close", handle=handle))
    assert meta(cluster)["deletionTimestamp"]


# --- dry run ---------------------------------------------------------------------------------------


async def test_a_dry_run_says_what_it_would_do(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    dry = actuator(cluster, dry_run=True)
    said = (await dry.carry_out(order("allocate"))).said
    assert said == (
        "Dry run, nothing was changed. In namespace sandbox-ranker-v2 it would: create Namespace"
        " sandbox-ranker-v2, create ResourceQuota sandrail, create LimitRange sandrail."
    )
    await act.carry_out(order("allocate"))
    busy(cluster)
    written = len(cluster.writes)
    assert "is as ordered already" in (await dry.carry_out(order("allocate"))).said
    halting = (await dry.carry_out(order("halt"))).said
    assert "scale Deployment serve from 3 to 0" in halting
    assert "suspend Job train" in halting
    assert "idle" not in halting
    assert "delete Namespace" in (await dry.carry_out(order("close"))).said
    cluster.denied.add(("list", "jobs.batch"))
    with pytest.raises(ActFailed, match=r"list jobs\.batch.*it is a dry run"):
        await dry.carry_out(order("halt"))
    assert len(cluster.writes) == written


# --- the page ---------------------------------------------------------------------------------------


def test_the_page_grants_what_is_needed_and_no_more() -> None:
    page = (
        Path(__file__)
        .parents[2]
        .joinpath("docs/actuators-kubernetes.md")
        .read_text(encoding="utf-8")
    )
    role, _ = yaml.safe_load_all(page.split("```yaml\n")[2].split("```")[0])
    granted = {
        (group, resource): sorted(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    needed = {(kind.group, kind.plural): sorted(verbs) for kind, verbs in PERMISSIONS}
    assert granted == needed


async def test_no_other_permission_is_asked_for(
    cluster: FakeKubernetes, act: KubernetesActuator
) -> None:
    await act.carry_out(order("allocate"))
    busy(cluster)
    for operation in ("halt", "resume", "throttle", "change", "close"):
        await act.carry_out(order(operation))
    assert cluster.used <= {
        (verb, f"{kind.plural}.{kind.group}".strip("."))
        for kind, verbs in PERMISSIONS
        for verb in verbs
    }
