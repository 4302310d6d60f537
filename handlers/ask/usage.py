"""What more usage would cost: what counts units follows them as it was seen to, the rest stays as it is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from guardrails.periods import Period
from guardrails.unit_economics import Elasticity, Projection, Used, elasticity, project
from handlers.turn import Turn
from storage import spend, unit_costs

TIMES = (2, 5, 10)


@dataclass(frozen=True)
class Books:
    """Spend by (feature, experiment, day) and counts by (metric, experiment, day) of the days seen."""

    seen: Period
    spent: Mapping[tuple[Any, ...], Decimal]
    counted: Mapping[tuple[str, str, date], Decimal]


@dataclass(frozen=True)
class Serving:
    """Units and the cost of the experiments that count them, by day of what was seen and in all of the ``days``
    that are projected; ``rest``: what else the features cost in these."""

    used: Mapping[date, Used]
    now: Used
    rest: Decimal
    days: int


@dataclass(frozen=True)
class More:
    """The law of what serves, and at each multiple what all of it would cost with the rest."""

    law: Elasticity
    at: tuple[Projection, ...]


def books(turn: Turn, seen: Period, metrics: Collection[str]) -> Books:
    """Of all features, in two queries."""
    spent = spend.sums_by(turn.connection, turn.policy, seen, "feature", "experiment", "day")
    counted = unit_costs.units_by_day(turn.connection, metrics, seen, "experiment")
    return Books(seen, spent, counted)


def serving(known: Books, metric: str, features: Collection[str], now: Period) -> Serving | None:
    """What counts the metric in some features; None where no experiment of theirs does."""
    counts = {name for (m, name, _), n in known.counted.items() if m == metric and name and n > 0}
    cost: dict[date, Decimal] = {}
    mine: set[str] = set()
    whole = Decimal(0)
    for (feature, experiment, day), amount in known.spent.items():
        if feature not in features:
            continue
        if now.first <= day <= now.last:
            whole += amount
        if experiment in counts:
            mine.add(experiment)
            cost[day] = cost.get(day, Decimal(0)) + amount
    if not mine:
        return None
    every = [known.seen.first + timedelta(days=n) for n in range(known.seen.days)]
    used = {
        day: Used(
            cost.get(day, Decimal(0)),
            sum((known.counted.get((metric, e, day), Decimal(0)) for e in mine), Decimal(0)),
        )
        for day in every
    }
    inside = [u for day, u in used.items() if now.first <= day <= now.last]
    served = Used(
        sum((u.cost for u in inside), Decimal(0)), sum((u.units for u in inside), Decimal(0))
    )
    return Serving(used, served, whole - served.cost, len(inside))


def at_more(one: Serving) -> More | None:
    """At 2, 5 and 10 times the usage; None where usage has varied too little, or cost has not followed it."""
    law = elasticity([*one.used.values()])
    if law is None or one.now.cost <= 0 or one.now.units <= 0:
        return None
    found = project(law, one.now.cost, one.now.units, one.days, TIMES)
    return More(
        law,
        tuple(
            Projection(p.times, p.cost + one.rest, p.lower + one.rest, p.upper + one.rest)
            for p in found
        ),
    )
