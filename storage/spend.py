"""Sums of the rollup, exact, in the workspace's currency."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, func, select

from guardrails.money import MICROS
from guardrails.periods import Period
from guardrails.policy.bills import DIMENSIONS, Dimension
from guardrails.policy.model import Policy
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint

_rollup = CostRollup.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]
_periods = BillPeriod.__table__  # type: ignore[attr-defined]


def totals(
    connection: Connection,
    policy: Policy,
    period: Period,
    by: Dimension | None = None,
    only: Mapping[Dimension, str] | None = None,
) -> dict[str, Decimal]:
    """Spend of a period, in the workspace's currency, by the values of a dimension (``""``: not allocated).

    Without ``by`` there is one key, ``""``. Each currency is summed exactly, then converted by the policy's
    rate; a currency without a rate raises LookupError (ingest refuses such a bill).
    """
    column = _rollup.c[by] if by else None
    query = (
        select(_rollup.c.currency, func.sum(_rollup.c.cost_micros).label("micros"))
        .where(_rollup.c.day.between(period.first, period.last))
        .group_by(_rollup.c.currency)
    )
    if column is not None:
        query = query.add_columns(column.label("value")).group_by(column)
    for dimension, value in (only or {}).items():
        query = query.where(_rollup.c[dimension] == value)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in connection.execute(query):
        value = row.value if column is not None else ""
        sums[value] += Decimal(int(row.micros)) / MICROS * rate(policy, row.currency)
    return dict(sums)


def by_day(
    connection: Connection,
    policy: Policy,
    period: Period,
    by: Dimension,
    only: Mapping[Dimension, str],
) -> dict[str, dict[date, Decimal]]:
    """Spend of each day, by the values of a dimension, in the workspace's currency."""
    column = _rollup.c[by]
    query = (
        select(
            column.label("value"),
            _rollup.c.day,
            _rollup.c.currency,
            func.sum(_rollup.c.cost_micros).label("micros"),
        )
        .where(_rollup.c.day.between(period.first, period.last))
        .group_by(column, _rollup.c.day, _rollup.c.currency)
    )
    for dimension, value in only.items():
        query = query.where(_rollup.c[dimension] == value)
    found: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in connection.execute(query):
        amount = Decimal(int(row.micros)) / MICROS * rate(policy, row.currency)
        found[row.value][row.day] += amount
    return {value: dict(days) for value, days in found.items()}


def rate(policy: Policy, currency: str) -> Decimal:
    """What one unit of ``currency`` is in the workspace's."""
    if currency == policy.workspace.currency:
        return Decimal(1)
    try:
        return policy.workspace.rates[currency]
    except KeyError:
        raise LookupError(f"workspace.rates has no rate for {currency}") from None


def names(connection: Connection) -> dict[Dimension, list[str]]:
    """The values that each dimension has in the rollup."""
    found: dict[Dimension, list[str]] = {}
    for dimension in DIMENSIONS:
        column = _rollup.c[dimension]
        rows = connection.execute(select(column).where(column != "").distinct().order_by(column))
        found[dimension] = [r[0] for r in rows]
    return found


def spelled(connection: Connection, dimension: Dimension, value: str) -> list[str]:
    """The spellings of a value in the rollup, without regard to case."""
    column = _rollup.c[dimension]
    rows = connection.execute(select(column).where(func.lower(column) == value.lower()).distinct())
    return [r[0] for r in rows]


def metric_names(connection: Connection) -> list[str]:
    """The metrics that any source has."""
    return list(connection.execute(select(_metrics.c.metric).distinct()).scalars())


def covered(connection: Connection) -> Period | None:
    """First and last day of what was read; None when nothing was."""
    row = connection.execute(select(func.min(_rollup.c.day), func.max(_rollup.c.day))).one()
    return Period(row[0], row[1]) if row[0] is not None else None
