"""The quarterly retrospective: when and where it is posted, and from when on a rule is worth a change."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from guardrails.policy.base import Name, Section
from guardrails.policy.timing import LocalTime

Percent = Annotated[int, Field(ge=1, le=100)]


class Retrospective(Section):
    """Each rule is judged by what it did in the quarter. Shares are of the cases that were judged, in percent."""

    at: LocalTime = Field(
        default="10:00", description="on the first working day after a quarter's end"
    )
    channel: Name
    hour_cost: Decimal | None = Field(
        default=None,
        gt=0,
        lt=Decimal(10) ** 6,
        description="what a working hour of waiting costs, in the workspace's currency",
    )
    least_cases: int = Field(
        default=5, ge=1, le=1000, description="fewer judged cases than these change nothing"
    )
    false_alarms: Percent = Field(default=40, description="so many needless cases loosen a rule")
    overruled: Percent = Field(
        default=60, description="so many cases that were needless or overruled loosen a rule"
    )
    missed: int = Field(
        default=3,
        ge=1,
        le=1000,
        description="so many missed cases tighten a rule that is mostly right",
    )
    never_right: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="so many judged cases, none of them right, drop a rule",
    )
    step: int = Field(
        default=25, ge=1, le=100, description="by how much a number is changed, in percent"
    )
    saving_days: int = Field(
        default=7,
        ge=1,
        le=31,
        description="what was stopped would have gone on for so many days at most",
    )
