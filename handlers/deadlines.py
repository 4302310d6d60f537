"""What happens when a one-off time comes: found by its kind, done in the transaction that takes it."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

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
        taken: Any = None
        try:
            with database.write() as connection:
                taken = deadlines.take_due(connection, now)
                if taken is None:
                    return done
                handler = _due[taken.kind]
                handler(Turn(connection, loaded, now, places), taken.subject, taken.inputs)
            done += 1
        except Exception:
            if taken is None:
                raise
            log.exception("deadline %s of %s failed; tried again later", taken.kind, taken.subject)
            with database.write() as connection:
                deadlines.postpone(connection, taken, now)
