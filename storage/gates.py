"""Gates as rows: what is proposed and was decided, who signed; and what evidence is read from."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, case, delete, func, insert, select, update

from guardrails.money import MICROS
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.model import Policy
from storage.rows import Lost, add_row
from storage.spend import rate
from storage.tables.sandboxes import GateCase, GateSign
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint

_cases = GateCase.__table__  # type: ignore[attr-defined]
_signs = GateSign.__table__  # type: ignore[attr-defined]
_rollup = CostRollup.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]
_periods = BillPeriod.__table__  # type: ignore[attr-defined]

CaseRow = Row[Any]
SignRow = Row[Any]

#: What a charge has to name before its tags are complete.
COMPLETE: tuple[Dimension, ...] = ("team", "feature", "workload", "stage", "owner")


def get(connection: Connection, case_id: str, *, lock: bool = False) -> CaseRow | None:
    """A proposal, locked until the transaction ends when asked for."""
    query = select(_cases).where(_cases.c.id == case_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def open_of(connection: Connection, sandbox_id: str) -> CaseRow | None:
    """The proposal of a sandbox that waits for a decision, locked."""
    return connection.execute(
        select(_cases)
        .where(_cases.c.sandbox_id == sandbox_id, _cases.c.state == "proposed")
        .with_for_update()
    ).first()


def with_open(connection: Connection) -> list[str]:
    """The ids of the sandboxes that have a proposal that waits, in order."""
    query = select(_cases.c.sandbox_id).where(_cases.c.state == "proposed")
    return sorted(connection.execute(query).scalars())


def last_of(
    connection: Connection, sandbox_id: str, kind: str, state: str, gate: str = ""
) -> CaseRow | None:
    """The proposal of a kind that was last decided in this way; at one gate when it is given."""
    query = select(_cases).where(
        _cases.c.sandbox_id == sandbox_id, _cases.c.kind == kind, _cases.c.state == state
    )
    if gate:
        query = query.where(_cases.c.gate == gate)
    return connection.execute(query.order_by(_cases.c.decided_at.desc()).limit(1)).first()


def add(connection: Connection, **values: Any) -> bool:
    """Records a new proposal. False: the sandbox has one that waits."""
    return add_row(connection, _cases, **values)


def change(connection: Connection, row: CaseRow, **values: Any) -> None:
    """Changes what is proposed, or decides it, from the version that was read. Raises Lost when it is another."""
    _update(connection, row, version=row.version + 1, **values)


def refresh(connection: Connection, row: CaseRow, **values: Any) -> None:
    """Newer numbers for the same proposal: buttons that people see stay good. Raises Lost as ``change`` does."""
    _update(connection, row, **values)


def _update(connection: Connection, row: CaseRow, **values: Any) -> None:
    won = connection.execute(
        update(_cases)
        .where(_cases.c.id == row.id, _cases.c.version == row.version)
        .where(_cases.c.state == "proposed")
        .values(**values)
        .returning(_cases.c.id)
    ).first()
    if won is None:
        raise Lost(row.id)


def sign(
    connection: Connection,
    *,
    sandbox_id: str,
    gate: str,
    role: str,
    person: str,
    name: str,
    at: datetime,
) -> None:
    """Records that somebody signs in a role, in place of who no longer counts for it. The caller holds the
    sandbox's lock and has seen that nobody who counts has signed."""
    connection.execute(
        delete(_signs).where(
            _signs.c.sandbox_id == sandbox_id, _signs.c.gate == gate, _signs.c.role == role
        )
    )
    connection.execute(
        insert(_signs).values(
            sandbox_id=sandbox_id, gate=gate, role=role, person=person, name=name, at=at
        )
    )


def signs(connection: Connection, sandbox_id: str, gate: str) -> Sequence[SignRow]:
    """Who signed for a sandbox to pass a gate, the first first."""
    return connection.execute(
        select(_signs)
        .where(_signs.c.sandbox_id == sandbox_id, _signs.c.gate == gate)
        .order_by(_signs.c.id)
    ).all()


# --- what evidence is read from ---------------------------------------------------------------------


def known_through(connection: Connection, policy: Policy, day: date) -> date | None:
    """``day``, or an earlier one when a bill of the policy is complete only through that; None when one has no
    complete day at all."""
    rows = connection.execute(
        select(_periods.c.bill, func.max(_periods.c.complete_through))
        .where(_periods.c.bill.in_([b.name for b in policy.bills]))
        .group_by(_periods.c.bill)
    ).all()
    if any(through is None for _, through in rows):
        return None
    days: list[date] = [day, *(through for _, through in rows)]
    return min(days)


def points(
    connection: Connection, parts: Mapping[Dimension, str], metric: str, period: Period
) -> list[tuple[date, Decimal, str]]:
    """The points of a metric of a scope: (day, value, unit), by day."""
    query = select(_metrics.c.day, _metrics.c.value, _metrics.c.unit).where(
        _metrics.c.metric == metric, _metrics.c.day.between(period.first, period.last)
    )
    for dimension, value in parts.items():
        query = query.where(_metrics.c[dimension] == value)
    rows = connection.execute(query.order_by(_metrics.c.day, _metrics.c.id))
    return [(r.day, Decimal(str(r.value)), r.unit) for r in rows]


def tagged(
    connection: Connection, policy: Policy, parts: Mapping[Dimension, str], period: Period
) -> tuple[Decimal, Decimal]:
    """What a scope was charged with complete tags, and in all, in the workspace's currency.

    Credits and refunds are left out: they would make the share of what was charged meaningless.
    """
    whole = and_(*(_rollup.c[name] != "" for name in COMPLETE))
    cost = _rollup.c.cost_micros
    query = (
        select(
            _rollup.c.currency,
            func.sum(case((whole, cost), else_=0)).label("known"),
            func.sum(cost).label("all"),
        )
        .where(_rollup.c.day.between(period.first, period.last), cost > 0)
        .group_by(_rollup.c.currency)
    )
    for dimension, value in parts.items():
        query = query.where(_rollup.c[dimension] == value)
    known = total = Decimal(0)
    for row in connection.execute(query):
        factor = rate(policy, row.currency) / MICROS
        known += int(row.known) * factor
        total += int(row.all) * factor
    return known, total
