"""The weekly experiment council: when its digest is posted, where, and how it decides."""

import re
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from guardrails.policy.base import Name, Section
from guardrails.policy.people import Role

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NONE = "none"


def read_at(value: str) -> tuple[int, time]:
    """``Tuesday 10:00`` as (weekday, clock); Monday is 0. Raises ValueError with a sentence."""
    day, _, clock = value.strip().partition(" ")
    try:
        if not re.fullmatch(r"\d\d:\d\d", clock.strip()):
            raise ValueError
        return WEEKDAYS.index(day.capitalize()), time.fromisoformat(clock.strip())
    except ValueError:
        raise ValueError("must be a day of the week and a time such as Tuesday 10:00") from None


def _at(value: str) -> str:
    weekday, clock = read_at(value)
    return f"{WEEKDAYS[weekday]} {clock:%H:%M}"


def _moved(value: str) -> str:
    return NONE if value.strip().lower() == NONE else _at(value)


def _week(value: str) -> str:
    found = re.fullmatch(r"(\d{4})-W(\d\d)", value.strip())
    try:
        if found is None:
            raise ValueError
        date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise ValueError("must be a week such as 2026-W52") from None
    return value.strip()


At = Annotated[str, AfterValidator(_at)]
WeekName = Annotated[str, AfterValidator(_week)]


class Council(Section):
    """The weekly council. Times are of the workspace's zone."""

    at: At = Field(default="Tuesday 10:00", description="when the digest is posted, every week")
    channel: Name
    holidays: Literal["next-working-day", "keep"] = Field(
        default="next-working-day", description="what a day off does to the day of that week"
    )
    moved: dict[WeekName, Annotated[str, AfterValidator(_moved)]] = Field(
        default_factory=dict,
        description="a week's own day and time, such as 2026-W52: Monday 14:00; none: no council",
    )
    decide_by: Literal["consent", "votes", "roles"] = Field(
        default="consent",
        description="consent: the first decision stands unless somebody objects; votes: more than half of "
        "the votes at the closing time; roles: one of each of agree says the same",
    )
    voices: tuple[Role, ...] = Field(
        default=("lead", "product", "finance", "executive", "finops"),
        min_length=1,
        description="the roles whose word counts",
    )
    agree: tuple[Role, ...] = Field(
        default=("finance", "product"), min_length=1, description="who must agree, by roles"
    )
    open_hours: Decimal = Field(
        default=Decimal(12), gt=0, le=200, description="working hours until decisions are closed"
    )
    ask_at: int = Field(
        default=80, ge=1, le=1000, description="percent of a cap, from which on it is asked about"
    )
    follow_up_days: int = Field(default=5, ge=1, le=60, description="working days for a follow-up")
    quiet_percent: int = Field(
        default=20, ge=0, le=1000, description="a week whose spend changed by more is not quiet"
    )
    quiet: str = Field(
        default="A quiet week: nothing waits for a decision.", min_length=1, max_length=300
    )

    @model_validator(mode="after")
    def _agreeing(self) -> "Council":
        if not set(self.agree) <= set(self.voices):
            raise ValueError("agree must name roles that are in voices")
        if len(set(self.agree)) != len(self.agree):
            raise ValueError("agree must name a role once; each role is one person")
        return self

    @property
    def times(self) -> tuple[str, ...]:
        """All times of day at which a digest may be posted, such as 10:00; sorted."""
        every = (self.at, *(at for at in self.moved.values() if at != NONE))
        return tuple(sorted({at.partition(" ")[2] for at in every}))
