"""As much of a block as there is room for, as Block Kit, and what is left of it as a block again."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.cutting import clean, clip, one_line, pieces, size
from bot.slack import limits, tables
from bot.slack.controls import actions, plain_text
from bot.slack.mrkdwn import Accounts, escape, in_words, labelled, mrkdwn, text_part
from handlers.conversation import (
    Block,
    Chart,
    Control,
    Controls,
    Divider,
    Drawn,
    Fact,
    Facts,
    Heading,
    Items,
    Listing,
    Paragraph,
    Small,
    Table,
    Text,
)

log = logging.getLogger(__name__)

#: A chart → the id of its uploaded picture.
Pictures = Mapping[Chart, str]
Made = list[dict[str, Any]]

_LEAST = 200  # characters below which a text is left for the rest rather than cut
_LINE = 500  # of a line of a listing, before its signs are escaped
_ITEM = 2800  # of an item of a list: what is longer is clipped
_CONTINUED = " (continued)"


@dataclass
class Room:
    """What is left of a message's limits."""

    accounts: Accounts
    pictures: Pictures
    blocks: int
    characters: int
    tone: str = ""

    def holds(self, made: Made) -> bool:
        """Whether the blocks fit."""
        return len(made) <= self.blocks and weight(made) <= self.characters

    def take(self, made: Made) -> None:
        """Takes the blocks' room."""
        self.blocks -= len(made)
        self.characters -= weight(made)


def weight(blocks: Made) -> int:
    """All the characters that the blocks hold: what Slack counts against a message, and more."""
    return sum(_strings(blocks))


def _strings(value: Any) -> Iterator[int]:
    if isinstance(value, str):
        yield size(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != "type":
                yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def fitted(block: Block, room: Room) -> tuple[Made, Block | None]:
    """The block within the room, which it takes, and what is left of it: None when it is whole."""
    made, left = _fitted(block, room)
    room.take(made)
    return made, left


def _fitted(block: Block, room: Room) -> tuple[Made, Block | None]:
    match block:
        case Heading():
            words = clean(block.text).strip()
            header = {"type": "header", "text": plain_text(room.tone + words, limits.HEADER)}
            return _all_or_nothing([header] if words else [], block, room)
        case Paragraph():
            made, left = _texts(block.text, room, limits.SECTION, section)
            return made, Paragraph(text=left) if left else None
        case Small():
            made, left = _texts(block.text, room, limits.CONTEXT, context)
            return made, Small(text=left) if left else None
        case Facts():
            return _facts(block, room)
        case Items():
            return _items(block, room)
        case Listing():
            return _listing(block, room)
        case Table():
            return _table(block, room)
        case Drawn():
            return _all_or_nothing(_chart(block, room.pictures), block, room)
        case Divider():
            return _all_or_nothing([{"type": "divider"}], block, room)
        case Controls():
            return controls(block, room)


def _all_or_nothing(made: Made, block: Block, room: Room) -> tuple[Made, Block | None]:
    return (made, None) if room.holds(made) else ([], block)


def controls(block: Controls, room: Room) -> tuple[Made, Controls | None]:
    """As many of the controls as fit, and those that are left."""
    known: tuple[Control, ...] = block.controls
    for kept in range(len(known), 0, -1):
        made = actions(known[:kept])
        if room.holds(made):
            left = known[kept:]
            return made, Controls(controls=left) if left else None
    return [], block if known else None


def _texts(
    spans: Text, room: Room, limit: int, block: Callable[[dict[str, Any]], dict[str, Any]]
) -> tuple[Made, Text]:
    """A text in blocks of at most ``limit`` characters, and the spans that are left."""
    made: Made = []
    budget = room.characters
    left = spans
    while left:
        most = min(limit, budget)
        said, behind = text_part(left, most, room.accounts, whole=most < limit)
        if behind == left and most == limit:  # not even alone in a block: a link without end
            left = (in_words(left[0]), *left[1:])
            said, behind = text_part(left, most, room.accounts)
        if behind and most < limit and (most < _LEAST or behind == left):
            break
        if said is not None:
            if len(made) >= room.blocks:
                break
            made.append(block(said))
            budget -= size(said["text"])
        left = behind
    return made, left


def _facts(facts: Facts, room: Room) -> tuple[Made, Facts | None]:
    fields: Made = []
    budget = room.characters
    waiting = list(facts.facts)
    while waiting and len(fields) < limits.FIELDS * room.blocks:
        label, value = waiting[0].label, waiting[0].value
        said, left = labelled(label, value, limits.FIELD, room.accounts)
        if left == value and value:  # not even alone in a field: a link without end
            said, left = labelled(
                label, (in_words(value[0]), *value[1:]), limits.FIELD, room.accounts
            )
        if size(said) > budget:
            break
        fields.append(mrkdwn_text(said))
        budget -= size(said)
        waiting[:1] = [Fact(label=label, value=left)] if left else []
    made = [
        {"type": "section", "fields": fields[i : i + limits.FIELDS]}
        for i in range(0, len(fields), limits.FIELDS)
    ]
    return made, Facts(facts=tuple(waiting)) if waiting else None


def _items(items: Items, room: Room) -> tuple[Made, Items | None]:
    """Lines in sections of at most 3000 characters."""
    title = one_line(items.title, 300, "").replace("*", "∗")
    parts: list[list[str]] = [[f"*{escape(title)}*"]] if title else [[]]
    used = [size(parts[0][0])] if title else [0]
    kept = 0
    for item in items.items:
        mark = f"{items.first + kept}. " if items.numbered else "• "
        line = mark + (mrkdwn(item, _ITEM, room.accounts).strip() or "–")
        cost = size(line) + (1 if parts[-1] else 0)
        if used[-1] + cost > limits.SECTION:
            parts.append([])
            used.append(0)
            cost = size(line)
        if sum(used) + cost > room.characters or len(parts) > room.blocks:
            break
        parts[-1].append(line)
        used[-1] += cost
        kept += 1
    if not kept and items.items:
        return [], items
    made = [section(mrkdwn_text("\n".join(part))) for part in parts if part]
    if kept == len(items.items):
        return (made, None) if room.holds(made) else ([], items)
    title = items.title.removesuffix(_CONTINUED) + _CONTINUED if title else ""
    change = {"items": items.items[kept:], "title": title, "first": items.first + kept}
    return made, items.model_copy(update=change)


def _table(table: Table, room: Room) -> tuple[Made, Table | None]:
    """Rows in sections of at most 3000 characters, and the other rows under the same header."""
    lines = [escape(line) for line in tables.lines(table)]
    if not lines:
        return [], None
    made, kept = _fixed(lines, room)
    rows = kept - 2
    if rows < (1 if table.rows else 0):
        return [], table
    left = table.rows[rows:]
    return made, table.model_copy(update={"rows": left}) if left else None


def _listing(listing: Listing, room: Room) -> tuple[Made, Listing | None]:
    """Lines in sections of at most 3000 characters, and the other lines."""
    lines = pieces(listing.lines, _LINE)
    if not any(line.strip() for line in lines):
        return [], None
    made, kept = _fixed([escape(line).replace("`", "ˋ") for line in lines], room)
    left = lines[kept:]
    return made, Listing(lines=left) if left else None


def _fixed(lines: Sequence[str], room: Room) -> tuple[Made, int]:
    """As many lines as fit, in sections whose characters have one width, and how many they are."""
    made: Made = []
    budget = room.characters
    part: list[str] = []
    kept = 0
    for line in lines:
        used = sum(size(one) + 1 for one in part) + 5
        if part and used + size(line) + 1 > limits.SECTION:
            made.append(_fenced(part))
            budget -= used
            part, used = [], 5
        if used + size(line) + 1 > budget or len(made) >= room.blocks:
            break
        part.append(line)
        kept += 1
    return [*made, *([_fenced(part)] if part else [])], kept


def _fenced(lines: list[str]) -> dict[str, Any]:
    return section(mrkdwn_text("```" + "\n".join(lines) + "```"))


def _chart(chart: Chart, pictures: Pictures) -> Made:
    words = clip(clean(chart.alt).strip() or clean(chart.title).strip(), limits.CONTEXT)
    file = pictures.get(chart)
    if file is not None:
        return [{"type": "image", "slack_file": {"id": file}, "alt_text": words or "A chart"}]
    return [context({"type": "plain_text", "text": words, "emoji": False})] if words else []


def section(said: dict[str, Any]) -> dict[str, Any]:
    """A section block of a text object."""
    return {"type": "section", "text": said}


def context(said: dict[str, Any]) -> dict[str, Any]:
    """A context block of a text object."""
    return {"type": "context", "elements": [said]}


def mrkdwn_text(words: str) -> dict[str, Any]:
    """A text object of words that are mrkdwn already."""
    return {"type": "mrkdwn", "text": words, "verbatim": True}
