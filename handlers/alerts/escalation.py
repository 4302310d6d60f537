"""Escalation along a runbook's path: when nobody takes a grave anomaly, those who come next are asked.

Minutes are minutes for a critical anomaly, minutes of working time for a high one. Each step is said once,
however often the anomaly is opened again.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from guardrails.alerts import words
from guardrails.authority import role_word
from guardrails.business_time import add_hours
from guardrails.runbooks import Escalation, in_words
from handlers.alerts.message import key_of
from handlers.alerts.record import found_of
from handlers.conversation import Mention, Message, Paragraph, Span, text
from handlers.deadlines import due
from handlers.overruns.placing import calendar
from handlers.runbooks import people_of
from handlers.turn import Turn
from storage import anomalies, deadlines
from storage.anomalies import AnomalyRow

ESCALATE = "anomaly.escalate"
GRAVE = ("high", "critical")


def arm(turn: Turn, anomaly_id: str) -> None:
    """Sets the time of the first step that was not said yet, counted from now, when the anomaly waits."""
    row = anomalies.get(turn.connection, anomaly_id)
    if row is None or not _waits(row):
        return
    for n in range(len(_path(turn, row))):
        if not turn.is_posted(_message_key(row.id, n), key_of(row.id)):
            _set(turn, row, n, turn.now)
            return


def disarm(turn: Turn, anomaly_id: str) -> None:
    """Somebody has taken it, or it has ended."""
    deadlines.drop_deadline(turn.connection, ESCALATE, anomaly_id)


@due(ESCALATE)
def escalate(turn: Turn, anomaly_id: str, inputs: dict[str, Any]) -> None:
    """Asks the people of the next role on the path, and sets the time of the one after."""
    row = anomalies.get(turn.connection, anomaly_id, lock=True)
    if row is None or not _waits(row):
        return
    path, n = _path(turn, row), int(inputs["step"])
    since = datetime.fromisoformat(inputs["since"])
    if n >= len(path):
        return  # the runbook's path is shorter now
    people = people_of(turn.policy, path[n].role, found_of(row).allocation.get("team", ""))
    message = _message(row, path[n], people)
    turn.reply(key_of(row.id), _message_key(row.id, n), message)
    turn.audit(
        "scheduler",
        "anomaly.escalated",
        key_of(row.id),
        message.summary,
        role=path[n].role,
        people=[m.person for m in people],
    )
    if n + 1 < len(path):
        _set(turn, row, n + 1, since)


def _waits(row: AnomalyRow) -> bool:
    return (
        row.state == "open"
        and row.ended_on is None
        and row.severity in GRAVE
        and bool(row.channels)
    )


def _path(turn: Turn, row: AnomalyRow) -> tuple[Escalation, ...]:
    runbook = turn.loaded.runbooks.get(row.signal)
    return runbook.escalation if runbook else ()


def _set(turn: Turn, row: AnomalyRow, n: int, since: datetime) -> None:
    minutes = _path(turn, row)[n].after_minutes
    if row.severity == "critical":
        due_at = since + timedelta(minutes=minutes)
    else:
        due_at = add_hours(calendar(turn.policy), since, Decimal(minutes) / 60)
    deadlines.set_deadline(
        turn.connection, ESCALATE, row.id, due_at, step=n, since=since.isoformat()
    )


def _message_key(anomaly_id: str, n: int) -> str:
    return f"{key_of(anomaly_id)}:escalated:{n + 1}"


def _message(row: AnomalyRow, step: Escalation, people: tuple[Mention, ...]) -> Message:
    said = f"Nobody has taken this for {in_words(step.after_minutes)}"
    said += ". " if row.severity == "critical" else " of working time. "
    please = "please press Investigating, or say here who takes it."
    headline = words.headline(found_of(row))
    if not people:
        who = f"Whoever has the role {role_word(step.role)}: "
        summary = f"{said}{who}{please}"
        return Message(summary=f"{headline}. {summary}", blocks=(Paragraph(text=text(summary)),))
    parts: list[str | Span] = [said]
    for mention in people:
        parts += [mention, " "]
    names = ", ".join(m.name for m in people)
    return Message(
        summary=f"For {names}. {headline}. {said.strip()}",
        blocks=(Paragraph(text=text(*parts, f"({role_word(step.role)}), {please}")),),
    )
