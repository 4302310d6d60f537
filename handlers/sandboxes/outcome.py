"""At the end: estimate against actual, target against result, and whether it was worth it."""

from typing import Any

from guardrails.sandboxes.life import ENDED
from handlers.alerts.message import mention_of
from handlers.conversation import (
    Button,
    ChoiceField,
    Controls,
    Done,
    Form,
    Heading,
    Interaction,
    Message,
    OpenForm,
    Option,
    Paragraph,
    TextField,
    text,
)
from handlers.deadlines import due
from handlers.refusals import AlreadyDecided, FieldsRefused
from handlers.router import press, submission
from handlers.sandboxes import clocks, money
from handlers.sandboxes.authority import may_run
from handlers.sandboxes.message import key_of, outcome_line, spent_line, target
from handlers.sandboxes.showing import locked, show, tell
from handlers.turn import Turn
from storage import sandboxes
from storage.sandboxes import SandboxRow

AGAIN = 2  # times
_WORTH = (
    Option(value="yes", label="Yes"),
    Option(value="partly", label="Partly"),
    Option(value="no", label="No"),
)


def ask_outcome(turn: Turn, row: SandboxRow, again: int = AGAIN) -> None:
    """Asks the owner, in the thread and in person, what came of it."""
    message = _question(turn, row)
    # Once: what graduated is asked then, and may be closed later.
    turn.reply(key_of(row.id), f"{key_of(row.id)}:outcome:{again}", message, once=True)
    turn.tell(row.owner, f"{key_of(row.id)}:outcome-asked:{again}", message)
    clocks.ask_again(turn, row, again)


@due(clocks.OUTCOME)
def not_answered(turn: Turn, sandbox_id: str, inputs: dict[str, Any]) -> None:
    """Asks again while there is no answer."""
    row = sandboxes.get(turn.connection, sandbox_id, lock=True)
    if row is not None and row.state in ENDED and not row.outcome:
        ask_outcome(turn, row, int(inputs["times"]) - 1)


def _question(turn: Turn, row: SandboxRow) -> Message:
    title = f"Sandbox {row.name}: was it worth it?"
    said = (
        f"It spent {spent_line(turn, row)}; {money.money(turn, money.estimate(row))} were estimated. "
        f"Success was {row.metric} {target(row)}. Your answer helps the next estimate, and the council reads it."
    )
    button = Button(
        label="What came of it…",
        action="sandbox.outcome",
        subject=row.id,
        version=row.version,
        style="primary",
        opens_form=True,
    )
    return Message(
        summary=f"{title} {said}",
        blocks=(
            Heading(text=title),
            Paragraph(text=text(mention_of(turn.policy, row.owner), f" {said}")),
            Controls(controls=(button,)),
        ),
    )


@press("sandbox.outcome", permission="sandbox.run")
def press_outcome(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form."""
    row = _open(turn, it)
    return OpenForm(
        form=Form(
            action="sandbox.outcome",
            subject=row.id,
            title="What came of it",
            intro=text(f"{row.hypothesis} It spent {spent_line(turn, row)}."),
            fields=(
                TextField(
                    name="result",
                    label=f"{row.metric}, {target(row)} was the target"[:100],
                    hint="the number that was reached, or: not measured",
                    max_length=40,
                ),
                ChoiceField(name="worth", label="Was it worth it?", options=_WORTH),
                TextField(
                    name="note",
                    label="What you learned",
                    multiline=True,
                    required=False,
                    max_length=1000,
                ),
            ),
            submit="Save",
        )
    )


@submission("sandbox.outcome", permission="sandbox.run")
def outcome(turn: Turn, it: Interaction) -> Done:
    """Keeps the answer with the numbers of now, for the council and for the team's next estimates."""
    row = _open(turn, it)
    result, worth = it.inputs.get("result", "").strip(), it.inputs.get("worth", "")
    errors = {}
    if not result:
        errors["result"] = "Write the number that was reached, or: not measured."
    if worth not in ("yes", "partly", "no"):
        errors["worth"] = "Choose yes, partly or no."
    if errors:
        raise FieldsRefused(errors)
    answer = {
        "result": result[:40],
        "worth": worth,
        "note": it.inputs.get("note", "").strip()[:1000],
        "by": it.actor.person.strip().lower(),
        "name": it.actor.name,
        "at": turn.now.isoformat(),
        "spent": str(money.spent(turn, row)),
        "estimate": str(money.estimate(row)),
    }
    sandboxes.change(turn.connection, row, outcome=answer)
    turn.audit(answer["by"], "sandbox.outcome", key_of(row.id), worth, result=result[:40])
    row = show(turn, row.id)
    tell(turn, row, "outcome", *outcome_line(turn, row))
    return Done(note="Thank you. It is kept for the council.")


def _open(turn: Turn, it: Interaction) -> SandboxRow:
    row = locked(turn, it.subject)
    may_run(turn, row, it)
    if row.state not in ENDED:
        raise AlreadyDecided("This sandbox has not ended; its outcome is asked for at its end.")
    if row.outcome:
        raise AlreadyDecided(f"{row.outcome['name']} has answered this already.")
    return row
