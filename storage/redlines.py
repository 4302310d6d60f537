"""Redlines as rows, and what they are judged by: how far bills and metrics are complete, days of a metric."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select

from guardrails.periods import Period
from guardrails.policy.model import Policy
from storage.rows import add_row, change_row
from storage.tables.sandboxes import RedlineCase
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint

_cases = RedlineCase.__table__  # type: ignore[attr-defined]
_rollup = CostRollup.__table__  # type: ignore[attr-defined]
_periods = BillPeriod.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]

CaseRow = Row[Any]
#: A bill in which an experiment has had nothing for so many days says nothing about it any more.
LEFT = timedelta(days=30)


def get(connection: Connection, case_id: str) -> CaseRow | None:
    """The case. Whoever changes it holds the lock of its sandbox."""
    return connection.execute(select(_cases).where(_cases.c.id == case_id)).first()


def of_sandbox(connection: Connection, sandbox_id: str) -> Sequence[CaseRow]:
    """All cases of a sandbox, the oldest first."""
    return connection.execute(
        select(_cases)
        .where(_cases.c.sandbox_id == sandbox_id)
        .order_by(_cases.c.opened_at, _cases.c.id)
    ).all()


def with_open_cases(connection: Connection) -> list[str]:
    """The ids of sandboxes that have a case whose ladder is not over."""
    rows = connection.execute(
        select(_cases.c.sandbox_id)
        .where(_cases.c.closed_at.is_(None))
        .distinct()
        .order_by(_cases.c.sandbox_id)
    )
    return [r.sandbox_id for r in rows]


def add(connection: Connection, **values: Any) -> bool:
    """Records a new case. False: the sandbox has an open one of this redline."""
    return add_row(connection, _cases, **values)


def change(connection: Connection, row: CaseRow, **values: Any) -> CaseRow:
    """Changes a case that is still as it was read, and returns it as it is then. Raises Lost when it is not."""
    return change_row(connection, _cases, row, **values)


def bill_through(
    connection: Connection, policy: Policy, experiment: str, today: date
) -> tuple[date | None, int]:
    """The last day that is whole in every bill with the experiment, and after how many days a day is whole there.

    An experiment that is in no bill has spent nothing up to the last whole day of the bill that is the furthest.
    """
    own = connection.execute(
        select(_rollup.c.bill)
        .where(_rollup.c.experiment == experiment, _rollup.c.day >= today - LEFT)
        .distinct()
    ).scalars()
    mine = set(own)
    known = _known(connection, policy, today)
    through = [day for bill, day in known.items() if bill in mine]
    late = {b.name: b.complete_after_days for b in policy.bills}
    if mine:
        return min(through, default=None), max((late.get(b, 1) for b in mine), default=1)
    return max(known.values(), default=None), max(late.values(), default=1)


def metric_through(
    connection: Connection, experiment: str, metric: str, today: date
) -> date | None:
    """The newest day before ``today`` on which the experiment has a value of the metric."""
    found: date | None = connection.execute(
        select(func.max(_metrics.c.day)).where(
            _metrics.c.metric == metric,
            _metrics.c.experiment == experiment,
            _metrics.c.day < today,
        )
    ).scalar()
    return found


def metric_by_day(
    connection: Connection, experiment: str, metric: str, period: Period, *, whole: bool
) -> dict[date, Decimal]:
    """The metric's mean of each day that has it; its sum with ``whole``."""
    many = func.sum if whole else func.avg
    rows = connection.execute(
        select(_metrics.c.day, many(_metrics.c.value).label("value"))
        .where(_metrics.c.metric == metric, _metrics.c.experiment == experiment)
        .where(_metrics.c.day.between(period.first, period.last))
        .group_by(_metrics.c.day)
    )
    return {r.day: Decimal(str(r.value)) for r in rows}


def _known(connection: Connection, policy: Policy, today: date) -> dict[str, date]:
    """The last whole day of each bill: as it was read, else by the newest day that it has."""
    late = {b.name: b.complete_after_days for b in policy.bills}
    newest = connection.execute(
        select(_rollup.c.bill, func.max(_rollup.c.day).label("day"))
        .where(_rollup.c.day <= today)
        .group_by(_rollup.c.bill)
    )
    known = {
        r.bill: min(r.day, today - timedelta(days=1)) - timedelta(days=late.get(r.bill, 1))
        for r in newest
    }
    read = connection.execute(
        select(_periods.c.bill, func.max(_periods.c.complete_through).label("day")).group_by(
            _periods.c.bill
        )
    )
    known.update({r.bill: r.day for r in read if r.day is not None})
    return known
