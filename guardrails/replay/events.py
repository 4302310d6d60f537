"""What a policy does by itself on a day: nudges, overruns, zones, redlines, gates; two policies compared."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from guardrails.replay.change import Change, compare


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


_NOTHING: Change[Event] = Change()


@dataclass(frozen=True)
class Section:
    """One kind of event under both policies. ``reproduced``: what was recorded against the policy of now,
    replayed over the days of which there are records; None where neither has any."""

    change: Change[Event] = _NOTHING
    reproduced: Change[Event] | None = None


def compare_events(before: Iterable[Event], after: Iterable[Event]) -> Change[Event]:
    """Events of one subject and name are paired in their order."""

    def alike(a: Event, b: Event) -> bool:
        return (a.subject, a.what) == (b.subject, b.what)

    return compare(before, after, order=_order, alike=alike, same=operator.eq)


def given_again(recorded: Sequence[Event], replayed: Sequence[Event]) -> Change[Event] | None:
    """What really happened against what the policy of now does on the same days; None where neither has any."""
    return compare_events(recorded, replayed) if recorded or replayed else None


def _order(event: Event) -> tuple[date, str, str, str, Decimal]:
    return event.day, event.subject, event.what, event.to, event.amount or Decimal(0)
