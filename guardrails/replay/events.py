"""What a policy does by itself on a day: nudges, overruns, zones, redlines, gates; two policies compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class Event:
    """One thing that happened to a subject (a budget, a sandbox) on a day.

    ``what`` tells it from others of the subject: ``75 % spent in 2026-10``, ``redline cap: halt``. ``to``: where
    it went, who decides. ``amount`` in the workspace's currency; None where there is no money in it.
    """

    subject: str
    what: str
    day: date
    to: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True)
class Moved:
    """An event of both policies that comes on another day, goes elsewhere, or is of another amount."""

    before: Event
    after: Event


@dataclass(frozen=True)
class EventChange:
    """``kept`` counts the events that are the same in both."""

    kept: int = 0
    new: tuple[Event, ...] = ()
    gone: tuple[Event, ...] = ()
    moved: tuple[Moved, ...] = ()

    @property
    def differs(self) -> bool:
        return bool(self.new or self.gone or self.moved)

    @property
    def all_before(self) -> int:
        """How many events there were before the change."""
        return self.kept + len(self.gone) + len(self.moved)


_NOTHING = EventChange()


@dataclass(frozen=True)
class Section:
    """One kind of event under both policies. ``reproduced``: what was recorded against the policy of now,
    replayed; None where nothing was recorded."""

    change: EventChange = _NOTHING
    reproduced: EventChange | None = None


def compare_events(before: Iterable[Event], after: Iterable[Event]) -> EventChange:
    """Events of one subject and name are paired in their order; what has no twin is new or gone."""
    left = sorted(after, key=_order)
    gone: list[Event] = []
    moved: list[Moved] = []
    kept = 0
    for one in sorted(before, key=_order):
        alike = [a for a in left if (a.subject, a.what) == (one.subject, one.what)]
        twin = one if one in alike else next(iter(alike), None)
        if twin is None:
            gone.append(one)
            continue
        left.remove(twin)
        if twin == one:
            kept += 1
        else:
            moved.append(Moved(one, twin))
    return EventChange(kept, tuple(left), tuple(gone), tuple(moved))


def section(before: Sequence[Event], after: Sequence[Event], recorded: Sequence[Event]) -> Section:
    """Both policies' events; ``recorded`` are those that really happened."""
    told = compare_events(recorded, before) if recorded or before else None
    return Section(compare_events(before, after), told)


def _order(event: Event) -> tuple[date, str, str, str, Decimal]:
    return event.day, event.subject, event.what, event.to, event.amount or Decimal(0)
