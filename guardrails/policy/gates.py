"""Gates: the evidence that lifts a sandbox's stage and budget, or lowers it."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from guardrails.policy.alerts import Stage
from guardrails.policy.base import Name, Section
from guardrails.policy.people import Role

STAGES: tuple[Stage, ...] = ("exploration", "pilot", "scaled", "production")
Judged = Literal["metric", "unit-cost", "return-on-spend", "tags", "sign-off"]


class Evidence(Section):
    """One thing that is judged.

    metric: the mean of ``metric`` a day over ``days`` · unit-cost: spend over the sum of ``metric`` ·
    return-on-spend: the sum of ``metric`` (money) over spend · tags: percent of spend whose team, feature,
    workload, stage and owner are known · sign-off: a person with ``role``.
    """

    judge: Judged
    metric: Name | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    days: int = Field(default=7, ge=1, le=90, description="complete days")
    role: Role | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Evidence":
        if self.judge == "sign-off":
            if self.role is None or self.metric or self.at_least or self.at_most:
                raise ValueError("a sign-off needs a role, and nothing else")
            return self
        if self.role is not None:
            raise ValueError("only a sign-off has a role")
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("must have either at_least or at_most")
        if (self.judge == "tags") == (self.metric is not None):
            raise ValueError(
                "tags need no metric" if self.judge == "tags" else f"{self.judge} needs a metric"
            )
        return self


class Gate(Section):
    """From one stage to the next, with what has to be shown and what it opens."""

    name: Name
    from_: Stage = Field(alias="from")
    to: Stage
    cap: Decimal = Field(gt=0, lt=Decimal(10) ** 12, description="of the stage that opens")
    days: int = Field(default=30, ge=1, le=366, description="how long the stage then has")
    evidence: tuple[Evidence, ...] = Field(min_length=1)
    by: tuple[Role, ...] = Field(default=("lead",), min_length=1, description="who may promote")
    lower_after_days: int | None = Field(
        default=None,
        ge=1,
        le=366,
        description="so many days in the stage without its evidence: lowering is proposed",
    )
    lower_percent: int = Field(default=50, ge=1, le=99, description="of what is left of the cap")

    @model_validator(mode="after")
    def _forward(self) -> "Gate":
        if STAGES.index(self.to) <= STAGES.index(self.from_):
            raise ValueError("must lead to a later stage")
        return self


def gate_from(gates: Iterable[Gate], stage: str) -> Gate | None:
    """The gate that leads out of a stage."""
    return next((g for g in gates if g.from_ == stage), None)


def wrong(gates: Sequence[Gate]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong between the gates: (path of keys, sentence)."""
    names = [gate.name for gate in gates]
    stages = [gate.from_ for gate in gates]
    for i, gate in enumerate(gates):
        if names.index(gate.name) != i:
            yield (i, "name"), f"two gates are called {gate.name}; names must differ"
        if stages.index(gate.from_) != i:
            yield (i, "from"), f"a gate from {gate.from_} stands before; each stage has one"
