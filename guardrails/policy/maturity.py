"""Maturity: how much of a team's spend is understood, and how far the bot therefore goes."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from guardrails.policy.base import Name, Section

Level = Literal[0, 1, 2, 3]
Share = Annotated[Decimal, Field(ge=0, le=100)]


class Override(Section):
    """The level of a team as people decided it."""

    level: Level
    because: str = Field(min_length=1, max_length=300)


class Maturity(Section):
    """What the levels need, in percent. 0 observes, 1 nudges, 2 approves, 3 stops."""

    nudge_coverage: Share = Field(
        default=Decimal(50), description="level 1: spend with experiment, feature and workload"
    )
    approve_coverage: Share = Field(default=Decimal(80), description="level 2")
    approve_owned: Share = Field(default=Decimal(80), description="level 2: spend with an owner")
    stop_coverage: Share = Field(default=Decimal(90), description="level 3")
    stop_owned: Share = Field(default=Decimal(95), description="level 3")
    days: int = Field(default=30, ge=7, le=180, description="that are looked at")
    override: dict[Name, Override] = Field(
        default_factory=dict, description="teams whose level people decided"
    )

    @model_validator(mode="after")
    def _rising(self) -> "Maturity":
        for lower, higher in (
            ("nudge_coverage", "approve_coverage"),
            ("approve_coverage", "stop_coverage"),
            ("approve_owned", "stop_owned"),
        ):
            if getattr(self, lower) > getattr(self, higher):
                raise ValueError(
                    f"{higher} ({getattr(self, higher)}) must not be below {lower} "
                    f"({getattr(self, lower)}): a higher level needs as much or more"
                )
        return self
