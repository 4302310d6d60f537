"""The one-off times of an overrun that waits: due, reminders, a review's beginning."""

from datetime import datetime

from handlers.turn import Turn
from storage import deadlines

DUE = "overrun.due"
REMIND = "overrun.remind"
OPEN = "overrun.review-open"


def remind(turn: Turn, overrun_id: str, at: list[str]) -> None:
    """Sets the next of the reminders, which are ISO times, the earliest first."""
    if at:
        when = datetime.fromisoformat(at[0])
        deadlines.set_deadline(turn.connection, REMIND, overrun_id, when, later=at[1:])


def unwatch(turn: Turn, overrun_id: str) -> None:
    """Stops every clock of an overrun."""
    for kind in (DUE, REMIND, OPEN):
        deadlines.drop_deadline(turn.connection, kind, overrun_id)
