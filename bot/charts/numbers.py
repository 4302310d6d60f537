"""Numbers as charts show them: on axes, on bars, always with their unit."""

import math
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from babel.numbers import format_currency, get_currency_precision, is_currency

from guardrails.alerts.words import SHARE
from guardrails.unit_economics import exactly

_MONEY = re.compile(r"^([A-Z]{3})(?:\b(.*))?$")
_LARGEST, _SMALLEST = 1e18, 1e-12
_SHORT = Decimal(10_000_000)  # from here on bars say millions: longer figures do not fit on a phone


def drawable(value: float | None) -> float:
    """The value, NaN for what no axis can show: nothing, infinities, beyond 1e18; 0 for what is next to it."""
    if value is None or not math.isfinite(value) or abs(value) > _LARGEST:
        return math.nan
    return 0.0 if abs(value) < _SMALLEST else float(value)


def drawables(values: Sequence[float | None]) -> list[float]:
    """Each value as :func:`drawable` has it."""
    return [drawable(v) for v in values]


def amount(value: float, unit: str, step: float) -> str:
    """A value as an axis shows it: ``$12K`` when the unit begins with a currency, ``30 %`` of a share.

    ``step`` is how far two ticks are apart; it decides how many digits are needed.
    """
    if unit.startswith(SHARE):
        value, step = value * 100, step * 100
        digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
        return f"{value:,.{digits}f} %".replace("-", "−")
    most = max(abs(value), step) if step >= 1e3 else step  # 1,500 is not said as 1.5K
    limit, letter = next(
        ((n, word) for n, word in ((1e9, "B"), (1e6, "M"), (1e3, "K")) if most >= n), (1.0, "")
    )
    digits = max(0, -math.floor(math.log10(step / limit) + 1e-9)) if step > 0 else 2
    money = currency_of(unit)
    if value == 0:
        limit, letter, digits = 1.0, "", 0
    if money is None:
        return f"{value / limit:,.{digits}f}{letter}".replace("-", "−")
    if digits and not letter:
        digits = max(digits, 2)
    return _money(value / limit, money, digits) + letter


def on_bars(amounts: Sequence[Decimal], unit: str) -> list[str]:
    """A sum, what is added to it, and the sum in the end as bars show them: what is added has its sign.

    What is shown adds up: sums are rounded by themselves, and what is added fits between them. Millions from ten
    million on.
    """
    sums = [sum(amounts[: n + 1], Decimal(0)) for n in range(len(amounts))]
    most = max(abs(s) for s in sums)
    money = currency_of(unit)
    scale, letter = (Decimal(1_000_000), "M") if most >= _SHORT else (Decimal(1), "")
    digits = 2 if letter else (0 if most >= 100 else get_currency_precision(money) if money else 2)
    step = Decimal(1).scaleb(-digits)
    start, end = (_nearest(s / scale, step) for s in (sums[0], sums[-1]))
    steps = exactly([a / scale for a in amounts[1:]], end - start, step)
    return [
        _bar(start, money, digits, letter, signed=False),
        *(_bar(a, money, digits, letter, signed=True) for a in steps),
        _bar(end, money, digits, letter, signed=False),
    ]


def _nearest(value: Decimal, step: Decimal) -> Decimal:
    return value.quantize(step, ROUND_HALF_EVEN)


def _bar(value: Decimal, money: str | None, digits: int, letter: str, *, signed: bool) -> str:
    said = _money(value, money, digits) if money else f"{value:,.{digits}f}".replace("-", "−")
    return f"{'+' if signed and value > 0 else ''}{said}{letter}"


def _money(value: float | Decimal, money: str, digits: int) -> str:
    zeros = "." + "0" * digits if digits else ""
    pattern = f"¤#,##0{zeros};−¤#,##0{zeros}"
    return format_currency(value, money, pattern, locale="en_US", currency_digits=False)


def currency_of(unit: str) -> str | None:
    """The currency that a unit begins with: ``USD`` of ``USD per 1,000 outputs``."""
    match = _MONEY.match(unit.strip())
    return match[1] if match and is_currency(match[1]) else None


def by_day(unit: str) -> str:
    """The unit of a series by day: money alone is money per day."""
    return f"{unit} per day" if unit and unit == currency_of(unit) else unit
