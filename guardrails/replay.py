"""What two policies did on the same history, compared. Pure: the same inputs, the same report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from guardrails.ladder import Asked, place, slots, with_reviewers
from guardrails.policy.ladder import Ladder
from guardrails.policy.people import Role


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


@dataclass(frozen=True)
class Recorded:
    """A request that was put on the ladder, as it was recorded. Money in the workspace's currency.

    ``before``: what was granted earlier, each (when as an ordinal day, amount), the same scope or person;
    ``granted``: what came of this one. ``group``: what ``at_most`` counts together.
    """

    subject: str
    day: date
    amount: Decimal
    limit: Decimal | None
    granted: Decimal
    was_granted: bool
    group: str
    stage: str = ""
    workload: str = ""
    reviewers: tuple[Role, ...] = ()
    before: tuple[tuple[date, Decimal], ...] = ()


@dataclass(frozen=True)
class Put:
    """Where a ladder puts a request. ``words``: how many people must agree; ``hours``: working hours to the
    due time; ``alone``: an engineer's word suffices."""

    rung: str
    roles: tuple[Role, ...]
    words: int
    hours: Decimal
    alone: bool


@dataclass(frozen=True)
class Decided:
    """One request on both ladders."""

    request: Recorded
    before: Put
    after: Put

    @property
    def differs(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class Side:
    """One ladder's sums: requests by rung, words needed, working hours that they may wait at most, and money
    that was granted where engineers could have granted it alone."""

    by_rung: tuple[tuple[str, int], ...]
    words: int
    hours: Decimal
    alone: Decimal


def put_all(ladder: Ladder, staffed: frozenset[Role], requests: Sequence[Recorded]) -> list[Put]:
    """Each request on a ladder, in the order in which they came. How often a rung was used is counted by this
    ladder's own placing."""
    earlier: list[tuple[Recorded, str]] = []
    found = []
    for one in requests:
        mine = with_reviewers(ladder, one.reviewers)
        times = tuple(
            (
                r.name,
                sum(
                    e.group == one.group
                    and e.was_granted
                    and rung == r.name
                    and (one.day - e.day).days <= r.at_most.days
                    for e, rung in earlier
                ),
            )
            for r in mine.rungs
            if r.at_most is not None
        )
        in_window = [m for day, m in one.before if (one.day - day).days <= ladder.window_days]
        asked = Asked(
            one.amount, one.limit, sum(in_window, Decimal(0)), times, one.stage, one.workload
        )
        rung = place(mine, asked, staffed).rung
        earlier.append((one, rung.name))
        words = slots(rung)
        alone = all("engineer" in slot for slot in words) and len(words) == 1
        found.append(Put(rung.name, rung.roles, len(words), rung.due_hours, alone))
    return found


def side_of(requests: Sequence[Recorded], puts: Sequence[Put]) -> Side:
    """The sums of one ladder."""
    names = sorted(p.rung for p in puts)
    return Side(
        by_rung=tuple((name, len(list(same))) for name, same in groupby(names)),
        words=sum(p.words for p in puts),
        hours=sum((p.hours for p in puts), Decimal(0)),
        alone=sum((r.granted for r, p in zip(requests, puts, strict=True) if p.alone), Decimal(0)),
    )


@dataclass(frozen=True)
class Report:
    """All that would have been different. ``reproduced``: how the policy of now, replayed, compares with what
    was recorded; None when no alert was. ``not_replayed``: sections that differ and have no part in this."""

    first: date
    last: date
    alerts: AlertChange
    reproduced: AlertChange | None
    decided: tuple[Decided, ...]
    before: Side
    after: Side
    not_replayed: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        return self.alerts.differs or any(d.differs for d in self.decided)
