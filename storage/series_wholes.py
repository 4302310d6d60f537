"""The series of whole features, teams and experiments: cost per unit, quality, mix of resources."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, case, func, select

from guardrails.detection.found import Direction, Scope
from guardrails.detection.mix import moved_share
from guardrails.detection.series import SeriesMatrix
from guardrails.money import MICROS
from guardrails.policy.alerts import CostPerUnit
from guardrails.policy.bills import DIMENSIONS, Dimension
from guardrails.policy.model import Policy
from storage.series_window import Window
from storage.tables.spend import CostRollup, MetricPoint

_rollups = CostRollup.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]

#: Words in a metric's name that make less of it better.
LESS_IS_BETTER = frozenset(
    {"error", "errors", "latency", "loss", "perplexity", "hallucination", "wer"}
)


def cost_per_unit(
    connection: Connection,
    policy: Policy,
    window: Window,
    rates: Mapping[str, float],
    unit: CostPerUnit,
) -> list[SeriesMatrix]:
    """The spend of each feature over one of its metrics; a rise is a finding."""
    m = _metrics.c
    counted = connection.execute(
        select(m.feature, m.day, func.sum(m.value))
        .where(
            m.metric == unit.metric,
            m.feature != "",
            m.day.between(window.days[0], window.days[-1]),
        )
        .group_by(m.feature, m.day)
    ).all()
    charges = _whole(connection, window, "feature")
    features = sorted({row[0] for row in counted} & {row[0] for row in charges})
    if not features:
        return []
    place = {f: i for i, f in enumerate(features)}
    money, units = (np.zeros((len(features), len(window.days))) for _ in range(2))
    bills: list[set[str]] = [set() for _ in features]
    for row in charges:
        if row[0] in place:
            money[place[row[0]], window.index(row[1])] += int(row[-1]) / MICROS * rates[row[3]]
            bills[place[row[0]]].add(row[2])
    for feature, day, value in counted:
        if feature in place:
            units[place[feature], window.index(day)] += float(value) / unit.per
    known = np.array([window.known(b) for b in bills])
    complete = np.array([window.complete_days(b) for b in bills])
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(known & complete & (units > 0) & (money > 0), money / units, np.nan)
    per = f"{unit.per:,} {unit.label}" if unit.per > 1 else unit.label
    return [
        SeriesMatrix(
            signal="cost-per-unit",
            unit=f"{policy.workspace.currency} per {per}",
            currency=policy.workspace.currency,
            days=window.days,
            scopes=tuple(Scope("feature", f) for f in features),
            values=values,
            complete=complete,
            worth=units,
            allocations=_of_wholes(connection, window, "feature", features),
            watched=(("up",),) * len(features),
        )
    ]


def quality(
    connection: Connection, policy: Policy, window: Window, metric: str, as_of: date
) -> list[SeriesMatrix]:
    """One quality metric by experiment, or by feature where it names no experiment; a drop is a finding."""
    m = _metrics.c
    rows = connection.execute(
        select(m.experiment, m.feature, m.team, m.day, func.avg(m.value))
        .where(m.metric == metric, m.day.between(window.days[0], as_of))
        .where((m.experiment != "") | (m.feature != ""))
        .group_by(m.experiment, m.feature, m.team, m.day)
    ).all()
    if not rows:
        return []
    end = max(window.days[-1], max(row[3] for row in rows))
    days = tuple(window.days[0] + timedelta(days=i) for i in range((end - window.days[0]).days + 1))
    points: dict[Scope, dict[date, list[float]]] = defaultdict(lambda: defaultdict(list))
    allocations: dict[Scope, dict[Dimension, str]] = defaultdict(dict)
    for experiment, feature, team, day, value in rows:
        scope = Scope("experiment", experiment) if experiment else Scope("feature", feature)
        points[scope][day].append(float(value))
        said: tuple[tuple[Dimension, str], ...] = (
            ("experiment", experiment),
            ("feature", feature),
            ("team", team),
        )
        allocations[scope].update({name: held for name, held in said if held})
    scopes = sorted(points)
    values = np.full((len(scopes), len(days)), np.nan)
    for i, scope in enumerate(scopes):
        for day, several in points[scope].items():
            values[i, (day - days[0]).days] = sum(several) / len(several)
    through = max(window.complete.values())
    whole = np.array([d < as_of or d <= through for d in days])
    wide = _of_experiments(connection, window)
    worse: Direction = "up" if LESS_IS_BETTER & set(metric.lower().split("_")) else "down"
    return [
        SeriesMatrix(
            signal="quality",
            unit=metric,
            currency=policy.workspace.currency,
            days=days,
            scopes=tuple(scopes),
            values=values,
            complete=np.tile(whole, (len(scopes), 1)),
            worth=np.zeros_like(values),
            allocations=tuple({**wide.get(s.value, {}), **allocations[s]} for s in scopes),
            watched=((worse,),) * len(scopes),
        )
    ]


def resource_mix(
    connection: Connection, policy: Policy, window: Window, rates: Mapping[str, float]
) -> list[SeriesMatrix]:
    """The share of each team's spend that moved to other services and SKUs than in the days before."""
    rows = _whole(connection, window, "team", "service", "sku")
    by_team: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_team[row[0]].append(row)
    teams = sorted(by_team)
    if not teams:
        return []
    values, spend = (np.full((len(teams), len(window.days)), np.nan) for _ in range(2))
    complete = np.zeros_like(values, dtype=bool)
    for i, team in enumerate(teams):
        resources = sorted({(row[4], row[5]) for row in by_team[team]})
        place = {r: j for j, r in enumerate(resources)}
        cube = np.zeros((1, len(resources), len(window.days)))
        for row in by_team[team]:
            cube[0, place[row[4], row[5]], window.index(row[1])] += (
                int(row[-1]) / MICROS * rates[row[3]]
            )
        bills = {row[2] for row in by_team[team]}
        usable = window.known(bills) & window.complete_days(bills)
        values[i] = np.where(usable, moved_share(cube)[0], np.nan)
        spend[i] = np.maximum(cube[0].sum(axis=0), 0.0)
        complete[i] = window.complete_days(bills)
    return [
        SeriesMatrix(
            signal="resource-mix",
            unit="share of spend moved",
            currency=policy.workspace.currency,
            days=window.days,
            scopes=tuple(Scope("team", t) for t in teams),
            values=values,
            complete=complete,
            worth=spend,
            allocations=_of_wholes(connection, window, "team", teams),
            watched=(("up",),) * len(teams),
        )
    ]


def _of_experiments(connection: Connection, window: Window) -> dict[str, dict[Dimension, str]]:
    names = (
        connection.execute(
            select(_rollups.c.experiment).where(_rollups.c.experiment != "").distinct()
        )
        .scalars()
        .all()
    )
    held = _of_wholes(connection, window, "experiment", names)
    return dict(zip(names, held, strict=True))


def _of_wholes(
    connection: Connection, window: Window, dimension: Dimension, names: Sequence[str]
) -> tuple[dict[Dimension, str], ...]:
    """What all charges of an experiment, a feature or a team have in common: a dimension with one value."""
    column = _rollups.c[dimension]
    common = [d for d in DIMENSIONS if d != dimension]
    found: dict[str, dict[Dimension, str]] = {n: {dimension: n} for n in names}
    ranges = [
        f(case((_rollups.c[d] != "", _rollups.c[d]), else_=None))
        for d in common
        for f in (func.min, func.max)
    ]
    rows: Sequence[Any] = connection.execute(
        select(column, *ranges)
        .where(column != "", _rollups.c.day.between(window.days[0], window.days[-1]))
        .group_by(column)
    ).all()
    for row in rows:
        if row[0] in found:
            for i, name in enumerate(common):
                least, most = row[1 + 2 * i], row[2 + 2 * i]
                if least is not None and least == most:
                    found[row[0]][name] = least
    return tuple(found[n] for n in names)


def _whole(
    connection: Connection, window: Window, dimension: Dimension, *detail: str
) -> Sequence[Any]:
    """Rows of (value, day, bill, currency, *detail, micros) of all charges with that dimension."""
    column = _rollups.c[dimension]
    more = [_rollups.c[d] for d in detail]
    by = (column, _rollups.c.day, _rollups.c.bill, _rollups.c.currency, *more)
    return connection.execute(
        select(*by, func.sum(_rollups.c.cost_micros))
        .where(column != "", _rollups.c.day.between(window.days[0], window.days[-1]))
        .group_by(*by)
    ).all()
