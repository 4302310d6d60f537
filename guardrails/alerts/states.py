"""The life of an anomaly: what may be done with it in which state."""

from dataclasses import dataclass
from typing import Literal

State = Literal["open", "investigating", "expected", "snoozed", "false-alarm", "resolved"]
Action = Literal["investigate", "release", "expect", "snooze", "false-alarm", "resolve", "reopen"]

#: States in which somebody has said what it is; only reopening leaves them.
DECIDED: tuple[State, ...] = ("expected", "snoozed", "false-alarm", "resolved")

_AFTER: dict[Action, State] = {
    "investigate": "investigating",
    "release": "open",
    "expect": "expected",
    "snooze": "snoozed",
    "false-alarm": "false-alarm",
    "resolve": "resolved",
    "reopen": "open",
}

Reason = Literal["ok", "already-so", "taken", "decided", "not-decided"]


@dataclass(frozen=True)
class Decision:
    """``after`` is the new state when ``reason`` is ok, else the state stays ``after``."""

    after: State
    reason: Reason

    @property
    def allowed(self) -> bool:
        return self.reason == "ok"


def decide(state: State, action: Action, *, by: str, holder: str) -> Decision:
    """Whether ``by`` may do ``action``; ``holder`` set the present state (empty when nobody did).

    Everyone with the permission may do anything that is open; what is decided is reopened first, so that
    nobody overwrites somebody's decision without noticing. A second investigator is told of the first.
    """
    if action == "reopen":
        return Decision("open", "ok") if state in DECIDED else Decision(state, "not-decided")
    if action == "release":
        reason: Reason = "ok" if state == "investigating" else "not-decided"
        return Decision("open" if state == "investigating" else state, reason)
    after = _AFTER[action]
    if state == after and holder == by:
        return Decision(state, "already-so")
    if state in DECIDED:
        return Decision(state, "decided")
    if state == "investigating" and action == "investigate":
        return Decision(state, "taken")
    return Decision(after, "ok")
