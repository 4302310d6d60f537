"""``/council retro``: a quarter's retrospective, privately."""

from guardrails.retro.quarter import Quarter, last_complete
from handlers.conversation import Block, Divider, Interaction, Message, Private, Small, text
from handlers.refusals import NotFound, Unreadable
from handlers.retro.build import gather, has_history, newest_with_history, with_proposals
from handlers.retro.message import Retro, retro_of
from handlers.router import command
from handlers.turn import Turn
from storage import retro

_NO_REPLAY = "The replay's numbers come with the posted retrospective; sandrail retro prints them at any time."


@command(
    "council retro",
    permission="spend.read",
    does="shows the quarterly retrospective of the rules",
    usage="[2026-Q3]",
    looks=True,
)
def show_retro(turn: Turn, it: Interaction) -> Private:
    """As it was posted, else as it would be, without a replay; of the :func:`usual_quarter` unless another is
    named."""
    typed, why = it.inputs.get("text", "").strip(), ""
    try:
        quarter = Quarter.parse(typed) if typed else None
    except ValueError as error:
        raise Unreadable(str(error)) from None
    if quarter is None:
        quarter, why = usual_quarter(turn)
    row = retro.posted(turn.connection, str(quarter))
    if row is not None:
        return Private(message=_whole(Retro.from_json(str(quarter), row.said)))
    sentence = unknown(turn, quarter, "/council retro {}")
    if sentence:
        raise NotFound(sentence)
    made = with_proposals(turn.loaded, gather(turn, quarter), None)
    notes = [why, _NO_REPLAY if made.proposals else ""]
    more = (Small(text=text(note)) for note in notes if note)
    return Private(message=_whole(retro_of(turn.loaded, made), *more))


def usual_quarter(turn: Turn) -> tuple[Quarter, str]:
    """The quarter that is shown when none is named: the last one that is over; when nothing is known of it, the
    one that runs, with a sentence that says so."""
    last, running = last_complete(turn.today), Quarter.of(turn.today)
    if has_history(turn, last) or not has_history(turn, running):
        return last, ""
    return running, f"Nothing is known of {last}, so this is {running}, which is not over yet."


def unknown(turn: Turn, quarter: Quarter, how: str) -> str:
    """Why nothing can be said of a quarter, and of which something can; empty when it can be. ``how``: the words
    that show another."""
    if quarter.period.first > turn.today:
        return f"{quarter} has not begun. The last quarter that is over is {last_complete(turn.today)}."
    if has_history(turn, quarter):
        return ""
    other = newest_with_history(turn)
    if other is None:
        return f"Nothing is known of {quarter}, nor of any other quarter: the bot has not run yet."
    shown = how.format(other)
    return f"Nothing is known of {quarter}. The newest quarter with a history is {other}: {shown}"


def _whole(made: Retro, *more: Block) -> Message:
    blocks: list[Block] = []
    for message in made.every():
        if blocks:
            blocks.append(Divider())
        blocks += message.blocks
    return Message(summary=made.root.summary, blocks=(*blocks, *more))
