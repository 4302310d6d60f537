"""Where an overrun comes from, and whether what is bought with it gets better: lines for the card."""

from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Standing
from guardrails.money import Money
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from handlers.turn import Turn
from storage import budgets, spend

SHOWN = 3
WEEK = timedelta(days=7)


def drivers_of(turn: Turn, s: Standing, period: Period) -> list[str]:
    """The parts that spend most in the period, with what they spent in as many days before."""
    currency = turn.policy.workspace.currency
    parts = s.budget.scope.parts
    by: Dimension = "workload" if "experiment" in parts else "experiment"
    now = spend.totals(turn.connection, turn.policy, period, by, parts)
    earlier = Period(period.first - timedelta(days=period.days), period.first - timedelta(days=1))
    before = spend.totals(turn.connection, turn.policy, earlier, by, parts)
    lines = []
    for name, amount in sorted(now.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]:
        change = amount - before.get(name, Decimal(0))
        sign = "+" if change >= 0 else "−"
        lines.append(
            f"{by.capitalize()} {name or '(not allocated)'}: {Money(amount, currency)} "
            f"({sign}{Money(abs(change), currency)} against the {words.days(period.days)} before)"
        )
    return lines


def trends_of(turn: Turn, s: Standing, through: date) -> list[str]:
    """Cost per unit and quality of the last week against the week before, where the policy watches them."""
    parts, lines = s.budget.scope.parts, []
    last, before = Period(through - WEEK + timedelta(days=1), through), None
    before = Period(last.first - WEEK, last.first - timedelta(days=1))
    cost = [_cost(turn, parts, p) for p in (before, last)]
    for unit in turn.policy.watch.units:
        counts = [budgets.units_of(turn.connection, parts, unit.metric, p) for p in (before, last)]
        if all(counts) and all(cost):
            change = float((cost[1] / counts[1]) / (cost[0] / counts[0]) - 1)
            count = f"{unit.per:,} " if unit.per != 1 else ""
            lines.append(f"Cost per {count}{unit.label} {_moved(change)} in a week")
    for metric in turn.policy.watch.quality:
        levels = [budgets.mean_of(turn.connection, parts, metric, p) for p in (before, last)]
        if levels[0] and levels[1] is not None:
            lines.append(f"{metric} {_moved(levels[1] / levels[0] - 1)} in a week")
    return lines[:4]


def _cost(turn: Turn, parts: dict[Dimension, str], period: Period) -> Decimal:
    found = spend.totals(turn.connection, turn.policy, period, None, parts)
    return found.get("", Decimal(0))


def _moved(change: float) -> str:
    if abs(change) < 0.01:
        return "is unchanged"
    return f"{'rose' if change > 0 else 'fell'} {words.percent(abs(change))}"
