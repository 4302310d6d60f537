"""What happened while money was spent: anomalies that touch it, and what people and rules decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from guardrails.alerts import words
from guardrails.budgets import applies
from guardrails.money import MICROS
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from handlers.alerts.record import found_of, state_said
from handlers.ask.saying import money
from handlers.ask.subjects import Subject
from handlers.budgets.jumps import touches
from handlers.budgets.standing import find_budget
from handlers.conversation import Block, Items, Strong, Text, text
from handlers.gates.message import OUTCOMES
from handlers.overruns.message import called, money_of, outcome
from handlers.turn import Turn
from storage import anomalies, budgets, council_week

SHOWN = 4
_STATES = ("open", "investigating", "resolved", "expected")


def meanwhile(turn: Turn, subject: Subject, period: Period) -> list[Block]:
    """Two lists, each only when it has something."""
    found = [
        *_listed("Anomalies that touch it", list(_anomalies(turn, subject, period))),
        *_listed("Decided in these days", [line for _, line in _decisions(turn, subject, period)]),
    ]
    return list(found)


def _listed(title: str, lines: list[Text]) -> list[Block]:
    if not lines:
        return []
    shown = lines[:SHOWN]
    if len(lines) > SHOWN:
        shown.append(text(f"and {len(lines) - SHOWN} more"))
    return [Items(title=title, items=tuple(shown))]


def _anomalies(turn: Turn, subject: Subject, period: Period) -> Iterator[Text]:
    """Those of these days that nobody called a false alarm, the open ones first."""
    rows = anomalies.during(turn.connection, period.first, period.last)
    for row in sorted(rows, key=lambda r: _STATES.index(r.state) if r.state in _STATES else 9):
        found = found_of(row)
        if row.state not in _STATES or not touches(subject.parts, found):
            continue
        state = state_said(row)
        cause = row.cause or row.reason
        end = f" ({state}: {cause})" if cause else f" ({state})"
        yield text(Strong(text=row.severity.capitalize()), f" {words.headline(found)}{end}")


def _decisions(turn: Turn, subject: Subject, period: Period) -> list[tuple[datetime, Text]]:
    """Sandboxes that began and ended, gates, overruns and redlines, the newest first."""
    zone = turn.policy.workspace.zone
    since = datetime.combine(period.first, time.min, zone)
    until = datetime.combine(period.last + timedelta(days=1), time.min, zone)
    c = turn.connection
    mine = _Share(turn, subject, period)
    found: list[tuple[datetime, Text]] = []

    def add(at: datetime, name: str, said: str) -> None:
        day = words.day(at.astimezone(zone).date())
        found.append((at, text(f"{day}: ", Strong(text=name), f" {said}")))

    for r in council_week.sandboxes_granted(c, since, until):
        if _of(subject, r):
            asked = money(turn, Decimal(int(r.asked_micros)) / MICROS)
            add(
                r.granted_at or r.asked_at,
                r.name,
                f"the sandbox was granted, {asked} were asked for",
            )
    for r in council_week.sandboxes_ended(c, since, until):
        if _of(subject, r):
            add(r.ended_at, r.name, f"the sandbox ended ({r.state})")
    for r in council_week.gates_decided(c, since, until):
        if mine.experiment(r.sandbox_name):
            did = OUTCOMES[r.kind, r.state]
            add(r.decided_at, r.sandbox_name, f"gate {r.gate}: {did[0].lower()}{did[1:]}")
    for r in council_week.overruns_decided(c, since, until):
        if r.kind != "sandbox" and mine.budget(r.budget):
            said = f"overrun of {money_of(turn.policy, r)}: {outcome(turn.policy, r)}"
            add(r.decided_at, called(r), said)
    for r in council_week.redlines_crossed(c, since, until):
        if r.opened_at >= since and mine.experiment(r.sandbox_name):
            add(r.opened_at, r.sandbox_name, f"redline {r.redline} was crossed")
    return sorted(found, key=lambda item: item[0], reverse=True)


def _of(subject: Subject, sandbox: Any) -> bool:
    """Whether a sandbox spends as the subject does."""
    mine = {
        "experiment": sandbox.name,
        "team": sandbox.team,
        "feature": sandbox.feature,
        "workload": sandbox.workload,
        "stage": sandbox.stage,
        "owner": sandbox.owner,
    }
    return all(mine.get(key) == value for key, value in subject.parts.items())


@dataclass(frozen=True)
class _Share:
    """What is the subject's in these days: where most of the money of names is, each looked up once."""

    turn: Turn
    subject: Subject
    period: Period
    _found: dict[str, dict[Dimension, str]] = field(default_factory=dict)

    def experiment(self, name: str) -> bool:
        """Whether most of what an experiment spends is the subject's."""
        wanted = self.subject.dimensions
        if not self.subject.parts:
            return True
        if not wanted:
            return False
        if name not in self._found:
            self._found[name] = self._mainly({"experiment": name})
        return all(self._found[name].get(d) == v for d, v in wanted.items())

    def budget(self, name: str) -> bool:
        """Whether the subject spends of the budget, or an experiment whose budget it is is the subject's."""
        budget = find_budget(self.turn, name)
        if budget is None or not self.subject.parts:
            return budget is not None
        scope = budget.scope
        if scope.experiment is not None:
            return self.experiment(scope.experiment)
        return bool(self.subject.dimensions) and applies(scope, self._of_subject)

    @cached_property
    def _of_subject(self) -> dict[Dimension, str]:
        return self._mainly(self.subject.dimensions)

    def _mainly(self, parts: Mapping[Dimension, str]) -> dict[Dimension, str]:
        return budgets.main_allocation(self.turn.connection, self.turn.policy, parts, self.period)
