"""A finding in words, for the terminal."""

from decimal import Decimal

from rich.text import Text

from guardrails.detection.found import Driver, Found
from guardrails.money import Money

COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
WATCHED = {
    "spend": "Spend",
    "gpu-usage": "GPU hours",
    "cost-per-unit": "Cost per unit",
    "quality": "Quality",
    "resource-mix": "Resource mix",
}


def as_text(found: Found) -> Text:
    """What, how much beyond the expected value, since when, the impact and the drivers; some lines."""
    text = Text()
    text.append(f"{found.severity:<8}", style=COLOURS[found.severity])
    what = WATCHED[found.signal] + (f" ({found.unit})" if found.signal == "quality" else "")
    kind = " · new" if found.is_new_series else ""
    text.append(
        f" {what} of {found.scope.dimension} {found.scope.value} {found.direction}{kind}\n",
        style="bold",
    )
    text.append(f"  {_level(found)}\n")
    text.append(f"  {_since(found)}\n")
    if found.signal != "quality":
        text.append(f"  {_impact(found)}\n")
    for driver in found.drivers:
        text.append(f"  because {_driver(driver, found.currency)}\n")
    if found.allocation:
        shown = [f"{name} {value}" for name, value in found.allocation.items() if value]
        text.append("  " + " · ".join(shown), style="dim")
    text.rstrip()
    return text


def _level(found: Found) -> str:
    observed, expected = _in_unit(found.observed, found), _in_unit(found.expected, found)
    band = (
        f"{_in_unit(found.lower, found).removesuffix(' moved')} to {_in_unit(found.upper, found)}"
    )
    if found.is_new_series:
        return f"{observed} on {found.last_on:%-d %B}; it has no past, so nothing was expected"
    change = ""
    if found.expected:
        change = f" ({(found.observed - found.expected) / abs(found.expected):+,.0%})"
    return (
        f"{observed} on {found.last_on:%-d %B}; expected {expected}{change}, "
        f"usual {band}, score {found.score:.1f}"
    )


def _since(found: Found) -> str:
    days = (found.last_on - found.started_on).days + 1
    length = "one day" if days == 1 else f"{days} days"
    if found.ongoing:
        return f"since {found.started_on:%A, %-d %B %Y} ({length}), still going on"
    end = "it became the new normal" if found.settled else "back to normal"
    if days == 1:
        return f"on {found.started_on:%A, %-d %B %Y}, {end} since"
    return f"{found.started_on:%-d %B} to {found.last_on:%-d %B %Y} ({length}), {end} since"


def _impact(found: Found) -> str:
    so_far = _money(abs(found.impact), found.currency)
    if found.signal == "resource-mix":
        return f"{so_far} of spend moved to other resources so far"
    word = "more" if found.impact >= 0 else "less"
    line = f"impact {so_far} {word} than expected so far"
    if found.ongoing and found.impact_by_month_end != found.impact:
        line += f", {_money(abs(found.impact_by_month_end), found.currency)} by the month's end"
    return line


def _driver(driver: Driver, currency: str) -> str:
    sign = "+" if driver.change >= 0 else "−"
    line = (
        f"{driver.facet} {_short(driver.value)}: "
        f"{sign}{_money(abs(driver.change), currency)} a day, {driver.share:.0%} of the change"
    )
    if driver.is_new:
        return f"{line}, new"
    if driver.price_share is not None and driver.volume_share is not None:
        if driver.volume_share >= 0.9:
            return f"{line}, all volume"
        if driver.price_share >= 0.9:
            return f"{line}, all price"
        return f"{line}, price {driver.price_share:.0%} and volume {driver.volume_share:.0%} of it"
    return line


def _short(value: str) -> str:
    """The end of a long resource id, which is the name that people know."""
    if len(value) <= 60 or "/" not in value:
        return value or "(not known)"
    return "…/" + value.rstrip("/").rsplit("/", 1)[1]


def _in_unit(value: float, found: Found) -> str:
    if found.signal in ("spend", "cost-per-unit"):
        money = Decimal(repr(value))
        if abs(value) < 1 and value:  # a unit often costs a fraction of a cent
            return f"{value:.3g} {found.currency}"
        return _money(money, found.currency)
    if found.signal == "resource-mix":
        return f"{value:.0%} moved"
    return f"{value:,.0f} h" if found.signal == "gpu-usage" else f"{value:,.4g}"


def _money(amount: Decimal, currency: str) -> str:
    return str(Money(amount, currency))
