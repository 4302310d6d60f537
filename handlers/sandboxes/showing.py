"""A sandbox's card as it is now, and news into its thread."""

from handlers.alerts.message import in_words
from handlers.conversation import Message, Paragraph, Span, text
from handlers.refusals import NotFound
from handlers.sandboxes.message import card, key_of
from handlers.turn import Turn
from storage import outbox, sandboxes
from storage.sandboxes import SandboxRow


def show(turn: Turn, sandbox_id: str) -> SandboxRow:
    """Edits the card to what is true now, wherever it stands and says something else."""
    row = read(turn, sandbox_id)
    message = card(turn, row)
    now = message.model_dump(mode="json")
    for message_key, _ in outbox.posted_places(turn.connection, key_of(row.id)):
        if outbox.last_said(turn.connection, message_key)[1] != now:
            turn.edit(key_of(row.id), message)
            break
    return row


def tell(turn: Turn, row: SandboxRow, stamp: str, *parts: str | Span) -> None:
    """News into the sandbox's thread. ``stamp`` names the piece of news among the sandbox's: it is said once."""
    said = text(*parts)
    message = Message(summary=in_words(turn.policy, said), blocks=(Paragraph(text=said),))
    turn.reply(key_of(row.id), f"{key_of(row.id)}:news:{stamp}", message, once=True)


def read(turn: Turn, sandbox_id: str) -> SandboxRow:
    """The row as it is now."""
    row = sandboxes.get(turn.connection, sandbox_id)
    if row is None:
        raise LookupError(f"sandbox {sandbox_id} is not there")
    return row


def locked(turn: Turn, sandbox_id: str) -> SandboxRow:
    """The sandbox, locked until the transaction ends. Raises NotFound."""
    row = sandboxes.get(turn.connection, sandbox_id, lock=True)
    if row is None:
        raise NotFound("This sandbox is not known here (any more). Nothing was changed.")
    return row
