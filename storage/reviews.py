"""Joint reviews: participants, deliverables, notes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from storage.rows import add_row
from storage.tables.budgets import Review, ReviewItem

_reviews = Review.__table__  # type: ignore[attr-defined]
_items = ReviewItem.__table__  # type: ignore[attr-defined]


def get(connection: Connection, overrun_id: str) -> Row[Any] | None:
    """The review of an overrun, locked until the transaction ends."""
    return connection.execute(
        select(_reviews).where(_reviews.c.overrun_id == overrun_id).with_for_update()
    ).first()


def add(connection: Connection, **values: Any) -> bool:
    """Records a review. False: the overrun has one."""
    return add_row(connection, _reviews, **values)


def change(connection: Connection, overrun_id: str, **values: Any) -> None:
    """Changes a review that is locked."""
    connection.execute(update(_reviews).where(_reviews.c.overrun_id == overrun_id).values(**values))


def count(connection: Connection) -> int:
    """How many reviews there have been: whose turn it is."""
    return int(connection.execute(select(func.count()).select_from(_reviews)).scalar_one())


def add_item(connection: Connection, **values: Any) -> None:
    """Adds a deliverable, a note or a follow-up."""
    connection.execute(insert(_items).values(**values))


def items(connection: Connection, overrun_id: str, kind: str) -> Sequence[Row[Any]]:
    """The items of a kind, in the order in which they came."""
    return connection.execute(
        select(_items)
        .where(_items.c.overrun_id == overrun_id, _items.c.kind == kind)
        .order_by(_items.c.id)
    ).all()


def tick(connection: Connection, overrun_id: str, item_id: int, who: str, now: datetime) -> bool:
    """Marks a deliverable as done. False: it was, or there is none."""
    done = connection.execute(
        update(_items)
        .where(_items.c.id == item_id, _items.c.overrun_id == overrun_id)
        .where(_items.c.kind == "deliverable", _items.c.done_at.is_(None))
        .values(done_at=now, done_by=who)
        .returning(_items.c.id)
    ).first()
    return done is not None
