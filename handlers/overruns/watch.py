"""What makes sure that an overrun is decided: due time, reminders, a joint review where the rung wants one."""

from datetime import timedelta
from decimal import Decimal

from guardrails.ladder import Placed
from handlers.overruns.clocks import DUE, remind, unwatch
from handlers.overruns.placing import due_at
from handlers.overruns.review import announce_review, call_review, show_case
from handlers.overruns.showing import read, show
from handlers.turn import Turn
from storage import deadlines, overruns
from storage.overruns import OverrunRow


def watch(turn: Turn, row: OverrunRow, where: Placed) -> OverrunRow:
    """Starts the clock of a rung and shows it; opens the joint review when the rung decides in one."""
    row = start_clock(turn, row, where)
    show(turn, row.id)
    show_case(turn, row)
    announce(turn, row)
    return row


def announce(turn: Turn, row: OverrunRow) -> None:
    """What a card that is posted has in its thread from the beginning."""
    if row.state == "review":
        announce_review(turn, row)


def start_clock(turn: Turn, row: OverrunRow, where: Placed) -> OverrunRow:
    """Sets due time and reminders, or the review's times; says nothing."""
    unwatch(turn, row.id)
    if where.rung.review:
        return call_review(turn, row)
    due = due_at(turn, where)
    overruns.change(turn.connection, row, state="open", placed_at=turn.now, due_at=due)
    deadlines.set_deadline(turn.connection, DUE, row.id, due)
    shares = [Decimal(p) / 100 for p in turn.policy.ladder.silence.remind_at]
    reminders = [due_at(turn, where, share).isoformat() for share in shares]
    remind(turn, row.id, [r for r in reminders if r < (due - timedelta(minutes=1)).isoformat()])
    return read(turn, row.id)
