"""A finding as it is kept in the anomaly's row, and back."""

from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from guardrails.alerts.states import State
from guardrails.detection.feedback import FeedbackRule
from guardrails.detection.found import Found, Scope
from storage.anomalies import AnomalyRow

_FOUND = TypeAdapter(Found)
_STATES: dict[State, str] = {
    "open": "not decided yet",
    "investigating": "being looked into",
    "expected": "called expected",
    "snoozed": "snoozed",
    "false-alarm": "called a false alarm",
    "resolved": "resolved",
}


def to_json(found: Found) -> dict[str, Any]:
    """The finding as JSON data."""
    return dict(_FOUND.dump_python(found, mode="json"))


def found_of(row: AnomalyRow) -> Found:
    """The finding that an anomaly's row keeps."""
    return _FOUND.validate_python(row.found)


def state_said(row: AnomalyRow) -> str:
    """What became of an anomaly: ``open``, ``called expected``, ``nobody was told``."""
    if not row.channels:
        return "nobody was told"
    if row.state == "open" and row.ended_on is not None:
        return "ended, nobody answered"
    return _STATES[row.state]


def rule_of(row: Any, zone: ZoneInfo) -> FeedbackRule:
    """A feedback row as the rule that the detector takes; its day is the workspace's."""
    return FeedbackRule(
        signal=row.signal,
        scope=Scope.parse(row.scope),
        direction=row.direction,
        kind=row.kind,
        level=row.level,
        score=row.score,
        until=row.until,
        said_on=row.said_at.astimezone(zone).date(),
        said_by=row.said_by,
    )
