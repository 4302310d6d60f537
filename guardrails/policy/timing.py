"""When things happen, and the demo's own bill."""

from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from guardrails.policy.base import Section


def _local_time(value: str) -> str:
    try:
        time.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a time of day such as 06:00") from None
    return value


LocalTime = Annotated[str, AfterValidator(_local_time), Field(pattern=r"^\d\d:\d\d$")]


class WorkingHours(Section):
    """When people work, in their own zone; due times count only these hours."""

    start: LocalTime = Field(default="09:00", alias="from")
    end: LocalTime = Field(default="17:00", alias="to")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), min_length=1
    )

    @model_validator(mode="after")
    def _ordered(self) -> "WorkingHours":
        if time.fromisoformat(self.end) <= time.fromisoformat(self.start):
            raise ValueError("must end later on the same day than it begins")
        return self


class Schedule(Section):
    """Times of day in the workspace's zone."""

    read_bills_at: tuple[LocalTime, ...] = Field(
        default=("06:00",), min_length=1, description="bills are read, anomalies found and posted"
    )


class Sample(Section):
    """A made-up company's bill, written at the first start when its folder is not there.

    Take this section out when you point ``bills`` at your own.
    """

    folder: str = "sample"
    seed: int = 7
    days: int = Field(default=120, ge=45, le=800)
