"""What all repositories do with rows: add one once, change one that is still as it was read, take what is due."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite


class Lost(Exception):
    """A row is no longer as it was read: whoever holds its lock never sees this."""


def insert_into(connection: Connection, table: Any) -> Any:
    """An INSERT of the database's own kind, which knows ON CONFLICT."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def add_row(connection: Connection, table: Any, **values: Any) -> bool:
    """Adds a row. False: a unique column or index has one already, and nothing changes."""
    statement = insert_into(connection, table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key)).first() is not None


def change_row(connection: Connection, table: Any, row: Row[Any], **values: Any) -> Row[Any]:
    """Changes a row that has ``id`` and ``version`` and is still as it was read; returns it as it is then.

    Raises Lost when it is not.
    """
    changed = connection.execute(
        update(table)
        .where(table.c.id == row.id, table.c.version == row.version)
        .values(version=row.version + 1, **values)
        .returning(*table.c)
    ).first()
    if changed is None:
        raise Lost(row.id)
    return changed


def lease(
    connection: Connection,
    table: Any,
    heads: Select[Any],
    now: datetime,
    *,
    busy: str,
    length: timedelta,
    limit: int,
    **values: Any,
) -> list[Row[Any]]:
    """Leases those of ``heads`` (ids, the oldest of each lane) that are due; returns each as it was before.

    Due is what waits for a time that has come, and what is ``busy`` with a lease that ran out. ``attempts`` counts
    the leases and tells them apart.
    """
    due = or_(
        and_(table.c.state == "waiting", table.c.not_before <= now),
        and_(table.c.state == busy, table.c.leased_until < now),
    )
    rows = connection.execute(
        select(table)
        .where(table.c.id.in_(heads), due)
        .order_by(table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    taken = []
    for row in rows:
        won = connection.execute(
            update(table)
            .where(table.c.id == row.id, table.c.state == row.state)
            .where(table.c.attempts == row.attempts)
            .values(state=busy, leased_until=now + length, attempts=row.attempts + 1, **values)
            .returning(table.c.id)
        ).first()
        if won is not None:
            taken.append(row)
    return taken


def settle(
    connection: Connection, table: Any, row_id: int, attempts: int, *, busy: str, **values: Any
) -> bool:
    """Ends a lease. False: it ran out, and somebody else has the row."""
    mine = connection.execute(
        update(table)
        .where(table.c.id == row_id, table.c.state == busy, table.c.attempts == attempts)
        .values(leased_until=None, **values)
        .returning(table.c.id)
    ).first()
    return mine is not None
