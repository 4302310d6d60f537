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
_SEVERAL = {"sku": "SKUs"}
#: How the unit of a share begins, and the units that are said as they are; any other is a metric's name.
SHARE = "share of "
COUNTED = frozenset({"GPU hours"})
#: Relative change below which spend or units of a cost per unit are called about unchanged.
UNCHANGED = 0.05


def signal_name(signal: str) -> str:
    """``GPU use`` for ``gpu-usage``."""
    return _SIGNALS.get(signal, signal)


def amount(value: float, unit: str) -> str:
    """A value in its unit: ``$3,120``, ``$0.0042 per output``, ``412 GPU hours``, ``0.81 (accuracy)``."""
    currency, per, what = unit.partition(" per ")
    if is_currency(currency):
        return f"{number(value, unit)} per {what}" if per else number(value, unit)
    if unit.startswith(SHARE):
        return f"{number(value, unit)} {unit.removeprefix('share ')}"
    return f"{number(value, unit)} {unit if unit in COUNTED else f'({unit})'}"


def number(value: float, unit: str) -> str:
    """The value as its unit wants it, without what the unit is of: ``$0.0042``, ``28 %``, ``0.812``."""
    currency, per, _ = unit.partition(" per ")
    if is_currency(currency):
        return _fine(value, currency) if per else str(Money(Decimal(str(value)), currency))
    if unit.startswith(SHARE):
        return percent(value)
    size = abs(value)
    digits = 0 if size >= 100 or not size else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"


_FINEST = 12  # digits after the point that can still be read


def _fine(value: float, currency: str) -> str:
    """A small price with three significant digits, without zeros after the cents: ``$0.0042``, ``$0.80``."""
    if abs(value) >= 1 or value == 0:
        return str(Money(Decimal(str(value)), currency))
    symbol = str(Money(Decimal(0), currency)).split("0", maxsplit=1)[0]
    digits = 2 - Decimal(str(value)).adjusted()
    if digits > _FINEST:
        said = f"{abs(value):.2e}"
    else:
        whole, _, part = f"{abs(value):.{digits}f}".partition(".")
        said = f"{whole}.{part.rstrip('0'):0<2}"
    return f"{'-' if value < 0 else ''}{symbol}{said}"


def day(value: date) -> str:
    """``Sat 21 Nov``; with the year when it is not obvious is left to the surrounding words."""
    return format_date(value, "EEE d MMM", locale="en_GB")


def ended(sentence: str) -> str:
    """What somebody wrote, with a full stop where it has no end of its own."""
    return sentence if sentence.endswith((".", "?", "!", "…")) else f"{sentence}."


def percent(share: float) -> str:
    """``94 %``, ``0.4 %``; never ``0 %`` for something."""
    points = share * 100
    if abs(points) >= 0.95 or points == 0:
        return f"{points:,.0f} %"
    return f"{points:.1f} %" if abs(points) >= 0.05 else "under 0.1 %"


def what(found: Found) -> str:
    """What it is about: ``Spend of experiment ranker``, ``Quality (accuracy) of feature search``."""
    metric = f" ({found.unit})" if found.signal == "quality" else ""
    return f"{signal_name(found.signal)}{metric} of {found.scope.dimension} {found.scope.value}"


def observed(found: Found) -> str:
    """``$3,120``; ``$3,120 so far`` on a day that is not complete; quality without its metric."""
    metric = found.signal == "quality"
    now = number(found.observed, found.unit) if metric else amount(found.observed, found.unit)
    return now if found.complete else f"{now} so far"


def expected(found: Found) -> str:
    """What was expected, its unit once: ``$0.471 per 1,000 outputs ($0.422 to $0.519)``."""
    if found.is_new_series:
        return "nothing: it has no past"
    mean = number(found.expected, found.unit)
    if found.signal not in ("quality", "resource-mix"):
        mean = amount(found.expected, found.unit)
    return f"{mean} ({usual(found)})"


def usual(found: Found) -> str:
    """The band: ``$414 to $794``; not below zero for what is never below zero."""
    lower = max(found.lower, 0.0) if found.observed >= 0 else found.lower
    return f"{number(lower, found.unit)} to {number(found.upper, found.unit)}"


def headline(found: Found) -> str:
    """What happened, in a line: signal, scope, value against expected."""
    now = f"{observed(found)} on {day(found.last_on)}"
    if found.is_new_series:
        return f"{what(found)} is new: {now}"
    return f"{what(found)}: {now}, {number(found.expected, found.unit)} expected"


def change(found: Found) -> str:
    """``17 × the expected value`` or ``−40 %`` against it; ``new`` where nothing was expected."""
    if found.is_new_series or abs(found.expected) < 1e-12:
        return "new"
    share = (found.observed - found.expected) / abs(found.expected)
    if share >= 10:
        return f"{found.observed / found.expected:,.0f} × the expected value"
    if abs(share) < 0.0005:
        return "as expected"
    return f"{'+' if share >= 0 else '−'}{percent(abs(share))}"


def driven_by(found: Found) -> list[str]:
    """What drives a finding, a line each: spend against units of a cost per unit, then the bill's parts."""
    lines = drivers(found.drivers, found.currency)
    if found.units is None:
        return lines
    unit = found.unit.partition(" per ")[2].lstrip("0123456789, ") or "units"
    told = f"{unit[0].upper()}{unit[1:]} {_moved(found.units.units)}"
    return [f"{told}, spend {_moved(found.units.spend)}", *lines]


def _moved(share: float) -> str:
    if abs(share) < UNCHANGED:
        return "about unchanged"
    return f"{'rose' if share > 0 else 'fell'} {percent(abs(share))}"


def drivers(parts: Sequence[Driver], currency: str, facets: int = 3, each: int = 3) -> list[str]:
    """What drives a change, a line a facet, the facet that explains most first.

    ``SKU: p5.48xlarge GPU hours +$10,177 a day (100 % of the change, more volume)``, or for parts
    that changed alike ``Resource: 4 resources, about 25 % each; most node-2 +$2,711 a day``.
    """
    by_facet: dict[str, list[Driver]] = {}
    for part in sorted(parts, key=lambda p: -abs(p.alike_share or p.share)):
        by_facet.setdefault(part.facet, []).append(part)
    lines = []
    for facet, found in list(by_facet.items())[:facets]:
        told = "; ".join(_driver(p, currency, first=i == 0) for i, p in enumerate(found[:each]))
        lines.append(f"{FACETS.get(facet, facet.capitalize())}: {told}")
    return lines


def _driver(part: Driver, currency: str, *, first: bool) -> str:
    sign = "+" if part.change >= 0 else "−"
    name = (_short(part.value) if part.facet == "resource" else part.value) or "(none)"
    money = f"{sign}{Money(abs(part.change), currency)} a day"
    if part.alike:
        several = _SEVERAL.get(part.facet, f"{part.facet}s")
        each = percent(part.alike_share / part.alike)
        return f"{part.alike} {several}, about {each} each; most {name} {money}"
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
    return f"{name} {money} ({', '.join(details)})"


def _short(resource: str) -> str:
    """The last part of a resource's id: providers put the name there."""
    return resource.rstrip("/").rpartition("/")[2] or resource


def days(count: int) -> str:
    """``1 day``, ``3 days``."""
    return "1 day" if count == 1 else f"{count} days"
