"""What people do in a joint review: notes, and deliverables ticked off."""

from handlers.conversation import Done, Form, Interaction, OpenForm, TextField
from handlers.overruns.decide import LONGEST
from handlers.overruns.message import key_of
from handlers.overruns.review import show_case
from handlers.refusals import AlreadyDecided, FieldsRefused, NotFound
from handlers.router import press, submission
from handlers.turn import Turn
from storage import overruns, reviews
from storage.overruns import OverrunRow

MOST_NOTES = 20  # each is in every edit of the case


@press("review.note", permission="overrun.decide")
def press_note(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form."""
    _in_review(turn, it)
    note = TextField(name="note", label="Note", multiline=True, max_length=500)
    return OpenForm(
        form=Form(
            action="review.note", subject=it.subject, title="A note for the review", fields=(note,)
        )
    )


@submission("review.note", permission="overrun.decide")
def note(turn: Turn, it: Interaction) -> Done:
    """Keeps a note with the review: it stands in the case and in the summary."""
    row = _in_review(turn, it)
    said = " ".join(it.inputs.get("note", "").split())
    if not said:
        raise FieldsRefused({"note": "Write a note."})
    if len(said) > LONGEST:
        raise FieldsRefused({"note": f"Write {LONGEST} characters at most."})
    if len(reviews.items(turn.connection, row.id, "note")) >= MOST_NOTES:
        raise FieldsRefused({"note": "The review is full of notes; talk in the thread."})
    reviews.add_item(
        turn.connection,
        overrun_id=row.id,
        kind="note",
        label=said,
        person=it.actor.person,
        name=it.actor.name,
        done_by="",
        at=turn.now,
    )
    turn.audit(it.actor.person, "review.noted", key_of(row.id), said)
    show_case(turn, row)
    return Done()


@press("review.tick", permission="overrun.decide")
def tick(turn: Turn, it: Interaction) -> Done:
    """A deliverable is there."""
    row = _in_review(turn, it)
    choice = it.inputs.get("choice", "")
    done = (
        choice.isdecimal()
        and len(choice) < 10
        and reviews.tick(turn.connection, row.id, int(choice), it.actor.name, turn.now)
    )
    if not done:
        raise AlreadyDecided("That is ticked off already, or is not owed here.")
    turn.audit(it.actor.person, "review.delivered", key_of(row.id), item=int(choice))
    show_case(turn, row)
    return Done()


def _in_review(turn: Turn, it: Interaction) -> OverrunRow:
    row = overruns.get(turn.connection, it.subject, lock=True)
    if row is None:
        raise NotFound("This review is not known here (any more).")
    if row.state != "review":
        raise AlreadyDecided("This review is over.")
    return row
