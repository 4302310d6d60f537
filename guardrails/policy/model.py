"""The whole policy as ``app.yaml`` holds it, and the checks that look across its sections."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from babel.numbers import is_currency
from pydantic import AfterValidator, Field

from guardrails.policy.alerts import (
    SIGNALS,
    Alerts,
    Channel,
    Detection,
    Runbook,
    Signal,
    Watch,
)
from guardrails.policy.base import Name, Section
from guardrails.policy.bills import AI, Allocation, Bills, Dimension, Metrics, TagKey
from guardrails.policy.people import Members, Permission, Person, Role, Team
from guardrails.policy.timing import Sample, Schedule
from guardrails.suggest import did_you_mean


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"is not a time zone{did_you_mean(value, available_timezones())}")
    return value


def _currency(value: str) -> str:
    if not is_currency(value):
        raise ValueError("is not an ISO 4217 currency such as USD or EUR")
    return value


Currency = Annotated[str, AfterValidator(_currency)]


class Workspace(Section):
    """The company: its name, its clock, its currency."""

    name: Name
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    currency: Currency = "USD"
    rates: dict[Currency, Annotated[Decimal, Field(gt=0)]] = Field(
        default_factory=dict, description="what one unit of another currency is in the workspace's"
    )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Policy(Section):
    """``app.yaml``: what people decide. Secrets are never in it."""

    version: Literal[1]
    workspace: Workspace
    bills: Bills
    metrics: tuple[Metrics, ...] = ()
    tags: dict[Dimension, TagKey] = Field(default_factory=dict)
    allocation: Allocation = Allocation()
    ai: AI = AI()
    channels: dict[Name, Channel] = Field(min_length=1)
    teams: dict[Name, Team] = Field(default_factory=dict)
    people: tuple[Person, ...] = ()
    roles: dict[Role, Members] = Field(default_factory=dict)
    permissions: dict[Permission, tuple[Role, ...]] = Field(default_factory=dict)
    alerts: Alerts
    detection: Detection = Detection()
    watch: Watch = Watch()
    schedule: Schedule = Schedule()
    sample: Sample | None = None
    runbooks: dict[Signal, Runbook] = Field(default_factory=dict)
    root_causes: tuple[Name, ...] = (
        "Launch or growth that was planned",
        "Runaway job or loop",
        "Oversized or idle resources",
        "Configuration mistake",
        "Price or contract change",
        "Data or model problem",
        "Something else",
    )

    def crossed(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong between sections: (path of keys, sentence)."""
        channels = list(self.channels)
        yield from self._channel(("alerts", "default"), self.alerts.default, channels)
        for i, route in enumerate(self.alerts.routes):
            for j, name in enumerate(route.to):
                yield from self._channel(
                    ("alerts", "routes", i, "to", j), name, [*channels, "team"]
                )
        for name, team in self.teams.items():
            yield from self._channel(("teams", name, "channel"), team.channel, channels)
        for i, person in enumerate(self.people):
            if person.team is not None and person.team not in self.teams:
                hint = did_you_mean(person.team, self.teams)
                yield ("people", i, "team"), f"no team is called {person.team}{hint}"
        emails = [p.email for p in self.people]
        for i, person in enumerate(self.people):
            if emails.index(person.email) != i:
                yield (
                    ("people", i, "email"),
                    f"{person.email} is given twice; a person has one entry",
                )
        allocation = self.allocation
        named = [(("rules", i), rule.name) for i, rule in enumerate(allocation.rules)]
        named += [(("shared", i), shared.name) for i, shared in enumerate(allocation.shared)]
        names = [name for _, name in named]
        for where, name in named:
            if names.count(name) > 1:
                yield (
                    ("allocation", *where, "name"),
                    f"two allocation rules are called {name}; names must differ",
                )
        for signal in SIGNALS:
            if signal in self.detection.signals and signal not in self.runbooks and self.runbooks:
                yield ("runbooks",), f"no runbook for the signal {signal}, which is watched"
        if self.workspace.currency in self.workspace.rates:
            yield (
                ("workspace", "rates", self.workspace.currency),
                "the workspace's own currency needs no rate",
            )

    @staticmethod
    def _channel(
        path: tuple[str | int, ...], name: str, known: list[str]
    ) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if name not in known:
            yield path, f"no channel is called {name}{did_you_mean(name, known)}"
