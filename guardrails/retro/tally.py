"""What one rule did in a quarter: a case for each time it fired, added up."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Literal

#: right: what it said was so, and somebody acted on it · needless: it was a false alarm, or was waved through ·
#: overruled: people decided against it · open: nobody has judged it
Outcome = Literal["right", "needless", "overruled", "open"]

Kind = Literal[
    "signal",
    "route",
    "runbook",
    "budget",
    "nudge",
    "rung",
    "silence",
    "zone",
    "gate",
    "redline",
    "shadow",
]


@dataclass(frozen=True)
class Rule:
    """One rule by its place in the policy. ``path``: its keys, as policy errors name them; ``name``: as messages
    do."""

    kind: Kind
    path: tuple[str | int, ...]
    name: str
    id: str


@dataclass(frozen=True)
class Case:
    """One time that a rule fired.

    ``waited``: working hours that people waited for it, None when nobody did; ``request``: the id of what they
    asked for, which may have stood on several rungs, a case each. ``answered``: working hours until somebody
    judged it. ``saved``: money, as :mod:`guardrails.retro.saving` estimates it. ``size``: the money that it was
    about; ``share``: the same in percent of the limit.
    """

    outcome: Outcome
    waited: Decimal | None = None
    answered: Decimal | None = None
    saved: Decimal = Decimal(0)
    size: Decimal | None = None
    share: Decimal | None = None
    request: str = ""


@dataclass(frozen=True)
class Tally:
    """All cases of a rule in a quarter, and what it missed, a sentence each."""

    rule: Rule
    cases: tuple[Case, ...] = ()
    missed: tuple[str, ...] = field(default=())

    def count(self, outcome: Outcome) -> int:
        """How many cases came out like this."""
        return sum(case.outcome == outcome for case in self.cases)

    @property
    def fired(self) -> int:
        return len(self.cases)

    @property
    def judged(self) -> int:
        """How many cases somebody, or what came later, has judged."""
        return self.fired - self.count("open")

    @property
    def saved(self) -> Decimal:
        return sum((case.saved for case in self.cases), Decimal(0))

    @property
    def waits(self) -> tuple[Decimal, ...]:
        """Working hours of each wait."""
        return tuple(case.waited for case in self.cases if case.waited is not None)

    @property
    def waited(self) -> Decimal:
        """Working hours that people waited, all together."""
        return sum(self.waits, Decimal(0))

    @property
    def answers(self) -> tuple[Decimal, ...]:
        """Working hours until each judged case was judged."""
        return tuple(case.answered for case in self.cases if case.answered is not None)

    def sizes(self, outcome: Outcome) -> tuple[Decimal, ...]:
        """The money of the cases that came out like this, the smallest first."""
        return tuple(
            sorted(c.size for c in self.cases if c.outcome == outcome and c.size is not None)
        )

    def shares(self, outcome: Outcome) -> tuple[Decimal, ...]:
        """Percent of the limit of the cases that came out like this, the smallest first."""
        return tuple(
            sorted(c.share for c in self.cases if c.outcome == outcome and c.share is not None)
        )


def middle(hours: Sequence[Decimal]) -> Decimal | None:
    """The median; None of nothing."""
    return Decimal(median(hours)) if hours else None


@dataclass(frozen=True)
class Friction:
    """What the bot itself cost: working hours that people waited for a decision (``asked`` requests), and that
    experiments stood still which were later let run again (``stopped`` of them)."""

    asked: int
    waited: Decimal
    median: Decimal | None
    stopped: int
    stood: Decimal

    @property
    def hours(self) -> Decimal:
        return self.waited + self.stood

    def cost(self, hour: Decimal | None) -> Decimal | None:
        """In money; None when the policy does not say what an hour costs."""
        return None if hour is None else (self.hours * hour).quantize(Decimal("0.01"))


def friction_of(tallies: Sequence[Tally]) -> Friction:
    """The sum over all rules: each hour is counted at one rule only, so nothing is counted twice. What one request
    waited on several rungs is one wait."""
    stops = [w for t in tallies if t.rule.kind == "redline" for w in t.waits]
    waits: dict[str, Decimal] = defaultdict(Decimal)
    for case in (c for t in tallies if t.rule.kind != "redline" for c in t.cases):
        if case.waited is not None:
            waits[case.request] += case.waited
    asked = tuple(waits.values())
    return Friction(
        len(asked), sum(asked, Decimal(0)), middle(asked), len(stops), sum(stops, Decimal(0))
    )
