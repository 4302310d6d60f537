"""The budgets that something spends of: those whose scope has most of its spend."""

from datetime import timedelta
from decimal import Decimal
from typing import get_args

from guardrails.budgets import Standing
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.budgets import Budget
from handlers.ask.subjects import Subject
from handlers.budgets.standing import budgets_of, standings_of
from handlers.turn import Turn
from storage import spend

#: Days whose spend is looked at, and the share of it that must be in a budget's scope.
DAYS = timedelta(days=60)
MOST = Decimal("0.5")
_KEYS: tuple[Dimension, ...] = get_args(Dimension)


def around(turn: Turn, subject: Subject) -> list[Standing]:
    """The budgets of its spend, the tightest first; all budgets for all spend, the budget itself for a budget."""
    wanted = budgets_of(turn)
    if subject.budget is not None:
        wanted = [subject.budget]
    elif subject.parts:
        period = Period(turn.today - DAYS, turn.today)
        sums = spend.sums_by(turn.connection, turn.policy, period, *_KEYS, only=subject.parts)
        whole = sum(sums.values(), Decimal(0))
        wanted = [b for b in wanted if _inside(b, sums) >= MOST * whole and _inside(b, sums) > 0]
    found = standings_of(turn, wanted)
    return sorted(found, key=lambda s: (s.room / s.limit if s.limit else s.room, s.budget.name))


def _inside(budget: Budget, sums: dict[tuple[str, ...], Decimal]) -> Decimal:
    """How much of sums by ``_KEYS`` is in the scope of a budget."""
    wanted = [(_KEYS.index(dimension), value) for dimension, value in budget.scope.parts.items()]
    return sum(
        (a for names, a in sums.items() if all(names[i] == v for i, v in wanted)), Decimal(0)
    )
