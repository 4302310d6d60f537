"""How the cost of a unit is said: the price of now, against before, and what moved the cost."""

from collections.abc import Mapping
from decimal import Decimal

from guardrails.alerts import words
from guardrails.amounts import change
from guardrails.money import Money
from guardrails.policy.alerts import CostPerUnit
from guardrails.unit_economics import Used, effects, waterfall
from handlers.conversation import Table

#: Cost and units by the name of a part.
Parts = Mapping[str, Used]
#: What the rows of :func:`why_cost_changed` are.
EFFECTS = (
    "Volume: more or fewer units at the old average. Price: what each part's unit costs now against before. Mix: "
    "units moved to dearer or cheaper parts, or to new ones."
)


def per_label(unit: CostPerUnit) -> str:
    """``output``, ``1,000 inferences``."""
    return unit.label if unit.per == 1 else f"{unit.per:,} {unit.label}"


def price_said(price: Decimal | None, currency: str) -> str:
    """``$0.0042``; ``no units`` where none were counted."""
    return "no units" if price is None else words.number(float(price), f"{currency} per unit")


def against(price: Decimal | None, earlier: Decimal | None, currency: str) -> str:
    """What it was before, and how it changed: ``$0.0348 (+7 % now)``."""
    if price is None or not earlier or earlier < 0:
        return price_said(earlier, currency)
    return f"{price_said(earlier, currency)} ({change(price, earlier)} now)"


def whole(parts: Parts) -> Used:
    """Cost and units of all parts."""
    zero = Decimal(0)
    return Used(
        sum((p.cost for p in parts.values()), zero), sum((p.units for p in parts.values()), zero)
    )


def why_cost_changed(now: Parts, old: Parts, currency: str) -> list[Table]:
    """What moved the cost of all parts, as a table whose rows add up; nothing where nothing was spent before."""
    if not whole(old).cost:
        return []
    why = effects(old, now)
    changes = [("Volume", why.volume), ("Price", why.price), ("Mix", why.mix)]
    if why.unmeasured:
        changes.append(("Cost without units", why.unmeasured))
    steps = waterfall(("Cost before", whole(old).cost), changes, "Cost now")
    rows = tuple((s.label, Money(s.amount, currency).exact()) for s in steps)
    return [Table(header=("Why the cost changed", "Money"), rows=rows, align="lr")]
