"""The outbox: what is to be sent, written in the transaction of the change, claimed by a sender.

Order: in one lane (surface, tenant, channel) the oldest row goes first and alone; lanes are independent.
Merging: an edit that has a later edit of the same message behind it is not sent.
A claim is a lease: when it runs out, the sender died between sending and recording, and the next one must
ask the surface whether the message is there before it sends again (``Claimed.maybe_sent``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, false, func, insert, or_, select, update

from storage.rows import lease, settle
from storage.tables.delivery import MessageRef, Outbox

LEASE = timedelta(seconds=60)

_outbox = Outbox.__table__  # type: ignore[attr-defined]
_refs = MessageRef.__table__  # type: ignore[attr-defined]
_ADD = insert(_outbox)


@dataclass(frozen=True)
class Ref:
    """Where a message of ours stands in chat."""

    surface: str
    tenant: str
    channel: str
    message_id: str
    thread_id: str


@dataclass(frozen=True)
class Claimed:
    """A row that this sender has the lease of. ``maybe_sent``: an earlier sender may have sent it."""

    id: int
    kind: str
    message_key: str
    thread_key: str
    place: dict[str, Any]
    content: dict[str, Any]
    attempts: int
    maybe_sent: bool
    created_at: datetime
    ref: Ref | None
    thread: Ref | None


def enqueue(
    connection: Connection,
    *,
    kind: str,
    key: str,
    message_key: str,
    lane: str,
    place: dict[str, Any],
    content: dict[str, Any],
    now: datetime,
    thread_key: str = "",
) -> None:
    """Adds one row to the outbox; it is sent after the transaction has committed."""
    values = {
        "lane": lane,
        "kind": kind,
        "key": key,
        "message_key": message_key,
        "thread_key": thread_key,
        "place": place,
        "content": content,
        "not_before": now,
        "created_at": now,
    }
    connection.execute(_ADD, values)


def posted_places(
    connection: Connection, key: str, *, dead: bool = False
) -> list[tuple[str, dict[str, Any]]]:
    """Where the message ``key`` was posted or will be: (message key, place) a surface and channel.

    ``dead``: also where it could not be delivered.
    """
    left_out = () if dead else ("dead", "skipped")
    rows = connection.execute(
        select(_outbox.c.message_key, _outbox.c.place)
        .where(_outbox.c.kind == "post", _outbox.c.state.not_in(left_out))
        .where(_outbox.c.key == key)
        .order_by(_outbox.c.id)
    )
    return [(r.message_key, r.place) for r in rows]


def ref_of(connection: Connection, message_key: str) -> Ref | None:
    """Where a message stands, None while it is not sent."""
    row = connection.execute(select(_refs).where(_refs.c.message_key == message_key)).first()
    if row is None:
        return None
    return Ref(row.surface, row.tenant, row.channel, row.message_id, row.thread_id)


def claim(
    connection: Connection,
    now: datetime,
    surfaces: Iterable[str],
    busy: Iterable[str] = (),
    limit: int = 20,
) -> list[Claimed]:
    """Leases the oldest row of each free lane that is due; ``busy`` lanes are left alone.

    Only lanes of the ``surfaces`` that run here and are accepted: what is for others waits for them.
    """
    _merge_edits(connection)
    mine = or_(false(), *(_outbox.c.lane.startswith(f"{s}:", autoescape=True) for s in surfaces))
    heads = (
        select(func.min(_outbox.c.id))
        .where(_outbox.c.state.in_(("waiting", "sending")), mine)
        .where(_outbox.c.lane.not_in(list(busy)))
        .group_by(_outbox.c.lane)
    )
    taken = lease(
        connection,
        _outbox,
        heads,
        now,
        busy="sending",
        length=LEASE,
        limit=limit,
        maybe_sent=or_(_outbox.c.maybe_sent.is_(True), _outbox.c.state == "sending"),
    )
    return [
        Claimed(
            id=row.id,
            kind=row.kind,
            message_key=row.message_key,
            thread_key=row.thread_key,
            place=row.place,
            content=row.content,
            attempts=row.attempts + 1,
            maybe_sent=row.state == "sending" or row.maybe_sent,
            created_at=row.created_at,
            ref=ref_of(connection, row.message_key),
            thread=ref_of(connection, row.thread_key) if row.thread_key else None,
        )
        for row in taken
    ]


def _merge_edits(connection: Connection) -> None:
    """Of several edits of one message that wait only the last is sent."""
    later = _outbox.alias()
    connection.execute(
        update(_outbox)
        .where(_outbox.c.kind == "edit", _outbox.c.state == "waiting")
        .where(
            select(later.c.id)
            .where(later.c.message_key == _outbox.c.message_key, later.c.id > _outbox.c.id)
            .where(later.c.kind == "edit", later.c.state == "waiting")
            .exists()
        )
        .values(state="merged")
    )


def sent(connection: Connection, claimed: Claimed, ref: Ref, now: datetime) -> bool:
    """Records that the row was sent and where the message stands (an edit may have moved it).

    False: the lease ran out meanwhile, and whoever has it now finds the message and records it.
    """
    if not _settle(connection, claimed, state="sent", reason=""):
        return False
    values = {
        "surface": ref.surface,
        "tenant": ref.tenant,
        "channel": ref.channel,
        "message_id": ref.message_id,
        "thread_id": ref.thread_id,
        "posted_at": now,
    }
    moved = connection.execute(
        update(_refs)
        .where(_refs.c.message_key == claimed.message_key)
        .values(**values)
        .returning(_refs.c.message_key)
    ).first()
    if moved is None:
        connection.execute(insert(_refs).values(message_key=claimed.message_key, **values))
    return True


def last_said(connection: Connection, message_key: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether a message is, or will be, posted, and what it says in the end."""
    rows = connection.execute(
        select(_outbox.c.kind, _outbox.c.content)
        .where(_outbox.c.message_key == message_key, _outbox.c.state != "dead")
        .order_by(_outbox.c.id)
    ).all()
    return any(row.kind == "post" for row in rows), rows[-1].content if rows else None


def try_again(
    connection: Connection, claimed: Claimed, not_before: datetime, reason: str, *, lost: bool
) -> None:
    """Gives the row back; its lane waits for it so that the order is kept.

    ``lost``: it may have been sent. That is never forgotten: it is asked for before it is sent again.
    """
    _settle(
        connection,
        claimed,
        state="waiting",
        not_before=not_before,
        reason=reason,
        maybe_sent=claimed.maybe_sent or lost,
    )


def skip(connection: Connection, claimed: Claimed, reason: str) -> None:
    """Nobody is there to be told: no fault, and no longer in its lane's way."""
    _settle(connection, claimed, state="skipped", reason=reason)


def give_up(connection: Connection, claimed: Claimed, reason: str) -> None:
    """The dead letter: kept with its reason, no longer in its lane's way."""
    _settle(connection, claimed, state="dead", reason=reason)


def _settle(connection: Connection, claimed: Claimed, **values: Any) -> bool:
    """Ends a lease, if it is still the sender's."""
    return settle(connection, _outbox, claimed.id, claimed.attempts, busy="sending", **values)


def dead_letters(connection: Connection) -> list[tuple[int, str, str]]:
    """What could not be delivered: (id, lane, reason), newest first."""
    rows = connection.execute(
        select(_outbox.c.id, _outbox.c.lane, _outbox.c.reason)
        .where(_outbox.c.state == "dead")
        .order_by(_outbox.c.id.desc())
    )
    return [(r.id, r.lane, r.reason) for r in rows]


def waiting(connection: Connection) -> int:
    """How many rows are still to be sent."""
    return int(
        connection.execute(
            select(func.count()).where(_outbox.c.state.in_(("waiting", "sending")))
        ).scalar_one()
    )
