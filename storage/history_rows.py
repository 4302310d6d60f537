"""All charges and metrics that a replay's mornings are slices of, read once, as columns of numbers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, case, func, select

from guardrails.detection.found import Scope
from guardrails.policy.bills import DIMENSIONS, Dimension
from guardrails.policy.model import Policy
from storage.series import BESIDE
from storage.tables.spend import CostRollup, MetricPoint

_rollups = CostRollup.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]

Codes = NDArray[np.int64]
Values = NDArray[np.float64]
_TEXTS = ("bill", "currency", *DIMENSIONS, "account", "service", "sku")
_UNCLAIMED = "account"


class Column:
    """Text by numbers, in the order of the words; ``""`` is number 0."""

    def __init__(self, values: Sequence[str]) -> None:
        self.words = sorted({"", *values})
        place = {word: n for n, word in enumerate(self.words)}
        self.codes: Codes = np.array([place[v] for v in values], dtype=np.int64)

    @property
    def count(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Said:
    """What points of a metric say that they belong to, and on which days (numbers from the first)."""

    series: int
    held: dict[Dimension, str]
    days: Codes


@dataclass(frozen=True)
class Measured:
    """One metric. ``means``: series × days, the mean of each day, NaN without one; ``said``: in the order of the
    names. ``totals``: features × days, the sum of each day; ``counted``: where there is one."""

    scopes: tuple[Scope, ...]
    means: Values
    said: tuple[Said, ...]
    features: tuple[str, ...]
    totals: Values
    counted: NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Charges, sorted by day, in columns.

    ``day``: days since ``zero``; ``of``: text by its name; ``cost``, ``size`` (the cost either way) and ``gpu`` in
    millionths, ``hours`` of GPUs; ``scope``: numbers of ``scopes``; ``mix``: of service and SKU; ``seen``: the
    days of each bill.
    """

    zero: date
    day: Codes
    of: dict[str, Column]
    cost: Values
    size: Values
    gpu: Values
    hours: Values
    scopes: tuple[Scope, ...]
    scope: Codes
    mix: Codes
    seen: dict[str, tuple[date, ...]]
    measured: dict[str, Measured]


def read_rows(connection: Connection, policy: Policy, zero: date, last: date) -> Rows:
    """The charges from ``zero`` to ``last`` and the metrics that the policy watches."""
    c = _rollups.c
    by = (c.day, *(c[name] for name in _TEXTS))
    rows: Sequence[Any] = connection.execute(
        select(
            *by,
            func.sum(c.cost_micros),
            func.sum(func.abs(c.cost_micros)),
            func.sum(case((c.is_gpu, c.cost_micros), else_=0)),
            func.sum(case((c.is_gpu, c.quantity), else_=0.0)),
        )
        .where(c.day.between(zero, last))
        .group_by(*by)
        .order_by(*by)
    ).all()
    day: Codes = np.array([(r[0] - zero).days for r in rows], dtype=np.int64)
    of = {name: Column([r[1 + i] for r in rows]) for i, name in enumerate(_TEXTS)}
    n = 1 + len(_TEXTS)
    cost, size, gpu, hours = (
        np.array([float(r[n + k] or 0) for r in rows], dtype=np.float64) for k in range(4)
    )
    scopes, scope = _scopes(rows)
    seen = {}
    for code in range(1, of["bill"].count):
        days = np.unique(day[of["bill"].codes == code]).tolist()
        seen[of["bill"].words[code]] = tuple(zero + timedelta(days=d) for d in days)
    mix = of["service"].codes * of["sku"].count + of["sku"].codes
    return Rows(
        zero,
        day,
        of,
        cost,
        size,
        gpu,
        hours,
        scopes,
        scope,
        np.unique(mix, return_inverse=True)[1],
        seen,
        _read_metrics(connection, policy, zero, last),
    )


def _scopes(rows: Sequence[Any]) -> tuple[tuple[Scope, ...], Codes]:
    """The series that each row belongs to, as storage.series has it."""
    at = {name: 1 + i for i, name in enumerate(_TEXTS)}
    mine = []
    for r in rows:
        named = next((d for d in ("experiment", "feature", "team") if r[at[d]]), None)
        if named is not None:
            mine.append(Scope(named, r[at[named]]))
        else:
            mine.append(Scope(_UNCLAIMED, r[at["account"]] + BESIDE + r[at["service"]]))
    scopes = sorted(set(mine))
    place = {scope: n for n, scope in enumerate(scopes)}
    return tuple(scopes), np.array([place[s] for s in mine], dtype=np.int64)


def _read_metrics(
    connection: Connection, policy: Policy, zero: date, last: date
) -> dict[str, Measured]:
    c = _metrics.c
    wanted = {unit.metric for unit in policy.watch.units} | set(policy.watch.quality)
    by = (c.metric, c.experiment, c.feature, c.team, c.day)
    rows: Sequence[Any] = connection.execute(
        select(*by, func.avg(c.value), func.sum(c.value))
        .where(c.metric.in_(sorted(wanted)), c.day.between(zero, last))
        .group_by(*by)
    ).all()
    of: dict[str, list[Any]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: tuple(r[:5])):  # databases sort words differently
        of[row[0]].append(row)
    width = (last - zero).days + 1
    return {metric: _measured(mine, zero, width) for metric, mine in of.items()}


def _measured(rows: Sequence[Any], zero: date, width: int) -> Measured:
    """The points of one metric: (metric, experiment, feature, team, day, mean, sum)."""

    def scope_of(row: Any) -> Scope | None:
        if row[1]:
            return Scope("experiment", row[1])
        return Scope("feature", row[2]) if row[2] else None

    scopes = sorted({s for r in rows if (s := scope_of(r)) is not None})
    features = sorted({r[2] for r in rows if r[2]})
    place = {s: n for n, s in enumerate(scopes)}
    column = {f: n for n, f in enumerate(features)}
    sums, counts = np.zeros((len(scopes), width)), np.zeros((len(scopes), width))
    totals = np.zeros((len(features), width))
    counted = np.zeros((len(features), width), dtype=np.bool_)
    days: dict[tuple[int, str, str, str], list[int]] = defaultdict(list)
    for row in rows:
        scope, day = scope_of(row), (row[4] - zero).days
        if scope is not None:
            sums[place[scope], day] += float(row[5])
            counts[place[scope], day] += 1
            days[place[scope], row[1], row[2], row[3]].append(day)
        if row[2]:
            totals[column[row[2]], day] += float(row[6])
            counted[column[row[2]], day] = True
    said = tuple(
        Said(series, _held(*names), np.array(some, dtype=np.int64))
        for (series, *names), some in days.items()
    )
    with np.errstate(invalid="ignore"):
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return Measured(tuple(scopes), means, said, tuple(features), totals, counted)


def _held(experiment: str, feature: str, team: str) -> dict[Dimension, str]:
    said: tuple[tuple[Dimension, str], ...] = (
        ("experiment", experiment),
        ("feature", feature),
        ("team", team),
    )
    return {name: value for name, value in said if value}
