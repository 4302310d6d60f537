"""All that a changed policy would have done otherwise."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from guardrails.replay.alerts import Alert
from guardrails.replay.change import Change
from guardrails.replay.events import Event, Section
from guardrails.replay.ladder import Decided, Side


@dataclass(frozen=True)
class Overspend:
    """What a budget spent beyond its limit and grants in a period; ``unasked`` as in :class:`Sums`."""

    budget: str
    period: str
    overspend: Decimal
    unasked: Decimal


@dataclass(frozen=True)
class Sums:
    """What one policy's budgets and redlines came to, in the workspace's currency.

    ``overspend``: spent beyond limits and grants, of all budgets, so money inside of two of them counts twice;
    ``unasked``: how much of that before anybody was asked about it, or without that anybody ever was.
    ``after_halts``: what sandboxes were recorded to spend on days on which this policy would have had them halted.
    """

    overspend: Decimal = Decimal(0)
    unasked: Decimal = Decimal(0)
    halts: int = 0
    after_halts: Decimal = Decimal(0)
    by_budget: tuple[Overspend, ...] = ()


_NOTHING, _NO_SUMS = Section(), Sums()


@dataclass(frozen=True)
class Report:
    """All that would have been different. ``reproduced``: how the policy of now, replayed, compares with what
    was recorded; None when no alert was. ``routed`` is the same for the rungs of requests. ``not_replayed``:
    sections that differ and have no part in this. ``alerts_from``: the day from which on alerts are replayed, None
    where they are not. ``recorded_from``: the first day of the bot's records, None when it has none; ``routed``
    and what the sections reproduce count from that day on. ``before`` are the sums of what was put on the ladder,
    on the ladder of now; ``after`` those of what would have been, on the new one."""

    first: date
    last: date
    alerts: Change[Alert]
    reproduced: Change[Alert] | None
    decided: tuple[Decided, ...]
    before: Side
    after: Side
    not_replayed: tuple[str, ...] = ()
    alerts_from: date | None = None
    recorded_from: date | None = None
    routed: Change[Event] | None = None
    nudges: Section = _NOTHING
    overruns: Section = _NOTHING
    zones: Section = _NOTHING
    redlines: Section = _NOTHING
    gates: Section = _NOTHING
    sums_before: Sums = _NO_SUMS
    sums_after: Sums = _NO_SUMS

    @property
    def sections(self) -> tuple[tuple[str, Section], ...]:
        """What happens by itself, by the name of its kind."""
        return (
            ("nudges", self.nudges),
            ("overruns", self.overruns),
            ("zones", self.zones),
            ("redlines", self.redlines),
            ("gates", self.gates),
        )

    @property
    def differs(self) -> bool:
        return (
            self.alerts.differs
            or any(d.differs for d in self.decided)
            or any(s.change.differs for _, s in self.sections)
            or self.sums_before != self.sums_after
        )
