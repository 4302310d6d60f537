"""The charts of dashboards, from exact sums: a series by day, parts beside each other, what changed a sum."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.amounts import change, money
from guardrails.contributions import parts_of
from guardrails.policy.bills import Dimension
from handlers.ask.days import Compared
from handlers.ask.saying import rows_of, waterfall_of
from handlers.conversation import (
    Band,
    Block,
    Multiples,
    Panel,
)
from handlers.dashboards.parts import (
    Days,
    Whole,
    both,
    compared_line,
)
from handlers.turn import Turn
from storage import anomalies

PANELS = 4
#: What is said of a chart names as many parts.
_SAID = 4
_DAY = timedelta(days=1)


def spend_band(
    title: str, amounts: Mapping[date, Decimal], days: Days, currency: str
) -> list[Block]:
    """Spend by day as a chart whose words say the finding; nothing while no day is known."""
    if not any(amounts.values()) or days.complete is None:
        return []
    known = {d: a for d, a in amounts.items() if d <= days.complete.last}
    most = max(known, key=lambda d: (known[d], d)) if known else days.complete.last
    alt = f"{title}: most on {words.day(most)}, {money(known.get(most, Decimal(0)), currency)}."
    if days.week is not None:
        now, before = both(amounts, days.week)
        alt = (
            f"{title}: {_a_day(now, before, days.week, currency)}, {compared_line(days.week)}; "
            f"most on {words.day(most)}, {money(known.get(most, Decimal(0)), currency)}."
        )
    shown = [days.all.first + n * _DAY for n in range(days.all.days)]
    values = [float(amounts.get(d, Decimal(0))) for d in shown]
    growing = set(days.growing)
    return [series_band(title, alt, currency, shown, values, [d in growing for d in shown])]


def series_band(
    title: str,
    alt: str,
    unit: str,
    days: Sequence[date],
    values: Sequence[float | None],
    incomplete: Sequence[bool] = (),
) -> Band:
    """A plain series by day."""
    none = (None,) * len(days)
    return Band(
        title=title,
        alt=alt,
        unit=unit,
        days=tuple(days),
        observed=tuple(values),
        expected=none,
        lower=none,
        upper=none,
        anomalous=(False,) * len(days),
        incomplete=tuple(incomplete) or (False,) * len(days),
    )


def part_of(name: str, whole: Whole) -> str:
    """Under which of the parts of a whole a name is counted: its own, the smaller ones, what has no name."""
    named = [part for part, _ in whole.parts]
    if name in named:
        return name
    rest = next((part for part in named if part.endswith(" smaller ones")), "")
    return rest if name else whole.nothing


def spend_multiples(
    title: str,
    found: Mapping[tuple[str, date], Decimal],
    whole: Whole,
    days: Days,
    marked: Collection[str] = (),
) -> list[Block]:
    """Spend by day of each part of a whole, on complete days; ``marked`` parts have an open anomaly."""
    if days.complete is None or len(whole.parts) < 2:
        return []
    series: dict[str, dict[date, Decimal]] = {name: defaultdict(Decimal) for name, _ in whole.parts}
    for (name, day), amount in found.items():
        if day <= days.complete.last:
            series[part_of(name, whole)][day] += amount
    shown = [days.complete.first + n * _DAY for n in range(days.complete.days)]
    notes = {
        name: _a_day(*both(amounts, days.week), days.week, whole.currency)
        if days.week
        else f"{money(sum(amounts.values(), Decimal(0)) / len(shown), whole.currency)} a day"
        for name, amounts in series.items()
    }
    said = "; ".join(
        f"{name} {note}{' and an open anomaly' if name in marked else ''}"
        for name, note in [*notes.items()][:_SAID]
    )
    more = f"; and {len(notes) - _SAID} more" if len(notes) > _SAID else ""
    panels = (
        Panel(
            name=name,
            note=notes[name],
            values=tuple(float(amounts.get(d, Decimal(0))) for d in shown),
            marked=name in marked,
        )
        for name, amounts in series.items()
    )
    which = compared_line(days.week) if days.week else f"to {words.day(shown[-1])}"
    return [
        Multiples(
            title=title,
            alt=f"{title}, {which}: {said}{more}.",
            unit=whole.currency,
            days=tuple(shown),
            panels=tuple(panels),
        )
    ]


def spend_waterfall(
    before: Mapping[str, Decimal], now: Mapping[str, Decimal], days: Days, currency: str
) -> list[Block]:
    """From the spend of the days before to that of the days that are compared, by the teams that changed it.
    Nothing where there is no before."""
    if days.whole is None or days.before is None:
        return []
    rows = rows_of(parts_of(before, now))
    ends = [f"{words.days(p.days)} to {words.day(p.last)}" for p in (days.before, days.whole)]
    title = "What changed spend, by team"
    return [*waterfall_of(title, "team", rows, (ends[0], ends[1]), currency)]


def open_on(turn: Turn, dimension: Dimension) -> set[str]:
    """The names in a dimension whose spend, or what it buys, has an open anomaly."""
    scopes = (row.scope.partition(":") for row in anomalies.shown(turn.connection))
    return {name for kind, _, name in scopes if kind == dimension}


def _a_day(now: Decimal, before: Decimal, days: Compared, currency: str) -> str:
    """``$100 a day, +12 %``."""
    return f"{money(now / days.now.days, currency)} a day, {change(now, before)}"
