"""What is still to be written so that a cluster is as an order says. Pure: what was read in, writes out.

Carrying out an order is: read, plan, write, until the plan is empty. So an order that comes twice, or goes on
after it stopped half-way, finds only what is left to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bot.actuators import cluster_objects as objects
from bot.actuators.actuator import ActFailed
from bot.actuators.cluster_names import PREFIX, SANDBOX, label_value
from bot.actuators.cluster_objects import Kind, Object, State
from guardrails.orders import Order
from guardrails.policy.actuators import Kubernetes

#: Seconds until a namespace that is being deleted is looked at again.
_DELETING = 30.0


@dataclass(frozen=True)
class Seen:
    """What was read: the namespace with its quota and limits, and, for a halt or a resume, what runs in it."""

    name: str
    namespace: Object | None = None
    quota: Object | None = None
    limits: Object | None = None
    workloads: tuple[tuple[Kind, Object], ...] = ()
    pods: tuple[Object, ...] = ()

    @property
    def uid(self) -> str:
        """The namespace's: another one of the same name has another."""
        return str(_meta(self.namespace or {}).get("uid", ""))

    @property
    def deleting(self) -> bool:
        """Whether the namespace is on its way out."""
        return self.namespace is not None and bool(_meta(self.namespace).get("deletionTimestamp"))

    @property
    def state(self) -> State:
        """What the namespace was allowed last."""
        said = annotations(self.namespace or {}).get(objects.STATE)
        if said == "halted":
            return "halted"
        return "throttled" if said == "throttled" else "running"


@dataclass(frozen=True)
class Write:
    """One thing to write. ``would`` says it for a dry run: “scale Deployment train from 3 to 0”."""

    verb: Literal["create", "patch", "delete"]
    kind: Kind
    name: str
    would: str
    body: Object = field(default_factory=dict)
    uid: str = ""


def left_alone(order: Order, seen: Seen) -> str | None:
    """Why there is nothing of this sandbox to throttle, halt or close; None when there is its namespace.

    Raises ActFailed when the namespace is not this sandbox's and the order cannot do without it, and when it is
    being deleted and would have to be there.
    """
    needed = order.operation in ("allocate", "change", "resume")
    if seen.namespace is None:
        return None if needed else f"Namespace {seen.name} is not there."
    whose = labels(seen.namespace).get(SANDBOX)
    ours = whose == label_value(order.sandbox)
    lost = whose is None and order.handle.get("uid") == seen.uid
    if seen.deleting and (ours or lost or whose):
        if needed:
            raise ActFailed(
                f"Namespace {seen.name} is still being deleted; it is tried again.", after=_DELETING
            )
        return f"Namespace {seen.name} is being deleted." if ours or lost else _others(seen.name)
    if ours:
        return None
    if needed or lost:
        raise ActFailed(
            f"Namespace {seen.name} does not carry this sandbox's label {SANDBOX}={label_value(order.sandbox)},"
            " so Sandrail leaves it alone: "
            + ("put the label back." if lost else "rename one of the two."),
            final=True,
        )
    return _others(seen.name)


def wanted_state(order: Order, seen: Seen) -> State:
    """What the namespace is to be allowed. Only a resume lets go of a halt; a change keeps what there is."""
    if order.operation == "resume":
        return "running"
    if order.operation == "halt" or seen.state == "halted":
        return "halted"
    return "throttled" if order.operation == "throttle" else seen.state


def plan(section: Kubernetes, order: Order, seen: Seen) -> tuple[Write, ...]:
    """What is left to write, in this order: what keeps new pods from starting goes first."""
    if order.operation == "close":
        would = f"delete Namespace {seen.name} with all that is in it"
        return (Write("delete", objects.NAMESPACE, seen.name, would, uid=seen.uid),)
    state = wanted_state(order, seen)
    writes = [
        *_ensure(objects.NAMESPACE, seen.namespace, objects.namespace(order, seen.name, state)),
        *_ensure(objects.QUOTA, seen.quota, objects.quota(section, order, seen.name, state)),
        *_ensure(objects.LIMITS, seen.limits, objects.limits(section, seen.name)),
    ]
    if order.operation == "halt":
        stopped: set[str] = set()
        for kind, found in seen.workloads:
            writes.extend(_stop(kind, found, stopped))
        writes.extend(_end_pods(seen, stopped))
    elif order.operation == "resume":
        for kind, found in seen.workloads:
            writes.extend(_wake(kind, found))
    return tuple(writes)


def at_rest(seen: Seen) -> dict[str, int]:
    """How many of each kind a halt has stopped: “Deployment” to 2."""
    counts: dict[str, int] = {}
    for kind, found in seen.workloads:
        if annotations(found).keys() & {objects.REPLICAS, objects.SUSPENDED}:
            counts[kind.title] = counts.get(kind.title, 0) + 1
    return counts


def labels(found: Object) -> dict[str, str]:
    """An object's labels."""
    return _meta(found).get("labels") or {}


def annotations(found: Object) -> dict[str, str]:
    """An object's annotations."""
    return _meta(found).get("annotations") or {}


def controller(found: Object) -> Object | None:
    """What owns and controls the object, as its owner reference says."""
    owners = _meta(found).get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def _ensure(kind: Kind, found: Object | None, wanted: Object) -> Iterator[Write]:
    """Creates what is not there; brings labels, annotations and spec of what is there in line."""
    name = wanted["metadata"]["name"]
    if found is None:
        yield Write("create", kind, name, f"create {_called(kind, name)}", wanted)
        return
    meta: Object = {}
    ours = labels(wanted)
    stale = set(annotations(found).get(objects.LABELS, "").split(",")) - ours.keys()
    for part, new, old, gone in (
        ("labels", ours, labels(found), stale),
        (
            "annotations",
            annotations(wanted),
            annotations(found),
            {key for key in annotations(found) if key.startswith(PREFIX)}
            - annotations(wanted).keys(),
        ),
    ):
        change: Object = {key: value for key, value in new.items() if old.get(key) != value}
        change |= {key: None for key in gone if key in old}
        if change:
            meta[part] = change
    body: Object = {}
    if "spec" in wanted and not objects.same(wanted["spec"], found.get("spec")):
        body["spec"] = _patch_of(wanted["spec"], found.get("spec") or {})
    if meta or body:
        yield _patch(kind, found, f"change {_called(kind, name)}", body, meta)


def _patch_of(wanted: Object, found: Object) -> Object:
    """The merge patch from what there is to what is wanted: a key that is not wanted any more becomes null."""
    patch: Object = {key: None for key in found if key not in wanted}
    for key, value in wanted.items():
        old = found.get(key)
        both = isinstance(value, dict) and isinstance(old, dict)
        patch[key] = _patch_of(value, old) if both else value  # type: ignore[arg-type]
    return patch


def _stop(kind: Kind, found: Object, stopped: set[str]) -> Iterator[Write]:
    """Brings a workload to rest, remembering how it was; ``stopped`` gets the uid of what ends its pods itself."""
    uid, name = str(_meta(found).get("uid")), str(_meta(found).get("name"))
    spec = found.get("spec") or {}
    remembered = annotations(found)
    if kind in objects.SUSPENDABLE:
        if kind is objects.JOB:
            stopped.add(uid)
        if not spec.get("suspend") and not _finished(found):
            mark = {"annotations": {objects.SUSPENDED: "true"}}
            would = f"suspend {_called(kind, name)}"
            yield _patch(kind, found, would, {"spec": {"suspend": True}}, mark)
        return
    owner = controller(found)
    if kind is objects.REPLICA_SET and owner is not None:
        if owner.get("uid") in stopped:  # its Deployment scales it
            stopped.add(uid)
        return
    replicas = spec.get("replicas", 1)
    if replicas and owner is not None and objects.REPLICAS in remembered:
        return  # its operator scaled it up again: the quota holds it, and its pods are ended one by one
    stopped.add(uid)
    if replicas:
        mark = {"annotations": {objects.REPLICAS: remembered.get(objects.REPLICAS, str(replicas))}}
        would = f"scale {_called(kind, name)} from {replicas} to 0"
        yield _patch(kind, found, would, {"spec": {"replicas": 0}}, mark)


def _wake(kind: Kind, found: Object) -> Iterator[Write]:
    """Exactly what a halt did, the other way."""
    name = str(_meta(found).get("name"))
    remembered = annotations(found)
    if objects.SUSPENDED in remembered:
        mark = {"annotations": {objects.SUSPENDED: None}}
        would = f"let {_called(kind, name)} go on"
        yield _patch(kind, found, would, {"spec": {"suspend": False}}, mark)
    if objects.REPLICAS in remembered:
        before = remembered[objects.REPLICAS]
        replicas = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else 1
        mark = {"annotations": {objects.REPLICAS: None}}
        would = f"scale {_called(kind, name)} to {replicas}"
        yield _patch(kind, found, would, {"spec": {"replicas": replicas}}, mark)


def _end_pods(seen: Seen, stopped: set[str]) -> Iterator[Write]:
    """Pods that nothing ends by itself: bare ones, and those of controllers that cannot be scaled to zero
    (a DaemonSet, an operator's own kinds). The quota keeps the latter from coming back before the resume."""
    for pod in seen.pods:
        meta = _meta(pod)
        if meta.get("deletionTimestamp") or _phase(pod) in ("Succeeded", "Failed"):
            continue
        owner = controller(pod)
        if owner is not None and owner.get("uid") in stopped:
            continue
        whose = f" of {owner.get('kind')} {owner.get('name')}" if owner else ""
        would = f"delete Pod {meta.get('name')}{whose}"
        yield Write("delete", objects.POD, str(meta.get("name")), would, uid=str(meta.get("uid")))


def _patch(kind: Kind, found: Object, would: str, body: Object, meta: Object) -> Write:
    """A patch of exactly the version that was read."""
    version = {"resourceVersion": _meta(found).get("resourceVersion")}
    name = str(_meta(found).get("name"))
    return Write("patch", kind, name, would, {**body, "metadata": {**meta, **version}})


def _finished(job: Object) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(
        said.get("type") in ("Complete", "Failed") and said.get("status") == "True"
        for said in conditions
    )


def _phase(pod: Object) -> str | None:
    phase: str | None = (pod.get("status") or {}).get("phase")
    return phase


def _meta(found: Object) -> Object:
    meta: Object = found.get("metadata") or {}
    return meta


def _others(name: str) -> str:
    return f"Namespace {name} is not this sandbox's and was left alone; there is nothing else."


def _called(kind: Kind, name: str) -> str:
    return f"{kind.title} {name}"
