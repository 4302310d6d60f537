"""Unit costs by customer segment: what a segment cost, earned and left, and what its units cost."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from guardrails.contributions import Part, shown_to
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.unit_economics import exactly, margin, per_unit, return_on_spend
from handlers.ask.days import Compared
from handlers.ask.saying import exact, money, moved, share
from handlers.ask.unit_prices import per_label, price_said
from handlers.conversation import Block, Heading, Small, Table, text
from handlers.turn import Turn
from storage import spend, unit_costs

REVENUE = "revenue"  # money, by day, feature and segment; its unit is a currency
SHOWN = 8
_NONE = "no segment"
#: A share of cost without a segment that is said, as margins are too good by it.
_MUCH = Decimal("0.05")


@dataclass(frozen=True)
class Segment:
    """Cost and revenue of a segment in one period."""

    name: str
    cost: Decimal
    revenue: Decimal


def by_segment(turn: Turn, counted: Collection[str], days: Compared) -> list[Block]:
    """Margin and return of each segment, and the cost of its units; nothing while none has a name."""
    rows = segments(turn, counted, days.now)
    named = [s for s in rows if s.name != _NONE]
    if not named:
        return []
    return [
        Heading(text="By customer segment"),
        _margins(turn, rows),
        *_caution(turn, rows),
        *_unit_tables(turn, counted, days),
    ]


def segments(turn: Turn, counted: Collection[str], period: Period) -> tuple[Segment, ...]:
    """The segments of the features that count units, the dearest first; what has none comes last."""
    only: dict[Dimension, Collection[str]] = {"feature": counted}
    cost: dict[str, Decimal] = defaultdict(Decimal)
    spent = spend.sums_by(turn.connection, turn.policy, period, "segment", only=only)
    cost.update({segment: amount for (segment,), amount in spent.items()})
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    earned, _ = unit_costs.earned_by(turn.connection, turn.policy, REVENUE, period, "segment", only)
    revenue.update(earned)
    names = sorted((n for n in {*cost, *revenue} if n), key=lambda n: (-cost[n], n))
    every = [Segment(n, cost[n], revenue[n]) for n in names]
    if len(every) > SHOWN + 1:
        rest = every[SHOWN:]
        both = [sum((getattr(s, of) for s in rest), Decimal(0)) for of in ("cost", "revenue")]
        every = [*every[:SHOWN], Segment(f"{len(rest)} smaller ones", *both)]
    if cost[""] or revenue[""]:
        every.append(Segment(_NONE, cost[""], revenue[""]))
    return tuple(every)


def _margins(turn: Turn, rows: tuple[Segment, ...]) -> Table:
    """Cost and revenue add up as shown; margin and return only where a segment has both."""
    total = Segment(
        "All", *(sum((getattr(s, of) for s in rows), Decimal(0)) for of in ("cost", "revenue"))
    )
    currency = turn.policy.workspace.currency
    shown = []
    for of in ("cost", "revenue"):
        amounts, whole = [getattr(s, of) for s in rows], getattr(total, of)
        step = shown_to(whole, currency)
        found = exactly(amounts, whole, step)
        shown.append([exact(turn, a, step) for a in (*found, sum(found, Decimal(0)))])
    cells = []
    for s, cost, revenue in zip((*rows, total), *shown, strict=True):
        both = s.cost > 0 and s.revenue > 0 and s.name != _NONE
        left, back = margin(s.revenue, s.cost), return_on_spend(s.revenue, s.cost)
        cells.append(
            (
                s.name,
                cost,
                revenue,
                share(left, Decimal(1)) if both and left is not None else "–",
                f"{back:.2f}" if both and back is not None else "–",
            )
        )
    header = ("Segment", "Cost", "Revenue", "Margin", "Return")
    return Table(header=header, rows=tuple(cells), align="lrrrr")


def _caution(turn: Turn, rows: tuple[Segment, ...]) -> list[Block]:
    whole = sum((s.cost for s in rows), Decimal(0))
    without = next((s.cost for s in rows if s.name == _NONE), Decimal(0))
    said = "Return: revenue for 1 that was spent."
    if whole > 0 and without > _MUCH * whole:
        said += (
            f" {share(without, whole)} of the cost has no segment ({money(turn, without)}), so the margins of "
            "segments are better than they would be with it: set the segment by tags or rules."
        )
    return [Small(text=text(said))]


def _unit_tables(turn: Turn, counted: Collection[str], days: Compared) -> list[Block]:
    """What each watched unit costs in the segments that count it, against before."""
    currency = turn.policy.workspace.currency
    now, before = (segment_prices(turn, p, counted) for p in (days.now, days.before))
    found: list[Block] = []
    for unit in turn.policy.watch.units:
        rows = []
        for (metric, segment), price in now.items():
            if metric == unit.metric:
                old = before.get((metric, segment), Decimal(0))
                rows.append((segment, price_said(price, currency), moved(Part("", old, price))))
        if rows:
            header = ("Segment", f"Per {per_label(unit)}", "Change")
            found.append(Table(header=header, rows=tuple(sorted(rows)), align="lrr"))
    return found


def segment_prices(
    turn: Turn, period: Period, features: Collection[str] | None = None
) -> dict[tuple[str, str], Decimal]:
    """(metric, segment) → money for as many units as the policy says: what the features that count the metric cost
    in the segment, over what they counted in it. A segment is served by other features too, which make other
    units. ``features``: only these.
    """
    only: dict[Dimension, Collection[str]] = {} if features is None else {"feature": features}
    spent = spend.sums_by(turn.connection, turn.policy, period, "segment", "feature", only=only)
    prices: dict[tuple[str, str], Decimal] = {}
    for unit in turn.policy.watch.units:
        units: dict[str, Decimal] = defaultdict(Decimal)
        makes: dict[str, Decimal] = defaultdict(Decimal)
        found = unit_costs.units_of(turn.connection, unit.metric, period, "segment", "feature")
        for (segment, feature), count in found.items():
            if features is None or feature in features:
                units[segment] += count
                makes[feature] += count
        cost: dict[str, Decimal] = defaultdict(Decimal)
        for (segment, feature), amount in spent.items():
            if makes[feature]:
                cost[segment] += amount
        for segment, count in units.items():
            price = per_unit(cost[segment], count, unit.per)
            if segment and price is not None and price > 0:
                prices[unit.metric, segment] = price
    return prices
