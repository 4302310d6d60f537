"""Slots of scheduled jobs: one runner a slot, whatever the number of replicas."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.tables.timing import JobRun

LEASE = timedelta(minutes=30)

_runs = JobRun.__table__  # type: ignore[attr-defined]


def claim_slot(connection: Connection, job: str, slot: str, now: datetime) -> bool:
    """True when this caller is to run the slot: nobody has, or whoever had it died before the end."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    mine = connection.execute(
        make(_runs)
        .values(job=job, slot=slot, claimed_at=now, leased_until=now + LEASE, outcome="")
        .on_conflict_do_nothing(index_elements=["job", "slot"])
        .returning(_runs.c.id)
    ).first()
    if mine is None:
        mine = connection.execute(
            update(_runs)
            .where(_runs.c.job == job, _runs.c.slot == slot)
            .where(_runs.c.finished_at.is_(None), _runs.c.leased_until < now)
            .values(claimed_at=now, leased_until=now + LEASE)
            .returning(_runs.c.id)
        ).first()
    return mine is not None


def finish_slot(connection: Connection, job: str, slot: str, now: datetime, outcome: str) -> None:
    """The slot is done and is not run again."""
    connection.execute(
        update(_runs)
        .where(_runs.c.job == job, _runs.c.slot == slot)
        .values(finished_at=now, outcome=outcome)
    )


def release_slot(
    connection: Connection, job: str, slot: str, again: datetime, outcome: str
) -> None:
    """The run failed: the slot may be claimed again from ``again`` on."""
    connection.execute(
        update(_runs)
        .where(_runs.c.job == job, _runs.c.slot == slot)
        .values(leased_until=again, outcome=outcome)
    )


def last_outcome(connection: Connection, job: str) -> tuple[str, datetime | None, str] | None:
    """(slot, when it finished, outcome) of the newest run that ended or failed."""
    row = connection.execute(
        select(_runs.c.slot, _runs.c.finished_at, _runs.c.outcome)
        .where(_runs.c.job == job, or_(_runs.c.finished_at.is_not(None), _runs.c.outcome != ""))
        .order_by(_runs.c.id.desc())
        .limit(1)
    ).first()
    return (row.slot, row.finished_at, row.outcome) if row else None
