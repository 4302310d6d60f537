"""Shared costs: charges that serve many are split after the rollup, to the millionth."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from guardrails.money import MICROS
from guardrails.policy.bills import Dimension, Shared
from storage.bills.amounts import split_exactly
from storage.tables.spend import MetricPoint

_POINTS = MetricPoint.__table__  # type: ignore[attr-defined]

#: The metric's sum by day and value of the dimension.
MetricReader = Callable[[str, Dimension, date, date], Mapping[tuple[date, str], float]]
Weights = dict[str, int]


def metric_reader(connection: Connection) -> MetricReader:
    """Reads metric sums that were stored, first day to last day inclusive."""

    def read(
        metric: str, over: Dimension, first: date, last: date
    ) -> dict[tuple[date, str], float]:
        value = _POINTS.c[over]
        rows = connection.execute(
            select(_POINTS.c.day, value, func.sum(_POINTS.c.value))
            .where(_POINTS.c.metric == metric, _POINTS.c.day.between(first, last), value != "")
            .group_by(_POINTS.c.day, value)
        )
        return {(day, text): float(total) for day, text, total in rows}

    return read


def split_shared(
    rows: Any, shared: tuple[Shared, ...], read_metric: MetricReader
) -> tuple[Any, list[str]]:
    """The period's rollup (Arrow, with the column ``shared``) with shared charges split, without it.

    A part keeps everything but the dimension that it is split over and ``allocated_by``, which
    becomes ``shared``. Weights are those of the same day; by spend and by metric, those of the
    period when the day has none. The answer's second part says where another way had to be taken.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = rows["shared"]
    plain = rows.filter(pc.equal(names, "")).drop_columns(["shared"])
    parts: list[dict[str, Any]] = []
    notes: list[str] = []
    for one in shared:
        charges = rows.filter(pc.equal(names, one.name)).drop_columns(["shared"]).to_pylist()
        if not charges:
            continue
        weights = _Weights(one, plain, charges, read_metric)
        for charge in charges:
            parts += _parts(charge, one.split.over, weights.of(charge["day"], charge["currency"]))
        notes += weights.notes()
    if not parts:
        return plain, notes
    return pa.concat_tables([plain, pa.Table.from_pylist(parts, schema=plain.schema)]), notes


def _parts(charge: dict[str, Any], over: Dimension, weights: Weights) -> list[dict[str, Any]]:
    if not weights:
        return [charge]
    total = sum(weights.values())
    amounts = split_exactly(charge["cost_micros"], list(weights.values()))
    return [
        {
            **charge,
            over: value,
            "allocated_by": "shared",
            "cost_micros": amount,
            "quantity": charge["quantity"] * (weight / total),
        }
        for (value, weight), amount in zip(weights.items(), amounts, strict=True)
    ]


class _Weights:
    """The weights of one shared cost, by day and currency, and what had to replace them."""

    def __init__(
        self, shared: Shared, plain: Any, charges: list[dict[str, Any]], read: MetricReader
    ) -> None:
        self.shared = shared
        self.fallen: Counter[str] = Counter()
        self._known: dict[tuple[date, str], Weights] = {}
        self._spend = _spend(plain, shared.split.over)
        self._metric: dict[date | None, Weights] = {}
        if shared.split.metric is not None:
            days = [charge["day"] for charge in charges]
            first, last = min(days).replace(day=1), max(days)
            points = read(shared.split.metric, shared.split.over, first, last)
            self._metric = _by_day({key: round(value * MICROS) for key, value in points.items()})

    def of(self, day: date, currency: str) -> Weights:
        key = (day, currency)
        if key not in self._known:
            self._known[key] = self._find(day, currency)
        return self._known[key]

    def notes(self) -> list[str]:
        """Sentences on what could not be done as the policy says."""
        return [
            f"shared cost {self.shared.name}: {why} ({days} day{'s' if days > 1 else ''})"
            for why, days in self.fallen.items()
        ]

    def _find(self, day: date, currency: str) -> Weights:
        split = self.shared.split
        if split.by == "weights":
            least = min(weight.as_tuple().exponent for weight in split.weights.values())
            scale = Decimal(1).scaleb(-min(int(least), 0))
            return {value: int(weight * scale) for value, weight in split.weights.items()}
        if split.by == "metric":
            found = self._metric.get(day) or self._metric.get(None)
            if found:
                return found
            self.fallen[f"no values of the metric {split.metric}, so split by spend"] += 1
        spent = self._spend.get(currency, {})
        found = spent.get(day) or spent.get(None)
        if found:
            return found
        self.fallen[f"nothing else has a {split.over}, so not split"] += 1
        return {}


def _spend(plain: Any, over: Dimension) -> dict[str, dict[date | None, Weights]]:
    """Currency → day (None: the whole period) → value of the dimension → micros."""
    grouped = plain.group_by(["currency", "day", over]).aggregate([("cost_micros", "sum")])
    sums: dict[str, dict[tuple[date, str], int]] = defaultdict(dict)
    for row in grouped.to_pylist():
        if row[over]:
            sums[row["currency"]][row["day"], row[over]] = row["cost_micros_sum"]
    return {currency: _by_day(found) for currency, found in sums.items()}


def _by_day(sums: Mapping[tuple[date, str], int]) -> dict[date | None, Weights]:
    """By day, and under None for all days together; what is not positive gets no share."""
    by_day: dict[date | None, Counter[str]] = defaultdict(Counter)
    for (day, value), amount in sorted(sums.items()):
        by_day[day][value] += amount
        by_day[None][value] += amount
    return {
        day: {value: amount for value, amount in sorted(found.items()) if amount > 0}
        for day, found in by_day.items()
    }
