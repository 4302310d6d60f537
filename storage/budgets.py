"""Budgets as they are kept: ledgers, spend by scope, and what people were told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, func, select

from guardrails.budgets import GRANTS, Entry, EntryKind
from guardrails.burn import Spent
from guardrails.money import MICROS, Money
from guardrails.periods import Period
from guardrails.policy.bills import DIMENSIONS, Dimension
from guardrails.policy.model import Policy
from storage import spend
from storage.rows import add_row
from storage.series_window import ENDED
from storage.spend import K, Wanted, rate
from storage.tables.budgets import BudgetEntry, BudgetNudge
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint

_entries = BudgetEntry.__table__  # type: ignore[attr-defined]
_nudges = BudgetNudge.__table__  # type: ignore[attr-defined]
_rollup = CostRollup.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]
_periods = BillPeriod.__table__  # type: ignore[attr-defined]
#: Days by which it is seen whether a bill has charges on most of them.
MONTH = timedelta(days=31)
#: A late bill with a smaller part of a scope's spend holds nothing up.
MATERIAL = Decimal("0.02")


class NoRate(LookupError):
    """Money of a currency that the policy has no rate for: it cannot be counted. The sentence says what to do."""


def in_workspace(policy: Policy, micros: int, currency: str, what: str) -> Decimal:
    """Stored money in the workspace's currency, to the millionth; an empty currency is the workspace's.

    Raises NoRate with a sentence about ``what`` it is of.
    """
    try:
        factor = rate(policy, currency or policy.workspace.currency)
    except LookupError:
        raise NoRate(
            f"{what} counts money in {currency}, and workspace.rates in the policy has no rate for {currency}: "
            "add one, so that it can be counted."
        ) from None
    return (Decimal(int(micros)) / MICROS * factor).quantize(Decimal(1) / MICROS)


def move(
    connection: Connection,
    *,
    budget: str,
    period: str,
    key: str,
    kind: EntryKind,
    amount: Money,
    until: date | None,
    actor: str,
    reason: str,
    policy_hash: str,
    now: datetime,
) -> bool:
    """Adds an entry to a budget's ledger. False: the same ``key`` has moved it before, and nothing changes."""
    return add_row(
        connection,
        _entries,
        budget=budget,
        period=period,
        key=key,
        kind=kind,
        amount_micros=amount.micros,
        currency=amount.currency,
        until=until,
        actor=actor,
        reason=reason,
        policy_hash=policy_hash,
        at=now,
    )


def ledger(connection: Connection, policy: Policy, budget: str, period: str) -> list[Entry]:
    """The entries of a budget's period in the workspace's currency, in the order in which they came.

    Raises NoRate for an entry of another currency, from before the workspace's changed, without a rate.
    """
    rows = connection.execute(
        select(_entries.c.kind, _entries.c.amount_micros, _entries.c.currency, _entries.c.until)
        .where(_entries.c.budget == budget, _entries.c.period == period)
        .order_by(_entries.c.id)
    )
    what = f"The ledger of {budget} for {period}"
    return [
        Entry(r.kind, in_workspace(policy, r.amount_micros, r.currency, what), r.until)
        for r in rows
    ]


def bridged(connection: Connection, budget: str, period: str) -> bool:
    """Whether a bridge was granted in a budget's period."""
    found = connection.execute(
        select(_entries.c.id)
        .where(_entries.c.budget == budget, _entries.c.period == period)
        .where(_entries.c.kind == "bridge")
        .limit(1)
    ).first()
    return found is not None


def granted_since(connection: Connection, policy: Policy, budget: str, since: datetime) -> Decimal:
    """What a budget was granted beyond its limit since then, by people or as a bridge; in the workspace's
    currency. Raises NoRate."""
    rows = connection.execute(
        select(_entries.c.currency, func.sum(_entries.c.amount_micros).label("micros"))
        .where(_entries.c.budget == budget, _entries.c.at >= since)
        .where(_entries.c.kind.in_(GRANTS))
        .group_by(_entries.c.currency)
    )
    what = f"The ledger of {budget}"
    return sum((in_workspace(policy, r.micros, r.currency, what) for r in rows), Decimal(0))


def told(
    connection: Connection, budget: str, period: str, basis: str, percent: int, now: datetime
) -> bool:
    """Notes that people are told of a share. False: they were told before."""
    return add_row(
        connection, _nudges, budget=budget, period=period, basis=basis, percent=percent, at=now
    )


def spend_of(
    connection: Connection, policy: Policy, parts: Mapping[Dimension, str], period: Period
) -> Spent:
    """Spend of each day of a scope, in the workspace's currency; days without any are zero."""
    return spend.daily(connection, policy, period, parts)


@dataclass(frozen=True)
class CompleteDays:
    """Through which day the bills are complete, as they were read: the ``furthest`` of them, and those that are
    ``late``."""

    furthest: date
    late: Mapping[str, date] = field(default_factory=dict)


def complete_days(connection: Connection, policy: Policy) -> CompleteDays | None:
    """Through which days the bills are complete; None when nothing was read.

    A bill that is behind the furthest is late while it goes on: it has charges on most days, and is at most ENDED
    days behind.
    """
    held = spend.covered(connection)
    if held is None:
        return None
    query = (
        select(_periods.c.bill, func.max(_periods.c.complete_through))
        .where(_periods.c.bill.in_([b.name for b in policy.bills]))
        .group_by(_periods.c.bill)
    )
    read: dict[str, date] = {bill: day for bill, day in connection.execute(query) if day}
    if not read:
        after = max(b.complete_after_days for b in policy.bills)
        return CompleteDays(held.last - timedelta(days=after))
    furthest = max(read.values())
    behind = {b: day for b, day in read.items() if 0 < (furthest - day).days <= ENDED}
    late = {b: day for b, day in behind.items() if _charges_daily(connection, b, day)}
    return CompleteDays(furthest, late)


def complete_of(
    connection: Connection,
    policy: Policy,
    days: CompleteDays,
    parts: Mapping[K, Wanted] | None = None,
) -> date:
    """The last day of a scope (all spend without one) that is complete in every bill that has at least MATERIAL of
    its spend: a small one that is late must not hold up all others."""
    if not days.late:
        return days.furthest
    mine = _material(connection, policy, days.late, parts)
    return min((days.late[bill] for bill in mine), default=days.furthest)


def last_complete_day(
    connection: Connection, policy: Policy, parts: Mapping[K, Wanted] | None = None
) -> date | None:
    """:func:`complete_of` a scope; None when nothing was read."""
    days = complete_days(connection, policy)
    return None if days is None else complete_of(connection, policy, days, parts)


def _charges_daily(connection: Connection, bill: str, complete: date) -> bool:
    """Whether a bill has charges on most days of its last month, so that its silence says that it is late: of
    what has charges once a month it says nothing."""
    period = Period(complete - MONTH, complete)
    days, first = connection.execute(
        select(func.count(func.distinct(_rollup.c.day)), func.min(_rollup.c.day))
        .where(_rollup.c.bill == bill, _rollup.c.period >= period.first.replace(day=1) - MONTH)
        .where(_rollup.c.day.between(period.first, period.last))
    ).one()
    return bool(days > 1 and 2 * days > (complete - first).days + 1)


def _material(
    connection: Connection,
    policy: Policy,
    late: Mapping[str, date],
    parts: Mapping[K, Wanted] | None,
) -> list[str]:
    """Those of the late bills that are a part of the scope's spend that counts, by the month before them."""
    period = Period(min(late.values()) - MONTH, max(late.values()))
    try:
        sums = spend.sums_by(connection, policy, period, "bill", only=parts)
    except LookupError:  # without a rate shares are not known
        return list(late)
    whole = sum(map(abs, sums.values()), Decimal(0))
    return [
        bill for bill in late if whole and abs(sums.get((bill,), Decimal(0))) >= MATERIAL * whole
    ]


def main_allocation(
    connection: Connection, policy: Policy, parts: Mapping[Dimension, str], period: Period
) -> dict[Dimension, str]:
    """The allocation of most of a scope's spend: in which feature, team, workload and stage it mainly is, by money
    in the workspace's currency, that is allocated at all. Raises LookupError for a currency without a rate."""
    others = [d for d in DIMENSIONS if d not in parts]
    found: dict[Dimension, str] = dict(parts)
    sums = spend.each_by(connection, policy, period, *others, only=parts)
    for dimension in others:
        named = {value: amount for value, amount in sums[dimension].items() if value}
        if named:
            found[dimension] = min(named, key=lambda value: (-named[value], value))
    return found


def units_of(
    connection: Connection, parts: Mapping[Dimension, str], metric: str, period: Period
) -> Decimal:
    """How many units a metric counted for a scope in a period."""
    query = select(func.coalesce(func.sum(_metrics.c.value), 0)).where(
        _metrics.c.metric == metric, _metrics.c.day.between(period.first, period.last)
    )
    for dimension, value in parts.items():
        query = query.where(_metrics.c[dimension] == value)
    return Decimal(str(connection.execute(query).scalar_one()))


def mean_of(
    connection: Connection, parts: Mapping[Dimension, str], metric: str, period: Period
) -> float | None:
    """The mean of a metric's points of a scope in a period; None without any."""
    query = select(func.avg(_metrics.c.value)).where(
        _metrics.c.metric == metric, _metrics.c.day.between(period.first, period.last)
    )
    for dimension, value in parts.items():
        query = query.where(_metrics.c[dimension] == value)
    found = connection.execute(query).scalar()
    return None if found is None else float(found)


def currencies(connection: Connection) -> set[str]:
    """The currencies in which entries of ledgers are kept."""
    found = connection.execute(
        select(_entries.c.currency).where(_entries.c.currency != "").distinct()
    )
    return set(found.scalars())
