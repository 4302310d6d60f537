"""Names and labels that Kubernetes takes, made from what people typed. Pure.

The rules are in Kubernetes' "Object Names and IDs" and "Labels and Selectors".
"""

import hashlib
import re
from collections.abc import Mapping

#: A namespace's name is a DNS label (RFC 1123); a label's value and the name in its key are as long.
LONGEST = 63
#: Our own labels and annotations stand under this.
PREFIX = "sandrail.io/"
#: Which sandbox a namespace is for: without it nothing is touched.
SANDBOX = f"{PREFIX}sandbox"
_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SIGN = 8  # hex digits of a hash


def namespace_name(prefix: str, name: str) -> str:
    """The namespace of a sandbox: the same for the same name, at most 63 characters.

    A name that had to be cut or changed ends in a hash of the original, so that two names stay two.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain and plain == name and len(prefix) + len(name) <= LONGEST:
        return prefix + name
    room = LONGEST - len(prefix) - _SIGN - 1
    kept = plain[:room].rstrip("-")
    return prefix + "-".join(part for part in (kept, _sign(name)) if part)


def label_value(text: str) -> str:
    """A valid label value that reads like the text. What does not fit ends in a hash of the original."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[: LONGEST - _SIGN - 1].rstrip('-_.')}-{_sign(text)}"


def label_key(text: str) -> str:
    """A valid label key without a prefix: a tag never sets a label that Kubernetes itself acts upon."""
    if len(text) <= LONGEST and _LABEL.fullmatch(text):
        return text
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")
    kept = plain[: LONGEST - _SIGN - 1].rstrip("-_.")
    return "-".join(part for part in (kept, _sign(text)) if part)


def tag_labels(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags as labels: key to value, both valid."""
    return {label_key(key): label_value(value) for key, value in sorted(tags.items())}


def tag_annotations(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags as they were written, under ``sandrail.io/``, by the key of their label."""
    return {f"{PREFIX}{label_key(key)}": value for key, value in sorted(tags.items())}


def _sign(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SIGN]
