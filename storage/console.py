"""What the local console's channels hold: our own chat, kept in our own database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, or_, select, update

from storage.rows import insert_into
from storage.tables.delivery import ConsoleMessage
from storage.tables.spend import CostRollup

#: Writers may commit in another order than they looked at the clock; a look back covers that.
OVERLAP = timedelta(seconds=10)
#: What has not spent for longer is not offered while someone types.
RECENT = timedelta(days=60)

_messages = ConsoleMessage.__table__  # type: ignore[attr-defined]
_rollup = CostRollup.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Kept:
    """A message as it stands. ``replies`` and ``last_reply_at`` are those of its thread, of a root."""

    id: int
    message_key: str
    channel: str
    thread_id: int | None
    content: dict[str, Any]
    revision: int
    posted_at: datetime
    edited_at: datetime | None
    replies: int = 0
    last_reply_at: datetime | None = None


class ChannelState(NamedTuple):
    """How many messages a channel has, the newest one's id, how many threads have something unread."""

    messages: int
    last_id: int
    unread: int


class Mark(NamedTuple):
    """How far someone has seen the console: the newest message and the newest change."""

    last_id: int
    changed_at: datetime | None


def post(
    connection: Connection,
    *,
    message_key: str,
    channel: str,
    thread_id: int | None,
    content: Mapping[str, Any],
    now: datetime,
) -> tuple[int, bool]:
    """Posts a message; returns (id, whether it is new). The same key again changes nothing."""
    new = connection.execute(
        insert_into(connection, _messages)
        .values(
            message_key=message_key,
            channel=channel,
            thread_id=thread_id,
            content=dict(content),
            posted_at=now,
        )
        .on_conflict_do_nothing(index_elements=["message_key"])
        .returning(_messages.c.id)
    ).scalar()
    if new is not None:
        return int(new), True
    there = connection.execute(
        select(_messages.c.id).where(_messages.c.message_key == message_key)
    ).scalar_one()
    return int(there), False


def edit(
    connection: Connection, message_id: int, content: Mapping[str, Any], now: datetime
) -> bool | None:
    """Makes a message say ``content``; True when that is new to it, None when there is no such message."""
    row = connection.execute(
        select(_messages.c.content).where(_messages.c.id == message_id).with_for_update()
    ).first()
    if row is None:
        return None
    if row.content == dict(content):
        return False
    connection.execute(
        update(_messages)
        .where(_messages.c.id == message_id)
        .values(content=dict(content), revision=_messages.c.revision + 1, edited_at=now)
    )
    return True


def by_key(connection: Connection, message_key: str) -> Kept | None:
    """The message with our own key."""
    row = connection.execute(
        select(_messages).where(_messages.c.message_key == message_key)
    ).first()
    return None if row is None else _with_threads(connection, [row])[0]


def by_id(connection: Connection, message_id: int) -> Kept | None:
    """The message with an id."""
    row = connection.execute(select(_messages).where(_messages.c.id == message_id)).first()
    return None if row is None else _with_threads(connection, [row])[0]


def page(
    connection: Connection,
    channel: str,
    *,
    limit: int,
    before: int | None = None,
    back_to: int | None = None,
) -> tuple[list[Kept], bool]:
    """The newest roots of a channel, oldest first, and whether there are older ones.

    ``before`` is the id that all of them are older than. With ``back_to`` the page is longer than
    ``limit`` when that is needed to reach the message with this id and a few before it.
    """
    roots = select(_messages).where(_messages.c.channel == channel, _messages.c.thread_id.is_(None))
    if before is not None:
        roots = roots.where(_messages.c.id < before)
    if back_to is not None:
        newer = select(func.count()).where(
            _messages.c.channel == channel,
            _messages.c.thread_id.is_(None),
            _messages.c.id >= back_to,
        )
        limit = max(limit, int(connection.execute(newer).scalar_one()) + 5)
    rows = connection.execute(roots.order_by(_messages.c.id.desc()).limit(limit + 1)).all()
    return _with_threads(connection, list(reversed(rows[:limit]))), len(rows) > limit


def thread(connection: Connection, root_id: int) -> list[Kept]:
    """A thread's root and its replies, oldest first; empty when there is no such root."""
    rows = connection.execute(
        select(_messages)
        .where(or_(_messages.c.id == root_id, _messages.c.thread_id == root_id))
        .order_by(_messages.c.id)
    ).all()
    if not rows or rows[0].id != root_id or rows[0].thread_id is not None:
        return []
    return _with_threads(connection, rows)


def channels(connection: Connection, read: Mapping[str, int]) -> dict[str, ChannelState]:
    """The state of every channel that has messages; ``read`` is the newest id seen, by channel.

    A thread counts once however much is new in it, whether its root or its replies.
    """
    totals = connection.execute(
        select(_messages.c.channel, func.count(), func.max(_messages.c.id)).group_by(
            _messages.c.channel
        )
    ).all()
    found = {}
    for name, count, last in totals:
        seen = read.get(name, 0)
        unread = 0
        if last > seen:
            unread = connection.execute(
                select(
                    func.count(func.coalesce(_messages.c.thread_id, _messages.c.id).distinct())
                ).where(_messages.c.channel == name, _messages.c.id > seen)
            ).scalar_one()
        found[name] = ChannelState(int(count), int(last), int(unread))
    return found


def mark(connection: Connection) -> Mark:
    """The newest message and the newest change there are."""
    last, posted, edited = connection.execute(
        select(
            func.max(_messages.c.id),
            func.max(_messages.c.posted_at),
            func.max(_messages.c.edited_at),
        )
    ).one()
    changes = [t for t in (posted, edited) if t is not None]
    return Mark(int(last or 0), max(changes, default=None))


def changed_since(connection: Connection, since: Mark, limit: int) -> list[Kept]:
    """What was posted or edited after a mark, oldest first; some of it may have been seen before."""
    new = [_messages.c.id > since.last_id]
    if since.changed_at is not None:
        around = since.changed_at - OVERLAP
        new += [_messages.c.posted_at >= around, _messages.c.edited_at >= around]
    rows = connection.execute(
        select(_messages).where(or_(*new)).order_by(_messages.c.id).limit(limit)
    ).all()
    return _with_threads(connection, rows)


def words(connection: Connection, limit: int = 500) -> dict[str, list[str]]:
    """The values that people type after a command, by dimension: what the bill's last weeks name."""
    latest = connection.execute(select(func.max(_rollup.c.day))).scalar()
    if latest is None:
        return {}
    found = {}
    for dimension in ("team", "feature", "experiment"):
        column = _rollup.c[dimension]
        rows = connection.execute(
            select(column)
            .where(column != "", _rollup.c.day >= latest - RECENT)
            .distinct()
            .order_by(column)
            .limit(limit)
        )
        found[dimension] = [str(r[0]) for r in rows]
    return found


def _with_threads(connection: Connection, rows: Iterable[Row[Any]]) -> list[Kept]:
    rows = list(rows)
    roots = [r.id for r in rows if r.thread_id is None]
    replies = {}
    if roots:
        replies = {
            root: (int(count), last)
            for root, count, last in connection.execute(
                select(_messages.c.thread_id, func.count(), func.max(_messages.c.posted_at))
                .where(_messages.c.thread_id.in_(roots))
                .group_by(_messages.c.thread_id)
            )
        }
    return [Kept(**r._asdict(), **_thread_of(replies.get(r.id))) for r in rows]


def _thread_of(found: tuple[int, datetime] | None) -> dict[str, Any]:
    return {"replies": found[0], "last_reply_at": found[1]} if found else {}
