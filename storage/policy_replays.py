"""Policies that people handed in to be replayed: one open for each person, leased by whoever runs it.

The policy's text is kept while it is needed and no longer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from storage import rows
from storage.tables.rules import PolicyReplay

LEASE = timedelta(seconds=90)  # renewed while it runs, so a crash is seen after it

_table = PolicyReplay.__table__  # type: ignore[attr-defined]
ReplayRow = Row[Any]
OPEN = ("waiting", "running")


@dataclass(frozen=True)
class ClaimedReplay:
    """A replay that this runner has the lease of; ``attempts`` counts this one."""

    id: int
    asked_by: str
    asked_name: str
    days: int
    policy_text: str
    attempts: int


def add(
    connection: Connection,
    *,
    asked_by: str,
    asked_name: str,
    days: int,
    policy_text: str,
    now: datetime,
) -> int:
    """Adds a replay that is due at once; returns its id."""
    added = connection.execute(
        insert(_table)
        .values(
            asked_by=asked_by,
            asked_name=asked_name,
            days=days,
            policy_text=policy_text,
            state="waiting",
            asked_at=now,
            not_before=now,
            attempts=0,
            fault="",
        )
        .returning(_table.c.id)
    ).scalar_one()
    return int(added)


def open_of(connection: Connection, person: str) -> ReplayRow | None:
    """The person's replay that waits or runs."""
    return connection.execute(
        select(_table).where(_table.c.asked_by == person, _table.c.state.in_(OPEN)).limit(1)
    ).first()


def get(connection: Connection, replay_id: int) -> ReplayRow | None:
    """The replay's row."""
    return connection.execute(select(_table).where(_table.c.id == replay_id)).first()


def claim(connection: Connection, now: datetime) -> ClaimedReplay | None:
    """Leases the oldest replay that is due, also one whose runner died; None when none is."""
    heads = select(_table.c.id).where(_table.c.state.in_(OPEN))
    taken = rows.lease(connection, _table, heads, now, busy="running", length=LEASE, limit=1)
    for row in taken:
        return ClaimedReplay(
            row.id, row.asked_by, row.asked_name, row.days, row.policy_text, row.attempts + 1
        )
    return None


def renew(connection: Connection, claimed: ClaimedReplay, now: datetime) -> bool:
    """Makes a lease last on. False: it ran out, and somebody else has the replay."""
    return _change(connection, claimed, leased_until=now + LEASE)


def end(connection: Connection, claimed: ClaimedReplay, now: datetime, fault: str = "") -> bool:
    """Ends the replay, failed when there is a fault, and forgets the policy's text. False: the lease ran out, and
    somebody else has it."""
    state = "failed" if fault else "done"
    return rows.settle(
        connection,
        _table,
        claimed.id,
        claimed.attempts,
        busy="running",
        state=state,
        done_at=now,
        fault=fault,
        policy_text="",
    )


def give_back(connection: Connection, claimed: ClaimedReplay, now: datetime) -> bool:
    """Lets the next runner begin again, as when this one is stopped; the attempt does not count."""
    return _change(
        connection,
        claimed,
        state="waiting",
        not_before=now,
        leased_until=None,
        attempts=claimed.attempts - 1,
    )


def _change(connection: Connection, claimed: ClaimedReplay, **values: Any) -> bool:
    """Changes a replay whose lease is still held."""
    mine = connection.execute(
        update(_table)
        .where(_table.c.id == claimed.id, _table.c.state == "running")
        .where(_table.c.attempts == claimed.attempts)
        .values(**values)
        .returning(_table.c.id)
    ).first()
    return mine is not None
