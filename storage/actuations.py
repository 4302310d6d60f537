"""Orders to actuators: written in the transaction of the change, claimed by whoever carries them out.

A lane is a sandbox and an actuator: its oldest open order goes first and alone. A claim is a lease; when it runs
out the order is carried out again, which actuators bear.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from guardrails.orders import Operation, Order
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
    due = or_(
        and_(_table.c.state == "waiting", _table.c.not_before <= now),
        and_(_table.c.state == "acting", _table.c.leased_until < now),
    )
    rows = connection.execute(
        select(_table)
        .where(_table.c.id.in_(heads), due)
        .order_by(_table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    claimed = []
    for row in rows:
        won = connection.execute(
            update(_table)
            .where(_table.c.id == row.id, _table.c.state == row.state)
            .where(_table.c.attempts == row.attempts)
            .values(state="acting", leased_until=now + LEASE, attempts=row.attempts + 1)
            .returning(_table.c.id)
        ).first()
        if won is not None:
            order = Order.model_validate(row.content)
            claimed.append(
                ClaimedOrder(
                    row.id, row.sandbox_id, row.actuator, order, row.attempts + 1, row.created_at
                )
            )
    return claimed


def settle(connection: Connection, claimed: ClaimedOrder, **values: Any) -> bool:
    """Ends a lease. False: it ran out, and somebody else carries the order out."""
    mine = connection.execute(
        update(_table)
        .where(_table.c.id == claimed.id, _table.c.state == "acting")
        .where(_table.c.attempts == claimed.attempts)
        .values(leased_until=None, **values)
        .returning(_table.c.id)
    ).first()
    return mine is not None


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
