"""Orders to actuators: written in the transaction of the change, claimed by whoever carries them out.

A lane is a sandbox and an actuator: its oldest open order goes first and alone. A claim is a lease; when it runs
out the order is carried out again, which actuators bear.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from guardrails.orders import Operation, Order
from storage import rows
from storage.rows import lease
from storage.tables.sandboxes import Actuation

LEASE = timedelta(seconds=90)  # longer than an actuator may take

_table = Actuation.__table__  # type: ignore[attr-defined]
ActuationRow = Row[Any]
OPEN = ("waiting", "acting")


@dataclass(frozen=True)
class ClaimedOrder:
    """An order that this runner has the lease of; ``attempts`` counts this one."""

    id: int
    sandbox_id: str
    actuator: str
    order: Order
    attempts: int
    created_at: datetime


def add(
    connection: Connection,
    *,
    sandbox_id: str,
    actuator: str,
    order: Order,
    state: str,
    now: datetime,
) -> int:
    """Adds an order; ``state`` waiting for an actuator, asked for people. Returns its id."""
    added = connection.execute(
        insert(_table)
        .values(
            sandbox_id=sandbox_id,
            actuator=actuator,
            operation=order.operation,
            state=state,
            content=order.model_dump(mode="json"),
            not_before=now,
            created_at=now,
        )
        .returning(_table.c.id)
    ).scalar_one()
    return int(added)


def get(connection: Connection, actuation_id: int, *, lock: bool = False) -> ActuationRow | None:
    """The order's row."""
    query = select(_table).where(_table.c.id == actuation_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def of_sandbox(connection: Connection, sandbox_id: str) -> Sequence[ActuationRow]:
    """All orders of a sandbox, the oldest first."""
    return connection.execute(
        select(_table).where(_table.c.sandbox_id == sandbox_id).order_by(_table.c.id)
    ).all()


def drop_waiting(
    connection: Connection, sandbox_id: str, operations: Iterable[Operation], why: str
) -> None:
    """Takes back orders that nobody is carrying out, and those that were given up: something later makes them
    useless."""
    connection.execute(
        update(_table)
        .where(
            _table.c.sandbox_id == sandbox_id, _table.c.state.in_(("waiting", "asked", "failed"))
        )
        .where(_table.c.operation.in_(tuple(operations)))
        .values(state="dropped", said=why)
    )


def claim(
    connection: Connection, now: datetime, actuators: Iterable[str], limit: int = 10
) -> list[ClaimedOrder]:
    """Leases the oldest open order of each lane that is due, for the actuators that run here."""
    heads = (
        select(func.min(_table.c.id))
        .where(_table.c.state.in_(OPEN), _table.c.actuator.in_(tuple(actuators)))
        .group_by(_table.c.sandbox_id, _table.c.actuator)
    )
    taken = lease(connection, _table, heads, now, busy="acting", length=LEASE, limit=limit)
    return [
        ClaimedOrder(
            id=row.id,
            sandbox_id=row.sandbox_id,
            actuator=row.actuator,
            order=Order.model_validate(row.content),
            attempts=row.attempts + 1,
            created_at=row.created_at,
        )
        for row in taken
    ]


def settle(connection: Connection, claimed: ClaimedOrder, **values: Any) -> bool:
    """Ends a lease. False: it ran out, and somebody else carries the order out."""
    return rows.settle(connection, _table, claimed.id, claimed.attempts, busy="acting", **values)


def change(connection: Connection, row: ActuationRow, **values: Any) -> bool:
    """Changes an order that is still in the state that was read."""
    mine = connection.execute(
        update(_table)
        .where(_table.c.id == row.id, _table.c.state == row.state)
        .values(**values)
        .returning(_table.c.id)
    ).first()
    return mine is not None


def failed(connection: Connection) -> Sequence[ActuationRow]:
    """Orders that were given up, the newest first: for the operator."""
    return connection.execute(
        select(_table).where(_table.c.state == "failed").order_by(_table.c.id.desc())
    ).all()


def open_orders(connection: Connection) -> Sequence[ActuationRow]:
    """Orders that wait or are being carried out, the oldest first."""
    return connection.execute(
        select(_table).where(_table.c.state.in_(OPEN)).order_by(_table.c.id)
    ).all()
