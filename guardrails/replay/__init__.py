"""What two policies did on the same history, compared. Pure: the same inputs, the same report."""

from guardrails.replay.alerts import Alert, AlertChange, Routed, compare_alerts
from guardrails.replay.events import Event, EventChange, Moved, Section, compare_events, section
from guardrails.replay.ladder import (
    Decided,
    Put,
    Recorded,
    RoleLoad,
    Side,
    put_all,
    side_of,
    typical_waits,
)
from guardrails.replay.report import Overspend, Report, Sums

__all__ = [
    "Alert",
    "AlertChange",
    "Decided",
    "Event",
    "EventChange",
    "Moved",
    "Overspend",
    "Put",
    "Recorded",
    "Report",
    "RoleLoad",
    "Routed",
    "Section",
    "Side",
    "Sums",
    "compare_alerts",
    "compare_events",
    "put_all",
    "section",
    "side_of",
    "typical_waits",
]
