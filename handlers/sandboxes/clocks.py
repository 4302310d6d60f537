"""The one-off times of a sandbox: reminders, its end, asking for its outcome."""

from datetime import UTC, date, datetime, time, timedelta

from handlers.turn import Turn
from storage import deadlines
from storage.sandboxes import SandboxRow

ENDS = "sandbox.ends"
REMIND = "sandbox.remind"
OUTCOME = "sandbox.outcome"
MORNING = time(9, 0)


def at_local(turn: Turn, day: date, when: time) -> datetime:
    """A local time of the workspace, in UTC."""
    return datetime.combine(day, when, turn.policy.workspace.zone).astimezone(UTC)


def wind(turn: Turn, row: SandboxRow) -> None:
    """Sets the end, and the next reminder that is still ahead."""
    after = row.ends_on + timedelta(days=1)
    deadlines.set_deadline(turn.connection, ENDS, row.id, at_local(turn, after, time(0, 5)))
    ahead = sorted(
        at
        for days in turn.policy.sandboxes.remind_days
        if (at := at_local(turn, row.ends_on - timedelta(days=days), MORNING)) > turn.now
    )
    if ahead:
        deadlines.set_deadline(turn.connection, REMIND, row.id, ahead[0])
    else:
        deadlines.drop_deadline(turn.connection, REMIND, row.id)


def again(turn: Turn, row: SandboxRow, days: int) -> None:
    """The end is looked at again in so many days."""
    later = turn.today + timedelta(days=days)
    deadlines.set_deadline(turn.connection, ENDS, row.id, at_local(turn, later, MORNING))


def stop(turn: Turn, row: SandboxRow) -> None:
    """Nothing ends and nobody is reminded any more."""
    for kind in (ENDS, REMIND):
        deadlines.drop_deadline(turn.connection, kind, row.id)


def ask_again(turn: Turn, row: SandboxRow, times: int) -> None:
    """The owner is asked again what came of it, so many times at most."""
    if times > 0:
        day = turn.today + timedelta(days=turn.policy.sandboxes.outcome_days)
        deadlines.set_deadline(
            turn.connection, OUTCOME, row.id, at_local(turn, day, MORNING), times=times
        )
