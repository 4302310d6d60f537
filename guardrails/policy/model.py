"""The whole policy as ``app.yaml`` holds it, and the checks that look across its sections."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from babel.numbers import is_currency
from pydantic import AfterValidator, BeforeValidator, Field

from guardrails.policy.actuators import Actuator
from guardrails.policy.alerts import Alerts, Channel, Detection, Watch
from guardrails.policy.base import Name, Section
from guardrails.policy.bills import AI, Allocation, Bills, Dimension, Metrics, TagKey
from guardrails.policy.budgets import Budget, Nudges
from guardrails.policy.council import Council
from guardrails.policy.gates import Gate
from guardrails.policy.gates import wrong as wrong_gates
from guardrails.policy.ladder import Ladder
from guardrails.policy.maturity import Maturity
from guardrails.policy.mlflow import Mlflow
from guardrails.policy.people import Members, Permission, Person, Role, Team
from guardrails.policy.redlines import Redlines
from guardrails.policy.retrospective import Retrospective
from guardrails.policy.sandboxes import Sandboxes
from guardrails.policy.timing import Sample, Schedule, WorkingHours
from guardrails.policy.zones import Country, TimeZone
from guardrails.suggest import did_you_mean


def _currency(value: str) -> str:
    if not is_currency(value):
        raise ValueError("is not an ISO 4217 currency such as USD or EUR")
    return value


Currency = Annotated[str, AfterValidator(_currency)]


def _folder(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be the name of the folder that holds the runbooks' Markdown files")
    return value.strip()


Folder = Annotated[str, BeforeValidator(_folder)]


class Workspace(Section):
    """The company: its name, its clock, its currency."""

    name: Name
    time_zone: TimeZone = "UTC"
    working_hours: WorkingHours = WorkingHours()
    holidays: Country | None = Field(
        default=None, description="a country, or a part of one: DE, DE-BY, US-CA"
    )
    currency: Currency = "USD"
    rates: dict[Currency, Annotated[Decimal, Field(gt=0, lt=10**12)]] = Field(
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
    mlflow: Mlflow | None = None
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
    budgets: tuple[Budget, ...] = ()
    nudges: Nudges = Nudges()
    ladder: Ladder = Ladder()
    actuators: tuple[Actuator, ...] = ()
    sandboxes: Sandboxes = Sandboxes()
    gates: tuple[Gate, ...] = ()
    redlines: Redlines = Redlines()
    maturity: Maturity = Maturity()
    council: Council | None = None
    retrospective: Retrospective | None = None
    schedule: Schedule = Schedule()
    sample: Sample | None = None
    runbooks: Folder = Field(
        default="runbooks",
        description="the folder of the runbooks, Markdown files; it starts at this file's folder",
    )
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
        yield from self._budgets(channels)
        for keys, sentence in self.ladder.wrong():
            yield ("ladder", *keys), sentence
        actuators = [a.name for a in self.actuators]
        for i, name in enumerate(actuators):
            if actuators.index(name) != i:
                yield ("actuators", i, "name"), f"two actuators are called {name}"
        for keys, sentence in self.sandboxes.wrong(actuators):
            yield ("sandboxes", *keys), sentence
        if self.council is not None:
            yield from self._channel(("council", "channel"), self.council.channel, channels)
        if self.retrospective is not None:
            channel = self.retrospective.channel
            yield from self._channel(("retrospective", "channel"), channel, channels)
        for keys, sentence in self.redlines.wrong():
            yield ("redlines", *keys), sentence
        for keys, sentence in wrong_gates(self.gates):
            yield ("gates", *keys), sentence
        if self.workspace.currency in self.workspace.rates:
            yield (
                ("workspace", "rates", self.workspace.currency),
                "the workspace's own currency needs no rate",
            )

    def _budgets(self, channels: list[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        names = [b.name for b in self.budgets]
        for i, budget in enumerate(self.budgets):
            if names.index(budget.name) != i:
                yield ("budgets", i, "name"), f"two budgets are called {budget.name}"
            if budget.channel is not None:
                yield from self._channel(("budgets", i, "channel"), budget.channel, channels)
            known = {self.workspace.currency, *self.workspace.rates}
            if budget.currency is not None and budget.currency not in known:
                yield (
                    ("budgets", i, "currency"),
                    f"workspace.rates has no rate for {budget.currency}",
                )
        for basis, number, nudge in self.nudges.all():
            for j, name in enumerate(nudge.to):
                yield from self._channel(
                    ("nudges", basis, number, "to", j), name, [*channels, "team"]
                )

    def staffed(self) -> frozenset[Role]:
        """The roles that somebody has: by name, or by a group whose members are elsewhere."""
        return frozenset(
            role
            for role, members in self.roles.items()
            if members.emails or members.slack_groups or members.entra_groups
        )

    def doubtful(self) -> Iterator[str]:
        """What is allowed but probably a mistake, a sentence each."""
        from guardrails.policy.doubts import doubts  # it knows the whole policy

        return doubts(self)

    @staticmethod
    def _channel(
        path: tuple[str | int, ...], name: str, known: list[str]
    ) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if name not in known:
            yield path, f"no channel is called {name}{did_you_mean(name, known)}"
