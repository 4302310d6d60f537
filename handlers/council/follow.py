"""What follows a decision: who does what until when, reminders, done."""

from datetime import datetime, time, timedelta
from typing import Any

from guardrails.alerts import words
from guardrails.business_time import works_on
from handlers.alerts.message import mention_of
from handlers.conversation import (
    Button,
    Controls,
    Done,
    Heading,
    Interaction,
    Message,
    Paragraph,
    text,
)
from handlers.council import clocks
from handlers.council.agenda import item_id
from handlers.council.frame import key_of, rules_of
from handlers.deadlines import due
from handlers.overruns.placing import calendar
from handlers.refusals import AlreadyDecided, NotAllowed, NotFound
from handlers.router import press
from handlers.turn import Turn
from storage import council, deadlines
from storage.council import FollowUpRow, ItemRow

MOST = 3  # reminders
_DOES = {
    ("sandbox", "scale"): "ask for the room that {0} needs, with /sandbox extend {0} or its gate",
    ("sandbox", "kill"): "close the sandbox {0} and say what came of it",
    ("budget", "scale"): "ask for more for {0}, with /spend overrun {0}",
    ("budget", "kill"): "stop what spends of {0}",
    ("topic", "continue"): "carry it out: {0}",
    ("topic", "scale"): "carry it out, and ask for more: {0}",
    ("topic", "kill"): "end it: {0}",
}


def begin_follow_up(turn: Turn, row: ItemRow) -> None:
    """Records what the owner has to do after a decision, and when they are reminded; nothing when there is nothing
    to do."""
    does = _DOES.get((row.kind, row.decision))
    owner = row.owner or row.asked_by
    if does is None or not owner:
        return
    made = item_id(row.week, "follow-up", row.id)
    day = _working_day(turn, rules_of(turn.policy).follow_up_days)
    begun = council.add_follow_up(
        turn.connection,
        id=made,
        item_id=row.id,
        week=row.week,
        what=does.format(row.title),
        owner=owner,
        due_on=day,
        created_at=turn.now,
    )
    if not begun:
        return
    deadlines.set_deadline(turn.connection, clocks.FOLLOW_UP, made, _morning(turn, 1))
    found = council.follow_up(turn.connection, made)
    if found is not None:
        message = _message(turn, found)
        turn.reply(key_of(row.week), _key(found), message)
        turn.tell(owner, f"{_key(found)}:told", message)


def _working_day(turn: Turn, days: int) -> Any:
    day, own = turn.today, calendar(turn.policy)
    while days:
        day += timedelta(days=1)
        days -= works_on(own, day)
    return day


def _morning(turn: Turn, ahead: int) -> datetime:
    """The morning of the last working day before the due day, then of later ones, in the workspace's zone."""
    days = rules_of(turn.policy).follow_up_days
    day = _working_day(turn, max(days - 1, 1) if ahead == 1 else 1)
    start = time.fromisoformat(turn.policy.workspace.working_hours.start)
    return datetime.combine(day, start, turn.policy.workspace.zone)


def _key(row: FollowUpRow) -> str:
    return f"{key_of(row.week)}:follow-up:{row.id}"


def _message(turn: Turn, row: FollowUpRow) -> Message:
    title = f"Follow-up of the council {row.week}"
    who = mention_of(turn.policy, row.owner)
    if row.done_at is not None:
        said = text(f"Done by {row.done_name}: {row.what}")
        return Message(
            summary=f"{title}: done",
            blocks=(Heading(text=title), Paragraph(text=said)),
            tone="good",
        )
    late = "It is late: it was due" if row.due_on < turn.today else "Due"
    ends = "" if row.what.endswith((".", "?", "!")) else "."
    said = text(who, f", please {row.what}{ends} {late} {words.day(row.due_on)}.")
    done = Button(label="Done", action="council.done", subject=row.id, style="primary")
    return Message(
        summary=f"{title}: {row.what}, due {words.day(row.due_on)}",
        blocks=(Heading(text=title), Paragraph(text=said), Controls(controls=(done,))),
    )


@due(clocks.FOLLOW_UP)
def remind(turn: Turn, follow_up_id: str, inputs: dict[str, Any]) -> None:
    """Reminds the owner, a few times at most; the next council reads what is still open."""
    row = council.follow_up(turn.connection, follow_up_id, lock=True)
    if row is None or row.done_at is not None or row.reminded >= MOST:
        return
    council.change_follow_up(turn.connection, row.id, reminded=row.reminded + 1)
    turn.tell(row.owner, f"{_key(row)}:reminder:{row.reminded + 1}", _message(turn, row))
    if row.reminded + 1 < MOST:
        when = _morning(turn, row.reminded + 2)
        deadlines.set_deadline(turn.connection, clocks.FOLLOW_UP, row.id, when)


# Its owner, whoever has a voice in the council: checked below.
@press("council.done", permission="read")
def done(turn: Turn, it: Interaction) -> Done:
    """It is done."""
    row = council.follow_up(turn.connection, it.subject, lock=True)
    if row is None:
        raise NotFound("This follow-up is not known here (any more). Nothing was changed.")
    if row.done_at is not None:
        raise AlreadyDecided(f"{row.done_name} did this already.")
    person = it.actor.person.strip().lower()
    if person != row.owner.lower() and it.actor.roles.isdisjoint(rules_of(turn.policy).voices):
        raise NotAllowed("Its owner says when it is done, or a person with a voice in the council.")
    council.change_follow_up(
        turn.connection, row.id, done_at=turn.now, done_by=person, done_name=it.actor.name
    )
    deadlines.drop_deadline(turn.connection, clocks.FOLLOW_UP, row.id)
    turn.audit(person, "council.done", key_of(row.week), row.what, follow_up=row.id)
    found = council.follow_up(turn.connection, row.id)
    if found is not None:
        message = _message(turn, found)
        turn.edit(_key(found), message)
        turn.edit(f"{_key(found)}:told", message)
    return Done()
