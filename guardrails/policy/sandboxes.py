"""Sandboxes: zones in which they are allocated at once, prices to estimate with, who looks at what."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from guardrails.policy.actuators import ActuatorName
from guardrails.policy.alerts import Stage
from guardrails.policy.base import Name, Section
from guardrails.policy.people import Role

Amount = Annotated[Decimal, Field(gt=0, lt=Decimal(10) ** 12)]
Price = Annotated[Decimal, Field(gt=0)]
#: The EU AI Act's classes of risk (Regulation (EU) 2024/1689); prohibited practices get no sandbox.
RiskClass = Literal["minimal", "limited", "high", "prohibited"]
RISK_CLASSES: tuple[RiskClass, ...] = ("minimal", "limited", "high", "prohibited")


class ZoneWhen(Section):
    """All that is given must hold; nothing given always holds. ``role``: what whoever asks must have one of;
    ``team``: the sandbox's, which whoever asks must be of."""

    role: tuple[Role, ...] = ()
    team: tuple[Name, ...] = ()
    feature: tuple[Name, ...] = ()
    workload: tuple[Name, ...] = ()
    stage: tuple[Stage, ...] = ()


class Zone(Section):
    """Pre-approved room: what fits in is allocated in the click that asks for it."""

    name: Name
    when: ZoneWhen = ZoneWhen()
    cap: Amount = Field(description="of one sandbox")
    cap_month: Amount | None = Field(
        default=None, description="of all that is allocated in the zone in a calendar month"
    )
    at_once: int | None = Field(default=None, ge=1, description="sandboxes of the zone that live")
    gpus: int | None = Field(default=None, ge=0, description="of one sandbox, at once")
    longest_days: int = Field(default=30, ge=1, le=366)
    headroom_percent: int = Field(default=20, ge=0, le=200, description="on the estimate")
    actuators: tuple[ActuatorName, ...] | None = Field(
        default=None, description="instead of sandboxes.actuators"
    )


class Prices(Section):
    """What resources cost, in the workspace's currency: estimates are worked out with it."""

    gpu_hour: dict[Name, Price] = Field(default_factory=dict, description="one GPU for one hour")
    million_tokens: dict[Name, Price] = Field(default_factory=dict)


class ReviewerWhen(Section):
    """One of what is given suffices."""

    data_class: tuple[Name, ...] = ()
    risk_class: tuple[RiskClass, ...] = ()


class Reviewer(Section):
    """A role that has to agree to sandboxes with such data or risk, beside whoever decides the amount."""

    role: Role
    when: ReviewerWhen


class Sandboxes(Section):
    """How experiments get sanctioned room."""

    zones: tuple[Zone, ...] = ()
    prices: Prices = Prices()
    data_classes: tuple[Name, ...] = Field(
        default=("public", "internal", "confidential", "personal"), min_length=1
    )
    reviewers: tuple[Reviewer, ...] = ()
    actuators: tuple[ActuatorName, ...] = Field(
        default=(), description="which set sandboxes up; none: only the money is set aside"
    )
    headroom_percent: int = Field(default=20, ge=0, le=200, description="outside zones")
    longest_days: int = Field(default=90, ge=1, le=366, description="of any sandbox")
    remind_days: tuple[int, ...] = Field(
        default=(3, 1), description="so many days before its end its owner is asked"
    )
    outcome_days: int = Field(
        default=7, ge=1, le=90, description="after its end the owner's answer is asked for again"
    )

    def wrong(self, actuators: list[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong between the parts: (path of keys, sentence)."""
        names = [z.name for z in self.zones]
        for i, zone in enumerate(self.zones):
            if names.index(zone.name) != i:
                yield ("zones", i, "name"), f"two zones are called {zone.name}; names must differ"
            if zone.cap_month is not None and zone.cap_month < zone.cap:
                yield ("zones", i, "cap_month"), "is below the cap of one sandbox"
            if zone.longest_days > self.longest_days:
                yield (
                    ("zones", i, "longest_days"),
                    f"is beyond sandboxes.longest_days, {self.longest_days}",
                )
            for j, name in enumerate(zone.actuators or ()):
                if name not in actuators:
                    yield ("zones", i, "actuators", j), f"no actuator is called {name}"
        for j, name in enumerate(self.actuators):
            if name not in actuators:
                yield ("actuators", j), f"no actuator is called {name}"
        for i, reviewer in enumerate(self.reviewers):
            for j, name in enumerate(reviewer.when.data_class):
                if name not in self.data_classes:
                    yield (
                        ("reviewers", i, "when", "data_class", j),
                        f"data_classes has no {name}",
                    )
