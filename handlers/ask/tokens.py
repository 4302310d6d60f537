"""What a thousand tokens cost, as the bill counts them: by feature, or of one feature by model."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from guardrails.contributions import Part
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.unit_economics import per_unit
from handlers.ask.days import Compared
from handlers.ask.saying import heading, moved, name_of
from handlers.ask.unit_prices import against, price_said, whole, why_cost_changed
from handlers.conversation import Block, Fact, Facts, Heading, Table, text
from handlers.turn import Turn
from storage.tokens import tokens_by

PER = 1_000
LABEL = f"{PER:,} tokens"
SHOWN = 8


def by_tokens(turn: Turn, feature: str, days: Compared) -> tuple[str, list[Block]]:
    """The summary and the blocks; nothing when the bill counts no tokens."""
    only: dict[Dimension, str] = {"feature": feature} if feature else {}
    now, old = (
        tokens_by(turn.connection, turn.policy, p, "sku", only) for p in (days.now, days.before)
    )
    a, b = whole(now), whole(old)
    if not a.units:
        return "", []
    currency = turn.policy.workspace.currency
    price, earlier = per_unit(a.cost, a.units, PER), per_unit(b.cost, b.units, PER)
    facts = (
        Fact(label=f"Per {LABEL}", value=text(price_said(price, currency))),
        Fact(label="Before", value=text(against(price, earlier, currency))),
        Fact(label="Tokens", value=text(f"{a.units:,.0f} ({b.units:,.0f} before)")),
    )
    return f"{price_said(price, currency)} per {LABEL}", [
        Heading(text=f"Cost per {LABEL}, from the bill"),
        Facts(facts=facts),
        *why_cost_changed(now, old, currency),
        *token_prices(turn, "sku" if feature else "feature", days.now, days.before, only),
    ]


def token_prices(
    turn: Turn,
    key: Literal["feature", "segment", "sku"],
    period: Period,
    before: Period,
    only: Mapping[Dimension, str] | None = None,
) -> list[Table]:
    """What a thousand tokens cost by a key, what most was paid for first; nothing when none has a name."""
    currency = turn.policy.workspace.currency
    now, old = (tokens_by(turn.connection, turn.policy, p, key, only) for p in (period, before))
    rows = []
    for name in sorted((n for n in now if n), key=lambda n: (-now[n].cost, n))[:SHOWN]:
        price = per_unit(now[name].cost, now[name].units, PER)
        if price is None:
            continue
        earlier = per_unit(old[name].cost, old[name].units, PER) if name in old else None
        part = Part(name, earlier or Decimal(0), price)
        rows.append((name_of(part, key), price_said(price, currency), moved(part)))
    header = (heading(key), f"Per {LABEL}", "Change")
    return [Table(header=header, rows=tuple(rows), align="lrr")] if rows else []
