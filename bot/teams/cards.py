"""A message as an Adaptive Card: the one place that knows how it looks in Teams, and that it fits.

Whatever is said, the card stays under :data:`bot.teams.card_limits.CARD` bytes. Buttons keep their place
when room is short; what does not fit is not lost but comes back as a further message.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.cutting import one_line
from bot.teams.card_blocks import Context, Element, data, fit, normal, words_of
from bot.teams.card_controls import OURS, SCHEMA, VERSION, action, sets, singles
from bot.teams.card_limits import CARD, CONTROLS, FALLBACK, REFRESHED, SUMMARY, TEXT, weight
from bot.teams.card_text import Account, Mentions, markdown
from handlers.conversation import (
    Block,
    Chart,
    Control,
    Controls,
    Divider,
    Heading,
    Message,
    Small,
    text,
)

__all__ = ["Account", "Rendered", "card"]

#: The verb of an automatic refresh, which is no click (overview of universal actions, "automatic refresh").
REFRESH = "sandrail.refresh"

_TONE = {
    "neutral": ("", ""),
    "good": ("good", "🟢 "),
    "warning": ("warning", "🟠 "),
    "critical": ("attention", "🔴 "),
}
_CONTINUED = "Continued: "
_NOTE = "Continued in the next message."
_SLACK = 600  # bytes for what is added to the parts: the note, the toned heading, msteams
_LINE = 50  # bytes of a line between two of them


@dataclass(frozen=True)
class Rendered:
    """A card, the line that stands for it in notifications, and what did not fit into it."""

    card: dict[str, Any]
    summary: str
    rest: Message | None


def card(
    message: Message,
    accounts: Mapping[str, Account] | None = None,
    pictures: Mapping[Chart, str] | None = None,
    *,
    refresh: Sequence[str] = (),
    may: Callable[[str], bool] | None = None,
) -> Rendered:
    """The message as a card; people without an account and charts without a picture in words.

    ``refresh`` are the MRIs of those who get a view of their own, of whom Teams takes 60. ``may`` keeps only the
    controls whose action's name passes it. ``rest`` is posted as a message of its own.
    """
    summary = one_line(message.summary, SUMMARY)
    context = Context(Mentions(accounts or {}), pictures or {})
    frame = _frame(summary, refresh)
    blocks = [part for block in message.blocks for part in normal(block)]
    filling = _Filling(context, TEXT - weight(frame) - _SLACK, message.tone)
    filling.reserve(blocks, may)
    for i, block in enumerate(blocks):
        filling.add(i, block)
    body, left = filling.body, filling.left
    if left:
        body = [*body, *words_small(context)]
    frame["body"] = body or words_of(summary, context)
    properties: dict[str, Any] = {}
    if any(e["type"] in ("Table", "Image") for e in body):
        properties["width"] = "Full"
    if entities := context.mentions.entities(body):
        properties["entities"] = entities
    if properties:
        frame["msteams"] = properties
    return Rendered(frame, summary, _rest(summary, left) if left else None)


def _frame(summary: str, refresh: Sequence[str]) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "type": "AdaptiveCard",
        "$schema": SCHEMA,
        "version": VERSION,
        "fallbackText": markdown(one_line(summary, FALLBACK)),
    }
    if refresh:
        frame["refresh"] = {
            "action": {
                "type": "Action.Execute",
                "verb": REFRESH,
                "data": {OURS: {"refresh": True}},
            },
            "userIds": list(refresh[:REFRESHED]),
        }
    return frame


def _rest(summary: str, left: list[Block]) -> Message:
    said = summary if summary.startswith(_CONTINUED) else _CONTINUED + summary
    return Message(summary=said, blocks=tuple(left))


def words_small(context: Context) -> list[Element]:
    """The note that there is more."""
    made, _ = fit(Small(text=text(_NOTE)), 1000, 0, context)
    return made


class _Filling:
    """A card's body that is being filled, and the blocks for which it has no room."""

    def __init__(self, context: Context, room: int, tone: str) -> None:
        self.body: list[Element] = []
        self.left: list[Block] = []
        self._context = context
        self._room = room
        self._pictures = CARD - TEXT
        self._tone = tone
        self._full = False
        self._divided = False
        self._kept: dict[int, list[Element]] = {}
        self._later: dict[int, list[Control]] = {}

    def reserve(self, blocks: Sequence[Block], may: Callable[[str], bool] | None) -> None:
        """Buttons and menus, which keep their place whatever else there is; too many of them do not."""
        used = count = 0
        for i, block in enumerate(blocks):
            if not isinstance(block, Controls):
                continue
            kept: list[Control] = []
            later: list[Control] = []
            for control in singles(block.controls, may):
                cost = weight(action(control)) + 50
                if not later and used + cost <= CONTROLS:
                    kept.append(control)
                    used += cost
                else:
                    later.append(control)
            self._kept[i] = sets(kept, count)
            self._later[i] = later
            count += len(kept)
        self._room -= used

    def add(self, number: int, block: Block) -> None:
        """Puts the block into the body as far as there is room."""
        if isinstance(block, Controls):
            self._put(self._kept[number])
            if self._later[number]:
                self.left.append(Controls(controls=tuple(self._later[number])))
        elif isinstance(block, Divider):
            if self._full:
                self.left.append(block)
            elif self.body and not self._divided:
                self._divided = True
                self._room -= _LINE
        elif self._full:
            self.left.append(block)
        else:
            self._fill(block)

    def _fill(self, block: Block) -> None:
        room = self._room
        for _ in range(8):
            made, left = fit(block, room, self._pictures, self._context)
            over = self._cost(made) - self._room
            if over <= 0:
                break
            room -= over + 100
        else:
            made, left = [], [block]
        self._room -= self._cost(made)
        self._pictures -= data(made)
        if left:
            self._full = True
            self.left += left
        if isinstance(block, Heading) and made:
            made = self._toned(made)
        self._put(made)

    def _cost(self, made: list[Element]) -> int:
        """What the elements take of the room, with the mentions that are new in them."""
        return weight(made) - data(made) + self._entities(made)

    def _entities(self, made: list[Element]) -> int:
        known = self._context.mentions.entities(self.body)
        return sum(weight(e) + 1 for e in self._context.mentions.entities(made) if e not in known)

    def _toned(self, made: list[Element]) -> list[Element]:
        style, sign = _TONE[self._tone]
        self._tone = "neutral"
        if not style:
            return made
        made[0]["text"] = sign + made[0]["text"]
        return [{"type": "Container", "style": style, "bleed": True, "items": made}]

    def _put(self, made: list[Element]) -> None:
        if made and self._divided:
            made[0]["separator"] = True
            made[0]["spacing"] = "Medium"
            self._divided = False
        self.body += made
