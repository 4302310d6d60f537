"""Where an overrun stands on the ladder now, and until when it has to be decided."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from guardrails.budgets import span_of
from guardrails.business_time import Calendar, add_hours
from guardrails.ladder import Asked, Placed, place
from guardrails.money import MICROS
from guardrails.policy.model import Policy
from handlers.budgets.standing import base_of, find_budget
from handlers.turn import Turn
from storage import budgets, overruns
from storage.overruns import OverrunRow

_MINUTE = Decimal(1) / 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Case:
    """What the ladder has to know of an overrun; money in the workspace's currency."""

    budget: str
    period: str
    amount: Decimal
    stage: str
    workload: str


def case_of(row: OverrunRow, amount: Decimal | None = None) -> Case:
    """What the ladder has to know of a row, for its amount or another one."""
    own = Decimal(row.amount_micros) / MICROS
    return Case(
        row.budget,
        row.period,
        own if amount is None else amount,
        row.facts.get("stage", ""),
        row.facts.get("workload", ""),
    )


def placed(turn: Turn, case: Case, least: int = 0) -> Placed:
    """The rung that decides the case now, by the policy and the grants of now."""
    ladder = turn.policy.ladder
    since = turn.now - timedelta(days=ladder.window_days)
    budget = find_budget(turn, case.budget)
    span = span_of(budget, turn.today) if budget is not None else None
    base = base_of(turn, budget, span) if budget is not None and span is not None else None
    asked = Asked(
        amount=case.amount,
        limit=base or Decimal(0),
        granted=budgets.granted_since(turn.connection, case.budget, since),
        times=tuple(
            (r.name, _times(turn, case.budget, r.name, r.at_most.days))
            for r in ladder.rungs
            if r.at_most is not None
        ),
        stage=case.stage,
        workload=case.workload,
    )
    return place(ladder, asked, turn.policy.staffed(), least)


def _times(turn: Turn, budget: str, rung: str, days: int) -> int:
    return overruns.times(turn.connection, budget, rung, turn.now - timedelta(days=days))


def due_at(turn: Turn, where: Placed, share: Decimal = Decimal(1)) -> datetime:
    """When the rung has to have decided, or a share of that time, in working hours."""
    hours = where.rung.due_hours * share
    # Counted to the last minute: eight hours from the morning end in the evening, not on the next morning.
    before = add_hours(calendar(turn.policy), turn.now, max(hours - _MINUTE, Decimal(0)))
    return before + timedelta(minutes=1)


def calendar(policy: Policy, email: str = "") -> Calendar:
    """The working hours of a person of the policy, or of the workspace."""
    w = policy.workspace
    person = next((p for p in policy.people if p.email == email), None)
    own = person.time_zone if person else None
    return Calendar(
        zone=ZoneInfo(own) if own else w.zone,
        start=time.fromisoformat(w.working_hours.start),
        end=time.fromisoformat(w.working_hours.end),
        weekdays=frozenset(_DAYS.index(d) for d in w.working_hours.days),
        country=(person.holidays if person else None) or w.holidays,
    )
