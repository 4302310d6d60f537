"""``/council remove``: what somebody put on the agenda is taken off it again, while nobody has spoken on it."""

from guardrails.suggest import did_you_mean
from handlers.conversation import Heading, Interaction, Message, Paragraph, Private, said, text
from handlers.council.add import next_frame
from handlers.council.agenda import found, item_of
from handlers.council.frame import Frame, key_of
from handlers.council.message import item_key, one_less
from handlers.refusals import AlreadyDecided, NotAllowed, NotFound, Unreadable
from handlers.router import command
from handlers.turn import Turn
from storage import council, outbox
from storage.council import ItemRow

_THEIRS = "The numbers ask this: it goes when their reason does."


@command(
    "council remove",
    permission="read",
    does="takes off the agenda what you added",
    usage="TEXT or a sandbox's name",
)
def remove(turn: Turn, it: Interaction) -> Private:
    """Takes off an item that people added: whoever added it may, and FinOps."""
    typed = " ".join(it.inputs.get("text", "").split())
    if not typed:
        raise Unreadable("Say what to take off the agenda: /council remove TEXT.")
    council.lock_agenda(turn.connection)
    frame = next_frame(turn)
    row = _found(frame, typed)
    person = it.actor.person.strip().lower()
    if not row.asked_by:
        raise NotAllowed(_THEIRS)
    if person != row.asked_by and "finops" not in it.actor.roles:
        raise NotAllowed(f"{row.asked_name} added this. They can take it off, or a FinOps owner.")
    if row.state != "open" or council.votes(turn.connection, row.id):
        raise AlreadyDecided(
            "People have spoken on this already: the council decides it, or defers it."
        )
    council.remove_item(turn.connection, row.id)
    posted = council.digest(turn.connection, row.week) is not None
    if posted:
        turn.edit(item_key(item_of(row)), _removed(row.title, it.actor.name))
        _count_again(turn, row.week)
    turn.audit(
        person,
        "council.removed",
        key_of(row.week),
        row.title,
        kind=row.kind,
        thing=row.subject,
        added_by=row.asked_by,
    )
    if not posted and any((i.kind, i.subject) == (row.kind, row.subject) for i in found(frame)):
        rest = (
            f"The numbers ask “{row.title}” too, so it stays on the agenda while their reason does."
        )
        return Private(message=said(f"What {row.asked_name} added is taken off. {rest}"))
    return Private(message=said(f"“{row.title}” is off the agenda."))


def _found(frame: Frame, typed: str) -> ItemRow:
    """The item of the next council that is called so, else of the one that is open; locked. Raises NotAllowed for
    what only the numbers ask, NotFound."""
    c, week = frame.turn.connection, str(frame.week)
    rows = [*council.items(c, week, lock=True), *council.left_over(c, week)]
    last = council.digest_before(c, week)
    if last is not None and last.closed_at is None:
        council.digest(c, last.week, lock=True)
        rows += council.items(c, last.week, lock=True)
    row = next((r for r in rows if r.title.casefold() == typed.casefold()), None)
    if row is None:
        if any(i.title.casefold() == typed.casefold() for i in found(frame)):
            raise NotAllowed(_THEIRS)
        hint = did_you_mean(typed, [r.title for r in rows])
        raise NotFound(f"“{typed}” is not on the agenda{hint or ': see /council next.'}")
    return row


def _count_again(turn: Turn, week: str) -> None:
    """The posted root says how many decisions are left."""
    root, left = key_of(week), len(council.items(turn.connection, week))
    for message_key, _ in outbox.posted_places(turn.connection, root)[:1]:  # the same everywhere
        _, content = outbox.last_said(turn.connection, message_key)
        turn.edit(root, one_less(Message.model_validate(content), left))


def _removed(title: str, name: str) -> Message:
    words = f"{name} took off: {title}"
    return Message(summary=words, blocks=(Heading(text="Removed"), Paragraph(text=text(words))))
