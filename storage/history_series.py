"""The matrices of many mornings from one reading of the bills: what storage.series reads as of each of them.

A replay looks at the same days ninety times. The charges are read once, by day; each morning is a slice of them. A
test holds the matrices against those that storage.series reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from guardrails.detection.found import Direction, Scope
from guardrails.detection.mix import moved_share
from guardrails.detection.series import SeriesMatrix
from guardrails.money import MICROS
from guardrails.policy.alerts import CostPerUnit
from guardrails.policy.bills import DIMENSIONS, Dimension
from guardrails.policy.model import Policy
from storage.history_rows import Codes, Values, read_rows
from storage.series_wholes import LESS_IS_BETTER
from storage.series_window import WARM_UP, Window, read_rates

_BOTH: tuple[Direction, ...] = ("up", "down")
_PRICE_DAYS = 28


class Mornings:
    """The matrices of the days ``first`` to ``last``, from charges and metrics that are read once."""

    def __init__(self, connection: Connection, policy: Policy, first: date, last: date) -> None:
        """Raises MissingRateError."""
        self._policy = policy
        self._reach = timedelta(days=2 * policy.detection.history_days + WARM_UP)
        self._rates = read_rates(connection, policy)
        self._rows = read_rows(connection, policy, first - self._reach, last)

    def series(self, as_of: date, seen: date, complete: Mapping[str, date]) -> list[SeriesMatrix]:
        """What storage.series.read_series would give as of a day on which the bills had charges up to ``seen``;
        ``complete``: the last whole day of bills of which that is known."""
        policy = self._policy
        slice_of = self._morning(as_of, seen, complete)
        if slice_of is None:
            return []
        m, watched = slice_of, policy.detection.signals
        found: list[SeriesMatrix] = []
        if "spend" in watched or "gpu-usage" in watched:
            found += [s for s in self._spend(m) if s.signal in watched]
        if "cost-per-unit" in watched:
            for unit in (u for u in policy.watch.units if u.alert):
                found += self._cost_per_unit(m, unit)
        if "quality" in watched:
            for metric in policy.watch.quality:
                found += self._quality(m, metric)
        if "resource-mix" in watched:
            found += self._resource_mix(m)
        return found

    # --- one morning ---------------------------------------------------------------------------------

    def _morning(self, as_of: date, seen: date, complete: Mapping[str, date]) -> "_Morning | None":
        start = as_of - self._reach
        of_bill = {
            bill: frozenset(d for d in days if start <= d <= seen)
            for bill, days in self._rows.seen.items()
        }
        of_bill = {bill: days for bill, days in of_bill.items() if days}
        if not of_bill:
            return None
        begin, end = min(map(min, of_bill.values())), max(map(max, of_bill.values()))
        window = Window(
            days=tuple(begin + timedelta(days=i) for i in range((end - begin).days + 1)),
            first={bill: min(days) for bill, days in of_bill.items()},
            complete={b: complete.get(b, max(d) - timedelta(days=1)) for b, d in of_bill.items()},
            seen=of_bill,
        )
        a, b = np.searchsorted(
            self._rows.day, [(start - self._rows.zero).days, (seen - self._rows.zero).days + 1]
        ).tolist()
        offset = (begin - self._rows.zero).days
        return _Morning(as_of, min(as_of, seen), window, slice(a, b), self._rows.day[a:b] - offset)

    def _sum(
        self, m: "_Morning", place: Codes, rows: int, amounts: Values, keep: NDArray[np.bool_]
    ) -> Values:
        """Money (or hours) by row of a matrix and day."""
        width = len(m.window.days)
        at = place[keep] * width + m.column[keep]
        found: Values = np.bincount(
            at, weights=amounts[m.rows][keep], minlength=rows * width
        ).astype(np.float64)
        return found.reshape(rows, width)

    def _money(
        self, m: "_Morning", place: Codes, rows: int, amounts: Values, keep: NDArray[np.bool_]
    ) -> Values:
        """Millionths summed exactly by currency, then converted."""
        currency = self._rows.of["currency"]
        codes = currency.codes[m.rows]
        total = np.zeros((rows, len(m.window.days)))
        for code in np.unique(codes[keep]).tolist():
            rate = self._rates[currency.words[code]] / MICROS
            total += self._sum(m, place, rows, amounts, keep & (codes == code)) * rate
        return total

    def _known(
        self, m: "_Morning", place: Codes, rows: int, keep: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """By series, of which days its bills speak, and which are whole in them."""
        bills = self._rows.of["bill"]
        pairs = np.unique(place[keep] * bills.count + bills.codes[m.rows][keep])
        of: list[list[str]] = [[] for _ in range(rows)]
        for pair in pairs.tolist():
            of[pair // bills.count].append(bills.words[pair % bills.count])
        cache = {key: m.of_bills(key) for key in {tuple(b) for b in of}}
        if not rows:
            nothing = np.zeros((0, len(m.window.days)), dtype=np.bool_)
            return nothing, nothing
        return (
            np.array([cache[tuple(b)][0] for b in of]),
            np.array([cache[tuple(b)][1] for b in of]),
        )

    def _presence(
        self, m: "_Morning", place: Codes, rows: int, dimension: str, keep: NDArray[np.bool_]
    ) -> tuple[Values, NDArray[np.bool_]]:
        """By series and value of a dimension: the money either way, and whether there is a charge."""
        column = self._rows.of[dimension]
        at = place[keep] * column.count + column.codes[m.rows][keep]
        shape = (rows, column.count)
        sizes = np.bincount(at, self._rows.size[m.rows][keep], rows * column.count)
        weights: Values = sizes.astype(np.float64).reshape(shape)
        there = np.bincount(at, minlength=rows * column.count).reshape(shape) > 0
        there[:, 0] = False
        return weights, there

    # --- signals -------------------------------------------------------------------------------------

    def _spend(self, m: "_Morning") -> list[SeriesMatrix]:
        present, place = np.unique(self._rows.scope[m.rows], return_inverse=True)
        rows, every = present.size, np.ones(place.size, dtype=np.bool_)
        money = self._money(m, place, rows, self._rows.cost, every)
        hours = self._sum(m, place, rows, self._rows.hours, every)
        known, complete = self._known(m, place, rows, every)
        unseen = ~known | (~complete & (money == 0))
        scopes = [self._rows.scopes[code] for code in present.tolist()]
        held: list[dict[Dimension, str]] = [{} for _ in scopes]
        for dimension in DIMENSIONS:
            weights, there = self._presence(m, place, rows, dimension, every)
            ranked = np.where(there, weights, -1.0)[:, ::-1]  # of equals the last word counts
            best = ranked.shape[1] - 1 - ranked.argmax(axis=1)
            for row in np.flatnonzero(there.any(axis=1)).tolist():
                held[row][dimension] = self._rows.of[dimension].words[best[row]]
        currency = self._policy.workspace.currency
        spend = SeriesMatrix(
            signal="spend",
            unit=currency,
            currency=currency,
            days=m.window.days,
            scopes=tuple(scopes),
            values=np.where(unseen, np.nan, money),
            complete=complete,
            worth=np.ones_like(money),
            allocations=tuple(held),
            watched=(_BOTH,) * rows,
        )
        used = np.flatnonzero(hours.sum(axis=1) > 0)
        if not used.size:
            return [spend]
        gpu_money = self._money(m, place, rows, self._rows.gpu, every)
        price = _trailing(gpu_money[used]) / np.maximum(_trailing(hours[used]), 1e-9)
        gpu = SeriesMatrix(
            signal="gpu-usage",
            unit="GPU hours",
            currency=currency,
            days=m.window.days,
            scopes=tuple(scopes[i] for i in used),
            values=np.where(unseen[used], np.nan, hours[used]),
            complete=complete[used],
            worth=np.maximum(price, 0.0),
            allocations=tuple(held[i] for i in used),
            watched=(("up",),) * len(used),
        )
        return [spend, gpu]

    def _cost_per_unit(self, m: "_Morning", unit: CostPerUnit) -> list[SeriesMatrix]:
        metric = self._rows.measured.get(unit.metric)
        if metric is None:
            return []
        column = self._rows.of["feature"]
        codes = column.codes[m.rows]
        charged = {column.words[c] for c in np.unique(codes).tolist()}
        days = m.days_of(self._rows.zero)
        mine = [
            i
            for i, name in enumerate(metric.features)
            if name in charged and metric.counted[i, days].any()
        ]
        if not mine:
            return []
        features = [metric.features[i] for i in mine]
        row_of = np.full(column.count, -1, dtype=np.int64)
        row_of[[column.words.index(f) for f in features]] = np.arange(len(features))
        place, keep = row_of[codes], row_of[codes] >= 0
        money = self._money(m, place, len(features), self._rows.cost, keep)
        units = np.zeros_like(money)
        units[:, : days.stop - days.start] = metric.totals[mine, days] / unit.per
        known, complete = self._known(m, place, len(features), keep)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(known & complete & (units > 0) & (money > 0), money / units, np.nan)
        currency = self._policy.workspace.currency
        per = f"{unit.per:,} {unit.label}" if unit.per > 1 else unit.label
        return [
            SeriesMatrix(
                signal="cost-per-unit",
                unit=f"{currency} per {per}",
                currency=currency,
                days=m.window.days,
                scopes=tuple(Scope("feature", f) for f in features),
                values=values,
                complete=complete,
                worth=units,
                allocations=self._common(m, "feature", features),
                watched=(("up",),) * len(features),
            )
        ]

    def _quality(self, m: "_Morning", name: str) -> list[SeriesMatrix]:
        metric = self._rows.measured.get(name)
        begin = (m.window.days[0] - self._rows.zero).days
        end = (m.seen - self._rows.zero).days + 1
        known = np.zeros((0, 0)) if metric is None else metric.means[:, begin:end]
        there = ~np.isnan(known)
        if metric is None or not there.any():
            return []
        mine = np.flatnonzero(there.any(axis=1)).tolist()
        width = max(len(m.window.days), int(np.flatnonzero(there.any(axis=0))[-1]) + 1)
        values = np.full((len(mine), width), np.nan)
        used = min(width, known.shape[1])
        values[:, :used] = known[mine, :used]
        held: list[dict[Dimension, str]] = [{} for _ in metric.scopes]
        for said in metric.said:
            a, b = np.searchsorted(said.days, [begin, end])
            if a < b:
                held[said.series].update(said.held)
        scopes = [metric.scopes[i] for i in mine]
        days = tuple(m.window.days[0] + timedelta(days=i) for i in range(width))
        through = max(m.window.complete.values())
        whole = np.array([d < m.as_of or d <= through for d in days])
        names = sorted({s.value for s in scopes if s.dimension == "experiment"})
        wide = dict(zip(names, self._common(m, "experiment", names), strict=True))
        worse: Direction = "up" if LESS_IS_BETTER & set(name.lower().split("_")) else "down"
        return [
            SeriesMatrix(
                signal="quality",
                unit=name,
                currency=self._policy.workspace.currency,
                days=days,
                scopes=tuple(scopes),
                values=values,
                complete=np.tile(whole, (len(scopes), 1)),
                worth=np.zeros_like(values),
                allocations=tuple(
                    {**wide.get(s.value, {}), **held[i]} for s, i in zip(scopes, mine, strict=True)
                ),
                watched=((worse,),) * len(scopes),
            )
        ]

    def _resource_mix(self, m: "_Morning") -> list[SeriesMatrix]:
        column = self._rows.of["team"]
        codes = column.codes[m.rows]
        present = [c for c in np.unique(codes).tolist() if c]
        if not present:
            return []
        teams = [column.words[c] for c in present]
        shape = (len(teams), len(m.window.days))
        values, spend = np.full(shape, np.nan), np.full(shape, np.nan)
        row_of = np.full(column.count, -1, dtype=np.int64)
        row_of[present] = np.arange(len(teams))
        known, complete = self._known(m, row_of[codes], len(teams), codes > 0)
        for i, code in enumerate(present):
            keep = codes == code
            resources, place = np.unique(self._rows.mix[m.rows][keep], return_inverse=True)
            where = np.zeros(codes.size, dtype=np.int64)
            where[keep] = place
            cube = self._money(m, where, resources.size, self._rows.cost, keep)
            usable = known[i] & complete[i]
            values[i] = np.where(usable, moved_share(cube[None])[0], np.nan)
            spend[i] = np.maximum(cube.sum(axis=0), 0.0)
        return [
            SeriesMatrix(
                signal="resource-mix",
                unit="share of spend moved",
                currency=self._policy.workspace.currency,
                days=m.window.days,
                scopes=tuple(Scope("team", t) for t in teams),
                values=values,
                complete=complete,
                worth=spend,
                allocations=self._common(m, "team", teams),
                watched=(("up",),) * len(teams),
            )
        ]

    def _common(
        self, m: "_Morning", dimension: Dimension, names: Sequence[str]
    ) -> tuple[dict[Dimension, str], ...]:
        """What all charges of an experiment, a feature or a team have in common: a dimension with one value."""
        if dimension not in m.common:
            column = self._rows.of[dimension]
            place = column.codes[m.rows]
            held: dict[str, dict[Dimension, str]] = {}
            for other in (d for d in DIMENSIONS if d != dimension):
                _, there = self._presence(m, place, column.count, other, place > 0)
                value = there.argmax(axis=1)
                for code in np.flatnonzero(there.sum(axis=1) == 1).tolist():
                    mine = held.setdefault(column.words[code], {})
                    mine[other] = self._rows.of[other].words[value[code]]
            m.common[dimension] = held
        return tuple({dimension: n, **m.common[dimension].get(n, {})} for n in names)


@dataclass(frozen=True)
class _Morning:
    """One morning: its window, the rows that it sees, and the column of each."""

    as_of: date
    seen: date
    window: Window
    rows: slice
    column: Codes
    #: By dimension and value what :meth:`Mornings._common` found, which several signals ask for.
    common: dict[Dimension, dict[str, dict[Dimension, str]]] = field(default_factory=dict)

    def days_of(self, zero: date) -> slice:
        """The days of the window that are seen, counted from ``zero``."""
        last = min(self.window.days[-1], self.seen)
        return slice((self.window.days[0] - zero).days, (last - zero).days + 1)

    def of_bills(self, bills: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return self.window.known(bills), self.window.complete_days(bills)


def _trailing(values: Values) -> Values:
    """The sum of each day and the days before it, four weeks in all."""
    sums = np.cumsum(values, axis=1)
    sums[:, _PRICE_DAYS:] -= sums[:, :-_PRICE_DAYS].copy()
    return sums
