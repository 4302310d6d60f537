"""Checklists: where they are shown, and their ticks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from storage.rows import add_row
from storage.tables.runbooks import RunbookShown, RunbookTick

_shown = RunbookShown.__table__  # type: ignore[attr-defined]
_ticks = RunbookTick.__table__  # type: ignore[attr-defined]

ShownRow = Row[Any]
TickRow = Row[Any]


def add_shown(connection: Connection, **values: Any) -> None:
    """Records that a checklist is in a thread."""
    connection.execute(insert(_shown).values(**values))


def get_shown(connection: Connection, shown_id: str) -> ShownRow | None:
    """Where a checklist is, and what it is about."""
    return connection.execute(select(_shown).where(_shown.c.id == shown_id)).first()


def shown_of(connection: Connection, subject: str, event: str) -> Sequence[ShownRow]:
    """The checklists about a subject, locked until the transaction ends.

    Of two ticks at once the later therefore sees, and shows, both.
    """
    return connection.execute(
        select(_shown)
        .where(_shown.c.subject == subject, _shown.c.event == event)
        .order_by(_shown.c.id)
        .with_for_update()
    ).all()


def shown_under(connection: Connection, root: str) -> Sequence[ShownRow]:
    """The checklists in the thread of a message."""
    return connection.execute(
        select(_shown).where(_shown.c.root == root).order_by(_shown.c.at, _shown.c.id)
    ).all()


def ticks(connection: Connection, subject: str, event: str) -> Sequence[TickRow]:
    """Which steps are done, in the order in which they were ticked."""
    return connection.execute(
        select(_ticks)
        .where(_ticks.c.subject == subject, _ticks.c.event == event)
        .order_by(_ticks.c.id)
    ).all()


def tick(connection: Connection, **values: Any) -> bool:
    """Records that a step is done. False: it was."""
    return add_row(connection, _ticks, **values)


def untick(connection: Connection, tick_id: int) -> bool:
    """Takes a tick back. False: there is none any more."""
    taken = connection.execute(
        delete(_ticks).where(_ticks.c.id == tick_id).returning(_ticks.c.id)
    ).first()
    return taken is not None
