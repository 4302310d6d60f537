"""``/spend unit``: what one unit costs, why that changed, what more of it would cost. The answer is private."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.lists import every
from guardrails.money import Money
from guardrails.periods import Period, span
from guardrails.policy.alerts import CostPerUnit
from guardrails.policy.bills import Dimension
from guardrails.suggest import did_you_mean
from guardrails.unit_economics import (
    Used,
    margin,
    per_unit,
    return_on_spend,
)
from handlers.ask.days import Compared, earlier, noted, with_before
from handlers.ask.segments import REVENUE, by_segment
from handlers.ask.subjects import Names, read, usual
from handlers.ask.tokens import by_tokens
from handlers.ask.unit_prices import (
    EFFECTS,
    Parts,
    against,
    per_label,
    price_said,
    whole,
    why_cost_changed,
)
from handlers.ask.usage import Books, at_more, books, serving
from handlers.conversation import (
    Band,
    Block,
    Fact,
    Facts,
    Heading,
    Interaction,
    Message,
    Paragraph,
    Private,
    Small,
    Table,
    said,
    text,
)
from handlers.refusals import NotFound
from handlers.router import command
from handlers.turn import Turn
from storage import spend, unit_costs

_LEAST_DRAWN = 3  # days; fewer are no trend
_COST = re.compile(r"^costs?(?:\s+of)?(?:\s+|$)", re.IGNORECASE)  # /spend unit cost is /spend unit


@command(
    "spend unit",
    permission="spend.read",
    does="cost of a unit of output: now, before, why it changed, and at more usage",
    usage="[feature] [last 30d]",
    example="/spend unit {feature} this quarter",
    looks=True,
)
def show_unit(turn: Turn, it: Interaction) -> Private:
    """Of one feature by its experiments, or of all features that count the unit."""
    names = Names(turn)
    typed, name = read(names, it.inputs.get("text", ""))
    if _same(name, names.of("feature")) is None:
        name = _COST.sub("", name)
    feature = _feature(names, name) if name else ""
    days = with_before(turn, usual(turn, typed))
    if isinstance(days, str):
        return _sentence(days)
    period = days.now
    blocks: list[Block] = []
    summary = ""
    for unit in turn.policy.watch.units:
        line, found = _unit(turn, unit, feature, days)
        blocks += found
        summary = summary or line
    line, found = by_tokens(turn, feature, days)
    blocks += found
    summary = summary or line
    if not blocks and not turn.policy.watch.units:
        return _sentence(
            "No unit is named. The FinOps owner names what a unit is in the policy, under watch.units."
        )
    if not blocks:
        whom = f"the feature {feature}" if feature else "any feature"
        metrics = ", ".join(u.metric for u in turn.policy.watch.units)
        return _sentence(
            f"No units of {whom} were counted from {words.day(period.first)} to {words.day(period.last)}. "
            f"Send one of {metrics} by file or HTTP, with its feature."
        )
    counted = counted_features(turn, feature, days)
    title = f"Unit costs of {feature or 'all features that count units'}"
    notes = (f"{span(period, turn.today)}; before: {earlier(turn, days)}.", *days.notes)
    blocks = [
        Heading(text=title),
        *blocks,
        *([Small(text=text(EFFECTS))] if _explained(blocks) else []),
        *by_segment(turn, counted, days),
        *noted(notes),
    ]
    return Private(message=Message(summary=summary, blocks=tuple(blocks)))


def _explained(blocks: Sequence[Block]) -> bool:
    return any(isinstance(b, Table) and b.header[0].startswith("Why") for b in blocks)


def _sentence(sentence: str) -> Private:
    return Private(message=said(sentence))


def _feature(names: Names, name: str) -> str:
    first, _, rest = name.partition(" ")
    wanted = rest.strip() if rest and first.lower() == "feature" else name
    known = names.of("feature")
    if (found := _same(wanted, known)) is not None:
        return found
    hint = did_you_mean(wanted, known) or "; /spend unit without a name shows all."
    raise NotFound(f"No feature is called “{wanted}”{hint}")


def _same(wanted: str, known: Sequence[str]) -> str | None:
    return next((value for value in known if value.casefold() == wanted.casefold()), None)


def counted_features(turn: Turn, feature: str, days: Compared, *metrics: str) -> set[str]:
    """The features for which any of the metrics (the policy's units, when none is given) was counted."""
    wanted = metrics or tuple(u.metric for u in turn.policy.watch.units)
    found: set[str] = set()
    for period in (days.now, days.before):
        units = unit_costs.units_by(turn.connection, wanted, period, "feature", _within(feature))
        found |= {name for (_, name), count in units.items() if name and count > 0}
    return found


def _within(feature: str) -> dict[Dimension, str]:
    return {"feature": feature} if feature else {}


def _parts(turn: Turn, unit: CostPerUnit, feature: str, period: Period, only: set[str]) -> Parts:
    """Cost and units of a feature's experiments; without a feature, of those of the features ``only``. So what
    counts nothing, such as training, is no part of what a unit costs more."""
    spent = spend.sums_by(turn.connection, turn.policy, period, "feature", "experiment")
    counted = unit_costs.units_of(turn.connection, unit.metric, period, "feature", "experiment")
    found: dict[str, Used] = {}
    for name in {feature} if feature else only:
        units = {e: n for (f, e), n in counted.items() if f == name}
        cost = {e: amount for (f, e), amount in spent.items() if f == name}
        if set(units) <= {""}:  # counted for the feature as one
            units = {"": sum(units.values(), Decimal(0))}
            cost = {"": sum(cost.values(), Decimal(0))}
        for e in units.keys() | cost.keys():
            found[f"{name}/{e}"] = Used(cost.get(e, Decimal(0)), units.get(e, Decimal(0)))
    return dict(sorted(found.items()))


def prices_of_all(turn: Turn, unit: CostPerUnit, days: Compared) -> tuple[Decimal | None, ...]:
    """What a unit of all features that count it cost, now and before; None without any."""
    counted = counted_features(turn, "", days, unit.metric)
    sums = (whole(_parts(turn, unit, "", p, counted)) for p in (days.now, days.before))
    return tuple(per_unit(s.cost, s.units, unit.per) for s in sums)


def _unit(turn: Turn, unit: CostPerUnit, feature: str, days: Compared) -> tuple[str, list[Block]]:
    """The summary and the blocks of one unit; nothing when it was not counted."""
    counted = counted_features(turn, feature, days, unit.metric)
    if not counted:
        return "", []
    now, old = (_parts(turn, unit, feature, p, counted) for p in (days.now, days.before))
    currency, label = turn.policy.workspace.currency, per_label(unit)
    a, b = whole(now), whole(old)
    price, earlier = per_unit(a.cost, a.units, unit.per), per_unit(b.cost, b.units, unit.per)
    line = f"{price_said(price, currency)} per {label}"
    facts = [
        Fact(label=f"Per {label}", value=text(price_said(price, currency))),
        Fact(label="Before", value=text(against(price, earlier, currency))),
        Fact(label="Units", value=text(f"{a.units:,.0f} ({b.units:,.0f} before)")),
        *_worth(turn, feature, counted, days.now, a.cost),
    ]
    by_day = {
        d: used
        for p in (days.before, days.now)
        for d, used in _daily(turn, unit, counted, p).items()
    }
    known = books(turn, Period(days.before.first, days.now.last), [unit.metric])
    blocks: list[Block] = [
        Heading(text=f"Cost per {label}"),
        Facts(facts=tuple(facts)),
        *_trend(unit, by_day, days, currency),
        *why_cost_changed(now, old, currency),
        *_more(turn, known, unit.metric, counted, days.now),
    ]
    return line, blocks


def _daily(
    turn: Turn, unit: CostPerUnit, counted: Collection[str], period: Period
) -> dict[date, Used]:
    """Cost and units of the counted features on each day of a period that has both."""
    cost: dict[date, Decimal] = defaultdict(Decimal)
    units: dict[date, Decimal] = defaultdict(Decimal)
    for (name, day), amount in spend.sums_by(
        turn.connection, turn.policy, period, "feature", "day"
    ).items():
        if name in counted:
            cost[day] += amount
    found = unit_costs.units_by_day(turn.connection, (unit.metric,), period, "feature")
    for (_, name, day), count in found.items():
        if name in counted:
            units[day] += count
    return {day: Used(cost[day], units[day]) for day in sorted(cost.keys() & units.keys())}


def _trend(
    unit: CostPerUnit, by_day: Mapping[date, Used], days: Compared, currency: str
) -> list[Block]:
    """The cost of a unit day by day, these days and those before; nothing for a single day."""
    prices = {day: per_unit(used.cost, used.units, unit.per) for day, used in by_day.items()}
    known = {day: price for day, price in prices.items() if price is not None}
    if len(known) < _LEAST_DRAWN:
        return []
    span_of = Period(min(known), max(known))
    every = [span_of.first + timedelta(days=n) for n in range(span_of.days)]
    top = max(known, key=lambda day: known[day])
    low = min(known, key=lambda day: known[day])
    label = per_label(unit)
    alt = (
        f"The cost per {label} by day, from {words.day(span_of.first)} to {words.day(span_of.last)}: highest "
        f"{price_said(known[top], currency)} on {words.day(top)}, lowest {price_said(known[low], currency)} on "
        f"{words.day(low)}."
    )
    nothing = (None,) * len(every)
    return [
        Band(
            title=f"Cost per {label}, by day",
            alt=alt,
            unit=f"{currency} per {label}",
            days=tuple(every),
            observed=tuple(float(known[day]) if day in known else None for day in every),
            expected=nothing,
            lower=nothing,
            upper=nothing,
            anomalous=(False,) * len(every),
            incomplete=(False,) * len(every),
        )
    ]


def _worth(
    turn: Turn, feature: str, counted: set[str], period: Period, cost: Decimal
) -> list[Fact]:
    """Margin and return, where every feature that is counted has revenue."""
    revenue, without = unit_costs.earned_by(
        turn.connection, turn.policy, REVENUE, period, "feature", _within(feature)
    )
    if without:
        said_of = f"left out in {every(without)}: workspace.rates has no rate"
        return [Fact(label="Revenue", value=text(said_of))]
    if not counted <= revenue.keys():
        return []
    whole = sum((revenue[name] for name in counted), Decimal(0))
    left, back = margin(whole, cost), return_on_spend(whole, cost)
    if left is None or back is None:
        return []
    money = Money(whole, turn.policy.workspace.currency)
    sign = "−" if left < 0 else ""
    return [
        Fact(label="Margin", value=text(f"{sign}{words.percent(abs(float(left)))} of {money}")),
        Fact(label="Return", value=text(f"{back:.2f} for 1 that was spent")),
    ]


def _more(
    turn: Turn, known: Books, metric: str, features: Collection[str], now: Period
) -> list[Block]:
    """What more usage would cost, by how the cost of what serves it has followed it."""
    one = serving(known, metric, features, now)
    more = None if one is None else at_more(one)
    if one is None or more is None:
        sentence = (
            "Usage varied too little, on too few days, or cost has not followed it: what more of it would cost is "
            "not said."
        )
        return [Small(text=text(sentence))]
    currency = turn.policy.workspace.currency
    rows = tuple(
        (
            f"{p.times} ×",
            str(Money(p.cost, currency)),
            f"{Money(p.lower, currency)} to {Money(p.upper, currency)}",
        )
        for p in more.at
    )
    slope = f"With 1 % more usage, what serves it has cost {more.law.slope:.2f} % more, on {more.law.days} days."
    rest = (
        f" {Money(one.rest, currency)} that does not follow usage stays as it is."
        if one.rest
        else ""
    )
    return [
        Paragraph(text=text(slope + rest)),
        Table(header=("Usage", "Cost", "80 % interval"), rows=rows, align="lrr"),
    ]
