"""Where budgets stand now: ledger, spend and course, each read once."""

import logging
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

from guardrails.budgets import GRANTS, Entry, Span, Standing, applies, limit_on, span_of
from guardrails.burn import Spent, burn
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.budgets import Budget
from handlers.turn import Turn
from storage import budgets, sandboxes
from storage.budgets import NoRate
from storage.spend import K, Wanted, rate

log = logging.getLogger(__name__)
HISTORY = timedelta(days=180)
FOUR_WEEKS = timedelta(days=28)
CENT = Decimal("0.01")


def standing(turn: Turn, budget: Budget) -> Standing | None:
    """Where a budget stands in its period of today; None outside its term, before the first bill, while a limit
    per unit has no units to go by, or while its ledger cannot be counted (the log says why)."""
    return next(iter(standings_of(turn, (budget,))), None)


def standings_of(turn: Turn, wanted: Iterable[Budget]) -> list[Standing]:
    """Where these budgets stand, in their order, without those of which :func:`standing` has nothing to say."""
    spans = [(b, span) for b in wanted if (span := span_of(b, turn.today)) is not None]
    days = budgets.complete_days(turn.connection, turn.policy) if spans else None
    if days is None:
        return []
    found = (_standing(turn, b, span, _through(turn, days, b.scope.parts)) for b, span in spans)
    return [s for s in found if s is not None]


def _standing(turn: Turn, budget: Budget, span: Span, through: date) -> Standing | None:
    try:
        entries = budgets.ledger(turn.connection, turn.policy, budget.name, span.key)
    except NoRate as error:
        log.error("the budget %s is left out: %s", budget.name, error)
        return None
    base = _base(turn, budget, span, entries, through)
    if base is None:
        return None
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
    return standings_of(turn, budgets_of(turn))


def inside(
    turn: Turn, dimension: Dimension, values: Iterable[str]
) -> dict[str, tuple[Standing, ...]]:
    """The budgets that each experiment, feature or team spends of: its own and those around it. What several spend
    of is worked out once."""
    every = budgets_of(turn)
    around: dict[str, set[str]] = {}
    for value in values:
        mine = _mainly(turn, {dimension: value})
        around[value] = {b.name for b in every if applies(b.scope, mine)}
    wanted = set().union(*around.values())
    found = standings_of(turn, (b for b in every if b.name in wanted))
    return {v: tuple(s for s in found if s.budget.name in names) for v, names in around.items()}


def find_budget(turn: Turn, name: str) -> Budget | None:
    """The policy's budget of that name, or a sandbox's."""
    mine = next((b for b in turn.policy.budgets if b.name == name), None)
    return mine or sandboxes.find_budget(turn.connection, name)


def history(turn: Turn, budget: Budget, span: Span, through: date) -> Spent:
    """The complete days of a budget's scope, up to ``through``, and what is billed of those after to the period's
    end."""
    period = Period(min(span.first, through - HISTORY), max(span.last, through))
    spent = budgets.spend_of(turn.connection, turn.policy, budget.scope.parts, period)
    return spent.complete_to(through)


def last_day(turn: Turn, parts: Mapping[K, Wanted] | None = None) -> date | None:
    """The last day whose spend in a scope, in all without one, is known whole; None before the first bill."""
    days = budgets.complete_days(turn.connection, turn.policy)
    return None if days is None else _through(turn, days, parts)


def _through(
    turn: Turn, days: budgets.CompleteDays, parts: Mapping[K, Wanted] | None = None
) -> date:
    known = budgets.complete_of(turn.connection, turn.policy, days, parts)
    return min(known, turn.today - timedelta(days=1))


def base_of(turn: Turn, budget: Budget, span: Span) -> Decimal | None:
    """The limit without what was granted beyond it, in the workspace's currency: the ledger's sum, and what a
    limit per unit comes to; None while there are no units to go by. Raises NoRate.

    Until the first look of a period has written the ledger, the policy's limit stands for it.
    """
    entries = budgets.ledger(turn.connection, turn.policy, budget.name, span.key)
    through = last_day(turn, budget.scope.parts) if budget.per_unit is not None else None
    return _base(turn, budget, span, entries, through)


def _base(
    turn: Turn, budget: Budget, span: Span, entries: Iterable[Entry], through: date | None
) -> Decimal | None:
    """The same, of the ledger's entries and the last complete day."""
    entries = [e for e in entries if e.kind not in GRANTS]
    kept = limit_on(entries, turn.today)
    if budget.limit is not None and not any(e.kind == "set" for e in entries):
        kept += worth(turn, budget, budget.limit)
    if budget.per_unit is None:
        return kept
    units = _units_of_period(turn, budget, span, budget.per_unit.metric, through)
    if not units:
        return None
    return kept + worth(turn, budget, budget.per_unit.limit * units).quantize(CENT)


def _units_of_period(
    turn: Turn, budget: Budget, span: Span, metric: str, through: date | None
) -> Decimal:
    """The units of the days so far, and for the days to come as many a day as in the last four weeks: the first
    days of a period say too little of its rest."""
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
    return _mainly(turn, budget.scope.parts)


def _mainly(turn: Turn, parts: Mapping[Dimension, str]) -> dict[Dimension, str]:
    period = Period(turn.today - timedelta(days=60), turn.today)
    return budgets.main_allocation(turn.connection, turn.policy, parts, period)
