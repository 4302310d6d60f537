"""One-off times: what is due once and must not be lost on a restart."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from storage.rows import insert_into
from storage.tables.timing import Deadline

_deadlines = Deadline.__table__  # type: ignore[attr-defined]


def set_deadline(
    connection: Connection, kind: str, subject: str, due_at: datetime, **inputs: Any
) -> None:
    """Something is due at ``due_at``; the same kind and subject again moves it."""
    values = {"due_at": due_at, "inputs": inputs, "attempts": 0}
    connection.execute(
        insert_into(connection, _deadlines)
        .values(kind=kind, subject=subject, **values)
        .on_conflict_do_update(index_elements=["kind", "subject"], set_=values)
    )


def drop_deadline(connection: Connection, kind: str, subject: str) -> None:
    """It is no longer due."""
    connection.execute(
        delete(_deadlines).where(_deadlines.c.kind == kind, _deadlines.c.subject == subject)
    )


def take_due(connection: Connection, now: datetime) -> Row[Any] | None:
    """Takes the earliest that is due out of the table, in the caller's transaction.

    Whoever takes it does it in the same transaction: when that fails, it is back.
    """
    row = connection.execute(
        select(_deadlines)
        .where(_deadlines.c.due_at <= now)
        .order_by(_deadlines.c.due_at, _deadlines.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is not None:
        connection.execute(delete(_deadlines).where(_deadlines.c.id == row.id))
    return row


def postpone(connection: Connection, row: Row[Any], now: datetime) -> None:
    """After a failure: tried again, ever later, at most hourly."""
    wait = timedelta(seconds=min(3600, 10 * 2 ** min(row.attempts, 10)))
    connection.execute(
        update(_deadlines)
        .where(_deadlines.c.id == row.id)
        .values(due_at=now + wait, attempts=row.attempts + 1)
    )


def next_due(connection: Connection) -> datetime | None:
    """When the next thing is due, None when nothing is."""
    return connection.execute(
        select(_deadlines.c.due_at).order_by(_deadlines.c.due_at).limit(1)
    ).scalar()
