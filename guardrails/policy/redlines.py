"""Redlines: limits that stop a sandbox, each with its ladder of actions."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from guardrails.policy.alerts import Stage
from guardrails.policy.base import Name, Section
from guardrails.policy.people import Role

Watched = Literal["spend", "spend-rate", "unit-cost", "quality", "error-rate", "idle-gpus"]
Action = Literal["nudge", "warn", "throttle", "halt"]
ACTIONS: tuple[Action, ...] = ("nudge", "warn", "throttle", "halt")


class RedlineWhen(Section):
    """All that is given must hold; nothing given always holds."""

    team: tuple[Name, ...] = ()
    workload: tuple[Name, ...] = ()
    stage: tuple[Stage, ...] = ()


class KeepRunning(Section):
    """Who may press Keep running, for how long, and how often."""

    roles: tuple[Role, ...] = Field(default=("engineer", "lead"), min_length=1)
    hours: int = Field(default=24, ge=1, le=720)
    times: int = Field(default=1, ge=0, le=100)


class Redline(Section):
    """One limit. ``above`` or ``below`` is in the unit of what is watched:

    spend: percent of the cap · spend-rate: percent of the even pace that the cap allows a day · unit-cost:
    money per unit of ``metric`` · quality: the mean of ``metric`` a day · error-rate: percent, the mean of
    ``metric`` · idle-gpus: percent of GPU hours that did nothing (the mean of ``metric``).
    """

    name: Name
    when: RedlineWhen = RedlineWhen()
    watch: Watched
    metric: Name | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    days: int = Field(default=1, ge=1, le=60, description="complete days in a row")
    actions: tuple[Action, ...] = Field(default=("nudge", "warn", "halt"), min_length=1)
    wait_hours: int = Field(
        default=24, ge=0, le=720, description="between two actions, when the line stays crossed"
    )
    countdown_hours: int = Field(
        default=24, ge=1, le=720, description="from the warning to what follows it"
    )
    keep_running: KeepRunning = KeepRunning()
    resume: tuple[Role, ...] = Field(default=("lead", "finops"), min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> "Redline":
        if (self.above is None) == (self.below is None):
            raise ValueError("must have either above or below")
        needs = self.watch in ("unit-cost", "quality", "error-rate", "idle-gpus")
        if needs and self.metric is None:
            raise ValueError(f"needs the metric that tells {self.watch}")
        order = [ACTIONS.index(a) for a in self.actions]
        if order != sorted(set(order)):
            raise ValueError("must have its actions in the order nudge, warn, throttle, halt")
        if ("throttle" in self.actions or "halt" in self.actions) and "warn" not in self.actions:
            raise ValueError("must warn before it throttles or halts")
        return self


class Redlines(Section):
    """The lines, and the stages that they never stop hard."""

    lines: tuple[Redline, ...] = ()
    never_stop: tuple[Stage, ...] = Field(
        default=("production",), description="stages that are nudged and warned only"
    )
    stale_days: int = Field(
        default=2,
        ge=0,
        le=30,
        description="a bill or metric that is later than usual by more days than these is not acted on",
    )

    def wrong(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong between the lines: (path of keys, sentence)."""
        names = [line.name for line in self.lines]
        for i, line in enumerate(self.lines):
            if names.index(line.name) != i:
                yield ("lines", i, "name"), f"two redlines are called {line.name}"
