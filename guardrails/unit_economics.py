"""Unit economics: what one unit costs, why that changed, what more of it would cost. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import exp, floor, log, sqrt

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
#: Days with units and cost that an elasticity needs, and how sure its slope must be (standard error).
LEAST_DAYS = 14
SUREST = 0.5
#: Share of days that fall inside a projection's interval.
COVERED = 0.8
_Z = 1.2815515655446004  # of the normal distribution, 0.9


@dataclass(frozen=True)
class Used:
    """What a part cost and how many units it made in a period."""

    cost: Decimal
    units: Decimal


@dataclass(frozen=True)
class Effects:
    """Why a total cost changed, in money; the sum is the change. ``unmeasured``: cost without units."""

    volume: Decimal
    price: Decimal
    mix: Decimal
    unmeasured: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        return self.volume + self.price + self.mix + self.unmeasured


@dataclass(frozen=True)
class Step:
    """One bar of a waterfall: from ``start`` to ``end``; a whole starts at zero."""

    label: str
    amount: Decimal
    start: Decimal
    end: Decimal


@dataclass(frozen=True)
class Elasticity:
    """``slope``: percent more cost for one percent more units, 0 or more. The rest is the fit's."""

    slope: float
    days: int
    mean: float  # of the logarithms of units
    spread: float  # sum of their squared deviations
    residual: float  # standard deviation of the logarithm of cost about the line


@dataclass(frozen=True)
class Projection:
    """Cost of one period at ``times`` its usage, with the interval that 80 % of such days fall into."""

    times: int
    cost: Decimal
    lower: Decimal
    upper: Decimal


_TOKENS = re.compile(r"(\d[\d,]*)?\s*(k|m|b|thousand|million|billion)?\s*tokens?", re.IGNORECASE)
_HOURS = re.compile(r"(?:1\s*)?(?:gpu[\s_-]*)?(?:h|hrs?|hours?)", re.IGNORECASE)
_TIMES = {"k": 1_000, "t": 1_000, "m": 10**6, "b": 10**9}


def tokens_in(unit: str) -> int:
    """How many tokens one unit of a bill is: ``Tokens`` 1, ``1K tokens`` 1,000, ``1M Tokens`` a million; 0 for
    what counts something else. (FOCUS leaves the words of ConsumedUnit to the provider.)"""
    found = _TOKENS.fullmatch(unit.strip())
    if found is None:
        return 0
    count = int((found[1] or "1").replace(",", ""))
    return count * (_TIMES[found[2][0].lower()] if found[2] else 1)


def is_hours(unit: str) -> bool:
    """Whether a bill counts hours in a unit: ``Hours``, ``GPU-Hours``, ``h``; also where it names none."""
    return not unit.strip() or bool(_HOURS.fullmatch(unit.strip()))


def per_unit(cost: Decimal, units: Decimal, per: int = 1) -> Decimal | None:
    """Cost of ``per`` units; None without any."""
    return cost * per / units if units > 0 else None


def margin(revenue: Decimal, cost: Decimal) -> Decimal | None:
    """Share of revenue that is left after the cost, (revenue - cost) / revenue; None without revenue."""
    return (revenue - cost) / revenue if revenue > 0 else None


def return_on_spend(value: Decimal, cost: Decimal) -> Decimal | None:
    """Value for one unit of money that was spent, value / cost; None when nothing was spent."""
    return value / cost if cost > 0 else None


def effects(before: Mapping[str, Used], now: Mapping[str, Used]) -> Effects:
    """The change of the total cost of parts, split into volume, price and mix; exact to the millionth.

    With cost C, units Q = sum of q, unit cost p = c / q and shares s = q / Q, before (0) and now (1):
    volume = (Q1 - Q0) · C0 / Q0, as if every unit had cost the old average; mix = Q1 · (sum of s1 p0 - C0 / Q0),
    what moved between dearer and cheaper parts at old unit costs; price = sum of q1 (p1 - p0). They add up to
    C1 - C0. (Flexible-budget, sales-mix and sales-quantity variances: Horngren, Datar, Rajan, Cost Accounting.)
    A part that is new has no old unit cost: it counts at its own of now, so it is mix. A part with cost and no
    units in a period is in none of these; the change of such cost is ``unmeasured``.
    Costs are rounded to the millionth first; what rounding the effects leaves goes into the largest.
    """
    old = {name: used for name, used in before.items() if used.units > 0}
    new = {name: used for name, used in now.items() if used.units > 0}
    cost0 = {name: Fraction(_micro(used.cost)) for name, used in old.items()}
    cost1 = {name: Fraction(_micro(used.cost)) for name, used in new.items()}
    units0 = {name: Fraction(used.units) for name, used in old.items()}
    units1 = {name: Fraction(used.units) for name, used in new.items()}
    total0, total1 = sum(cost0.values(), Fraction(0)), sum(cost1.values(), Fraction(0))
    all0, all1 = sum(units0.values(), Fraction(0)), sum(units1.values(), Fraction(0))
    if not all0 or not all1:
        volume, at_old_prices = total1 - total0, total1
    else:
        volume = (all1 - all0) * total0 / all0
        at_old_prices = sum(
            (units1[n] * cost0[n] / units0[n] if n in old else cost1[n] for n in new), Fraction(0)
        )
    mix = at_old_prices - total0 - volume
    price = total1 - at_old_prices
    unmeasured = _without_units(now) - _without_units(before)
    whole = _total(now) - _total(before)
    parts = exactly((volume, price, mix, Fraction(unmeasured)), whole, MICRO)
    return Effects(*parts)


def exactly(
    parts: Sequence[Fraction | Decimal], whole: Decimal, step: Decimal = CENT
) -> tuple[Decimal, ...]:
    """The parts rounded to ``step`` so that their sum is the rounded ``whole``, which is theirs: none is off by a
    step or more (largest remainders, as seats are given in a parliament)."""
    exact = [Fraction(part) / Fraction(step) for part in parts]
    if not exact:
        return ()
    floors = [floor(part) for part in exact]
    left = round(Fraction(whole) / Fraction(step)) - sum(floors)
    each, more = divmod(left, len(floors))  # each: 0, but where the whole is not the sum
    nearest = sorted(range(len(floors)), key=lambda i: (floors[i] - exact[i], i))
    for place, i in enumerate(nearest):
        floors[i] += each + (place < more)
    return tuple(count * step for count in floors)


def waterfall(
    first: tuple[str, Decimal],
    changes: Sequence[tuple[str, Decimal]],
    last: str,
    step: Decimal = CENT,
) -> tuple[Step, ...]:
    """The bars from a whole over its changes to the whole that they come to, rounded so that they add up:
    the amount of the last is that of the first and of all changes."""
    start = _to(Fraction(first[1]), step)
    end = _to(Fraction(first[1]) + sum((Fraction(c) for _, c in changes), Fraction(0)), step)
    steps = [Step(first[0], start, Decimal(0), start)]
    at = start
    amounts = exactly([c for _, c in changes], end - start, step)
    for (label, _), amount in zip(changes, amounts, strict=True):
        steps.append(Step(label, amount, at, at + amount))
        at += amount
    return (*steps, Step(last, at, Decimal(0), at))


def elasticity(days: Sequence[Used]) -> Elasticity | None:
    """How cost follows usage: the slope of ln cost on ln units, by least squares over days that have both.

    None with fewer than 14 such days, or when usage varied too little to say (standard error of the slope above
    0.5), or when cost fell as usage rose by more than the error of that: then it followed something else. A slope
    that is zero within its error is taken as zero.
    """
    pairs = [(log(float(d.units)), log(float(d.cost))) for d in days if d.units > 0 and d.cost > 0]
    n = len(pairs)
    if n < LEAST_DAYS:
        return None
    mean_x, mean_y = sum(x for x, _ in pairs) / n, sum(y for _, y in pairs) / n
    spread = sum((x - mean_x) ** 2 for x, _ in pairs)
    if spread < 1e-9:
        return None
    seen = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread
    slope = max(0.0, seen)
    squares = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in pairs)
    residual = sqrt(squares / (n - 2))
    error = residual / sqrt(spread)
    if error > SUREST or seen < -error:
        return None
    return Elasticity(slope, n, mean_x, spread, residual)


def project(
    found: Elasticity, cost: Decimal, units: Decimal, days: int, times: Sequence[int]
) -> tuple[Projection, ...]:
    """What a period of ``days`` that cost so much for so many units would cost at ``times`` the usage.

    cost · times^slope. The interval is the regression's own for one new day, t · s · sqrt(1 + 1/n + (x - mean)² /
    spread) about the logarithm (Draper, Smith, Applied Regression Analysis), as if all days erred alike: wide on
    purpose, and wider the further the usage is from what was seen.
    """
    t = _t(found.days - 2)
    made = []
    for factor in times:
        middle = float(cost) * factor**found.slope
        x = log(float(units) / days * factor)
        distance = (x - found.mean) ** 2 / found.spread
        half = t * found.residual * sqrt(1 + 1 / found.days + distance)
        bounds = (middle, middle * exp(-half), middle * exp(min(half, 50.0)))
        made.append(Projection(factor, *(_to(Fraction(b), CENT) for b in bounds)))
    return tuple(made)


def _t(freedom: int) -> float:
    """Student's t, 90 % quantile, by the expansion of Abramowitz and Stegun 26.7.5; to 0.001 from 12 on."""
    z = _Z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2


def _total(parts: Mapping[str, Used]) -> Decimal:
    return sum((_micro(used.cost) for used in parts.values()), Decimal(0))


def _without_units(parts: Mapping[str, Used]) -> Decimal:
    return _total({name: used for name, used in parts.items() if used.units <= 0})


def _micro(value: Decimal) -> Decimal:
    return _to(Fraction(value), MICRO)


def _to(value: Fraction, step: Decimal) -> Decimal:
    """Rounded to a multiple of ``step``, half to even, however large."""
    return round(value / Fraction(step)) * step
