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
from handlers.overruns.deciders import ladder_of, reviewers_of
from handlers.refusals import Stale
from handlers.turn import Turn
from storage import budgets, overruns
from storage.budgets import NoRate, in_workspace
from storage.overruns import OverrunRow


class Uncounted(Stale):
    """What was granted before is in a currency without a rate: nothing can be placed until there is one."""


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
    kind: str = ""
    asked_by: str = ""
    limit: str = ""  # of a sandbox: the tightest budget's around it, empty when there is none
    reviewers: tuple[str, ...] = ()


def case_of(row: OverrunRow, amount: Decimal | None = None) -> Case:
    """What the ladder has to know of a row, for its amount or another one."""
    own = Decimal(row.amount_micros) / MICROS
    return Case(
        row.budget,
        row.period,
        max(own if amount is None else amount, Decimal(row.facts.get("counts") or 0)),
        row.facts.get("stage", ""),
        row.facts.get("workload", ""),
        row.kind,
        row.asked_by,
        str(row.facts.get("limit") or ""),
        reviewers_of(row),
    )


def placed(turn: Turn, case: Case, least: int = 0) -> Placed:
    """The rung that decides the case now, by the policy and the grants of now.

    Raises Uncounted when what was granted before cannot be counted, for want of a rate.
    """
    ladder = ladder_of(turn.policy, case.reviewers)
    try:
        limit, granted = _limit(turn, case), _granted(turn, case)
    except NoRate as error:
        raise Uncounted(f"{error} Nothing was changed.") from None
    asked = Asked(
        amount=case.amount,
        limit=limit,
        granted=granted,
        times=tuple(
            (r.name, _times(turn, case, r.name, r.at_most.days))
            for r in ladder.rungs
            if r.at_most is not None
        ),
        stage=case.stage,
        workload=case.workload,
    )
    return place(ladder, asked, turn.policy.staffed(), least)


def _limit(turn: Turn, case: Case) -> Decimal | None:
    if case.kind == "sandbox":
        return Decimal(case.limit) if case.limit else None
    budget = find_budget(turn, case.budget)
    span = span_of(budget, turn.today) if budget is not None else None
    base = base_of(turn, budget, span) if budget is not None and span is not None else None
    return base or Decimal(0)


def _granted(turn: Turn, case: Case) -> Decimal:
    """What counts together with the amount. Of sandboxes all that the same person was granted for them: an
    experiment in many pieces is one."""
    since = turn.now - timedelta(days=turn.policy.ladder.window_days)
    granted = budgets.granted_since(turn.connection, turn.policy, case.budget, since)
    if case.kind != "sandbox" or not case.asked_by:
        return granted
    own = overruns.granted_to(turn.connection, case.asked_by, case.kind, since)
    what = f"What {case.asked_by} was granted"
    return max(granted, sum((in_workspace(turn.policy, m, c, what) for c, m in own), Decimal(0)))


def _times(turn: Turn, case: Case, rung: str, days: int) -> int:
    since = turn.now - timedelta(days=days)
    if case.kind == "sandbox" and case.asked_by:
        return overruns.times_of_person(turn.connection, case.asked_by, case.kind, rung, since)
    return overruns.times(turn.connection, case.budget, rung, since)


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
