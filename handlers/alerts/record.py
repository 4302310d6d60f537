"""A finding as it is kept in the anomaly's row, and back."""

from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from guardrails.detection.feedback import FeedbackRule
from guardrails.detection.found import Found, Scope
from storage.anomalies import AnomalyRow

_FOUND = TypeAdapter(Found)


def to_json(found: Found) -> dict[str, Any]:
    """The finding as JSON data."""
    return dict(_FOUND.dump_python(found, mode="json"))


def found_of(row: AnomalyRow) -> Found:
    """The finding that an anomaly's row keeps."""
    return _FOUND.validate_python(row.found)


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
