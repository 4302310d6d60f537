"""What two policies did on the same history, compared. Pure: the same inputs, the same report."""

from guardrails.replay.alerts import Alert, compare_alerts
from guardrails.replay.change import Change, Moved, compare, together
from guardrails.replay.events import Event, Section, compare_events, given_again
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
    "Change",
    "Decided",
    "Event",
    "Moved",
    "Overspend",
    "Put",
    "Recorded",
    "Report",
    "RoleLoad",
    "Section",
    "Side",
    "Sums",
    "compare",
    "compare_alerts",
    "compare_events",
    "given_again",
    "put_all",
    "side_of",
    "together",
    "typical_waits",
]
