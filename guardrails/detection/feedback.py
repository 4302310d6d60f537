"""What people said of earlier anomalies makes the detector quieter about the same pattern."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from guardrails.detection.found import Direction, Found, Scope
from guardrails.policy.alerts import Signal

#: A pattern stays expected up to this many times the level that was called expected.
SAME_LEVEL = 1.25
#: After a false alarm the same series needs a score this many times as high as the false one.
FALSE_ALARM = 1.2
#: Days in which a false alarm is forgotten.
FORGOTTEN = 90


@dataclass(frozen=True)
class FeedbackRule:
    """One answer of a person. ``level`` is the observed value then, in the signal's unit.

    ``score``: of the finding that was meant. ``until``: the last day on which
    it is expected, None for good; only “expected” has it.
    """

    kind: Literal["expected", "false-alarm"]
    signal: Signal
    scope: Scope
    direction: Direction
    level: float
    score: float
    said_on: date
    until: date | None = None
    said_by: str = ""


def quietened(found: Found, feedback: Sequence[FeedbackRule], as_of: date) -> str | None:
    """Why a finding is not worth a message as of a day, as a sentence; None when it is.

    Expected: the same signal, scope and direction, until the day that was said, while the observed value
    is not beyond 1.25 × the level that was called expected (for less spend: not below 1 / 1.25 of it).
    False alarm: the score must be above 1.2 × the score that was false; that demand falls evenly to
    nothing in 90 days.
    """
    for rule in feedback:
        same = (rule.signal, rule.scope, rule.direction) == (
            found.signal,
            found.scope,
            found.direction,
        )
        if not same or rule.said_on > as_of:
            continue
        by = f" by {rule.said_by}" if rule.said_by else ""
        if rule.kind == "expected":
            if (rule.until is None or as_of <= rule.until) and _same_level(found, rule):
                until = f" until {rule.until.isoformat()}" if rule.until else ""
                return f"Expected{until}, said{by} on {rule.said_on.isoformat()}."
        else:
            left = max(0.0, 1 - (as_of - rule.said_on).days / FORGOTTEN)
            if left > 0 and found.score <= FALSE_ALARM * rule.score * left:
                return f"Called a false alarm{by} on {rule.said_on.isoformat()}."
    return None


def _same_level(found: Found, rule: FeedbackRule) -> bool:
    if found.direction == "up":
        return found.observed <= rule.level + (SAME_LEVEL - 1) * abs(rule.level)
    return found.observed >= rule.level - (1 - 1 / SAME_LEVEL) * abs(rule.level)
