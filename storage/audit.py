"""The audit chain: append in the transaction of the change, verify, export."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from storage.prepared import Prepared
from storage.tables.audit import AuditEntry, AuditHead

START = "0" * 64

_entries = AuditEntry.__table__  # type: ignore[attr-defined]
_head = AuditHead.__table__  # type: ignore[attr-defined]

_END = Prepared(select(_head.c.seq, _head.c.hash).where(_head.c.id == 1).with_for_update())
_ADD = Prepared(insert(_entries))
_MOVE = Prepared(
    update(_head)
    .where(_head.c.id == 1)
    .values(seq=bindparam("new_seq"), hash=bindparam("new_hash"))
)


@dataclass(frozen=True)
class Broken:
    """The first entry at which the chain does not hold, and why."""

    seq: int
    why: str


def append(
    connection: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    reason: str = "",
    detail: dict[str, Any] | None = None,
    policy_hash: str,
) -> int:
    """Adds an entry and returns its number. The head row is locked until the transaction ends."""
    seq, previous = _END.run(connection)
    values = {
        "seq": seq + 1,
        "at": at,
        "actor": actor,
        "action": action,
        "subject": subject,
        "reason": reason,
        "detail": detail or {},
        "policy_hash": policy_hash,
        "previous": previous,
    }
    values["hash"] = entry_hash(values)
    _ADD.run(connection, values)
    _MOVE.run(connection, {"new_seq": values["seq"], "new_hash": values["hash"]})
    return int(seq) + 1


def entry_hash(values: dict[str, Any]) -> str:
    """SHA-256 over all that an entry says, the hash of the one before it included."""
    said = {**values, "at": values["at"].isoformat()}
    said.pop("hash", None)
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def entries(connection: Connection) -> Iterator[dict[str, Any]]:
    """All entries from the first to the last."""
    for row in connection.execute(select(_entries).order_by(_entries.c.seq)).mappings():
        yield dict(row)


def born(connection: Connection) -> datetime | None:
    """When the bot first recorded anything; what began before that it could not have seen earlier."""
    at: datetime | None = connection.execute(
        select(_entries.c.at).order_by(_entries.c.seq).limit(1)
    ).scalar()
    return at


def in_force_since(connection: Connection, policy_hash: str) -> datetime | None:
    """When the first entry of the audit under this policy was written, after any other policy's; None when nothing
    has been recorded under it yet."""
    other = select(func.max(_entries.c.seq)).where(_entries.c.policy_hash != policy_hash)
    last = connection.execute(other).scalar() or 0
    return connection.execute(
        select(_entries.c.at).where(_entries.c.seq > last).order_by(_entries.c.seq).limit(1)
    ).scalar()


def verify(connection: Connection) -> Broken | int:
    """The number of entries when the chain holds, else where it is broken."""
    previous, seq = START, 0
    for entry in entries(connection):
        if entry["seq"] != seq + 1:
            return Broken(seq + 1, f"entry {seq + 1} is missing")
        if entry["previous"] != previous:
            return Broken(entry["seq"], f"entry {entry['seq']} does not follow the one before it")
        if entry["hash"] != entry_hash(entry):
            return Broken(entry["seq"], f"entry {entry['seq']} was changed after it was written")
        previous, seq = entry["hash"], entry["seq"]
    head = connection.execute(select(_head).where(_head.c.id == 1)).one()
    if head.seq != seq or head.hash != previous:
        return Broken(seq + 1, f"the chain ends at entry {seq}, but {head.seq} were written")
    return seq
