"""A finding in words, for the terminal: the words of its alert."""

from rich.text import Text

from guardrails.alerts import words
from guardrails.detection.found import Found
from guardrails.money import Money

COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


def as_text(found: Found) -> Text:
    """What, how much beyond the expected value, since when, the impact and the drivers; some lines."""
    text = Text()
    text.append(f"{found.severity:<8}", style=COLOURS[found.severity])
    kind = " · new" if found.is_new_series else ""
    text.append(f" {words.what(found)} {found.direction}{kind}\n", style="bold")
    text.append(f"  {_level(found)}\n")
    text.append(f"  {_since(found)}\n")
    impact = _impact(found)
    if impact:
        text.append(f"  {impact}\n")
    for line in words.driven_by(found):
        text.append(f"  · {line}\n")
    if found.allocation:
        shown = [f"{name} {value}" for name, value in found.allocation.items() if value]
        text.append("  " + " · ".join(shown), style="dim")
    text.rstrip()
    return text


def _level(found: Found) -> str:
    now = f"{words.observed(found)} on {found.last_on:%-d %B}"
    if found.is_new_series:
        return f"{now}; it has no past, so nothing was expected"
    change = "" if found.signal == "resource-mix" else f", {words.change(found)}"
    return f"{now}; expected {words.expected(found)}{change}, score {found.score:.1f}"


def _since(found: Found) -> str:
    days = (found.last_on - found.started_on).days + 1
    length = "one day" if days == 1 else f"{days} days"
    if not found.complete:
        length = "not all charges are in yet"
    elif found.growing_on is not None:
        length += f", and {found.growing_on:%-d %B} so far"
    if found.ongoing:
        return f"since {found.started_on:%A, %-d %B %Y} ({length}), still going on"
    end = "it became the new normal" if found.settled else "back to normal"
    if days == 1:
        return f"on {found.started_on:%A, %-d %B %Y}, {end} since"
    return f"{found.started_on:%-d %B} to {found.last_on:%-d %B %Y} ({length}), {end} since"


def _impact(found: Found) -> str:
    so_far = Money(abs(found.impact), found.currency)
    if found.moved:
        return f"{Money(found.moved, found.currency)} of spend moved to other resources so far"
    if not found.impact:
        return ""
    line = f"{so_far} {'more' if found.impact > 0 else 'less'} than expected so far"
    if found.ongoing and found.impact_by_month_end != found.impact:
        by_then = Money(abs(found.impact_by_month_end), found.currency)
        line += f", {by_then} by the month's end if it goes on"
    return line
