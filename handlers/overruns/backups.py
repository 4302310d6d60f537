"""The overrun runbook's path: who is asked besides the rung when an overrun waits long. They need not be able to
decide; they know who can."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from guardrails.authority import role_word
from guardrails.business_time import add_hours
from guardrails.runbooks import Escalation, in_words
from handlers.conversation import Mention
from handlers.deadlines import due
from handlers.overruns.deciders import team_of
from handlers.overruns.ending import end_if_gone
from handlers.overruns.placing import calendar
from handlers.overruns.showing import tell
from handlers.runbooks import people_of
from handlers.turn import Turn
from storage import deadlines, overruns
from storage.overruns import WAITING, OverrunRow

BACKUP = "overrun.backup"


def arm(turn: Turn, row: OverrunRow) -> None:
    """Sets the time of the path's first step, in working time from now."""
    _set(turn, row.id, 0, turn.now)


@due(BACKUP)
def ask_backup(turn: Turn, overrun_id: str, inputs: dict[str, Any]) -> None:
    """Asks the people of the next role on the path; nothing when it is decided or those decide anyway."""
    row = overruns.get(turn.connection, overrun_id, lock=True)
    if row is None or row.state not in WAITING or end_if_gone(turn, row):
        return
    path, n = _path(turn), int(inputs["step"])
    if n >= len(path):
        return  # the runbook's path is shorter now
    step = path[n]
    team = team_of(turn.policy, row)
    people = [m for m in people_of(turn.policy, step.role, team) if m.person != row.asked_by]
    parts: list[str | Mention] = []
    for mention in people:
        parts += [mention, " "]
    who = f"({role_word(step.role)})" if people else f"Whoever has the role {role_word(step.role)}"
    said = f"{who}: this waits for {in_words(step.after_minutes)} of working time. Please see who decides it."
    tell(turn, row, f"backup-{n + 1}", *parts, said)
    _set(turn, row.id, n + 1, datetime.fromisoformat(inputs["since"]))


def _path(turn: Turn) -> tuple[Escalation, ...]:
    runbook = turn.loaded.runbooks.get("overrun")
    return runbook.escalation if runbook else ()


def _set(turn: Turn, overrun_id: str, n: int, since: datetime) -> None:
    path = _path(turn)
    if n < len(path):
        at = add_hours(calendar(turn.policy), since, Decimal(path[n].after_minutes) / 60)
        deadlines.set_deadline(
            turn.connection, BACKUP, overrun_id, at, step=n, since=since.isoformat()
        )
