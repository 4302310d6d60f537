"""What happens when a one-off time comes: found by its kind, done in the transaction that takes it."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from handlers.turn import Places, Turn
from storage import deadlines
from storage.database import Database
from storage.policy_file import LoadedPolicy

log = logging.getLogger(__name__)

DueHandler = Callable[[Turn, str, dict[str, Any]], None]
_due: dict[str, DueHandler] = {}


def due(kind: str) -> Callable[[DueHandler], DueHandler]:
    """Registers what is done when a deadline of this kind comes: (turn, subject, inputs)."""

    def keep(handler: DueHandler) -> DueHandler:
        if kind in _due:
            raise ValueError(f"two handlers for the deadline {kind}")
        _due[kind] = handler
        return handler

    return keep


def run_due(
    database: Database, loaded: LoadedPolicy, places: Places, clock: Callable[[], datetime]
) -> int:
    """Does all that is due now, each in its own transaction; returns how many. Blocks.

    A deadline whose handler fails is put back with a growing delay and does not hold up the others.
    """
    done = 0
    while True:
        now = clock()
        taken: list[Any] = []

        def one(connection: Connection, now: datetime = now, taken: list[Any] = taken) -> bool:
            row = deadlines.take_due(connection, now)
            if row is None:
                return False
            taken[:] = [row]
            _due[row.kind](Turn(connection, loaded, now, places), row.subject, row.inputs)
            return True

        try:
            if not database.transact(one):
                return done
            done += 1
        except Exception:
            if not taken:
                raise
            row = taken[0]
            log.exception("deadline %s of %s failed; tried again later", row.kind, row.subject)
            database.transact(partial(deadlines.postpone, row=row, now=now))
