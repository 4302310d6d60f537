"""What a sandbox may spend and has spent: its budget is one like any other, with its ledger."""

from decimal import Decimal

from guardrails.budgets import Standing, limit_on, span_of
from guardrails.burn import Spent
from guardrails.money import MICROS, Money
from guardrails.periods import Period
from guardrails.policy.budgets import Budget
from guardrails.sandboxes.budget import budget_name
from handlers.budgets.standing import standing
from handlers.turn import Turn
from storage import budgets, sandboxes
from storage.sandboxes import SandboxRow


def budget_of(row: SandboxRow) -> Budget:
    """Its budget: called ``sandbox/NAME``, of what the experiment of that name spends."""
    return sandboxes.budget(row)


def period_of(row: SandboxRow) -> str:
    """The key of its ledger's period, which is the same however long it is extended."""
    span = span_of(budget_of(row), row.starts_on)
    if span is None:
        raise LookupError(f"sandbox {row.id} does not begin in its own term")
    return span.key


def cap(turn: Turn, row: SandboxRow) -> Decimal:
    """What it may spend in all, by its ledger, or might at its end; in the workspace's currency."""
    entries = budgets.ledger(turn.connection, turn.policy, budget_name(row.name), period_of(row))
    return limit_on(entries, min(turn.today, row.ends_on))


def standing_of(turn: Turn, row: SandboxRow) -> Standing | None:
    """Cap, spend and course; None before the first bill, and outside its term."""
    return standing(turn, budget_of(row))


def spend_of(turn: Turn, row: SandboxRow) -> Spent:
    """What it spent on each day from its beginning to today, also on days that are not complete."""
    period = Period(row.starts_on, max(turn.today, row.starts_on))
    return budgets.spend_of(turn.connection, turn.policy, {"experiment": row.name}, period)


def spent(turn: Turn, row: SandboxRow) -> Decimal:
    """What it has spent by the bill as it is now, in the workspace's currency."""
    return sum(spend_of(turn, row).days, Decimal(0))


def estimate(row: SandboxRow) -> Decimal:
    """What was estimated, in the sandbox's currency."""
    return Decimal(int(row.estimate_micros)) / MICROS


def money(turn: Turn, amount: Decimal) -> str:
    """In the workspace's currency, with cents when there are any."""
    return Money(amount, turn.policy.workspace.currency).in_full()


def about(turn: Turn, amount: Decimal) -> str:
    """A rate or a forecast, in the workspace's currency: whole units from 100 on."""
    return str(Money(amount, turn.policy.workspace.currency))
