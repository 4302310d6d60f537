"""Units of output, to be set against spend."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from storage.tables.spend import MetricPoint

_points = MetricPoint.__table__  # type: ignore[attr-defined]


def units_by(
    connection: Connection,
    metric: str,
    period: Period,
    by: Dimension,
    only: Mapping[Dimension, str],
) -> dict[str, Decimal]:
    """The sum of a metric in a period by the values of a dimension (``""``: not known)."""
    column = _points.c[by]
    query = select(column, func.sum(_points.c.value)).group_by(column)
    query = _of(query, metric, period, only)
    return {name: Decimal(str(value)) for name, value in connection.execute(query)}


def units_by_day(
    connection: Connection, metric: str, period: Period, only: Mapping[Dimension, str]
) -> dict[date, Decimal]:
    """The sum of a metric of each day that has any."""
    query = select(_points.c.day, func.sum(_points.c.value)).group_by(_points.c.day)
    query = _of(query, metric, period, only)
    return {day: Decimal(str(value)) for day, value in connection.execute(query)}


def _of(query: Any, metric: str, period: Period, only: Mapping[Dimension, str]) -> Any:
    query = query.where(
        _points.c.metric == metric, _points.c.day.between(period.first, period.last)
    )
    for dimension, value in only.items():
        query = query.where(_points.c[dimension] == value)
    return query
