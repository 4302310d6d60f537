"""What a sum is made of, and what of it explains why it changed: parts that add up, before and now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import ceil, floor, log2
from typing import TypeVar

from babel.numbers import get_currency_precision

#: What parts must explain together to be the explanation, and how many of them are named at most.
MOST = Decimal(2) / 3
NAMED = 3
#: Where the shares of the parts changed less than this (bits), all changed alike: that explains nothing.
TRIVIAL = 0.01

Way = TypeVar("Way", bound=str)
Pair = tuple[int, int]  # before and now, in steps


@dataclass(frozen=True)
class Part:
    """What one part of a sum came to in two periods; ``""`` is what has no name."""

    name: str
    before: Decimal
    now: Decimal

    @property
    def change(self) -> Decimal:
        return self.now - self.before


def parts_of(before: Mapping[str, Decimal], now: Mapping[str, Decimal]) -> tuple[Part, ...]:
    """The parts of two periods by name, the largest change first."""
    every = [
        Part(name, before.get(name, Decimal(0)), now.get(name, Decimal(0)))
        for name in {*before, *now}
    ]
    return tuple(sorted(every, key=lambda p: (-abs(p.change), p.name)))


def whole_of(parts: Iterable[Part], name: str = "All") -> Part:
    """The sum of parts, as one."""
    every = tuple(parts)
    zero = Decimal(0)
    return Part(name, sum((p.before for p in every), zero), sum((p.now for p in every), zero))


def largest(parts: Sequence[Part], shown: int) -> tuple[Part, ...]:
    """The first ``shown`` of them, and the others as one, ``N smaller ones``: together what all come to."""
    if len(parts) <= shown + 1:  # one that is alone may as well have its name
        return tuple(parts)
    rest = parts[shown:]
    return (*parts[:shown], whole_of(rest, f"{len(rest)} smaller ones"))


def rounded(parts: Sequence[Part], step: Decimal) -> tuple[Part, ...]:
    """The parts in multiples of ``step``, so that what is shown adds up: by column, and by row.

    The columns come to their rounded sums. What is nothing stays nothing, before, now and in its change, and no
    sign turns. Of all such tables it is the one with the least squared errors. Meant for tables of tens of rows.
    """
    rows = [(Fraction(p.before) / Fraction(step), Fraction(p.now) / Fraction(step)) for p in parts]
    before = round(sum((b for b, _ in rows), Fraction(0)))
    now = round(sum((n for _, n in rows), Fraction(0)))
    # whole steps stay as they are, but where both sums are rounded from a half, one up and the other down
    found = _nearest(rows, (before, now), 0) or _nearest(rows, (before, now), 1)
    return tuple(Part(p.name, b * step, n * step) for p, (b, n) in zip(parts, found, strict=True))


def _nearest(rows: Sequence[tuple[Fraction, Fraction]], sums: Pair, spare: int) -> tuple[Pair, ...]:
    """The rows in whole numbers that come to ``sums``, the first of the nearest; none where there are none."""
    reached: dict[Pair, tuple[Fraction, tuple[Pair, ...]]] = {(0, 0): (Fraction(0), ())}
    for before, now in rows:
        further: dict[Pair, tuple[Fraction, tuple[Pair, ...]]] = {}
        for b, n in product(_beside(before, spare), _beside(now, spare)):
            change, exact = n - b, now - before
            if change * exact < 0 or (change and not exact):
                continue
            near = -((b - before) ** 2 + (n - now) ** 2 + (change - exact) ** 2)
            for (all_before, all_now), (nearness, shown) in reached.items():
                sums_now = (all_before + b, all_now + n)
                better = (nearness + near, (*shown, (b, n)))
                further[sums_now] = max(further.get(sums_now, better), better)
        reached = further
    return reached[sums][1] if sums in reached else ()


def _beside(amount: Fraction, spare: int) -> range:
    """The whole numbers on both sides of an amount; itself where it is one, and ``spare`` more; 0 of nothing."""
    if not amount:
        return range(1)
    whole = amount.denominator == 1
    return range(floor(amount) - spare * whole, ceil(amount) + spare * whole + 1)


def shown_to(whole: Decimal, currency: str) -> Decimal:
    """The step to which the parts of a whole are shown: whole units from 100 on, as Money is said; cents below."""
    return Decimal(1) if abs(whole) >= 100 else smallest(currency)


def smallest(currency: str) -> Decimal:
    """The smallest unit of a currency: 0.01, for yen 1."""
    return Decimal(1).scaleb(-get_currency_precision(currency))


def explains_most(candidates: Mapping[Way, Sequence[Part]]) -> Way:
    """Which way of cutting a sum explains its change best; the first when none has parts with names. Raises
    ValueError without any.

    Best is what needs the fewest named parts to explain two thirds of the change, and of these the one whose
    shares changed most (succinctness and surprise of Adtributor; Bhagwan et al., NSDI 2014); then the first.
    Where everything changed alike the way explains nothing and comes last.
    """
    ranked: list[tuple[tuple[bool, int, float, int], Way]] = []
    for order, (way, parts) in enumerate(candidates.items()):
        if any(p.name and (p.now or p.before) for p in parts):
            surprise = _surprise(parts)
            trivial = surprise < TRIVIAL
            key = (True, 0, 0.0) if trivial else (False, _needed(parts), -round(surprise, 6))
            ranked.append(((*key, order), way))
    return min(ranked)[1] if ranked else _first(candidates)


def _first(candidates: Mapping[Way, Sequence[Part]]) -> Way:
    for way in candidates:
        return way
    raise ValueError("there is no way to cut it")


def leaders(parts: Sequence[Part], most: int = NAMED) -> tuple[Part, ...]:
    """The parts that moved as the whole did, the largest first, until they explain two thirds of its change; none
    when so many small ones do that no few explain half of it."""
    whole = whole_of(parts).change
    if not whole:
        return ()
    found: list[Part] = []
    explained = Decimal(0)
    for part in sorted(parts, key=lambda p: (-p.change / whole, p.name)):
        if part.change / whole <= 0 or explained >= MOST or len(found) == most:
            break
        found.append(part)
        explained += part.change / whole
    return tuple(found) if explained >= Decimal("0.5") else ()


def _needed(parts: Sequence[Part]) -> int:
    """How many parts with a name explain two thirds of the change."""
    whole = whole_of(parts).change
    if not whole:
        return 0
    explained = Decimal(0)
    shares = sorted((p.change / whole for p in parts if p.name), reverse=True)
    for count, share in enumerate(shares, start=1):
        explained += share
        if explained >= MOST:
            return count
    return len(parts) + 1


def _surprise(parts: Sequence[Part]) -> float:
    """The Jensen–Shannon divergence between the shares before and now, in bits: 0 to 1."""
    before = [max(float(p.before), 0.0) for p in parts]
    now = [max(float(p.now), 0.0) for p in parts]
    if not sum(before) or not sum(now):
        return 0.0
    found = 0.0
    for b, n in zip(before, now, strict=True):
        p, q = b / sum(before), n / sum(now)
        middle = (p + q) / 2
        found += sum(share * log2(share / middle) for share in (p, q) if share > 0) / 2
    return found
