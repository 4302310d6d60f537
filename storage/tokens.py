"""Tokens as the bill counts them, and what they cost."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from guardrails.money import MICROS
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.model import Policy
from guardrails.unit_economics import Used, tokens_in
from storage.spend import Key, rate
from storage.tables.spend import CostRollup

_rollup = CostRollup.__table__  # type: ignore[attr-defined]


def tokens_by(
    connection: Connection,
    policy: Policy,
    period: Period,
    key: Key,
    only: Mapping[Dimension, str] | None = None,
) -> dict[str, Used]:
    """What was paid for tokens in a period and how many there were, by the values of a key (``""``: not known).

    Only charges whose consumed unit is tokens count, so discounts and commitments that the bill does not give per
    token have no part in it. Money is in the workspace's currency; raises LookupError where it has no rate.
    """
    by = (_rollup.c[key], _rollup.c.unit, _rollup.c.currency)
    query = (
        select(*by, func.sum(_rollup.c.cost_micros), func.sum(_rollup.c.quantity))
        .where(_rollup.c.day.between(period.first, period.last))
        .where(func.lower(_rollup.c.unit).like("%token%"))
        .group_by(*by)
    )
    for dimension, value in (only or {}).items():
        query = query.where(_rollup.c[dimension] == value)
    found: dict[str, Used] = defaultdict(lambda: Used(Decimal(0), Decimal(0)))
    rows: list[Any] = list(connection.execute(query))
    for name, unit, currency, micros, quantity in rows:
        if times := tokens_in(unit):
            cost = Decimal(int(micros)) / MICROS * rate(policy, currency)
            so_far = found[name]
            count = Decimal(str(quantity or 0)) * times
            found[name] = Used(so_far.cost + cost, so_far.units + count)
    return dict(found)
