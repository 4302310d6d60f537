"""Reads rollups and metrics as matrices for detection, and the parts of a bill for its drivers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select

from guardrails.detection.drivers import Parts
from guardrails.detection.found import Direction, Scope
from guardrails.detection.series import SeriesMatrix
from guardrails.money import MICROS
from guardrails.policy.alerts import Signal
from guardrails.policy.bills import DIMENSIONS, FACETS, Dimension
from guardrails.policy.model import Policy
from storage.series_wholes import cost_per_unit, quality, resource_mix
from storage.series_window import MissingRateError, Window, read_rates, read_window
from storage.tables.spend import CostRollup

__all__ = ["MissingRateError", "read_parts", "read_series"]

_rollups = CostRollup.__table__  # type: ignore[attr-defined]

#: Between account and service in the scope of charges that nobody claims.
BESIDE = " / "
_UNCLAIMED = "account"


def read_series(connection: Connection, policy: Policy, as_of: date) -> list[SeriesMatrix]:
    """The matrices of all signals that the policy watches, up to ``as_of``, in the workspace's currency.

    Spend: every charge is in exactly one series (its experiment; else its feature; else its team; else
    account and service), so that the series of a day add up to its bill. A day without charges is 0 while the
    bill has other charges on it, unknown when the bill has none at all. Raises :class:`MissingRateError`.
    """
    window = read_window(connection, policy, as_of)
    if window is None:
        return []
    watched = policy.detection.signals
    rates = read_rates(connection, policy)
    matrices: list[SeriesMatrix] = []
    if "spend" in watched or "gpu-usage" in watched:
        matrices += [m for m in _spend(connection, policy, window, rates) if m.signal in watched]
    if "cost-per-unit" in watched:
        for unit in (u for u in policy.watch.units if u.alert):
            matrices += cost_per_unit(connection, policy, window, rates, unit)
    if "quality" in watched:
        for metric in policy.watch.quality:
            matrices += quality(connection, policy, window, metric, as_of)
    if "resource-mix" in watched:
        matrices += resource_mix(connection, policy, window, rates)
    return matrices


def read_parts(
    connection: Connection,
    policy: Policy,
    scope: Scope,
    start: date,
    end: date,
    signal: Signal = "spend",
) -> Parts:
    """The charges of a scope from ``start`` to ``end``, both included, by day, facet and unit.

    Money is in the workspace's currency. For spend and GPU hours the scope is that of the series (a team
    means what no experiment and no feature of it has); for the others it is all of the feature or team.
    """
    rates = read_rates(connection, policy)
    facets = [_rollups.c[f] for f in FACETS]
    query = (
        select(
            _rollups.c.day,
            _rollups.c.currency,
            *facets,
            _rollups.c.unit,
            func.sum(_rollups.c.cost_micros),
            func.sum(_rollups.c.quantity),
        )
        .where(_rollups.c.day.between(start, end), _belongs(scope, signal))
        .group_by(_rollups.c.day, _rollups.c.currency, *facets, _rollups.c.unit)
    )
    if signal == "gpu-usage":
        query = query.where(_rollups.c.is_gpu)
    rows: Sequence[Any] = connection.execute(query).all()
    return Parts(
        days=[row[0] for row in rows],
        facets={f: [row[2 + i] for row in rows] for i, f in enumerate(FACETS)},
        unit=[row[-3] for row in rows],
        money=np.array([int(row[-2]) / MICROS * rates[row[1]] for row in rows], dtype=np.float64),
        quantity=np.array([float(row[-1] or 0) for row in rows], dtype=np.float64),
    )


def _scope_columns() -> tuple[ColumnElement[str], ColumnElement[str]]:
    """The dimension and the value of the series that a charge belongs to."""
    c = _rollups.c
    dimension = case(
        (c.experiment != "", literal("experiment")),
        (c.feature != "", literal("feature")),
        (c.team != "", literal("team")),
        else_=literal(_UNCLAIMED),
    )
    value = case(
        (c.experiment != "", c.experiment),
        (c.feature != "", c.feature),
        (c.team != "", c.team),
        else_=c.account + BESIDE + c.service,
    )
    return dimension.label("scope_dimension"), value.label("scope_value")


def _belongs(scope: Scope, signal: Signal) -> ColumnElement[bool]:
    c = _rollups.c
    if scope.dimension == _UNCLAIMED:
        claimed = (c.experiment == "", c.feature == "", c.team == "")
        return and_(*claimed, c.account + BESIDE + c.service == scope.value)
    own: ColumnElement[bool] = c[scope.dimension] == scope.value
    if signal not in ("spend", "gpu-usage") or scope.dimension == "experiment":
        return own
    if scope.dimension == "feature":
        return and_(own, c.experiment == "")
    return and_(own, c.experiment == "", c.feature == "")


def _spend(
    connection: Connection, policy: Policy, window: Window, rates: Mapping[str, float]
) -> list[SeriesMatrix]:
    """Spend and GPU hours by scope."""
    dimension, value = _scope_columns()
    c = _rollups.c
    rows: Sequence[Any] = connection.execute(
        select(
            dimension,
            value,
            c.day,
            c.bill,
            c.currency,
            func.sum(c.cost_micros),
            func.sum(case((c.is_gpu, c.cost_micros), else_=0)),
            func.sum(case((c.is_gpu, c.quantity), else_=0.0)),
        )
        .where(c.day.between(window.days[0], window.days[-1]))
        .group_by("scope_dimension", "scope_value", c.day, c.bill, c.currency)
    ).all()
    scopes = sorted({Scope(row[0], row[1]) for row in rows})
    place = {scope: i for i, scope in enumerate(scopes)}
    money, gpu_money, hours = (np.zeros((len(scopes), len(window.days))) for _ in range(3))
    bills: list[set[str]] = [set() for _ in scopes]
    for row in rows:
        at = place[Scope(row[0], row[1])], window.index(row[2])
        rate = rates[row[4]] / MICROS
        money[at] += int(row[5]) * rate
        gpu_money[at] += int(row[6]) * rate
        hours[at] += float(row[7] or 0)
        bills[at[0]].add(row[3])
    known = np.array([window.known(b) for b in bills])
    complete = np.array([window.complete_days(b) for b in bills])
    unseen = ~known | (~complete & (money == 0))
    allocations = _allocations(connection, window, scopes)
    currency = policy.workspace.currency
    both: tuple[Direction, ...] = ("up", "down")
    spend = SeriesMatrix(
        signal="spend",
        unit=currency,
        currency=currency,
        days=window.days,
        scopes=tuple(scopes),
        values=np.where(unseen, np.nan, money),
        complete=complete,
        worth=np.ones_like(money),
        allocations=tuple(allocations[s] for s in scopes),
        watched=(both,) * len(scopes),
    )
    used = np.flatnonzero(hours.sum(axis=1) > 0)
    if not used.size:
        return [spend]
    price = _trailing_sum(gpu_money[used], 28) / np.maximum(_trailing_sum(hours[used], 28), 1e-9)
    gpu = SeriesMatrix(
        signal="gpu-usage",
        unit="GPU hours",
        currency=currency,
        days=window.days,
        scopes=tuple(scopes[i] for i in used),
        values=np.where(unseen[used], np.nan, hours[used]),
        complete=complete[used],
        worth=np.maximum(price, 0.0),
        allocations=tuple(allocations[scopes[i]] for i in used),
        watched=(("up",),) * len(used),  # fewer hours are no cost, and an outage shows in the spend
    )
    return [spend, gpu]


def _allocations(
    connection: Connection, window: Window, scopes: Sequence[Scope]
) -> dict[Scope, dict[Dimension, str]]:
    """What each series mostly belongs to: for each dimension the value with most money."""
    dimension, value = _scope_columns()
    held = [_rollups.c[d] for d in DIMENSIONS]
    rows: Sequence[Any] = connection.execute(
        select(dimension, value, *held, func.sum(func.abs(_rollups.c.cost_micros)))
        .where(_rollups.c.day.between(window.days[0], window.days[-1]))
        .group_by("scope_dimension", "scope_value", *held)
    ).all()
    weights: dict[Scope, dict[Dimension, dict[str, int]]] = {
        s: {d: defaultdict(int) for d in DIMENSIONS} for s in scopes
    }
    for row in rows:
        of_scope = weights[Scope(row[0], row[1])]
        for i, name in enumerate(DIMENSIONS):
            if row[2 + i]:
                of_scope[name][row[2 + i]] += int(row[-1])
    return {
        scope: {d: max(held, key=lambda v: (held[v], v)) for d, held in dims.items() if held}
        for scope, dims in weights.items()
    }


def _trailing_sum(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The sum of each day and the days before it, ``window`` in all."""
    sums = np.cumsum(values, axis=1)
    sums[:, window:] -= sums[:, :-window].copy()
    return sums
