"""What an overrun's row keeps of its budget: what the card shows, and how far beyond the limit it was."""

from decimal import Decimal
from typing import Any

from guardrails.budgets import Standing, checkpoint
from guardrails.overruns import rounded
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from handlers.budgets import message as budget_words
from handlers.budgets.jumps import young
from handlers.budgets.standing import history
from handlers.overruns.trends import drivers_of, trends_of
from handlers.turn import Turn
from storage.overruns import OverrunRow


def over_of(row: OverrunRow) -> Decimal:
    """How far beyond its limit the budget was, as the row knows it; 0 when somebody asked in advance."""
    return Decimal(row.facts.get("over") or 0)


def facts_of(turn: Turn, s: Standing, mine: dict[Dimension, str], why: str) -> dict[str, Any]:
    """What the card shows of the budget, as it is now."""
    currency = turn.policy.workspace.currency
    through = s.burn.through or s.span.first
    spent_days = history(turn, s.budget, s.span, through)
    return {
        "budget": budget_words.limit(s, currency),
        "spent": budget_words.spent(s, currency),
        "forecast": budget_words.forecast(s, currency),
        "young": young(turn, s.budget.scope.parts, s.burn),
        "runway": budget_words.runway(s, currency),
        "scope": str(s.budget.scope),
        "team": mine.get("team", ""),
        "stage": mine.get("stage", ""),
        "workload": mine.get("workload", ""),
        "limit": str(s.limit),
        "over": str(rounded(s.over)),
        "checkpoint": checkpoint(turn.policy.nudges, s, turn.today).isoformat(),
        "placed": why,
        "drivers": drivers_of(turn, s, Period(s.span.first, max(through, s.span.first))),
        "trends": trends_of(turn, s, through),
        "chart": budget_words.burn_chart(turn.policy, s, spent_days).model_dump(mode="json"),
    }
