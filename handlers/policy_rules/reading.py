"""A policy that somebody hands in: read and checked as the file of now is, whatever it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

import yaml
from pydantic import ValidationError

from guardrails.policy.model import Policy
from handlers.conversation import LARGEST_FILE
from storage.policy_file import PolicyError, PolicyRefusedError, parse_policy

NAME = "the file"
SHOWN = 4  # errors that are said at a form's field
_MOST = 20_000  # values: ten times a large policy
_ERRORS = 100  # more than these take seconds to put into words, and say that this is no policy


@dataclass(frozen=True)
class Read:
    """What is in a text: a policy, or else all that is wrong with it. ``hash`` is of the text."""

    policy: Policy | None
    errors: tuple[PolicyError, ...]
    hash: str


@lru_cache(maxsize=4)
def read(text: str) -> Read:
    """Reads a policy's text. The last few are remembered: a large one takes a second, which a door spends before
    the transaction in which the handler asks again."""
    hashed = sha256(text.encode("utf-8", "replace")).hexdigest()
    if len(text.encode("utf-8", "replace")) > LARGEST_FILE:
        return Read(None, (_whole(too_large()),), hashed)
    try:
        if _values(text) > _MOST:
            said = "it holds far more than a policy does, or is nested far deeper"
            return Read(None, (_whole(said),), hashed)
        if _wrong(text) > _ERRORS:
            said = f"more than {_ERRORS} things are wrong with it, so it hardly is a policy of this version"
            return Read(None, (_whole(said),), hashed)
        return Read(parse_policy(text, NAME), (), hashed)
    except PolicyRefusedError as refused:
        return Read(None, tuple(refused.errors), hashed)


def too_large() -> str:
    """What is said of a file that no form takes."""
    return f"The file is larger than {LARGEST_FILE // 1024} kB, which no policy is."


def in_words(errors: Sequence[PolicyError]) -> str:
    """The first errors with line and column, and how many more there are."""
    shown = [_one(e) for e in errors[:SHOWN]]
    if len(errors) > SHOWN:
        shown.append(f"and {len(errors) - SHOWN} more; sandrail check shows them all")
    return " · ".join(shown)


def _one(error: PolicyError) -> str:
    if not error.path and (error.line, error.column) == (1, 1):
        return " ".join(error.message.split())
    where = f"{error.path}: " if error.path else ""
    return f"line {error.line}, column {error.column}: {where}{error.message}"


def _whole(message: str) -> PolicyError:
    return PolicyError(NAME, 1, 1, "", message)


def _values(text: str) -> int:
    """How many values the text has when each alias is written out: a few lines can stand for millions."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        return _MOST + 1
    except (yaml.YAMLError, ValueError):
        return 0  # said by whoever reads it
    counted: dict[int, int] = {}

    def count(one: yaml.Node, above: frozenset[int]) -> int:
        if id(one) in above:
            return 0  # an alias inside its own anchor: also said by whoever reads it
        if id(one) not in counted:
            inner = above | {id(one)}
            held = one.value if isinstance(one, yaml.CollectionNode) else ()
            parts = (p for entry in held for p in (entry if isinstance(entry, tuple) else (entry,)))
            counted[id(one)] = 1 + sum(count(part, inner) for part in parts)
        return counted[id(one)]

    try:
        return count(node, frozenset()) if node is not None else 0
    except RecursionError:
        return _MOST + 1


def _wrong(text: str) -> int:
    """About how many things are wrong, counted quickly."""
    try:
        Policy.model_validate(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 (it makes text only)
    except ValidationError as error:
        return error.error_count()
    except (yaml.YAMLError, RecursionError, ValueError):
        return 0
    return 0
