"""What metrics counted and earned, to be set against spend."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.model import Policy
from storage.spend import Wanted, is_wanted, rate
from storage.tables.spend import MetricPoint

_points = MetricPoint.__table__  # type: ignore[attr-defined]
_sum = func.sum(_points.c.value)


def units_by(
    connection: Connection,
    metrics: Collection[str],
    period: Period,
    by: Dimension,
    only: Mapping[Dimension, Wanted] | None = None,
) -> dict[tuple[str, str], Decimal]:
    """How many units metrics counted in a period: (metric, value of the dimension) → sum (``""``: not known)."""
    keys = (_points.c.metric, _points.c[by])
    query = _of(select(*keys, _sum).group_by(*keys), metrics, period, only)
    return {(m, v): Decimal(str(units or 0)) for m, v, units in connection.execute(query)}


def units_of(
    connection: Connection, metric: str, period: Period, *keys: Dimension
) -> dict[tuple[str, ...], Decimal]:
    """How many units one metric counted in a period, by the values of several dimensions."""
    columns = [_points.c[key] for key in keys]
    query = _of(select(*columns, _sum).group_by(*columns), (metric,), period, None)
    return {tuple(values): Decimal(str(n or 0)) for *values, n in connection.execute(query)}


def units_by_day(
    connection: Connection,
    metrics: Collection[str],
    period: Period,
    by: Dimension,
    only: Mapping[Dimension, Wanted] | None = None,
) -> dict[tuple[str, str, date], Decimal]:
    """How many units metrics counted on each day: (metric, value of the dimension, day) → their sum."""
    keys = (_points.c.metric, _points.c[by], _points.c.day)
    query = _of(select(*keys, _sum).group_by(*keys), metrics, period, only)
    return {(m, v, d): Decimal(str(n or 0)) for m, v, d, n in connection.execute(query)}


def earned_by(
    connection: Connection,
    policy: Policy,
    metric: str,
    period: Period,
    by: Dimension,
    only: Mapping[Dimension, Wanted] | None = None,
) -> tuple[dict[str, Decimal], tuple[str, ...]]:
    """A metric of money in the workspace's currency by a dimension; and the units without a rate, left out."""
    keys = (_points.c[by], _points.c.unit)
    query = _of(select(*keys, _sum).group_by(*keys), (metric,), period, only)
    found: dict[str, Decimal] = defaultdict(Decimal)
    without: set[str] = set()
    for value, unit, amount in connection.execute(query):
        try:
            factor = rate(policy, unit or policy.workspace.currency)
        except LookupError:
            without.add(unit)
            continue
        found[value] += Decimal(str(amount or 0)) * factor
    return dict(found), tuple(sorted(without))


def _of(
    query: Any, metrics: Collection[str], period: Period, only: Mapping[Dimension, Wanted] | None
) -> Any:
    query = query.where(_points.c.metric.in_(tuple(metrics)))
    query = query.where(_points.c.day.between(period.first, period.last))
    for dimension, value in (only or {}).items():
        query = query.where(is_wanted(_points.c[dimension], value))
    return query
