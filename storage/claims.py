"""Slots of scheduled jobs: one runner a slot, whatever the number of replicas."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select, update

from storage.rows import insert_into
from storage.tables.timing import JobRun

LEASE = timedelta(minutes=5)  # a runner renews it every minute

_runs = JobRun.__table__  # type: ignore[attr-defined]


def claim_slot(connection: Connection, job: str, slot: str, now: datetime) -> str | None:
    """The claim's token when this caller is to run the slot, else None.

    It is when nobody has run it, or whoever had claimed it died or failed before the end.
    """
    token = secrets.token_hex(8)
    mine = connection.execute(
        insert_into(connection, _runs)
        .values(
            job=job, slot=slot, claimed_at=now, leased_until=now + LEASE, outcome="", owner=token
        )
        .on_conflict_do_nothing(index_elements=["job", "slot"])
        .returning(_runs.c.id)
    ).first()
    if mine is None:
        mine = connection.execute(
            update(_runs)
            .where(_runs.c.job == job, _runs.c.slot == slot)
            .where(_runs.c.finished_at.is_(None), _runs.c.leased_until < now)
            .values(claimed_at=now, leased_until=now + LEASE, owner=token)
            .returning(_runs.c.id)
        ).first()
    return token if mine is not None else None


def hold_slot(connection: Connection, token: str, now: datetime) -> bool:
    """Renews the lease of a run that goes on. False: it is no longer this runner's."""
    return _change(connection, token, leased_until=now + LEASE)


def finish_slot(connection: Connection, token: str, now: datetime, outcome: str) -> None:
    """The slot is done and is not run again."""
    _change(connection, token, finished_at=now, outcome=outcome)


def release_slot(connection: Connection, token: str, again: datetime, outcome: str) -> None:
    """The run failed: the slot may be claimed again from ``again`` on."""
    _change(connection, token, leased_until=again, outcome=outcome)


def _change(connection: Connection, token: str, **values: Any) -> bool:
    changed = connection.execute(
        update(_runs)
        .where(_runs.c.owner == token, _runs.c.finished_at.is_(None))
        .values(**values)
        .returning(_runs.c.id)
    ).first()
    return changed is not None


def ever_finished(connection: Connection, job: str) -> bool:
    """Whether any run of the job came to its end."""
    query = select(_runs.c.id).where(_runs.c.job == job, _runs.c.finished_at.is_not(None)).limit(1)
    return connection.execute(query).first() is not None


def last_outcome(connection: Connection, job: str) -> tuple[str, datetime | None, str] | None:
    """(slot, when it finished, outcome) of the newest run that ended or failed."""
    row = connection.execute(
        select(_runs.c.slot, _runs.c.finished_at, _runs.c.outcome)
        .where(_runs.c.job == job, or_(_runs.c.finished_at.is_not(None), _runs.c.outcome != ""))
        .order_by(_runs.c.id.desc())
        .limit(1)
    ).first()
    return (row.slot, row.finished_at, row.outcome) if row else None
