"""The council's own rows: digests posted once, items, votes, follow-ups."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from storage.rows import add_row, change_row, insert_into
from storage.tables.council import CouncilDigest, CouncilFollowUp, CouncilItem, CouncilVote

_digests = CouncilDigest.__table__  # type: ignore[attr-defined]
_items = CouncilItem.__table__  # type: ignore[attr-defined]
_votes = CouncilVote.__table__  # type: ignore[attr-defined]
_follow_ups = CouncilFollowUp.__table__  # type: ignore[attr-defined]

DigestRow = Row[Any]
ItemRow = Row[Any]
FollowUpRow = Row[Any]


def begin(connection: Connection, **values: Any) -> bool:
    """Records that a week's digest is posted. False: it was; another transaction that is at it is waited for."""
    return add_row(connection, _digests, **_with_defaults(_digests, values))


def digest(connection: Connection, week: str, *, lock: bool = False) -> DigestRow | None:
    """A week's digest when it was posted; locked until the transaction ends when asked for."""
    query = select(_digests).where(_digests.c.week == week)
    return connection.execute(query.with_for_update() if lock else query).first()


def digest_before(connection: Connection, week: str) -> DigestRow | None:
    """The newest digest that was posted before a week's: weeks are in the order of their names."""
    return connection.execute(
        select(_digests).where(_digests.c.week < week).order_by(_digests.c.week.desc()).limit(1)
    ).first()


def close(connection: Connection, week: str, now: datetime) -> None:
    """Nobody can vote any more."""
    connection.execute(update(_digests).where(_digests.c.week == week).values(closed_at=now))


def lock_agenda(connection: Connection) -> None:
    """Lets one at a time look at an agenda and add to it; SQLite has one writer anyway. Before other locks."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(7227247)))


def add_item(connection: Connection, **values: Any) -> bool:
    """Puts something on a week's agenda. False: it is there."""
    return add_row(connection, _items, **_with_defaults(_items, {"decided_names": [], **values}))


def item(connection: Connection, item_id: str, *, lock: bool = False) -> ItemRow | None:
    """The item, locked until the transaction ends when asked for."""
    query = select(_items).where(_items.c.id == item_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def items(connection: Connection, week: str, *, lock: bool = False) -> Sequence[ItemRow]:
    """A week's items in the order in which they came; locked when asked for."""
    query = (
        select(_items)
        .where(_items.c.week == week)
        .order_by(_items.c.created_at, _items.c.kind, _items.c.title, _items.c.id)
    )
    return connection.execute(query.with_for_update() if lock else query).all()


def left_over(connection: Connection, week: str) -> Sequence[ItemRow]:
    """Items of the weeks since the council before, not held: the next one takes them. The oldest first."""
    held = select(func.max(_digests.c.week)).where(_digests.c.week < week).scalar_subquery()
    return connection.execute(
        select(_items)
        .where(_items.c.week < week, _items.c.week > func.coalesce(held, ""))
        .order_by(_items.c.created_at, _items.c.id)
    ).all()


def change_item(connection: Connection, row: ItemRow, **values: Any) -> ItemRow:
    """Changes an item that is still as it was read, and returns it as it is then. Raises Lost when it is not."""
    return change_row(connection, _items, row, **values)


def remove_item(connection: Connection, item_id: str) -> None:
    """Takes something off an agenda on which nobody has spoken."""
    connection.execute(delete(_items).where(_items.c.id == item_id))


def vote(
    connection: Connection,
    item_id: str,
    *,
    person: str,
    name: str,
    roles: Iterable[str],
    said: str,
    why: str,
    at: datetime,
) -> None:
    """Records what somebody says; who spoke before keeps their place and says this now."""
    values = {"name": name, "roles": sorted(roles), "said": said, "why": why, "at": at}
    connection.execute(
        insert_into(connection, _votes)
        .values(item_id=item_id, person=person, **values)
        .on_conflict_do_update(index_elements=["item_id", "person"], set_=values)
    )


def votes(connection: Connection, item_id: str) -> Sequence[Row[Any]]:
    """What people say of an item, in the order in which they first spoke."""
    return connection.execute(
        select(_votes).where(_votes.c.item_id == item_id).order_by(_votes.c.id)
    ).all()


def add_follow_up(connection: Connection, **values: Any) -> bool:
    """Records what follows a decision. False: the item has its follow-up."""
    return add_row(connection, _follow_ups, **_with_defaults(_follow_ups, values))


def follow_up(
    connection: Connection, follow_up_id: str, *, lock: bool = False
) -> FollowUpRow | None:
    """The follow-up, locked until the transaction ends when asked for."""
    query = select(_follow_ups).where(_follow_ups.c.id == follow_up_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def follow_ups(connection: Connection, week: str) -> Sequence[FollowUpRow]:
    """What follows a week's decisions, the earliest due first."""
    return connection.execute(
        select(_follow_ups)
        .where(_follow_ups.c.week == week)
        .order_by(_follow_ups.c.due_on, _follow_ups.c.id)
    ).all()


def open_follow_ups(connection: Connection, before: str) -> Sequence[FollowUpRow]:
    """What is still to be done after decisions of weeks before this one, the earliest due first."""
    return connection.execute(
        select(_follow_ups)
        .where(_follow_ups.c.week < before, _follow_ups.c.done_at.is_(None))
        .order_by(_follow_ups.c.due_on, _follow_ups.c.id)
    ).all()


def change_follow_up(connection: Connection, follow_up_id: str, **values: Any) -> None:
    """Changes a follow-up that is locked."""
    connection.execute(update(_follow_ups).where(_follow_ups.c.id == follow_up_id).values(**values))


_DEFAULTS: dict[str, dict[str, Any]] = {
    "council_item": {
        "why": "",
        "owner": "",
        "asked_by": "",
        "asked_name": "",
        "state": "open",
        "decision": "",
        "version": 1,
        "reason": "",
    },
    "council_follow_up": {"reminded": 0, "done_by": "", "done_name": ""},
}


def _with_defaults(table: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {**_DEFAULTS.get(table.name, {}), **values}
