"""What is watched, how sensitive it is, and who hears of it."""

import re
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field

from guardrails.policy.base import Name, Section

Signal = Literal["spend", "gpu-usage", "cost-per-unit", "quality", "resource-mix"]
SIGNALS: tuple[Signal, ...] = ("spend", "gpu-usage", "cost-per-unit", "quality", "resource-mix")
Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
Stage = Literal["exploration", "pilot", "scaled", "production"]


_TEAMS_ID = re.compile(r"19:[A-Za-z0-9_.-]+@thread\.[a-z0-9]+")


def _teams_channel(value: str) -> str:
    """The channel's id in Teams, also from the link to it."""
    link = urlsplit(value.strip())
    parts = link.path.split("/")
    if link.scheme == "https" and (link.hostname or "").startswith("teams."):
        value = unquote(parts[3]) if parts[1:3] == ["l", "channel"] and len(parts) > 3 else ""
    if not _TEAMS_ID.fullmatch(value.strip()):
        raise ValueError(
            "must be what Get link to channel gives in Teams, or the id in it: 19:…@thread.tacv2"
        )
    return value.strip()


TeamsChannel = Annotated[str, AfterValidator(_teams_channel)]


class Channel(Section):
    """One channel and where it is on each platform; the console shows it by its name."""

    slack: str | None = Field(
        default=None,
        pattern=r"^([TE][A-Z0-9]{2,}/)?(#[a-z0-9_-]{1,80}|[CG][A-Z0-9]{6,})$",
        description="C0123ABCD or #name, in the first workspace; T0123ABCD/#name in another",
    )
    teams: TeamsChannel | None = Field(
        default=None,
        description="the link that Get link to channel gives, or the id in it: 19:…@thread.tacv2",
    )


class When(Section):
    """All that is given must hold; nothing given always holds."""

    team: Name | tuple[Name, ...] | None = None
    feature: Name | tuple[Name, ...] | None = None
    stage: Stage | tuple[Stage, ...] | None = None
    signal: Signal | tuple[Signal, ...] | None = None
    severity_at_least: Severity | None = None
    impact_at_least: Decimal | None = Field(default=None, ge=0)


class Route(Section):
    """Where anomalies that match go: channels by name, ``team`` for the team's own channel."""

    when: When = When()
    to: tuple[Name, ...] = Field(min_length=1)
    mention: tuple[Literal["owner", "lead"], ...] = ("owner",)


class Alerts(Section):
    """Routing of alerts. Every route that matches adds its channels; ``default`` is used when none does."""

    routes: tuple[Route, ...] = ()
    default: Name
    flood: int = Field(
        default=8,
        ge=1,
        le=50,
        description="more new alerts than this for one channel at once are grouped",
    )
    worst: int = Field(default=10, ge=1, le=10, description="how many a grouped message names")
    news_days: int = Field(
        default=7,
        ge=1,
        le=60,
        description="an anomaly that ended longer ago is recorded, not posted",
    )


class Detection(Section):
    """How far from the expected value is worth a message."""

    band: float = Field(
        default=3.5, gt=0, le=20, description="half width of the band in robust deviations"
    )
    min_impact: Decimal = Field(
        default=Decimal(200),
        ge=0,
        description="money a day beyond the expected value that is worth a message",
    )
    min_change: float = Field(
        default=0.25, ge=0, description="relative change that is worth a message"
    )
    history_days: int = Field(default=90, ge=21, le=730)
    quiet_days: int = Field(
        default=2, ge=1, le=14, description="days inside the band that end an anomaly"
    )
    signals: tuple[Signal, ...] = SIGNALS


class CostPerUnit(Section):
    """What one unit of a feature is: its cost is the feature's spend over the metric."""

    metric: str
    per: int = Field(default=1, ge=1)
    label: str = "output"
    alert: bool = Field(
        default=True, description="false: it is shown, and nobody is alerted of its cost"
    )


class Watch(Section):
    """The metrics that are watched beside spend."""

    units: tuple[CostPerUnit, ...] = ()
    quality: tuple[str, ...] = ()
