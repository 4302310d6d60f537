"""The Kubernetes actuator: a namespace a sandbox, with quota and limits (docs/actuators-kubernetes.md).

An order is carried out by looking, planning (`cluster_plan.py`) and writing until nothing is left to write. The
official client blocks, so all of it happens in a thread.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.actuators import cluster_objects as objects
from bot.actuators.actuator import Acted, ActFailed
from bot.actuators.cluster_api import DOCS, Changed, Cluster, Gone, OneRefused, SignedOut, connect
from bot.actuators.cluster_names import namespace_name
from bot.actuators.cluster_objects import Kind, Object
from bot.actuators.cluster_plan import Seen, Write, at_rest, left_alone, plan, wanted_state
from guardrails.orders import Order
from guardrails.policy.actuators import Kubernetes

_SECONDS = 38.0  # an order has 45; what is under way when they are over needs a moment to stop
_LAST_SECONDS = 43.0
_THREADS = 4
_ROUNDS = 8  # of looking and writing, when others write at the same time
_NAMED = 10  # things that one sentence lists

T = TypeVar("T")


class KubernetesActuator:
    """Sets sandboxes up in one cluster.

    ``configuration`` is one of the official client's, in place of the kubeconfig or the pod's credentials;
    ``patience`` is how many seconds one answer may take.
    """

    def __init__(
        self, section: Kubernetes, configuration: Any = None, *, patience: float = 15.0
    ) -> None:
        self._section = section
        self._patience = patience
        self._configuration = configuration
        self._client: Any = None
        self._making = threading.Lock()
        # Threads of its own: a cluster that hangs holds up nothing else.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="kubernetes")

    @property
    def name(self) -> str:
        """As the policy calls it."""
        return self._section.name

    async def carry_out(self, order: Order) -> Acted:
        """Makes true what the order says; in a dry run, says what it would write. Raises ActFailed."""
        return await self._in_thread(lambda cluster: _Errand(self._section, order, cluster).run())

    async def check(self) -> str | None:
        """What is missing: credentials, the API server, permissions. None when nothing is. It changes nothing."""
        try:
            return await self._in_thread(self._missing)
        except ActFailed as failed:
            return failed.reason

    async def close(self) -> None:
        """Lets go of connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._making:
            client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    async def _in_thread(self, work: Callable[[Cluster], T]) -> T:
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, self._with_client, work)
        except TimeoutError as error:
            raise ActFailed(
                "Kubernetes was too slow to finish in time; it is tried again."
            ) from error

    def _with_client(self, work: Callable[[Cluster], T]) -> T:
        until = time.monotonic() + _SECONDS
        try:
            try:
                return work(Cluster(self._connected(), until, self._patience))
            except SignedOut:
                # Tokens run out. The files have a new one, or there is none.
                with self._making:
                    self._client = None
                return work(Cluster(self._connected(), until, self._patience))
        except (Changed, Gone) as odd:  # in answer to a question where neither makes sense
            raise ActFailed(f"Kubernetes gave an odd answer ({odd}); it is asked again.") from odd

    def _connected(self) -> Any:
        with self._making:
            if self._client is None:
                self._client = connect(self._section.context, self._configuration)
            return self._client

    def _missing(self, cluster: Cluster) -> str | None:
        reading = ("get", "list")
        missing = [
            f"{verb} {kind.resource}"
            for kind, verbs in objects.PERMISSIONS
            for verb in verbs
            if (verb in reading or not self._section.dry_run) and not cluster.allowed(kind, verb)
        ]
        if not missing:
            return None
        return (
            f"Kubernetes does not let Sandrail {', '.join(missing)}:"
            f" bind the ClusterRole of {DOCS} to its account."
        )


@dataclass
class _Errand:
    """One order on its way."""

    section: Kubernetes
    order: Order
    cluster: Cluster
    done: list[Write] = field(default_factory=list)
    refused: dict[tuple[Kind, str], OneRefused] = field(default_factory=dict)

    def run(self) -> Acted:
        """Looks and writes until the plan is empty. Raises ActFailed, also when only a part was refused."""
        name = self.order.handle.get("namespace") or namespace_name(
            self.section.namespace_prefix, self.order.name
        )
        for _ in range(_ROUNDS):
            seen = self._look(name)
            nothing = left_alone(self.order, seen)
            if nothing is not None:
                said = self._ended(name) if self.done else nothing
                return Acted(said, dict(self.order.handle))
            writes = [
                write
                for write in plan(self.section, self.order, seen)
                if (write.kind, write.name) not in self.refused
            ]
            if self.section.dry_run:
                self._complain("Nothing was changed: it is a dry run.")
                return Acted(_would(name, writes), dict(self.order.handle))
            if not writes:
                self._complain("Everything else was done.")
                return Acted(self._said(seen), {"namespace": name, "uid": seen.uid})
            self._write_all(name, writes)
        raise ActFailed(
            f"Something else keeps changing namespace {name} at the same time; it is tried again."
        )

    def _look(self, name: str) -> Seen:
        get = self.cluster.get
        namespace = get(objects.NAMESPACE, name, name)
        seen = Seen(name, namespace)
        if namespace is None or self.order.operation == "close":
            return seen
        if left_alone(self.order, seen) is not None:
            return seen
        kinds: tuple[Kind, ...] = ()
        if self.order.operation in ("halt", "resume"):
            kinds = objects.SCALED + objects.SUSPENDABLE
        workloads = tuple((kind, found) for kind in kinds for found in self._list(kind, name))
        pods = self._list(objects.POD, name) if self.order.operation == "halt" else []
        return Seen(
            name,
            namespace,
            get(objects.QUOTA, objects.OBJECT_NAME, name),
            get(objects.LIMITS, objects.OBJECT_NAME, name),
            workloads,
            tuple(pods),
        )

    def _list(self, kind: Kind, namespace: str) -> list[Object]:
        """What there is of a kind. One that may not be read does not keep the others running."""
        if (kind, "") in self.refused:
            return []
        try:
            return self.cluster.list_all(kind, namespace)
        except OneRefused as refused:
            self.refused[kind, ""] = refused
            return []

    def _write_all(self, namespace: str, writes: list[Write]) -> None:
        going_on = self.order.operation in ("halt", "resume")
        for write in writes:
            try:
                self._write(namespace, write)
            except Changed:
                if write.kind is objects.NAMESPACE:
                    return  # whose it is has to be seen before anything is written into it
            except OneRefused as refused:
                if not going_on:
                    raise
                self.refused[write.kind, write.name] = refused
            else:
                self.done.append(write)

    def _write(self, namespace: str, write: Write) -> None:
        if write.verb == "create":
            self.cluster.create(write.kind, namespace, write.body)
        elif write.verb == "patch":
            self.cluster.patch(write.kind, write.name, namespace, write.body)
        else:
            self.cluster.delete(write.kind, write.name, namespace, write.uid)

    def _complain(self, after_all: str) -> None:
        """Raises for what was refused, when nothing else is left to do."""
        if not self.refused:
            return
        first, *others = self.refused.values()
        reason = first.reason
        if others:
            reason += f" {len(others)} more requests were refused."
        waits = [refused.after for refused in self.refused.values() if refused.after is not None]
        raise ActFailed(
            f"{reason} {after_all}",
            final=all(refused.final for refused in self.refused.values()),
            after=max(waits, default=None),
        )

    def _ended(self, name: str) -> str:
        return f"Namespace {name} is deleted with all that was in it; its volumes go by their reclaim policy."

    def _said(self, seen: Seen) -> str:
        operation, name = self.order.operation, seen.name
        if operation == "halt":
            rest = _counted(at_rest(seen)) or "no workload"
            return (
                f"Namespace {name} is halted: {rest} at rest, no new pod starts, volumes stay."
                + self._ended_pods()
            )
        if operation == "resume":
            woken = {(write.kind, write.name) for write in self.done if _workload(write)}
            again = _counted(_tally(sorted(kind.title for kind, _ in woken)))
            before = f" {again} as before the halt." if again else ""
            return f"Namespace {name} runs again, {self._may(seen)}.{before}{self._anew()}"
        if wanted_state(self.order, seen) == "halted":
            return f"Namespace {name} stays halted; after Resume it is allowed what was ordered."
        if operation == "throttle":
            return (
                f"Namespace {name} is throttled: {self._may(seen)}."
                " What runs goes on; a new pod starts when it fits in."
            )
        return f"Namespace {name} is ready: {self._may(seen)}.{self._anew()}"

    def _anew(self) -> str:
        made = any(w.kind is objects.NAMESPACE and w.verb == "create" for w in self.done)
        if made and self.order.operation != "allocate":
            return " It was not there and is set up anew, with nothing in it."
        return ""

    def _may(self, seen: Seen) -> str:
        resources = self.order.resources
        may = objects.allowance(self.section, resources, wanted_state(self.order, seen))
        gpus = " ".join(filter(None, (str(may.gpus), resources.gpu, "GPU")))
        gpus += ", " if may.gpus == 1 else "s, "
        return (
            f"up to {gpus if resources.gpus else ''}{may.cpus} CPUs, {may.memory_gib} GiB of memory,"
            f" {may.pods} pods and {self.section.storage_gib} GiB of volumes"
        )

    def _ended_pods(self) -> str:
        pods = [write.would for write in self.done if write.kind is objects.POD]
        bare = [would for would in pods if " of " not in would]
        said = ""
        if bare:
            names = _listed([would.removeprefix("delete Pod ") for would in bare])
            said += f" Deleted, and to be started by hand after Resume: {names}."
        if len(pods) > len(bare):
            said += f" {len(pods) - len(bare)} pods of other controllers were deleted; Resume lets them come back."
        return said


def _workload(write: Write) -> bool:
    return write.kind in objects.SCALED + objects.SUSPENDABLE


def _would(name: str, writes: list[Write]) -> str:
    if not writes:
        return f"Dry run: namespace {name} is as ordered already."
    return f"Dry run, nothing was changed. In namespace {name} it would: {_listed([w.would for w in writes])}."


def _tally(titles: list[str]) -> dict[str, int]:
    return {title: titles.count(title) for title in dict.fromkeys(titles)}


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {title}{'' if n == 1 else 's'}" for title, n in counts.items())


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
