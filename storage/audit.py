"""The audit chain: append in the transaction of the change, verify, export."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from storage.tables.audit import AuditEntry, AuditHead

START = "0" * 64

_entries = AuditEntry.__table__  # type: ignore[attr-defined]
_head = AuditHead.__table__  # type: ignore[attr-defined]

# Built once: making a statement costs SQLAlchemy several times as much as running it.
_END = select(_head.c.seq, _head.c.hash).where(_head.c.id == 1).with_for_update()
_ADD = insert(_entries)
_MOVE = (
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
    head = connection.execute(_END).one()
    values = {
        "seq": head.seq + 1,
        "at": at,
        "actor": actor,
        "action": action,
        "subject": subject,
        "reason": reason,
        "detail": detail or {},
        "policy_hash": policy_hash,
        "previous": head.hash,
    }
    values["hash"] = entry_hash(values)
    connection.execute(_ADD, values)
    connection.execute(_MOVE, {"new_seq": values["seq"], "new_hash": values["hash"]})
    return int(values["seq"])


def entry_hash(values: dict[str, Any]) -> str:
    """SHA-256 over all that an entry says, the hash of the one before it included."""
    said = {**values, "at": values["at"].isoformat()}
    said.pop("hash", None)
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def entries(connection: Connection) -> Iterator[dict[str, Any]]:
    """All entries from the first to the last."""
    for row in connection.execute(select(_entries).order_by(_entries.c.seq)).mappings():
        yield dict(row)


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
