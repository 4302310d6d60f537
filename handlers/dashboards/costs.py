"""What one unit costs, by experiment, feature or segment: spend over the metric, on complete days only."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from guardrails.periods import Period
from guardrails.policy.alerts import CostPerUnit
from guardrails.policy.bills import Dimension
from handlers.ask.segments import segment_prices
from handlers.ask.tokens import LABEL as TOKENS
from handlers.ask.tokens import token_prices
from handlers.ask.unit_prices import per_label, price_said
from handlers.conversation import Block, Heading, Table
from handlers.dashboards.parts import (
    SHOWN,
    Days,
    change,
    compared_line,
    made_of,
    typed,
)
from handlers.turn import Turn
from storage import spend, unit_costs

#: (metric, value of a dimension) → money for one unit.
Prices = Mapping[tuple[str, str], Decimal]


def prices(turn: Turn, period: Period, by: Dimension) -> Prices:
    """The cost of one unit of every watched metric, in the workspace's currency; only where units were counted."""
    units = turn.policy.watch.units
    if not units:
        return {}
    if by == "segment":
        return segment_prices(turn, period)
    spent = spend.sums_by(turn.connection, turn.policy, period, by)
    counted = unit_costs.units_by(turn.connection, [u.metric for u in units], period, by)
    return {
        (u.metric, name): amount * u.per / counted[u.metric, name]
        for u in units
        for (name,), amount in spent.items()
        if name and counted.get((u.metric, name), Decimal(0)) > 0
    }


def first_price(units: Sequence[CostPerUnit], found: Prices, name: str) -> CostPerUnit | None:
    """The first watched unit that is counted under a name."""
    return next((u for u in units if (u.metric, name) in found), None)


def price_tables(turn: Turn, days: Days, by: Dimension) -> list[Block]:
    """Every unit that is counted, by a dimension, against the days before; nothing while none is."""
    if days.compared is None:
        return []
    compared = days.compared
    now, before = prices(turn, compared.now, by), prices(turn, compared.before, by)
    spent = spend.sums_by(turn.connection, turn.policy, compared.now, by)
    currency = turn.policy.workspace.currency
    tables: list[Block] = []
    first = ""
    for unit in turn.policy.watch.units:
        mine = sorted((n for m, n in now if m == unit.metric), key=lambda n: (-spent[n,], n))
        rows = [
            (
                name,
                price_said(now[unit.metric, name], currency),
                change(now[unit.metric, name], before.get((unit.metric, name), Decimal(0))),
            )
            for name in mine[:SHOWN]
        ]
        if rows:
            first = first or mine[0]
            # The unit is in the heading: three short columns fit on a phone.
            header = (by.capitalize(), "Cost", "Change")
            tables.append(Heading(text=f"Cost per {per_label(unit)}"))
            tables.append(Table(header=header, rows=tuple(rows), align="lrr"))
    if by in ("feature", "segment"):
        for table in token_prices(turn, by, compared.now, compared.before):
            tables += [Heading(text=f"Cost per {TOKENS}, from the bill"), table]
    if not tables:
        return []
    # A feature's units are shown by its name; segments stand below those of all features.
    which = f"feature {first}" if first and by == "feature" else ""
    return [*tables, made_of(typed("unit", which, days.all), note=compared_line(compared))]
