"""The frame of one quarter: the policy, from when to when; and what is gathered in it, rule by rule."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from guardrails.business_time import Calendar, hours_between
from guardrails.policy.model import Policy
from guardrails.policy.retrospective import Retrospective
from guardrails.retro.places import kind_of
from guardrails.retro.quarter import Quarter
from guardrails.retro.saving import Saving, once
from guardrails.retro.tally import Case, Rule, Tally
from handlers.overruns.placing import calendar
from handlers.turn import Turn
from storage import budgets
from storage.budgets import NoRate, in_workspace

#: So many lines of a list in a message; the rest is counted.
MOST = 8


@dataclass(frozen=True)
class Frame:
    """What a retrospective is made of. ``known``: the last day that the bill has whole."""

    turn: Turn
    quarter: Quarter
    rules: Retrospective
    since: datetime
    until: datetime
    calendar: Calendar
    known: date | None

    @property
    def policy(self) -> Policy:
        return self.turn.policy

    def day(self, at: datetime) -> date:
        """The workspace's day of a moment."""
        return at.astimezone(self.policy.workspace.zone).date()

    def hours(self, a: datetime, b: datetime | None) -> Decimal:
        """Working hours between two moments; up to now when it goes on."""
        passed = hours_between(self.calendar, a, b if b is not None else self.turn.now)
        return Decimal(str(round(passed, 2)))

    def money(self, micros: int, currency: str) -> Decimal | None:
        """Stored money in the workspace's currency; None without a rate: no number is better than a wrong one."""
        try:
            return in_workspace(self.policy, micros, currency, "A quarter")
        except NoRate:
            return None


def rules_of(policy: Policy) -> Retrospective:
    """The policy's retrospective, else the usual one in the default channel: to look at one before that."""
    return policy.retrospective or Retrospective(channel=policy.alerts.default)


def frame_of(turn: Turn, quarter: Quarter) -> Frame:
    """The frame of a quarter, as far as it is over."""
    since, until = quarter.times(turn.policy.workspace.zone)
    known = budgets.last_complete_day(turn.connection, turn.policy)
    rules, own = rules_of(turn.policy), calendar(turn.policy)
    return Frame(turn, quarter, rules, since, min(until, turn.now), own, known)


@dataclass
class Gathered:
    """Cases, misses and savings as they are found. A case has a name of its own, by which a saving is its.
    ``refused``: money that people asked for and were not granted."""

    cases: dict[str, list[tuple[str, Case]]] = field(default_factory=lambda: defaultdict(list))
    missed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    savings: list[Saving] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    refused: Decimal = Decimal(0)

    def add(self, rule: str, name: str, case: Case) -> None:
        """A time that a rule fired."""
        self.cases[rule].append((name, case))

    def save(self, saving: Saving | None) -> None:
        """What a case saved, if anything."""
        if saving is not None:
            self.savings.append(saving)

    def tallies(self, rules: Iterable[Rule]) -> tuple[Tally, ...]:
        """What each rule did; money that two cases claim is counted at one."""
        saved = once(self.savings)
        return tuple(self._tally(rule, saved) for rule in rules)

    def earlier(self, rules: Iterable[Rule]) -> tuple[Tally, ...]:
        """What rules did that are none of these: they have left the policy since."""
        known, saved = {rule.id for rule in rules}, once(self.savings)
        left = (
            Rule(kind_of(name), (), f"{name} of an earlier policy", name)
            for name in sorted({*self.cases, *self.missed} - known)
        )
        found = (self._tally(rule, saved) for rule in left)
        return tuple(t for t in found if t.fired or t.missed)

    def _tally(self, rule: Rule, saved: Mapping[str, Decimal]) -> Tally:
        cases = (
            replace(case, saved=saved.get(f"{rule.id} {name}", Decimal(0)))
            for name, case in self.cases.get(rule.id, ())
        )
        return Tally(rule, tuple(cases), tuple(self.missed.get(rule.id, ())))


def said_hours(hours: Decimal) -> str:
    """``6.5 working hours``."""
    shown = f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}".removesuffix(".0")
    return f"{shown} working {'hour' if shown == '1' else 'hours'}"
