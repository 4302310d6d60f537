"""The stored history that a policy is replayed on: a working copy of the bills, what was told and decided."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from guardrails.budgets import GRANTS
from storage.bills.completeness import complete_through
from storage.tables.alerts import Anomaly, Feedback
from storage.tables.budgets import BudgetEntry, Overrun
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint

_rollups = CostRollup.__table__  # type: ignore[attr-defined]
_periods = BillPeriod.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]
_anomalies = Anomaly.__table__  # type: ignore[attr-defined]
_feedback = Feedback.__table__  # type: ignore[attr-defined]
_overruns = Overrun.__table__  # type: ignore[attr-defined]
_entries = BudgetEntry.__table__  # type: ignore[attr-defined]
_BATCH = 5_000


def copy_bills(source: Connection, target: Connection) -> None:
    """All rollups, billing periods and metrics, as they are stored now."""
    for table in (_rollups, _periods, _metrics):
        rows = source.execute(select(table)).mappings()
        while batch := rows.fetchmany(_BATCH):
            target.execute(insert(table), [dict(row) for row in batch])


def copy_told(source: Connection, target: Connection, before: datetime) -> None:
    """The anomalies that were recorded before a time."""
    rows = source.execute(select(_anomalies).where(_anomalies.c.created_at < before)).mappings()
    told = [dict(row) for row in rows]
    if told:
        target.execute(insert(_anomalies), told)


def copy_feedback(source: Connection, target: Connection, since: datetime, to: datetime) -> None:
    """What people said of patterns from ``since`` to before ``to``."""
    rows = source.execute(
        select(_feedback).where(_feedback.c.said_at >= since, _feedback.c.said_at < to)
    ).mappings()
    said = [dict(row) for row in rows]
    if said:
        target.execute(insert(_feedback), said)


def grow_to(
    target: Connection, periods: Sequence[Row[Any]], day: date, late: dict[str, int]
) -> None:
    """Lets the copy's billing periods be as complete as they were on a day: the same rule as at reading.

    ``periods`` are those of :func:`periods_of`; ``late``: ``complete_after_days`` by bill.
    """
    for row in periods:
        then = complete_through(row.period, min(row.newest, day), day, late.get(row.bill, 1))
        if then is not None and row.complete_through is not None:
            then = min(then, row.complete_through)
        target.execute(
            update(_periods).where(_periods.c.id == row.id).values(complete_through=then)
        )


def periods_of(connection: Connection) -> list[Row[Any]]:
    """Every billing period with the ``newest`` day of its bill."""
    newest = (
        select(_rollups.c.bill, func.max(_rollups.c.day).label("newest"))
        .group_by(_rollups.c.bill)
        .subquery()
    )
    query = (
        select(
            _periods.c.id,
            _periods.c.bill,
            _periods.c.period,
            _periods.c.complete_through,
            newest.c.newest,
        )
        .join(newest, newest.c.bill == _periods.c.bill)
        .order_by(_periods.c.id)
    )
    return list(connection.execute(query))


def told(connection: Connection) -> Sequence[Row[Any]]:
    """All anomalies, the oldest first."""
    return connection.execute(
        select(_anomalies).order_by(_anomalies.c.created_at, _anomalies.c.id)
    ).all()


def overruns_since(connection: Connection, since: datetime) -> Sequence[Row[Any]]:
    """Requests and overruns that were opened since then, the oldest first."""
    return connection.execute(
        select(_overruns)
        .where(_overruns.c.opened_at >= since)
        .order_by(_overruns.c.opened_at, _overruns.c.id)
    ).all()


def grants(connection: Connection) -> Sequence[Row[Any]]:
    """What budgets were granted beyond their limits, the oldest first."""
    return connection.execute(
        select(_entries).where(_entries.c.kind.in_(GRANTS)).order_by(_entries.c.at, _entries.c.id)
    ).all()


def granted_requests(connection: Connection) -> Sequence[Row[Any]]:
    """Requests for sandboxes that were granted something, the oldest first."""
    return connection.execute(
        select(_overruns)
        .where(_overruns.c.kind == "sandbox", _overruns.c.granted_micros != 0)
        .where(_overruns.c.decided_at.is_not(None))
        .order_by(_overruns.c.decided_at, _overruns.c.id)
    ).all()
