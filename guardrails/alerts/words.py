"""How amounts and dates of an alert are put into words."""

from collections.abc import Sequence
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
    "provider": "Provider",
    "account": "Account",
    "region": "Region",
    "service": "Service",
    "sku": "SKU",
    "resource": "Resource",
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
    if unit.startswith("share of "):
        return f"{percent(value)} {unit.removeprefix('share ')}"
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
    if found.signal == "resource-mix":
        return f"{what}: {now} on {day(found.last_on)}, {_number(found)} expected"
    if found.is_new_series:
        return f"{what} is new: {now} on {day(found.last_on)}"
    return f"{what}: {now} on {day(found.last_on)}, {amount(found.expected, found.unit)} expected"


def _number(found: Found) -> str:
    return amount(found.expected, found.unit).partition(" of ")[0]


def change(found: Found) -> str:
    """``+2,900 %`` or ``−40 %`` against the expected value; ``new`` where nothing was expected."""
    if found.is_new_series or abs(found.expected) < 1e-12:
        return "new"
    share = (found.observed - found.expected) / abs(found.expected)
    if share >= 10:
        return f"{found.observed / found.expected:,.0f} × the expected value"
    return f"{'+' if share >= 0 else '−'}{percent(abs(share))}"


def drivers(parts: Sequence[Driver], currency: str, facets: int = 3, each: int = 3) -> list[str]:
    """What drives a change, a line a facet, the facet that explains most first.

    ``SKU: p5.48xlarge GPU hours +$10,177 a day (100 % of the change, more volume)``
    """
    by_facet: dict[str, list[Driver]] = {}
    for part in sorted(parts, key=lambda p: -abs(p.share)):
        by_facet.setdefault(part.facet, []).append(part)
    lines = []
    for facet, found in list(by_facet.items())[:facets]:
        told = "; ".join(_driver(p, currency, first=i == 0) for i, p in enumerate(found[:each]))
        lines.append(f"{FACETS.get(facet, facet.capitalize())}: {told}")
    return lines


def _driver(part: Driver, currency: str, *, first: bool) -> str:
    sign = "+" if part.change >= 0 else "−"
    name = _short(part.value) if part.facet == "resource" else part.value
    money = f"{sign}{Money(abs(part.change), currency)} a day"
    details = [f"{percent(part.share)} of the change" if first else percent(part.share)]
    more = part.change >= 0
    if part.is_new:
        details.append("new")
    elif part.price_share is not None and part.volume_share is not None:
        if part.volume_share >= 0.9:
            details.append("more volume" if more else "less volume")
        elif part.price_share >= 0.9:
            details.append("higher price" if more else "lower price")
        else:
            details.append(
                f"{percent(part.volume_share)} volume, {percent(part.price_share)} price"
            )
    return f"{name or '(none)'} {money} ({', '.join(details)})"


def _short(resource: str) -> str:
    """The last part of a resource's id: providers put the name there."""
    return resource.rstrip("/").rpartition("/")[2] or resource


def days(count: int) -> str:
    """``1 day``, ``3 days``."""
    return "1 day" if count == 1 else f"{count} days"
