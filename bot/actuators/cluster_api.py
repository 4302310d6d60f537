"""One order's talk with a cluster's API server, through the official client, and what its errors mean.

Everything here blocks: it runs in a thread. Objects are the JSON of the API server, not the client's models, so
that nothing that a newer server says gets lost or is refused.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bot.actuators.actuator import ActFailed
from bot.actuators.cluster_objects import Kind, Object

DOCS = "docs/actuators-kubernetes.md"
_GARBLED = "What answered is not a Kubernetes API server, or garbled its answer; it is asked again."
_CONNECT_SECONDS = 5.0
_LONGEST_WAIT = 3600.0
_PAGE = 500
_MERGE = "application/merge-patch+json"


class Changed(Exception):
    """What was read is not so any more: read again."""


class Gone(Exception):
    """There is nothing of that name."""


class SignedOut(ActFailed):
    """The credentials are not taken."""


class OneRefused(ActFailed):
    """This one request was refused; another one may be answered."""


@dataclass
class Cluster:
    """The API server while one order is carried out: ``until`` (monotonic seconds) every answer must be there,
    and one answer takes at most ``patience`` seconds."""

    client: Any
    until: float
    patience: float

    def get(self, kind: Kind, name: str, namespace: str) -> Object | None:
        """The object, None when it is not there."""
        try:
            return _sound(self._ask("get", "read", kind, *_where(kind, namespace, name)))
        except Gone:
            return None

    def list_all(self, kind: Kind, namespace: str) -> list[Object]:
        """All of that kind in the namespace, page by page; a list that grew too old begins again."""
        for limit in (_PAGE, None):
            try:
                return [found for page in self._pages(kind, namespace, limit) for found in page]
            except Changed:
                continue
        raise ActFailed(f"Kubernetes does not finish its list of {kind.plural}; it is read again.")

    def create(self, kind: Kind, namespace: str, body: Object) -> None:
        """Raises Changed when it is there already."""
        where = (namespace,) if kind.namespaced else ()
        self._write("create", "create", kind, *where, body)

    def patch(self, kind: Kind, name: str, namespace: str, body: Object) -> None:
        """A merge patch. Raises Changed when the object is not in the version that the patch names, or gone."""
        self._write(
            "patch", "patch", kind, *_where(kind, namespace, name), body, _content_type=_MERGE
        )

    def delete(self, kind: Kind, name: str, namespace: str, uid: str) -> None:
        """Deletes this very object, with what belongs to it; Changed when another one has the name."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            self._ask("delete", "delete", kind, *_where(kind, namespace, name), body=options)
        except Gone:
            return

    def allowed(self, kind: Kind, verb: str) -> bool:
        """Whether this account may do that in every namespace (SelfSubjectAccessReview)."""
        review = Kind(
            "SelfSubjectAccessReview",
            "selfsubjectaccessreviews",
            "authorization.k8s.io",
            "AuthorizationV1Api",
            "self_subject_access_review",
        )
        attributes = {"verb": verb, "group": kind.group, "resource": kind.plural}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": review.title,
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._ask("create", "create", review, body)
        status = answer.get("status")
        return isinstance(status, dict) and status.get("allowed") is True

    def _write(self, verb: str, method: str, kind: Kind, *args: object, **more: object) -> None:
        try:
            self._ask(verb, method, kind, *args, field_manager="sandrail", **more)
        except Gone as gone:
            raise Changed from gone

    def _pages(self, kind: Kind, namespace: str, limit: int | None) -> Iterator[list[Object]]:
        more: dict[str, object] = {"limit": limit} if limit else {}
        while True:
            page = self._ask("list", "list", kind, namespace, **more)
            items, meta = page.get("items"), page.get("metadata")
            if not isinstance(items, list) or not isinstance(meta, dict):
                raise ActFailed(_GARBLED)
            yield [_sound(found) for found in items]
            following = meta.get("continue")
            if not following:
                return
            more["_continue"] = str(following)

    def _ask(self, verb: str, method: str, kind: Kind, *args: object, **more: object) -> Object:
        from kubernetes import client
        from urllib3.exceptions import HTTPError

        left = self.until - time.monotonic()
        if left <= 0:
            raise ActFailed("Kubernetes was too slow to finish in time; it is tried again.")
        call: Callable[..., Any] = getattr(
            getattr(client, kind.api)(self.client), f"{method}_{kind.method}"
        )
        timeout = (min(_CONNECT_SECONDS, left), min(self.patience, left))
        try:
            answer = call(*args, **more, _preload_content=False, _request_timeout=timeout)
            text = answer.data
        except client.ApiException as error:
            raise _meaning(error, verb, kind) from error
        except HTTPError as error:
            raise ActFailed(_unreachable(error)) from error
        return _object(text)


def connect(context: str | None, configuration: Any = None) -> Any:
    """A client with the credentials of the kubeconfig's context, or of the pod that this runs in; a given client
    configuration goes first. Raises ActFailed when there are none."""
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise ActFailed(
            "The Python package kubernetes is missing: install Sandrail with its extra kubernetes.",
            final=True,
        ) from error
    if configuration is None:
        configuration = client.Configuration()
        try:
            if context is None:
                config.load_incluster_config(client_configuration=configuration)
            else:
                config.load_kube_config(
                    config_file=os.environ.get("KUBECONFIG"),
                    context=context,
                    client_configuration=configuration,
                    persist_config=False,
                )
        except (config.ConfigException, OSError, ValueError, TypeError, KeyError) as error:
            raise ActFailed(_no_credentials(context, error), final=True) from error
    # The outbox tries again, and knows when: a client that does so too would use up the time.
    configuration.retries = False
    made = client.ApiClient(configuration)
    made.user_agent = "sandrail"
    return made


def _where(kind: Kind, namespace: str, name: str) -> tuple[str, ...]:
    return (name, namespace) if kind.namespaced else (name,)


def _object(text: bytes) -> Object:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ActFailed(_GARBLED)
    return found


def _sound(found: Any) -> Object:
    """The object, when it has the shape of one."""
    meta = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
        raise ActFailed(_GARBLED)
    maps = (meta.get("labels"), meta.get("annotations"), found.get("spec"), found.get("status"))
    owners = meta.get("ownerReferences") or []
    if not all(isinstance(part, dict | None) for part in maps) or not (
        isinstance(owners, list) and all(isinstance(owner, dict) for owner in owners)
    ):
        raise ActFailed(_GARBLED)
    sound: Object = found
    return sound


def _no_credentials(context: str | None, error: Exception) -> str:
    if context is None:
        return (
            "There are no credentials for Kubernetes: Sandrail does not run in a cluster. Name the kubeconfig's"
            f" context in the policy, or run it there with a service account ({DOCS})."
        )
    return f"The kubeconfig's context “{context}” cannot be used: {_short(str(error))}"


def _unreachable(error: Exception) -> str:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

    if isinstance(error, ReadTimeoutError):
        return "Kubernetes did not answer in time, so nobody knows whether it acted; it is looked at again."
    if isinstance(error, ConnectTimeoutError | NewConnectionError):
        return "Kubernetes cannot be reached; it is tried again."
    return "The connection to Kubernetes broke off, so nobody knows whether it acted; it is looked at again."


def _meaning(error: Any, verb: str, kind: Kind) -> Exception:
    """What an error of the API server says about the order."""
    status = _status(error.body)
    message = _short(str(status.get("message") or error.reason or ""))
    after = _after(error.headers, status)
    code = error.status
    known: dict[int, Callable[[], Exception]] = {
        401: lambda: SignedOut(
            "Kubernetes does not take Sandrail's credentials: they are missing, wrong or have run out.",
            final=True,
        ),
        403: lambda: _forbidden(verb, kind, status, message),
        404: lambda: _missing(status, message),
        409: lambda: Changed(message),
        410: lambda: Changed(message),
        429: lambda: ActFailed("Kubernetes asks for patience; it is tried again.", after=after),
    }
    if code in known:
        return known[code]()
    if not code:  # the client's own words for TLS
        trust = "CERTIFICATE_VERIFY_FAILED" in str(error.reason)
        return ActFailed(f"No safe connection to Kubernetes: {message}", final=trust)
    if code in (408, 503, 504):
        return ActFailed(
            f"Kubernetes is not ready ({code}): {message or 'no reason given'}", after=after
        )
    if code >= 500:
        return OneRefused(
            f"Kubernetes failed to {verb} {kind.resource} ({code}): {message}", after=after
        )
    return OneRefused(
        f"Kubernetes refused to {verb} {kind.resource} ({code}): {message}", final=True
    )


def _missing(status: Object, message: str) -> Exception:
    if status.get("kind") == "Status" and status.get("reason") == "NotFound":
        return Gone(message)
    # A wrong address must not read as "there is nothing left to stop".
    return ActFailed(_GARBLED)


def _forbidden(verb: str, kind: Kind, status: Object, message: str) -> Exception:
    causes = _details(status).get("causes") or ()
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return Changed(message)
    if "cannot" in message and "resource" in message:
        return OneRefused(
            f"Kubernetes does not let Sandrail {verb} {kind.resource}: grant it in its ClusterRole ({DOCS}).",
            final=True,
        )
    return OneRefused(f"Kubernetes refused to {verb} {kind.resource}: {message}", final=True)


def _status(body: str | None) -> Object:
    try:
        found = json.loads(body or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _after(headers: Any, status: Object) -> float | None:
    said = (headers or {}).get("Retry-After")
    if said is None:
        said = _details(status).get("retryAfterSeconds")
    try:
        seconds = float(said) if said is not None else None
    except (TypeError, ValueError):
        return None
    return None if seconds is None else min(max(0.0, seconds), _LONGEST_WAIT)


def _details(status: Object) -> Object:
    found = status.get("details")
    return found if isinstance(found, dict) else {}


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 200 else flat[:199] + "…"
