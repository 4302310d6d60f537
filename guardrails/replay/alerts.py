"""Alerts of two policies on the same history, compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from guardrails.replay.change import Change, compare


@dataclass(frozen=True)
class Alert:
    """One alert as it was posted. ``owner``: who was mentioned, empty when nobody."""

    signal: str
    scope: str
    direction: str
    told_on: date
    started_on: date
    last_on: date
    severity: str
    channels: tuple[str, ...]
    owner: str = ""

    def is_same(self, other: "Alert") -> bool:
        """Whether both are of one anomaly: the same series, and a day in common."""
        mine = (self.signal, self.scope, self.direction)
        theirs = (other.signal, other.scope, other.direction)
        return (
            mine == theirs and self.started_on <= other.last_on and other.started_on <= self.last_on
        )


def compare_alerts(before: Iterable[Alert], after: Iterable[Alert]) -> Change[Alert]:
    """Alerts of one anomaly are a pair; they are the same with the same day, channels and owner."""

    def told(one: Alert) -> tuple[date, tuple[str, ...], str]:
        return one.told_on, one.channels, one.owner

    return compare(
        before, after, order=_order, alike=Alert.is_same, same=lambda a, b: told(a) == told(b)
    )


def _order(alert: Alert) -> tuple[date, str, str, str, date]:
    return alert.told_on, alert.signal, alert.scope, alert.direction, alert.started_on
