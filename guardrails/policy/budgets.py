"""Budgets: how much a scope may spend in a period, and who hears when."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from guardrails.policy.alerts import Stage
from guardrails.policy.base import Email, Name, Section
from guardrails.policy.bills import Dimension

#: A budget's name stands in keys and commands.
BudgetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,59}$")]
Percent = Annotated[int, Field(ge=1, le=1000)]


class Scope(Section):
    """What a budget is of: all that is given must match. A workload and a stage make a safe zone."""

    experiment: Name | None = None
    feature: Name | None = None
    team: Name | None = None
    workload: Name | None = None
    stage: Stage | None = None
    segment: Name | None = None

    @model_validator(mode="after")
    def _something(self) -> "Scope":
        if not self.parts:
            raise ValueError("must name an experiment, feature, team, workload, stage or segment")
        return self

    @property
    def parts(self) -> dict[Dimension, str]:
        """What must match, by dimension."""
        names: tuple[Dimension, ...] = (
            "experiment",
            "feature",
            "team",
            "workload",
            "stage",
            "segment",
        )
        return {n: v for n in names if (v := getattr(self, n)) is not None}

    def __str__(self) -> str:
        return " · ".join(f"{name} {value}" for name, value in self.parts.items())


class Term(Section):
    """A fixed term, both days included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> "Term":
        if self.last < self.first:
            raise ValueError("must end on or after the day on which it begins")
        if (self.last - self.first).days > 731:
            raise ValueError("must not be longer than two years")
        return self


class PerUnit(Section):
    """A limit of cost per unit of a metric: ``limit`` money per one of ``metric``."""

    metric: Name
    limit: Decimal = Field(gt=0)


class Budget(Section):
    """A limit for a scope and a period. The limit changes by entries of its ledger, never by being overwritten."""

    name: BudgetName
    scope: Scope
    limit: Decimal | None = Field(default=None, gt=0, lt=Decimal(10) ** 12)
    per_unit: PerUnit | None = None
    period: Literal["month", "quarter"] | Term = "month"
    currency: str | None = Field(default=None, description="the workspace's when it is not given")
    owner: Email | None = None
    channel: Name | None = Field(default=None, description="the team's, else alerts.default")

    @model_validator(mode="after")
    def _limited(self) -> "Budget":
        if (self.limit is None) == (self.per_unit is None):
            raise ValueError("must have either a limit or per_unit")
        return self


class Nudge(Section):
    """At a share of the budget, in percent, these hear of it: ``team`` for the budget's channel."""

    at: Percent
    to: tuple[Name, ...] = ("team",)
    mention: tuple[Literal["owner", "lead"], ...] = ()


_ACTUAL = (
    Nudge(at=50),
    Nudge(at=75, mention=("owner",)),
    Nudge(at=90, mention=("owner", "lead")),
    Nudge(at=100, mention=("owner", "lead")),
    Nudge(at=120, mention=("owner", "lead")),
)
_FORECAST = (Nudge(at=100, mention=("owner",)), Nudge(at=120, mention=("owner", "lead")))


class Nudges(Section):
    """When people are told how a budget stands: by what is spent, and by what the forecast says."""

    actual: tuple[Nudge, ...] = _ACTUAL
    forecast: tuple[Nudge, ...] = _FORECAST

    def all(self) -> Iterator[tuple[str, int, Nudge]]:
        """(basis, its number, nudge) of every nudge."""
        for basis, nudges in (("actual", self.actual), ("forecast", self.forecast)):
            for i, nudge in enumerate(nudges):
                yield basis, i, nudge
