"""The objects of a sandbox in a cluster: a namespace, its quota and its limits. Pure: an order in, bodies out."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from bot.actuators.cluster_names import PREFIX, SANDBOX, label_value, tag_annotations, tag_labels
from guardrails.orders import Order, Resources
from guardrails.policy.actuators import Kubernetes

#: An object as the API server's JSON has it: kept whole, so that nothing of a newer version gets lost.
Object = dict[str, Any]
#: What a namespace is allowed now; kept in its annotation, so that a change does not wake what is halted.
State = Literal["running", "throttled", "halted"]

STATE = f"{PREFIX}state"
REPLICAS = f"{PREFIX}replicas"  # how many there were before the halt
SUSPENDED = f"{PREFIX}suspended-by-halt"  # "true": it was not suspended before
LABELS = f"{PREFIX}labels"  # keys that came from tags
OBJECT_NAME = "sandrail"  # of the quota and the limits
MANAGED_BY = {"app.kubernetes.io/managed-by": "sandrail"}
_SHARE = 8  # a container that names no limits gets an eighth of the namespace without GPUs
_REQUEST = 4  # and asks for a quarter of that


@dataclass(frozen=True)
class Kind:
    """A kind of object: as people read it, as RBAC names it, and where the official client has it."""

    title: str
    plural: str
    group: str
    api: str
    method: str

    @property
    def namespaced(self) -> bool:
        """Whether it stands in a namespace."""
        return self.method.startswith("namespaced_")

    @property
    def resource(self) -> str:
        """As a ClusterRole names it, with its API group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


NAMESPACE = Kind("Namespace", "namespaces", "", "CoreV1Api", "namespace")
QUOTA = Kind("ResourceQuota", "resourcequotas", "", "CoreV1Api", "namespaced_resource_quota")
LIMITS = Kind("LimitRange", "limitranges", "", "CoreV1Api", "namespaced_limit_range")
POD = Kind("Pod", "pods", "", "CoreV1Api", "namespaced_pod")
DEPLOYMENT = Kind("Deployment", "deployments", "apps", "AppsV1Api", "namespaced_deployment")
STATEFUL_SET = Kind("StatefulSet", "statefulsets", "apps", "AppsV1Api", "namespaced_stateful_set")
REPLICA_SET = Kind("ReplicaSet", "replicasets", "apps", "AppsV1Api", "namespaced_replica_set")
JOB = Kind("Job", "jobs", "batch", "BatchV1Api", "namespaced_job")
CRON_JOB = Kind("CronJob", "cronjobs", "batch", "BatchV1Api", "namespaced_cron_job")

#: What is scaled to zero on halt, and what is suspended.
SCALED = (DEPLOYMENT, STATEFUL_SET, REPLICA_SET)
SUSPENDABLE = (CRON_JOB, JOB)

#: What the account has to be allowed, everywhere: docs/actuators-kubernetes.md has it as a ClusterRole.
PERMISSIONS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (NAMESPACE, ("get", "create", "patch", "delete")),
    (QUOTA, ("get", "create", "patch")),
    (LIMITS, ("get", "create", "patch")),
    (POD, ("list", "delete")),
    *((kind, ("list", "patch")) for kind in SCALED + SUSPENDABLE),
)


@dataclass(frozen=True)
class Allowance:
    """What a namespace may use at once."""

    gpus: int
    cpus: int
    memory_gib: int
    pods: int


def allowance(section: Kubernetes, resources: Resources, state: State) -> Allowance:
    """What the order comes to. Throttled is half of it, rounded down, and at least one CPU, GiB and pod, but no
    GPU when there was one; halted is no pod at all."""
    gpus = resources.gpus
    cpus = section.cpus + gpus * section.cpus_a_gpu
    memory = section.memory_gib + gpus * section.memory_gib_a_gpu
    if state == "throttled":
        return Allowance(
            gpus // 2, max(1, cpus // 2), max(1, memory // 2), max(1, section.pods // 2)
        )
    return Allowance(gpus, cpus, memory, 0 if state == "halted" else section.pods)


def namespace(order: Order, name: str, state: State) -> Object:
    """The namespace that the order wants: the tags are labels, the originals are annotations."""
    labels = tag_labels(order.tags)
    annotations = tag_annotations(order.tags) | {
        f"{PREFIX}name": order.name,
        f"{PREFIX}owner": order.owner,
        f"{PREFIX}cap": f"{order.cap} {order.currency}",
        f"{PREFIX}ends-on": order.ends_on.isoformat(),
        LABELS: ",".join(sorted(labels)),
        STATE: state,
    }
    if order.resources.gpu:
        annotations[f"{PREFIX}gpu"] = order.resources.gpu
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": labels | MANAGED_BY | {SANDBOX: label_value(order.sandbox)},
            "annotations": annotations,
        },
    }


def quota(section: Kubernetes, order: Order, name: str, state: State) -> Object:
    """The quota of the namespace. No load balancers and no node ports: a sandbox is not for the world, and a load
    balancer costs."""
    may = allowance(section, order.resources, state)
    return _named("ResourceQuota", name) | {
        "spec": {
            "hard": {
                "requests.cpu": str(may.cpus),
                "limits.cpu": str(may.cpus),
                "requests.memory": f"{may.memory_gib}Gi",
                "limits.memory": f"{may.memory_gib}Gi",
                f"requests.{section.gpu_resource}": str(may.gpus),
                "requests.storage": f"{section.storage_gib}Gi",
                "pods": str(may.pods),
                "services.loadbalancers": "0",
                "services.nodeports": "0",
            }
        }
    }


def limits(section: Kubernetes, name: str) -> Object:
    """Defaults of a container that names none: under a quota it would not start otherwise."""
    cpu = max(4, section.cpus * 1000 // _SHARE)
    memory = section.memory_gib * 1024 // _SHARE
    return _named("LimitRange", name) | {
        "spec": {
            "limits": [
                {
                    "type": "Container",
                    "default": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"},
                    "defaultRequest": {
                        "cpu": f"{cpu // _REQUEST}m",
                        "memory": f"{memory // _REQUEST}Mi",
                    },
                }
            ]
        }
    }


def same(wanted: object, found: object) -> bool:
    """Whether two parts of a spec mean the same: the API server writes ``1024Mi`` as ``1Gi``."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return wanted.keys() == found.keys() and all(same(v, found[k]) for k, v in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(same, wanted, found))
    return wanted == found or (_amount(wanted) is not None and _amount(wanted) == _amount(found))


def _amount(value: object) -> Decimal | None:
    from kubernetes.utils.quantity import parse_quantity

    if not isinstance(value, str):
        return None
    try:
        return Decimal(parse_quantity(value))
    except (ValueError, ArithmeticError):
        return None


def _named(kind: str, namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": OBJECT_NAME, "namespace": namespace, "labels": dict(MANAGED_BY)},
    }
