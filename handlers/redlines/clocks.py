"""The one-off times of a case: when its rules are asked again, and a word before a kept sandbox is stopped."""

from datetime import datetime, timedelta

from handlers.turn import Turn
from storage import deadlines

ACT = "redline.act"
REMIND = "redline.remind"
BEFORE = timedelta(hours=2)


def wind(turn: Turn, case_id: str, when: datetime | None, *, remind: bool = False) -> None:
    """Sets when the rules are asked again; None: at the next look. ``remind``: a word two hours before."""
    if when is None:
        for kind in (ACT, REMIND):
            deadlines.drop_deadline(turn.connection, kind, case_id)
        return
    deadlines.set_deadline(turn.connection, ACT, case_id, when)
    if remind and when - BEFORE > turn.now:
        deadlines.set_deadline(turn.connection, REMIND, case_id, when - BEFORE)
