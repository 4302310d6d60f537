"""Orders that people carry out: a checklist for a role in the sandbox's thread, done by a button."""

from datetime import timedelta
from typing import Any

from guardrails.policy.actuators import Manual
from guardrails.policy.people import Role
from handlers.conversation import (
    Button,
    Controls,
    Done,
    Heading,
    Interaction,
    Items,
    Message,
    Paragraph,
    Span,
    text,
)
from handlers.deadlines import due
from handlers.refusals import AlreadyDecided, NotAllowed, NotFound
from handlers.router import press
from handlers.runbooks import people_of
from handlers.sandboxes.message import key_of
from handlers.sandboxes.orders import finish
from handlers.sandboxes.showing import tell
from handlers.turn import Turn
from storage import actuations, deadlines, sandboxes
from storage.actuations import ActuationRow
from storage.sandboxes import SandboxRow

ASKED = "sandbox.asked"
SOON, LATER = timedelta(hours=4), timedelta(hours=24)
REMINDERS = 3


def ask_people(turn: Turn, row: SandboxRow) -> None:
    """Asks in the sandbox's thread for each order that people carry out, once."""
    for order in actuations.of_sandbox(turn.connection, row.id):
        actuator = _manual(turn, order)
        if order.state == "asked" and actuator is not None:
            message = _message(turn, row, actuator, order)
            turn.reply(key_of(row.id), _key(row, order), message, once=True)
            _remind(turn, order, REMINDERS)


def _remind(turn: Turn, order: ActuationRow, times: int) -> None:
    """What stops spend is asked for again soon, the rest on the next day; so many times."""
    if times > 0:
        wait = SOON if order.operation in ("halt", "throttle") else LATER
        subject = str(order.id)
        deadlines.set_deadline(turn.connection, ASKED, subject, turn.now + wait, times=times)


@due(ASKED)
def not_done(turn: Turn, order_id: str, inputs: dict[str, Any]) -> None:
    """Asks again, the operators too, while nobody has said that it is done."""
    order = actuations.get(turn.connection, int(order_id), lock=True)
    row = sandboxes.get(turn.connection, order.sandbox_id) if order is not None else None
    actuator = _manual(turn, order) if order is not None else None
    if order is None or row is None or order.state != "asked":
        return
    parts: list[str | Span] = []
    roles: tuple[Role, ...] = ("operator",) if actuator is None else (actuator.role, "operator")
    people = [m for role in roles for m in people_of(turn.policy, role, row.team)[:2]]
    for mention in dict.fromkeys(people):
        parts += [mention, " "]
    times = int(inputs["times"])
    said = f"{order.actuator} still waits: {order.operation} {row.name}. Press Done on it when it is done."
    tell(turn, row, f"asked-{order.id}-{times}", *parts, said)
    _remind(turn, order, times - 1)


def _message(
    turn: Turn, row: SandboxRow, actuator: Manual, order: ActuationRow, done: str = ""
) -> Message:
    title = f"{actuator.name}: {order.operation} {row.name}"
    steps: tuple[str, ...] = getattr(actuator, order.operation)
    people: list[str | Span] = []
    for mention in people_of(turn.policy, actuator.role, row.team)[:3]:
        people += [mention, " "]
    asked = done or f"Please do this by hand ({actuator.role})."
    return Message(
        summary=f"{title}. {asked}",
        blocks=(
            Heading(text=title),
            Paragraph(text=text(*([] if done else people), asked)),
            Items(items=tuple(text(s) for s in steps), numbered=True),
            *(
                []
                if done
                else [
                    Controls(
                        controls=(
                            Button(
                                label="Done",
                                action="sandbox.order-done",
                                subject=str(order.id),
                                style="primary",
                            ),
                        )
                    )
                ]
            ),
        ),
        tone="good" if done else "warning",
    )


@press("sandbox.order-done", permission="sandbox.manual")
def press_done(turn: Turn, it: Interaction) -> Done:
    """Somebody with the actuator's role has done the steps."""
    known = it.subject.isdecimal() and len(it.subject) < 10  # what the column holds
    order = actuations.get(turn.connection, int(it.subject)) if known else None
    if order is None:
        raise NotFound("This order is not known here (any more). Nothing was changed.")
    row = sandboxes.get(turn.connection, order.sandbox_id, lock=True)
    order = actuations.get(turn.connection, order.id, lock=True)
    if row is None or order is None:
        raise NotFound("This sandbox is not known here (any more). Nothing was changed.")
    actuator = _manual(turn, order)
    if actuator is None:
        raise NotAllowed(
            f"The policy no longer has {order.actuator}, so nobody can say that it is done."
        )
    if actuator.role not in it.actor.roles:
        raise NotAllowed(f"This is done by somebody with the role {actuator.role}.")
    if order.state != "asked":
        who = f" by {order.done_by}" if order.done_by else ""
        what = f"done already{who}" if order.state == "done" else "no longer needed"
        raise AlreadyDecided(f"This is {what}.")
    said = f"done by {it.actor.name}"
    actuations.change(
        turn.connection, order, state="done", said=said, done_at=turn.now, done_by=it.actor.name
    )
    if actuator is not None:
        message = _message(turn, row, actuator, order, f"{said.capitalize()}.")
        turn.edit(_key(row, order), message)
    finish(
        turn, row, order.actuator, order.operation, said, order.id, it.actor.person.strip().lower()
    )
    return Done()


def _manual(turn: Turn, order: ActuationRow) -> Manual | None:
    for actuator in turn.policy.actuators:
        if actuator.name == order.actuator and isinstance(actuator, Manual):
            return actuator
    return None


def _key(row: SandboxRow, order: ActuationRow) -> str:
    return f"{key_of(row.id)}:order:{order.id}"
