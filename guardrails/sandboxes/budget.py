"""A sandbox's budget: its limit is its ledger alone, its scope what it spends as an experiment."""

from datetime import date

from guardrails.policy.budgets import Budget, Scope, Term

PREFIX = "sandbox/"  # no budget of the policy can be called so


def budget_name(name: str) -> str:
    """The name of a sandbox's budget in ledger, messages and commands."""
    return f"{PREFIX}{name}"


def budget_of(name: str, first: date, last: date, owner: str, channel: str) -> Budget:
    """The budget of a sandbox. It has no limit of its own, which the policy's budgets must have."""
    return Budget.model_construct(
        name=budget_name(name),
        scope=Scope(experiment=name),
        limit=None,
        per_unit=None,
        period=Term(first=first, last=max(first, last)),
        currency=None,
        owner=owner,
        channel=channel,
    )


def is_sandbox(budget: Budget) -> bool:
    """Whether a budget is a sandbox's."""
    return budget.name.startswith(PREFIX)
