"""A sandbox in a cluster, and what people run in it."""

from datetime import date
from typing import Any

from bot.actuators.kubernetes import KubernetesActuator
from guardrails.orders import Operation, Order, Resources
from guardrails.policy.actuators import Kubernetes
from tests.actuators import given_orders
from tests.fakes.kubernetes_server import FakeKubernetes

NS = "sandbox-ranker-v2"
TEMPLATE = {"spec": {"containers": [{"name": "main"}]}}
GPU_POD = {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}
TAGS = {
    "experiment": "ranker-v2",
    "team": "search",
    "feature": "recommendations-v2",
    "owner": "engineer@example.com",
}


def order(operation: Operation, **changed: Any) -> Order:
    """An order for the sandbox 42, which is called ranker-v2 and has four GPUs."""
    given: dict[str, Any] = {
        "sandbox": "42",
        "name": "ranker-v2",
        "tags": TAGS,
        "ends_on": date(2026, 12, 7),
        "resources": Resources(gpu="H100", gpus=4),
    }
    return given_orders.order(operation, **(given | changed))


def configuration(cluster: FakeKubernetes, token: str = "kube-token") -> Any:
    """The official client's, with a token that the cluster takes."""
    from kubernetes.client import Configuration

    made = Configuration(host=cluster.base)
    # Older clients read one, newer ones the other.
    made.api_key = {"BearerToken": f"Bearer {token}", "authorization": f"Bearer {token}"}
    return made


def actuator(
    cluster: FakeKubernetes,
    token: str = "kube-token",
    patience: float = 10,
    **changes: Any,
) -> KubernetesActuator:
    """An actuator of that cluster; what is changed is its policy."""
    said: dict[str, Any] = {"name": "gpus", "kind": "kubernetes"}
    section = Kubernetes.model_validate(said | changes)
    return KubernetesActuator(section, configuration(cluster, token), patience=patience)


def hard(cluster: FakeKubernetes) -> dict[str, str]:
    """The quota of the sandbox."""
    quota = cluster.get("resourcequotas", NS, "sandrail")
    assert quota is not None
    found: dict[str, str] = quota["spec"]["hard"]
    return found


def meta(
    cluster: FakeKubernetes, plural: str = "namespaces", name: str = NS, group: str = ""
) -> Any:
    """The metadata of an object; of the namespace when none is named."""
    found = cluster.get(plural, "" if plural == "namespaces" else NS, name, group)
    assert found is not None
    return found["metadata"]


def busy(cluster: FakeKubernetes) -> None:
    """Something of every kind that people run."""
    cluster.add("deployments", NS, "serve", "apps", replicas=3, template=TEMPLATE)
    cluster.add("deployments", NS, "idle", "apps", replicas=0, template=TEMPLATE)
    cluster.add("statefulsets", NS, "store", "apps", replicas=2, template=TEMPLATE)
    cluster.add("replicasets", NS, "lone", "apps", replicas=1, template=TEMPLATE)
    cluster.add("daemonsets", NS, "agent", "apps", template=TEMPLATE)
    cluster.add("rayclusters", NS, "ray", "ray.io", template=TEMPLATE)
    cluster.add("jobs", NS, "train", "batch", parallelism=2, template=TEMPLATE)
    cluster.add("jobs", NS, "waiting", "batch", suspend=True, template=TEMPLATE)
    ended = {"conditions": [{"type": "Complete", "status": "True"}]}
    cluster.add("jobs", NS, "finished", "batch", template=TEMPLATE, status=ended)
    cluster.add("cronjobs", NS, "nightly", "batch", schedule="0 3 * * *")
    cluster.add("cronjobs", NS, "off", "batch", schedule="0 3 * * *", suspend=True)
    cluster.add("pods", NS, "notebook", **TEMPLATE["spec"])
    cluster.add("pods", NS, "over", status={"phase": "Succeeded"}, **TEMPLATE["spec"])
    claim = {"resources": {"requests": {"storage": "100Gi"}}}
    cluster.add("persistentvolumeclaims", NS, "data", **claim)


def shape(cluster: FakeKubernetes) -> dict[str, Any]:
    """What a halt changes: how many, suspended or not, and what was remembered."""
    found = {}
    for (group, plural), objects in cluster.store.objects.items():
        for (_, name), one in objects.items():
            if plural in ("deployments", "statefulsets", "replicasets", "jobs", "cronjobs"):
                spec, notes = one["spec"], one["metadata"].get("annotations") or {}
                found[f"{plural}.{group}/{name}"] = (
                    spec.get("replicas"),
                    spec.get("suspend"),
                    dict(notes),
                )
    return found
