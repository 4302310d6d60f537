"""A message as Block Kit: the one place that knows how it looks, and that it fits.

Whatever is said, what comes out keeps every limit of :mod:`bot.slack.limits`. Buttons come first when room is
short. What does not fit is cut by meaning and becomes ``Rendered.rest``, and the last line says so.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.cutting import clean, clip, size
from bot.slack import limits
from bot.slack.fitting import (
    Made,
    Pictures,
    Room,
    context,
    controls,
    fitted,
    section,
    weight,
)
from bot.slack.mrkdwn import Accounts, escape
from bot.slack.tables import narrowed
from handlers.conversation import (
    Block,
    Controls,
    Divider,
    Facts,
    Heading,
    Items,
    Listing,
    Message,
    Paragraph,
    Small,
    Table,
)

__all__ = ["Goes", "Pictures", "Rendered", "render", "weight"]
log = logging.getLogger(__name__)

#: Where what does not fit goes: the last line says it.
Goes = Literal["thread", "next", "nowhere"]
_WHERE = {"thread": " in the thread.", "next": " in the next message.", "nowhere": " did not fit."}
_TONE = {"neutral": "", "good": "🟢 ", "warning": "🟠 ", "critical": "🔴 "}
_CONTINUED = "Continued: "
_CONTROL_BLOCKS = 30
_FOR_CONTENT = 1500  # characters that controls leave for the other parts


@dataclass(frozen=True)
class Rendered:
    """What chat.postMessage and chat.update are given; ``rest`` is what did not fit."""

    text: str
    blocks: list[dict[str, Any]]
    rest: Message | None = None

    def as_arguments(self) -> dict[str, Any]:
        """``text`` and ``blocks``, always together: an update without blocks deletes them."""
        return {"text": self.text, "blocks": self.blocks}


def render(
    message: Message,
    accounts: Accounts | None = None,
    pictures: Pictures | None = None,
    blocks: int = limits.BLOCKS,
    goes: Goes = "thread",
) -> Rendered:
    """The message as Slack takes it; mentions of unknown accounts and charts without a picture in words.

    ``blocks`` is how many there may be: a home tab takes :data:`bot.slack.limits.HOME_BLOCKS`.
    """
    room = Room(accounts or {}, pictures or {}, blocks - 1, limits.MESSAGE - 200)
    room.tone = _TONE[message.tone]
    summary = clip(clean(message.summary).strip(), limits.TEXT, lambda s: size(escape(s)))
    every: list[Block] = []
    for block in message.blocks:
        every += narrowed(block) if isinstance(block, Table) else [block]
    made, left = _reserved(every, room)
    full = False
    cut = False  # whether some of the first part that is left is shown
    for i, block in enumerate(every):
        if isinstance(block, Controls):
            continue
        if full:
            left[i] = block
            continue
        made[i], behind = fitted(block, room)
        if made[i] and isinstance(block, Heading):
            room.tone = ""
        if behind is not None:
            full, cut, left[i] = True, bool(made[i]), behind
            if not cut:
                _take_back(every, made, left, i)
    out = [one for i in sorted(made) for one in made[i]]
    waiting = [left[i] for i in sorted(left)]
    if not out and waiting:
        log.error("a %s of a message can never be shown in Slack", waiting.pop(0).kind)
    rest = _rest(message, waiting)
    if rest is not None:
        out.append(_line(_left(rest.blocks, cut) + _WHERE[goes]))
    if not out:
        out.append(section({"type": "plain_text", "text": summary or "–", "emoji": False}))
    return Rendered(escape(summary) or "–", out, rest)


def _reserved(every: Sequence[Block], room: Room) -> tuple[dict[int, Made], dict[int, Block]]:
    """The controls, which are never cut for the sake of other parts, and those that are too many."""
    made: dict[int, Made] = {}
    left: dict[int, Block] = {}
    aside = Room({}, {}, _CONTROL_BLOCKS, room.characters - _FOR_CONTENT)
    for i, block in enumerate(every):
        if not isinstance(block, Controls):
            continue
        if left:
            left[i] = block
            continue
        made[i], behind = controls(block, aside)
        while behind is not None and not any(made.values()):  # the first alone is too large
            log.error("a control for %s can never be shown in Slack", behind.controls[0].action)
            made[i], behind = controls(Controls(controls=behind.controls[1:]), aside)
        aside.take(made[i])
        room.take(made[i])
        if behind is not None:
            left[i] = behind
    return made, left


def _take_back(
    every: Sequence[Block], made: dict[int, Made], left: dict[int, Block], full: int
) -> None:
    """Headings and dividers directly above what does not fit go with it, unless nothing else is shown."""
    for i in range(full - 1, 0, -1):
        if not isinstance(every[i], Heading | Divider) or i not in made:
            return
        del made[i]
        left[i] = every[i]


def _rest(message: Message, waiting: Sequence[Block]) -> Message | None:
    """What is left as a message; dividers at its beginning divide nothing."""
    start = next((i for i, b in enumerate(waiting) if not isinstance(b, Divider)), None)
    if start is None:
        return None
    summary = _CONTINUED + message.summary.removeprefix(_CONTINUED)
    return Message(summary=summary, blocks=tuple(waiting[start:]))


def _left(blocks: Sequence[Block], cut: bool) -> str:
    """How much did not fit: ``83 more rows and 2 more parts``."""
    said = []
    if cut:
        match blocks[0]:
            case Items(items=items):
                said.append(_count(len(items), "line"))
            case Listing(lines=lines):
                said.append(_count(len(lines), "line"))
            case Table(rows=rows):
                said.append(_count(len(rows), "row"))
            case Facts(facts=facts):
                said.append(_count(len(facts), "fact"))
            case Paragraph() | Small():
                said.append("More of this text")
    others = blocks[1:] if said else blocks
    parts = sum(not isinstance(block, Heading | Divider) for block in others)
    if parts or not said:
        said.append(_count(max(parts, 1), "part"))
    return " and ".join(said)


def _count(number: int, what: str) -> str:
    return f"{number} more {what}{'' if number == 1 else 's'}"


def _line(words: str) -> dict[str, Any]:
    return context({"type": "plain_text", "text": words, "emoji": False})
