"""How amounts and dates of an alert are put into words."""

from datetime import date
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import is_currency

from guardrails.detection.found import Driver, Found
from guardrails.money import Money

_SIGNALS = {
    "spend": "Spend",
    "gpu-usage": "GPU use",
    "cost-per-unit": "Unit cost",
    "quality": "Quality",
    "resource-mix": "Resource mix",
}
FACETS = {
    "provider": "provider",
    "account": "account",
    "region": "region",
    "service": "service",
    "sku": "SKU",
    "resource": "resource",
}


def signal_name(signal: str) -> str:
    """``GPU use`` for ``gpu-usage``."""
    return _SIGNALS.get(signal, signal)


def amount(value: float, unit: str) -> str:
    """A value in its unit: ``$3,120``, ``$0.0042 per output``, ``412 GPU hours``, ``0.81 score``."""
    currency, per, what = unit.partition(" per ")
    if is_currency(currency):
        if not per:
            return str(Money(Decimal(str(value)), currency))
        return f"{_fine(value, currency)} per {what}"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip()


def _fine(value: float, currency: str) -> str:
    """A small price with three significant digits."""
    if abs(value) >= 1 or value == 0:
        return str(Money(Decimal(str(value)), currency))
    symbol = str(Money(Decimal(0), currency)).split("0", maxsplit=1)[0]
    return f"{symbol}{value:.3g}" if abs(value) >= 1e-4 else f"{symbol}{value:.2e}"


def day(value: date) -> str:
    """``Sat 21 Nov``; with the year when it is not obvious is left to the surrounding words."""
    return format_date(value, "EEE d MMM", locale="en_GB")


def percent(share: float) -> str:
    """``94 %``; never ``0 %`` for something."""
    points = share * 100
    if 0 < abs(points) < 1:
        return "under 1 %"
    return f"{points:,.0f} %"


def headline(found: Found) -> str:
    """What happened, in a line: signal, scope, value against expected."""
    what = f"{signal_name(found.signal)} of {found.scope.dimension} {found.scope.value}"
    now = amount(found.observed, found.unit)
    if found.is_new_series:
        return f"{what} is new: {now} on {day(found.last_on)}"
    return f"{what}: {now} on {day(found.last_on)}, {amount(found.expected, found.unit)} expected"


def change(found: Found) -> str:
    """``+2,900 %`` or ``−40 %`` against the expected value; ``new`` where nothing was expected."""
    if found.is_new_series or abs(found.expected) < 1e-12:
        return "new"
    share = (found.observed - found.expected) / abs(found.expected)
    if share >= 10:
        return f"{found.observed / found.expected:,.0f} × the expected value"
    return f"{'+' if share >= 0 else '−'}{percent(abs(share))}"


def driver(part: Driver, currency: str) -> str:
    """One driver in a line: what, how much a day, share of the change, price or volume."""
    sign = "+" if part.change >= 0 else "−"
    money = Money(abs(part.change), currency)
    line = f"{FACETS.get(part.facet, part.facet)} {part.value or '(none)'}: {sign}{money} a day"
    details = [f"{percent(part.share)} of the change"]
    if part.is_new:
        details.append("new")
    elif part.price_share is not None and part.volume_share is not None:
        if part.volume_share >= 0.9:
            details.append("more volume" if part.change >= 0 else "less volume")
        elif part.price_share >= 0.9:
            details.append("higher price" if part.change >= 0 else "lower price")
        else:
            details.append(
                f"{percent(part.volume_share)} volume, {percent(part.price_share)} price"
            )
    return f"{line} ({', '.join(details)})"


def days(count: int) -> str:
    """``1 day``, ``3 days``."""
    return "1 day" if count == 1 else f"{count} days"
