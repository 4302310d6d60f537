"""Where budgets stand now: ledger, spend and course, each read once."""

import logging
from datetime import date, timedelta
from decimal import Decimal

from guardrails.budgets import GRANTS, Span, Standing, applies, limit_on, span_of
from guardrails.burn import Spent, burn
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.budgets import Budget
from handlers.turn import Turn
from storage import budgets, sandboxes
from storage.budgets import NoRate
from storage.spend import rate

log = logging.getLogger(__name__)
HISTORY = timedelta(days=180)
FOUR_WEEKS = timedelta(days=28)
CENT = Decimal("0.01")


def standing(turn: Turn, budget: Budget) -> Standing | None:
    """Where a budget stands in its period of today; None outside its term, before the first bill, while a limit
    per unit has no units to go by, or while its ledger cannot be counted (the log says why)."""
    span = span_of(budget, turn.today)
    through = last_day(turn)
    if span is None or through is None:
        return None
    try:
        base = base_of(turn, budget, span)
    except NoRate as error:
        log.error("the budget %s is left out: %s", budget.name, error)
        return None
    if base is None:
        return None
    entries = budgets.ledger(turn.connection, turn.policy, budget.name, span.key)
    grants = [e for e in entries if e.kind in GRANTS]
    limit = base + limit_on(grants, turn.today)
    ends = limit_on(grants, turn.today) - limit_on(grants, span.last)
    spent = history(turn, budget, span, through)
    course = burn(spent, span.first, span.last, limit, turn.today)
    return Standing(budget, span, limit, course, ends)


def uncounted(turn: Turn, budget: Budget) -> str:
    """Why a budget's ledger cannot be counted, a sentence; empty when it can."""
    span = span_of(budget, turn.today)
    if span is not None:
        try:
            budgets.ledger(turn.connection, turn.policy, budget.name, span.key)
        except NoRate as error:
            return str(error)
    return ""


def budgets_of(turn: Turn) -> list[Budget]:
    """The policy's budgets, and those of the sandboxes that live."""
    living = sandboxes.living(turn.connection)
    return [*turn.policy.budgets, *map(sandboxes.budget, living)]


def standings(turn: Turn) -> list[Standing]:
    """All budgets that have a period today."""
    return [s for b in budgets_of(turn) if (s := standing(turn, b)) is not None]


def inside(turn: Turn, dimension: Dimension, value: str) -> list[Standing]:
    """The budgets that an experiment, feature or team spends of: its own and those around it."""
    period = Period(turn.today - timedelta(days=60), turn.today)
    mine = budgets.main_allocation(turn.connection, turn.policy, {dimension: value}, period)
    return [
        s
        for b in budgets_of(turn)
        if applies(b.scope, mine) and (s := standing(turn, b)) is not None
    ]


def find_budget(turn: Turn, name: str) -> Budget | None:
    """The policy's budget of that name, or a sandbox's."""
    mine = next((b for b in turn.policy.budgets if b.name == name), None)
    return mine or sandboxes.find_budget(turn.connection, name)


def history(turn: Turn, budget: Budget, span: Span, through: date) -> Spent:
    """The complete days of a budget's scope, up to ``through``."""
    first = min(span.first, through - HISTORY)
    return budgets.spend_of(
        turn.connection, turn.policy, budget.scope.parts, Period(first, max(first, through))
    )


def last_day(turn: Turn) -> date | None:
    """The last day whose spend is known whole; None before the first bill."""
    known = budgets.last_complete_day(turn.connection, turn.policy)
    return None if known is None else min(known, turn.today - timedelta(days=1))


def base_of(turn: Turn, budget: Budget, span: Span) -> Decimal | None:
    """The limit without what was granted beyond it, in the workspace's currency: the ledger's sum, and what a
    limit per unit comes to; None while there are no units to go by.

    Until the first look of a period has written the ledger, the policy's limit stands for it.
    """
    entries = [
        e
        for e in budgets.ledger(turn.connection, turn.policy, budget.name, span.key)
        if e.kind not in GRANTS
    ]
    kept = limit_on(entries, turn.today)
    if budget.limit is not None and not any(e.kind == "set" for e in entries):
        kept += worth(turn, budget, budget.limit)
    if budget.per_unit is None:
        return kept
    units = _units_of_period(turn, budget, span, budget.per_unit.metric)
    if not units:
        return None
    return kept + worth(turn, budget, budget.per_unit.limit * units).quantize(CENT)


def _units_of_period(turn: Turn, budget: Budget, span: Span, metric: str) -> Decimal:
    """The units of the days so far, and for the days to come as many a day as in the last four weeks: the first
    days of a period say too little of its rest."""
    through = last_day(turn)
    if through is None:
        return Decimal(0)
    parts, through = budget.scope.parts, min(through, span.last)
    recent = Period(through - FOUR_WEEKS + timedelta(days=1), through)
    a_day = budgets.units_of(turn.connection, parts, metric, recent) / FOUR_WEEKS.days
    so_far = Decimal(0)
    if through >= span.first:
        so_far = budgets.units_of(turn.connection, parts, metric, Period(span.first, through))
    left = (span.last - max(through, span.first - timedelta(days=1))).days
    return so_far + a_day * left


def worth(turn: Turn, budget: Budget, amount: Decimal) -> Decimal:
    """An amount of the budget's currency in the workspace's."""
    return amount * rate(turn.policy, budget.currency or turn.policy.workspace.currency)


def channel_of(turn: Turn, budget: Budget) -> str:
    """Where a budget is talked about: its channel, its team's, else the default."""
    name = budget.scope.team or allocation(turn, budget).get("team", "")
    team = turn.policy.teams.get(name)
    return budget.channel or (team.channel if team else turn.policy.alerts.default)


def allocation(turn: Turn, budget: Budget) -> dict[Dimension, str]:
    """In which team, feature, workload and stage most of a budget's spend of the last two months is."""
    period = Period(turn.today - timedelta(days=60), turn.today)
    return budgets.main_allocation(turn.connection, turn.policy, budget.scope.parts, period)
