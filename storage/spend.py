"""Sums of the rollup, exact, in the workspace's currency."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, Connection, func, or_, select

from guardrails.burn import Spent
from guardrails.money import MICROS
from guardrails.periods import Period
from guardrails.policy.bills import DIMENSIONS, Dimension, Facet
from guardrails.policy.model import Policy
from guardrails.unit_economics import Used
from storage.tables.spend import CostRollup, MetricPoint

_rollup = CostRollup.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]

#: What spend can be summed by: what it is allocated to and how that was found, what the bill says of it, the day,
#: whether it is AI (or GPU) spend, and of which bill it is.
Key = Literal[Dimension, Facet, "bill", "allocated_by", "day", "ai"]
K = TypeVar("K", bound=Key)
#: What a key must be: a value, or one of several (its spellings, say).
Wanted = str | Collection[str]

#: Of a row: whether it is AI (or GPU) spend.
IS_AI: ColumnElement[bool] = or_(_rollup.c.is_ai.is_(True), _rollup.c.is_gpu.is_(True)).label("ai")


def totals(
    connection: Connection,
    policy: Policy,
    period: Period,
    by: Dimension | None = None,
    only: Mapping[Dimension, Wanted] | None = None,
) -> dict[str, Decimal]:
    """Spend of a period, in the workspace's currency, by the values of a dimension (``""``: not allocated).

    Without ``by`` there is one key, ``""``. Each currency is summed exactly, then converted by the policy's
    rate; a currency without a rate raises LookupError (ingest refuses such a bill).
    """
    keys = () if by is None else (by,)
    found = sums_by(connection, policy, period, *keys, only=only)
    return {value[0] if value else "": amount for value, amount in found.items()}


def by_day(
    connection: Connection,
    policy: Policy,
    period: Period,
    by: Dimension,
    only: Mapping[Dimension, Wanted],
) -> dict[str, dict[date, Decimal]]:
    """Spend of each day, by the values of a dimension, in the workspace's currency."""
    found: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for (value, day), amount in sums_by(connection, policy, period, by, "day", only=only).items():
        found[value][day] = amount
    return dict(found)


def sums_by(
    connection: Connection,
    policy: Policy,
    period: Period,
    *keys: Key,
    only: Mapping[K, Wanted] | None = None,
) -> dict[tuple[Any, ...], Decimal]:
    """Spend of a period in the workspace's currency by the values of keys (``""``: not known), exactly: the values
    add up to the bill of the period. ``only``: what must be so, a value or one of several. Raises LookupError as
    :func:`totals` does."""
    columns = [_column(key) for key in keys]
    query = select(*columns, _rollup.c.currency, func.sum(_rollup.c.cost_micros))
    query = _within(query, period, only or {}).group_by(*columns, _rollup.c.currency)
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for *values, currency, micros in connection.execute(query):
        sums[tuple(values)] += Decimal(int(micros)) / MICROS * rate(policy, currency)
    return dict(sums)


def daily(
    connection: Connection, policy: Policy, period: Period, only: Mapping[K, Wanted]
) -> Spent:
    """Spend of each day of a period, in the workspace's currency; days without any are zero. Raises LookupError as
    :func:`totals` does."""
    found = sums_by(connection, policy, period, "day", only=only)
    days = (period.first + timedelta(days=n) for n in range(period.days))
    return Spent(period.first, tuple(found.get((day,), Decimal(0)) for day in days))


def each_by(
    connection: Connection,
    policy: Policy,
    period: Period,
    *keys: Key,
    only: Mapping[K, Wanted] | None = None,
) -> dict[Key, dict[str, Decimal]]:
    """Spend of a period by the values of each key by itself, each adding up to all of it: one look, not one a key.
    Raises LookupError as :func:`totals` does."""
    found: dict[Key, dict[str, Decimal]] = {key: defaultdict(Decimal) for key in keys}
    for values, amount in sums_by(connection, policy, period, *keys, only=only).items():
        for key, value in zip(keys, values, strict=True):
            found[key][value] += amount
    return found


def used_by(
    connection: Connection, policy: Policy, period: Period, only: Mapping[K, Wanted]
) -> dict[tuple[str, ...], Used]:
    """What was used and what it cost in a period: (service, SKU, region, unit) → cost in the workspace's currency,
    and quantity in the unit."""
    columns = [_rollup.c[name] for name in ("service", "sku", "region", "unit")]
    quantity = func.sum(_rollup.c.quantity)
    query = select(*columns, _rollup.c.currency, func.sum(_rollup.c.cost_micros), quantity)
    query = _within(query, period, only).group_by(*columns, _rollup.c.currency)
    found: dict[tuple[str, ...], Used] = {}
    for *names, currency, micros, units in connection.execute(query):
        so_far = found.get(tuple(names), Used(Decimal(0), Decimal(0)))
        cost = Decimal(int(micros)) / MICROS * rate(policy, currency)
        more = Used(so_far.cost + cost, so_far.units + Decimal(str(units or 0)))
        found[tuple(names)] = more
    return found


def _within(query: Any, period: Period, only: Mapping[K, Wanted]) -> Any:
    query = query.where(_rollup.c.day.between(period.first, period.last))
    for key, value in only.items():
        query = query.where(is_wanted(_column(key), value))
    return query


def _column(key: Key) -> ColumnElement[Any]:
    return IS_AI if key == "ai" else _rollup.c[key]


def is_wanted(column: ColumnElement[Any], wanted: Wanted) -> ColumnElement[bool]:
    """That a column has the value, or one of the values; none of no values."""
    return column == wanted if isinstance(wanted, str) else column.in_(tuple(wanted))


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
    return values_of(connection, *DIMENSIONS)


def values_of(connection: Connection, *keys: K) -> dict[K, list[str]]:
    """The values that keys have in the rollup, in their order; one look at all of it."""
    columns = [_column(key) for key in keys]
    rows = connection.execute(select(*columns).distinct()).all()
    return {key: sorted({row[i] for row in rows} - {""}) for i, key in enumerate(keys)}


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
    # One question for each end: SQLite finds either in the index, and reads all of it to find both at once.
    ends = (select(end(_rollup.c.day)).scalar_subquery() for end in (func.min, func.max))
    first, last = connection.execute(select(*ends)).one()
    return None if first is None else Period(first, last)
