"""What an API server refuses and how it says so: Status objects, names, labels, quantities.

Knows nothing of the product.
"""

import re
from decimal import Decimal
from typing import Any

Object = dict[str, Any]

#: (group, plural) to kind and whether it stands in a namespace.
RESOURCES: dict[tuple[str, str], tuple[str, bool]] = {
    ("", "namespaces"): ("Namespace", False),
    ("", "pods"): ("Pod", True),
    ("", "services"): ("Service", True),
    ("", "persistentvolumeclaims"): ("PersistentVolumeClaim", True),
    ("", "resourcequotas"): ("ResourceQuota", True),
    ("", "limitranges"): ("LimitRange", True),
    ("apps", "deployments"): ("Deployment", True),
    ("apps", "statefulsets"): ("StatefulSet", True),
    ("apps", "replicasets"): ("ReplicaSet", True),
    ("apps", "daemonsets"): ("DaemonSet", True),
    ("batch", "jobs"): ("Job", True),
    ("batch", "cronjobs"): ("CronJob", True),
    ("ray.io", "rayclusters"): ("RayCluster", True),
}
_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUANTITY = re.compile(r"([+-]?[0-9]*\.?[0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_STANDARD_QUOTA = {
    "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "requests.storage",
    "persistentvolumeclaims", "pods", "services", "services.loadbalancers", "services.nodeports", "configmaps",
    "secrets", "replicationcontrollers", "resourcequotas", "requests.ephemeral-storage",
    "limits.ephemeral-storage",
}  # fmt: skip
_WHOLE = {
    "pods",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "persistentvolumeclaims",
}


class ApiError(Exception):
    """What the server answers instead of an object."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def body(self) -> Object:
        """A Status object."""
        said: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            said["details"] = self.details
        return said


def qualified(group: str, plural: str) -> str:
    """As messages name a resource: ``deployments.apps``."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> ApiError:
    said = f'{qualified(group, plural)} "{name}" not found'
    return ApiError(404, "NotFound", said, name=name, group=group, kind=plural)


def already_exists(group: str, plural: str, name: str) -> ApiError:
    said = f'{qualified(group, plural)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", said, name=name, group=group, kind=plural)


def conflict(group: str, plural: str, name: str, why: str) -> ApiError:
    said = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", said, name=name, group=group, kind=plural)


MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def forbidden(group: str, plural: str, name: str, why: str, **details: Any) -> ApiError:
    said = f'{qualified(group, plural)} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", said, name=name, group=group, kind=plural, **details)


def invalid(kind: str, group: str, name: str, causes: list[tuple[str, str]]) -> ApiError:
    """422 with a cause a field."""
    listed = [f"{where}: {what}" for where, what in causes]
    text = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    return ApiError(
        422,
        "Invalid",
        f'{kind} "{name}" is invalid: {text}',
        name=name,
        group=group,
        kind=kind,
        causes=[
            {"reason": "FieldValueInvalid", "message": what, "field": where}
            for where, what in causes
        ],
    )


def check(group: str, plural: str, found: Object) -> None:
    """Raises ApiError for what the API server would not store."""
    kind, _ = RESOURCES[group, plural]
    meta = found["metadata"]
    name = meta.get("name", "")
    for part in ("labels", "annotations"):
        for key, value in (meta.get(part) or {}).items():
            if not isinstance(value, str):
                said = (
                    f"json: cannot unmarshal {type(value).__name__} into Go struct field ObjectMeta"
                )
                raise ApiError(400, "BadRequest", f"{said}.metadata.{part}.{key} of type string")
    causes = [*_name_causes(plural, name), *_label_causes(meta), *_spec_causes(plural, found)]
    if causes:
        raise invalid(kind, group, name, causes)


def _name_causes(plural: str, name: str) -> list[tuple[str, str]]:
    if plural in ("namespaces", "services"):
        fits = _DNS_LABEL.fullmatch(name) and len(name) <= 63
    else:
        fits = _DNS_SUBDOMAIN.fullmatch(name) and len(name) <= 253
    if fits:
        return []
    rule = "must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric"
    return [("metadata.name", f'Invalid value: "{name}": {rule} character')]


def _label_causes(meta: Object) -> list[tuple[str, str]]:
    causes = []
    for key, value in (meta.get("labels") or {}).items():
        if not _is_key(key):
            causes.append(("metadata.labels", f'Invalid value: "{key}": name part must be valid'))
        if len(value) > 63 or (value and not _LABEL_NAME.fullmatch(value)):
            causes.append(("metadata.labels", f'Invalid value: "{value}": a valid label must be'))
    size = 0
    for key, value in (meta.get("annotations") or {}).items():
        size += len(key) + len(value.encode())
        if not _is_key(key.lower()):
            causes.append(("metadata.annotations", f'Invalid value: "{key}": name part must be'))
    if size > 256 * 1024:
        causes.append(("metadata.annotations", "Too long: may not be more than 262144 bytes"))
    return causes


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not (_DNS_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= 253):
        return False
    return bool(_LABEL_NAME.fullmatch(name)) and len(name) <= 63


def _spec_causes(plural: str, found: Object) -> list[tuple[str, str]]:
    spec = found.get("spec") or {}
    causes = []
    if "replicas" in spec and (not isinstance(spec["replicas"], int) or spec["replicas"] < 0):
        causes.append(("spec.replicas", f"Invalid value: {spec['replicas']}: must be at least 0"))
    if plural == "resourcequotas":
        for key, value in (spec.get("hard") or {}).items():
            where = f"spec.hard[{key}]"
            extended = key.startswith("requests.") and "/" in key
            if key not in _STANDARD_QUOTA and not key.startswith("count/") and not extended:
                causes.append((where, f'Invalid value: "{key}": must be a standard resource'))
            amount = quantity(value)
            if amount < 0:
                causes.append(
                    (where, f'Invalid value: "{value}": must be greater than or equal to 0')
                )
            if (key in _WHOLE or extended) and amount != int(amount):
                causes.append((where, f'Invalid value: "{value}": must be an integer'))
    if plural == "limitranges":
        for n, item in enumerate(spec.get("limits") or ()):
            for key, value in (item.get("defaultRequest") or {}).items():
                most = (item.get("default") or {}).get(key)
                if most is not None and quantity(value) > quantity(most):
                    where = f"spec.limits[{n}].defaultRequest[{key}]"
                    causes.append(
                        (where, f'Invalid value: "{value}": default request value is greater')
                    )
    return causes


def quantity(text: object) -> Decimal:
    """The value of ``250m`` or ``1Gi``; ApiError for what is none."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ApiError(400, "BadRequest", "quantities must match the regular expression")
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix.endswith("i"):
        return number * 1024 ** ("KMGTPE".index(suffix[0]) + 1)
    if suffix == "m":
        return number / 1000
    return number * 1000 ** ("kMGTPE".index(suffix) + 1 if suffix else 0)


def canonical(text: object) -> str:
    """As the API server writes a quantity back: ``1024Mi`` as ``1Gi``, ``1000m`` as ``1``."""
    amount = quantity(text)
    if str(text).endswith("i") and amount == int(amount) and abs(amount) >= 1024:
        left, steps = int(amount), 0
        while left % 1024 == 0 and steps < 6:
            left, steps = left // 1024, steps + 1
        return f"{left}{' KMGTPE'[steps]}i" if steps else str(left)
    if amount != int(amount):
        return f"{int(amount * 1000)}m"
    left, steps = int(amount), 0
    while left and left % 1000 == 0 and steps < 6:
        left, steps = left // 1000, steps + 1
    return f"{left}{' kMGTPE'[steps].strip()}"


def merge(into: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(into) if isinstance(into, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged
