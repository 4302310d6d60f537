"""An overrun's card as it is now, and news into its thread."""

from handlers.alerts.message import in_words
from handlers.conversation import Message, Paragraph, Span, text
from handlers.overruns.deciders import agreed
from handlers.overruns.message import key_of, overrun_message
from handlers.turn import Turn
from storage import overruns
from storage.overruns import OverrunRow


def show(turn: Turn, overrun_id: str) -> OverrunRow:
    """Edits the card to what is true now, wherever it stands."""
    row = read(turn, overrun_id)
    turn.edit(key_of(row.id), overrun_message(turn.policy, row, agreed(turn, row)))
    return row


def tell(turn: Turn, row: OverrunRow, stamp: str, *parts: str | Span) -> None:
    """News into the overrun's thread. ``stamp`` names the piece of news among the overrun's."""
    said = text(*parts)
    message = Message(summary=in_words(turn.policy, said), blocks=(Paragraph(text=said),))
    turn.reply(key_of(row.id), f"{key_of(row.id)}:news:{stamp}", message)


def read(turn: Turn, overrun_id: str) -> OverrunRow:
    """The row as it is now."""
    row = overruns.get(turn.connection, overrun_id)
    if row is None:
        raise LookupError(f"overrun {overrun_id} is not there")
    return row
