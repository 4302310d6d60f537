"""Gates: the evidence that lifts a sandbox's stage and budget, or lowers it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from guardrails.policy.alerts import Stage
from guardrails.policy.base import Name, Section
from guardrails.policy.people import Role

STAGES: tuple[Stage, ...] = ("exploration", "pilot", "scaled", "production")
Judged = Literal["metric", "target", "unit-cost", "return-on-spend", "tags", "sign-off"]
Scope = Literal["experiment", "feature"]
Daily = Literal["mean", "sum"]


class Evidence(Section):
    """One thing that is judged.

    metric: the mean of ``metric`` a day over ``days`` · target: the same of the metric and the target that the
    sandbox itself was asked for with · unit-cost: spend over the sum of ``metric`` · return-on-spend: the sum
    of ``metric`` (money) over spend · tags: percent of spend whose team, feature, workload, stage and owner are
    known · sign-off: a person with ``role``.
    """

    judge: Judged
    metric: Name | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    days: int = Field(default=7, ge=1, le=90, description="complete days, all within the stage")
    of: Scope = Field(
        default="experiment",
        description="whose metric and spend: the sandbox's own, or those of its whole feature",
    )
    daily: Daily = Field(
        default="mean",
        description="what the points of one day come to (one a segment, say): a score's mean, a count's sum",
    )
    role: Role | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Evidence":
        limits = [limit for limit in (self.at_least, self.at_most) if limit is not None]
        if self.judge == "sign-off":
            if self.role is None or self.metric or limits:
                raise ValueError("a sign-off needs a role, and nothing else")
            return self
        if self.role is not None:
            raise ValueError("only a sign-off has a role")
        if self.judge == "target":
            if self.metric or limits:
                raise ValueError("a target is the sandbox's own: no metric, at_least or at_most")
            if self.daily == "sum" or self.of != "experiment":
                raise ValueError("a target is the mean a day of the sandbox's own metric")
            return self
        if len(limits) != 1:
            raise ValueError("must have either at_least or at_most")
        if (self.judge == "tags") == (self.metric is not None):
            raise ValueError(
                "tags need no metric" if self.judge == "tags" else f"{self.judge} needs a metric"
            )
        if self.daily == "sum" and self.judge != "metric":
            raise ValueError("only a metric has daily: unit-cost and return-on-spend always sum")
        if self.judge == "tags" and not (self.at_least is not None and 0 < self.at_least <= 100):
            raise ValueError("tags need at_least, a percentage up to 100")
        if self.judge == "tags" and self.of != "experiment":
            raise ValueError("tags are those of the experiment's own spend")
        return self


class GateWhen(Section):
    """All that is given must hold; nothing given always holds."""

    team: tuple[Name, ...] = ()
    feature: tuple[Name, ...] = ()
    workload: tuple[Name, ...] = ()

    def holds(self, team: str, feature: str, workload: str) -> bool:
        """Whether a sandbox is one of those."""
        return all(
            not wanted or value in wanted
            for wanted, value in (
                (self.team, team),
                (self.feature, feature),
                (self.workload, workload),
            )
        )


class Gate(Section):
    """From one stage to the next, with what has to be shown and what it opens."""

    name: Name
    when: GateWhen = GateWhen()
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
        if len(set(self.signs)) < len(self.signs):
            raise ValueError("asks for two sign-offs of one role; each role signs once")
        if len(set(self.evidence)) < len(self.evidence):
            raise ValueError("has the same evidence twice")
        if self.lower_after_days is not None and len(self.signs) == len(self.evidence):
            raise ValueError(
                "has nothing that is measured, so nothing can fail; no lower_after_days"
            )
        return self

    @property
    def signs(self) -> tuple[Role, ...]:
        """The roles whose sign-off it asks for, in the policy's order."""
        return tuple(e.role for e in self.evidence if e.role is not None)


def gate_from(
    gates: Iterable[Gate], stage: str, team: str = "", feature: str = "", workload: str = ""
) -> Gate | None:
    """The gate that leads such a sandbox out of its stage: the first that takes it."""
    return next(
        (g for g in gates if g.from_ == stage and g.when.holds(team, feature, workload)), None
    )


def wrong(gates: Sequence[Gate]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong between the gates: (path of keys, sentence)."""
    names = [gate.name for gate in gates]
    for i, gate in enumerate(gates):
        if names.index(gate.name) != i:
            yield (i, "name"), f"two gates are called {gate.name}; names must differ"
        takes_all = next(
            (g for g in gates[:i] if g.from_ == gate.from_ and g.when == GateWhen()), None
        )
        if takes_all is not None:
            yield (
                (i, "from"),
                f"{takes_all.name} stands before and takes every sandbox that leaves {gate.from_}",
            )


def doubtful(gates: Iterable[Gate], staffed: Collection[Role]) -> Iterator[str]:
    """What is allowed but probably a mistake: gates that nobody could ever pass. A sentence each."""
    for gate in gates:
        for role in gate.signs:
            if role not in staffed:
                yield f"Nobody has the role {role}, so the gate {gate.name} can never be signed."
        if not set(gate.by) & set(staffed):
            yield f"Nobody has the role {' or '.join(gate.by)}, so nobody can promote at the gate {gate.name}."
