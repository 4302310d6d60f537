"""Which part of the bill explains a change: by facet, price against volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from guardrails.detection.found import Driver
from guardrails.policy.bills import FACETS, Facet

#: The parts of the best explanation, the parts of each further facet, and how many of these an alert names.
PARTS, OTHER_PARTS, OTHER_FACETS = 3, 2, 2
#: A part that explains less than this share of the change is not named.
LEAST_SHARE = 0.10
#: Parts are named until together they explain this much of the change; those of a further facet.
ENOUGH, ENOUGH_OF_OTHERS = 0.90, 0.60
#: Parts that changed at least this share of what the largest did changed about as much as it.
ALIKE = 2 / 3
#: What parts must explain together to be the explanation.
MOST = 2 / 3
#: Where more than this share of a part's money has no quantity, price and volume cannot be told apart.
WITHOUT_QUANTITY = 0.10
#: Days before the change that it is compared with.
BASELINE_DAYS = 28


@dataclass(frozen=True)
class Parts:
    """Rows of a bill: one day and one combination of facets and unit each.

    ``money`` in one currency and ``quantity`` in the row's unit, both of the length of ``days``;
    ``facets`` has the value of each facet, and ``unit`` the unit, for each row.
    """

    days: Sequence[date]
    facets: Mapping[Facet, Sequence[str]]
    unit: Sequence[str]
    money: NDArray[np.float64]
    quantity: NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """One part of one facet: money a day before and now; ``price`` + ``volume`` is the change."""

    facet: Facet
    value: str
    before: float
    now: float
    price: float | None
    volume: float | None

    @property
    def change(self) -> float:
        return self.now - self.before


def changes(parts: Parts, now: Sequence[date], before: Sequence[date]) -> dict[Facet, list[Change]]:
    """What changed by part, for each facet: mean money a day of ``now`` against that of ``before``.

    Days before are weighted so that each weekday counts as often as it does in ``now``. Within one facet
    the changes add up to the whole change. The largest change comes first.

    Price against volume is split within the finest rows (all facets and the unit): volume is the change
    of quantity at the mean of both prices, price the change of price at the mean of both quantities
    (Bennet 1920), which leaves no rest. A part's split is the sum over its rows.
    """
    weights_now = dict.fromkeys(now, 1 / len(now)) if now else {}
    weights_before = like_weekdays(now, before)
    row_now = np.array([weights_now.get(day, 0.0) for day in parts.days])
    row_before = np.array([weights_before.get(day, 0.0) for day in parts.days])
    cells: dict[tuple[str, ...], NDArray[np.float64]] = {}
    for i in np.flatnonzero((row_now > 0) | (row_before > 0)).tolist():
        key = (*(parts.facets[f][i] for f in FACETS), parts.unit[i])
        cell = cells.setdefault(key, np.zeros(4))
        cell += np.array(
            [
                parts.money[i] * row_before[i],
                parts.money[i] * row_now[i],
                parts.quantity[i] * row_before[i],
                parts.quantity[i] * row_now[i],
            ]
        )
    result: dict[Facet, list[Change]] = {}
    for index, facet in enumerate(FACETS):
        grouped: dict[str, list[NDArray[np.float64]]] = {}
        for key, cell in cells.items():
            grouped.setdefault(key[index], []).append(cell)
        found = [_change(facet, value, rows) for value, rows in grouped.items()]
        result[facet] = sorted(found, key=lambda c: (-abs(c.change), c.value))
    return result


def drivers(
    parts: Parts,
    now: Sequence[date],
    before: Sequence[date],
    *,
    moved: bool = False,
) -> tuple[Driver, ...]:
    """The parts that explain a change best: up to three of the best facet, then up to two of two others.

    Best is the facet that needs the fewest parts to explain two thirds of the change and of these the one
    whose shares of the bill changed most (succinctness and surprise of Adtributor; Bhagwan et al.,
    NSDI 2014); a facet in which everything changed alike explains nothing and comes last. ``share`` is
    the part's change over the whole change; over all parts of a facet the shares add up to 1. Where more
    parts than could be named changed about alike, the largest stands for them, with their number.

    ``moved``: money moved rather than grew; ``share`` is then the part's share of all that grew.
    """
    by_facet = changes(parts, now, before)
    first = by_facet[FACETS[0]]
    total = sum(c.change for c in first)
    if abs(total) < 0.005 and not moved:
        return ()
    ranked: list[tuple[tuple[bool, int, float, int], Facet, float]] = []
    for facet, found in by_facet.items():
        whole = sum(max(c.change, 0.0) for c in found) if moved else total
        if abs(whole) >= 0.005 and any(c.value for c in found):
            surprise, order = _surprise(found), _ORDER.index(facet)
            trivial = surprise < TRIVIAL
            key = (
                (True, 0, 0.0, order)
                if trivial
                else (False, _needed(found, whole), -surprise, order)
            )
            ranked.append((key, facet, whole))
    told: list[Driver] = []
    facets: list[Facet] = []
    for (trivial, *_), facet, whole in sorted(ranked):
        if len(facets) > OTHER_FACETS or (told and trivial and facet not in ("sku", "resource")):
            continue
        if (facet == "service" and "sku" in facets) or (facet == "sku" and "service" in facets):
            continue  # they say the same
        named = _named(by_facet[facet], whole, first=not facets)
        if trivial and facet == "resource" and told and not any(d.alike for d in named):
            continue
        if named:
            told += named
            facets.append(facet)
    return tuple(told)


def _named(found: Sequence[Change], whole: float, *, first: bool) -> list[Driver]:
    """The parts of one facet that are named; one for all of them when too many changed alike."""
    most, enough = (PARTS, ENOUGH) if first else (OTHER_PARTS, ENOUGH_OF_OTHERS)
    ordered = sorted(found, key=lambda c: -c.change / whole)
    shares = [c.change / whole for c in ordered]
    alike = [s for s in shares if s > 0 and s >= ALIKE * shares[0]]
    if len(alike) > most and sum(alike) >= MOST:
        return [replace(_driver(ordered[0], shares[0]), alike=len(alike), alike_share=sum(alike))]
    named: list[Driver] = []
    explained = 0.0
    for change, share in zip(ordered, shares, strict=True):
        if share < LEAST_SHARE or explained >= enough or len(named) >= most:
            break
        explained += share
        named.append(_driver(change, share))
    return named


def _needed(found: Sequence[Change], whole: float) -> int:
    """How many parts explain two thirds of the change."""
    explained = 0.0
    for count, share in enumerate(sorted(-c.change / whole for c in found), start=1):
        explained -= share
        if explained >= MOST:
            return count
    return len(found)


#: A facet whose shares changed less than this (bits) explains nothing.
TRIVIAL = 0.01
#: Of facets that explain alike, the one that people act on comes first.
_ORDER: tuple[Facet, ...] = ("sku", "service", "resource", "region", "account", "provider")


def like_weekdays(now: Sequence[date], before: Sequence[date]) -> dict[date, float]:
    """Weights of the days before, 1 in all, by which each weekday counts as often as in ``now``."""
    weights = dict.fromkeys(before, 0.0)
    for day in now:
        alike = [d for d in before if d.weekday() == day.weekday()] or list(before)
        for d in alike:
            weights[d] += 1 / len(now) / len(alike)
    return weights


def _change(facet: Facet, value: str, rows: Sequence[NDArray[np.float64]]) -> Change:
    before, now = (float(sum(row[i] for row in rows)) for i in (0, 1))
    money = unpriced = 0.0
    price = 0.0
    for cost_0, cost_1, quantity_0, quantity_1 in rows:
        size = abs(cost_0) + abs(cost_1)
        money += size
        if (cost_0 and quantity_0 <= 0) or (cost_1 and quantity_1 <= 0):
            unpriced += size
        elif cost_0 and cost_1:
            step = cost_1 / quantity_1 - cost_0 / quantity_0
            price += float(step * (quantity_0 + quantity_1) / 2)
    if money == 0 or unpriced > WITHOUT_QUANTITY * money:
        return Change(facet, value, before, now, None, None)
    return Change(facet, value, before, now, price, now - before - price)


def _surprise(found: Sequence[Change]) -> float:
    """The Jensen–Shannon divergence between the shares before and now, in bits: 0 to 1."""
    before = np.maximum(np.array([c.before for c in found]), 0.0)
    now = np.maximum(np.array([c.now for c in found]), 0.0)
    if before.sum() <= 0 or now.sum() <= 0:
        return 0.0
    p, q = before / before.sum(), now / now.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log2(p / middle), 0.0).sum()
        right = np.where(q > 0, q * np.log2(q / middle), 0.0).sum()
    return float((left + right) / 2)


def _driver(change: Change, share: float) -> Driver:
    price = volume = None
    if change.price is not None and change.change:
        price = change.price / change.change
        volume = 1 - price
    return Driver(
        facet=change.facet,
        value=change.value,
        change=Decimal(f"{change.change:.2f}"),
        share=share,
        price_share=price,
        volume_share=volume,
        is_new=change.now > 0 and change.before <= 0.01 * change.now,
    )
