"""The stored history that a policy is replayed on: what was told, asked and decided, and how far bills were."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from storage import spend
from storage.bills.completeness import complete_through
from storage.tables.alerts import Anomaly, Feedback
from storage.tables.audit import AuditEntry
from storage.tables.budgets import BudgetEntry, BudgetNudge, Overrun
from storage.tables.sandboxes import GateCase, RedlineCase, Sandbox
from storage.tables.spend import BillPeriod, CostRollup

_rollups = CostRollup.__table__  # type: ignore[attr-defined]
_periods = BillPeriod.__table__  # type: ignore[attr-defined]
_anomalies = Anomaly.__table__  # type: ignore[attr-defined]
_feedback = Feedback.__table__  # type: ignore[attr-defined]
_overruns = Overrun.__table__  # type: ignore[attr-defined]
_entries = BudgetEntry.__table__  # type: ignore[attr-defined]
_nudges = BudgetNudge.__table__  # type: ignore[attr-defined]
_audit = AuditEntry.__table__  # type: ignore[attr-defined]
_sandboxes = Sandbox.__table__  # type: ignore[attr-defined]
_redlines = RedlineCase.__table__  # type: ignore[attr-defined]
_gates = GateCase.__table__  # type: ignore[attr-defined]


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


def complete_then(periods: Sequence[Row[Any]], day: date, late: dict[str, int]) -> dict[str, date]:
    """The last whole day of each bill as it was on the morning of a day, by the same rule as at reading.

    ``periods`` are those of :func:`periods_of`; ``late``: ``complete_after_days`` by bill.
    """
    found: dict[str, date] = {}
    for row in periods:
        newest = min(row.newest, day - timedelta(days=1))
        then = complete_through(row.period, newest, day, late.get(row.bill, 1))
        if then is not None and row.complete_through is not None:
            then = min(then, row.complete_through)
        if then is not None:
            found[row.bill] = max(then, found.get(row.bill, then))
    return found


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


def overruns_all(connection: Connection) -> Sequence[Row[Any]]:
    """Every request and overrun, the oldest first."""
    return connection.execute(
        select(_overruns).order_by(_overruns.c.opened_at, _overruns.c.id)
    ).all()


def granted_requests(connection: Connection) -> Sequence[Row[Any]]:
    """Requests for sandboxes that were granted something, the oldest first."""
    return connection.execute(
        select(_overruns)
        .where(_overruns.c.kind == "sandbox", _overruns.c.granted_micros != 0)
        .where(_overruns.c.decided_at.is_not(None))
        .order_by(_overruns.c.decided_at, _overruns.c.id)
    ).all()


def ledger(connection: Connection) -> Sequence[Row[Any]]:
    """Every entry of every budget, in the order in which they came."""
    return connection.execute(select(_entries).order_by(_entries.c.id)).all()


def nudges(connection: Connection) -> Sequence[Row[Any]]:
    """Every share of a budget of which people were told, the oldest first."""
    return connection.execute(select(_nudges).order_by(_nudges.c.at, _nudges.c.id)).all()


def openings(connection: Connection) -> dict[str, dict[str, Any]]:
    """What the audit kept when overruns and requests were opened (amount, currency, rung), by their ids."""
    rows = connection.execute(
        select(_audit.c.subject, _audit.c.detail)
        .where(_audit.c.action == "overrun.opened")
        .order_by(_audit.c.seq)
    )
    return {row.subject.partition(":")[2]: dict(row.detail) for row in rows}


def sandboxes(connection: Connection) -> Sequence[Row[Any]]:
    """Every sandbox that was ever asked for, the oldest first."""
    return connection.execute(
        select(_sandboxes).order_by(_sandboxes.c.asked_at, _sandboxes.c.id)
    ).all()


def sandbox_moves(connection: Connection) -> Sequence[Row[Any]]:
    """What the audit kept of sandboxes (at, actor, action, subject ``sandbox:ID``), in order."""
    return connection.execute(
        select(_audit.c.at, _audit.c.actor, _audit.c.action, _audit.c.subject)
        .where(_audit.c.subject.like("sandbox:%"))
        .order_by(_audit.c.seq)
    ).all()


def redline_cases(connection: Connection) -> Sequence[Row[Any]]:
    """Every redline that was crossed, the oldest first."""
    return connection.execute(
        select(_redlines).order_by(_redlines.c.opened_at, _redlines.c.id)
    ).all()


def gate_cases(connection: Connection) -> Sequence[Row[Any]]:
    """Every promotion or lowering that was proposed, the oldest first."""
    return connection.execute(select(_gates).order_by(_gates.c.proposed_at, _gates.c.id)).all()


def newest_day(connection: Connection) -> date | None:
    """The newest day that the bills have and that had come when they were read: a charge may be of a day ahead."""
    held = spend.covered(connection)
    read = connection.execute(select(func.max(_periods.c.ingested_at))).scalar_one()
    if held is None or read is None:
        return None if held is None else held.last
    last: date = min(held.last, read.date())
    return last


def last_round(connection: Connection, late: dict[str, int]) -> date | None:
    """The newest day on which the bills are known to have been read: the day after their newest, when what is
    complete of them says so, else that day itself. ``late``: ``complete_after_days`` by bill."""
    newest = newest_day(connection)
    if newest is None:
        return None
    rows = periods_of(connection)
    read_later = any(
        row.complete_through is not None
        and row.newest >= newest
        and row.complete_through >= newest - timedelta(days=late.get(row.bill, 1))
        for row in rows
    )
    return newest + timedelta(days=1) if read_later else newest
