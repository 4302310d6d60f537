"""Forgets what nobody needs any more: answers to redeliveries, edits that were sent."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from storage.database import Database
from storage.tables.delivery import Delivered, Outbox
from storage.tables.timing import JobRun

REDELIVERY = timedelta(days=7)  # no platform sends anything again after that
EDITS = timedelta(days=30)
RUNS = timedelta(days=400)

_delivered = Delivered.__table__  # type: ignore[attr-defined]
_outbox = Outbox.__table__  # type: ignore[attr-defined]
_runs = JobRun.__table__  # type: ignore[attr-defined]


def tidy(database: Database, now: datetime) -> str:
    """Deletes what is old and says how much. Posts are kept: edits find their message through them."""
    with database.write() as connection:
        counts = [
            connection.execute(
                delete(_delivered).where(_delivered.c.at < now - REDELIVERY)
            ).rowcount,
            connection.execute(
                delete(_outbox)
                .where(_outbox.c.kind == "edit", _outbox.c.state.in_(("sent", "merged")))
                .where(_outbox.c.created_at < now - EDITS)
            ).rowcount,
            connection.execute(delete(_runs).where(_runs.c.claimed_at < now - RUNS)).rowcount,
        ]
    return f"{sum(counts)} old rows deleted"
