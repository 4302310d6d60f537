"""Alerts of two policies on the same history, compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


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


@dataclass(frozen=True)
class Routed:
    """An alert of both policies that goes elsewhere, or comes on another day."""

    before: Alert
    after: Alert


@dataclass(frozen=True)
class AlertChange:
    """``kept`` counts the alerts that are the same in both, with day, channels and owner."""

    kept: int = 0
    new: tuple[Alert, ...] = ()
    gone: tuple[Alert, ...] = ()
    moved: tuple[Routed, ...] = ()

    @property
    def differs(self) -> bool:
        return bool(self.new or self.gone or self.moved)


def compare_alerts(before: Sequence[Alert], after: Sequence[Alert]) -> AlertChange:
    """Each alert of one side is paired with at most one of the other, the oldest first."""
    left = sorted(after, key=_order)
    gone: list[Alert] = []
    moved: list[Routed] = []
    kept = 0
    for one in sorted(before, key=_order):
        twin = next((a for a in left if a.is_same(one)), None)
        if twin is None:
            gone.append(one)
            continue
        left.remove(twin)
        if (one.told_on, one.channels, one.owner) == (twin.told_on, twin.channels, twin.owner):
            kept += 1
        else:
            moved.append(Routed(one, twin))
    return AlertChange(kept, tuple(left), tuple(gone), tuple(moved))


def _order(alert: Alert) -> tuple[date, str, str, str, date]:
    return alert.told_on, alert.signal, alert.scope, alert.direction, alert.started_on
