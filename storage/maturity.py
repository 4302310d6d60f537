"""What is known of each team's own spend, and which overrides of levels are on record."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Connection, func, or_, select

from guardrails.money import MICROS
from guardrails.periods import Period
from guardrails.policy.model import Policy
from storage.spend import rate
from storage.tables.audit import AuditEntry
from storage.tables.spend import CostRollup, MetricPoint

_rollup = CostRollup.__table__  # type: ignore[attr-defined]
_points = MetricPoint.__table__  # type: ignore[attr-defined]
_entries = AuditEntry.__table__  # type: ignore[attr-defined]

#: How the subject of an audit entry about a team's level begins; the team follows.
SUBJECT = "maturity:"


@dataclass
class TeamSpend:
    """A team's own spend in the workspace's currency: all of it, with experiment, feature and workload, with an
    owner; and what it is of. ``name`` is as the bill spells it."""

    name: str
    spend: Decimal = Decimal(0)
    covered: Decimal = Decimal(0)
    owned: Decimal = Decimal(0)
    experiments: set[str] = field(default_factory=set)
    features: set[str] = field(default_factory=set)


def spend_of_teams(
    connection: Connection, policy: Policy, period: Period, team: str | None = None
) -> dict[str, TeamSpend]:
    """The teams' spend of a period by their names in lower case, or that of one team only.

    A team's part of shared costs is left out: it cannot tag that.
    """
    c = _rollup.c
    # The same objects twice: two equal ones would be two parameters, and PostgreSQL could not tell they are equal.
    worked, owned = c.workload != "", c.owner != ""
    query = (
        select(
            c.team,
            c.experiment,
            c.feature,
            worked.label("worked"),
            owned.label("owned"),
            c.currency,
            func.sum(c.cost_micros).label("micros"),
        )
        .where(c.day.between(period.first, period.last))
        .where(c.team != "", c.allocated_by != "shared")
        .group_by(c.team, c.experiment, c.feature, worked, owned, c.currency)
    )
    if team is not None:
        query = query.where(or_(c.team == team, func.lower(c.team) == team.lower()))
    found: dict[str, TeamSpend] = {}
    for row in connection.execute(query):
        amount = Decimal(int(row.micros)) / MICROS * rate(policy, row.currency)
        mine = found.setdefault(row.team.casefold(), TeamSpend(row.team))
        mine.spend += amount
        if row.experiment and row.feature and row.worked:
            mine.covered += amount
        if row.owned:
            mine.owned += amount
        mine.experiments |= {row.experiment} - {""}
        mine.features |= {row.feature} - {""}
    return found


def metrics_of_teams(
    connection: Connection,
    metrics: Collection[str],
    period: Period,
    teams: Iterable[TeamSpend],
) -> dict[str, tuple[str, ...]]:
    """Which of ``metrics`` have a value in the period, by team in lower case: a value of the team, of one of its
    experiments or of one of its features."""
    teams = list(teams)
    if not metrics or not teams:
        return {}
    c = _points.c
    query = (
        select(c.metric, c.team, c.experiment, c.feature)
        .where(c.metric.in_(metrics), c.day.between(period.first, period.last))
        .distinct()
    )
    if len(teams) == 1:
        (one,) = teams
        query = query.where(
            or_(
                c.team == one.name,
                func.lower(c.team) == one.name.lower(),
                c.experiment.in_(one.experiments),
                c.feature.in_(one.features),
            )
        )
    found: dict[str, set[str]] = defaultdict(set)
    for metric, team, experiment, feature in connection.execute(query):
        for one in teams:
            same = team.casefold() == one.name.casefold()
            if same or experiment in one.experiments or feature in one.features:
                found[one.name.casefold()].add(metric)
    return {team: tuple(sorted(names)) for team, names in found.items()}


@dataclass(frozen=True)
class OnRecord:
    """The last audit entry about a team's level: what people decided; ``level`` is None when that has ended."""

    team: str
    level: int | None
    because: str


def overrides_on_record(connection: Connection) -> dict[str, OnRecord]:
    """By team, what the audit says of overrides."""
    newest = (
        select(func.max(_entries.c.seq))
        .where(_entries.c.subject.like(f"{SUBJECT}%"))
        .group_by(_entries.c.subject)
    )
    rows = connection.execute(
        select(_entries.c.subject, _entries.c.detail).where(_entries.c.seq.in_(newest))
    )
    found = {}
    for subject, detail in rows:
        team = subject.removeprefix(SUBJECT)
        found[team] = OnRecord(team, detail.get("level"), detail.get("because", ""))
    return found
