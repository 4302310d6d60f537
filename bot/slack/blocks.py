"""A message as Block Kit: the one place that knows how it looks, and that it fits.

Whatever is said, what comes out keeps every limit of :mod:`bot.slack.limits`. Buttons and headings come first
when room is short; the rest is cut by meaning, and the message says how much more there was.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.slack import limits
from bot.slack.controls import actions, plain_text
from bot.slack.limits import clean, clip, one_line, size
from bot.slack.mrkdwn import Accounts, escape, labelled, literal, mrkdwn, text_object
from handlers.conversation import (
    Band,
    Block,
    Controls,
    Divider,
    Facts,
    Heading,
    Items,
    Message,
    Paragraph,
    Plain,
    Small,
    Table,
    text,
)

#: A band → the id of its uploaded picture.
Pictures = Mapping[Band, str]

_TONE = {"neutral": "", "good": "🟢 ", "warning": "🟠 ", "critical": "🔴 "}
_LEAST = 60  # characters below which a part is left out rather than cut
_LEAST_ITEM = 160  # of an item of a list: fewer whole ones say more than many beginnings
_CONTROL_BLOCKS = 30
_TABLE_WIDTH = 96
_TABLE_COLUMNS = 12


@dataclass(frozen=True)
class Rendered:
    """What chat.postMessage and chat.update are given."""

    text: str
    blocks: list[dict[str, Any]]

    def as_arguments(self) -> dict[str, Any]:
        """``text`` and ``blocks``, always together: an update without blocks deletes them."""
        return {"text": self.text, "blocks": self.blocks}


def render(
    message: Message,
    accounts: Accounts | None = None,
    pictures: Pictures | None = None,
    blocks: int = limits.BLOCKS,
) -> Rendered:
    """The message as Slack takes it; mentions of unknown accounts and bands without a picture in words.

    ``blocks`` is how many there may be: a home tab takes :data:`bot.slack.limits.HOME_BLOCKS`.
    """
    room = _Room(accounts or {}, pictures or {}, blocks - 1, limits.MESSAGE - 200)
    summary = clip(clean(message.summary).strip(), limits.TEXT, lambda s: size(escape(s)))
    reserved = _reserve(message, room)
    out: list[dict[str, Any]] = []
    dropped = 0
    for i, block in enumerate(message.blocks):
        if i in reserved:
            out += reserved[i]
            continue
        made, complete = _fit(block, room)
        out += made
        dropped += not complete
    if dropped:
        words = (
            f"{dropped} more {'part' if dropped == 1 else 'parts'} did not fit into this message."
        )
        out.append(_context(words))
    if not out:
        out.append(_section(summary or "–"))
    return Rendered(escape(summary) or "–", out)


def weight(blocks: list[dict[str, Any]]) -> int:
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


@dataclass
class _Room:
    """What is left of the message's limits."""

    accounts: Accounts
    pictures: Pictures
    blocks: int
    characters: int
    toned: bool = field(default=False)

    def take(self, made: list[dict[str, Any]]) -> bool:
        """Takes the blocks' room if they fit."""
        cost = weight(made)
        if len(made) > self.blocks or cost > self.characters:
            return False
        self.blocks -= len(made)
        self.characters -= cost
        return True


def _reserve(message: Message, room: _Room) -> dict[int, list[dict[str, Any]]]:
    """Headings and controls, which are never cut for the sake of other parts."""
    reserved: dict[int, list[dict[str, Any]]] = {}
    left = _CONTROL_BLOCKS
    for i, block in enumerate(message.blocks):
        if isinstance(block, Controls):
            made = actions(block.controls)
        elif isinstance(block, Heading):
            words = clean(block.text).strip()
            tone = "" if room.toned else _TONE[message.tone]
            made = [{"type": "header", "text": plain_text(tone + words, limits.HEADER)}]
            made = made if words else []
            room.toned = room.toned or bool(made)
        else:
            continue
        if len(made) <= left and weight(made) <= room.characters - 1500 and room.take(made):
            left -= len(made)
            reserved[i] = made
    return reserved


def _fit(block: Block, room: _Room) -> tuple[list[dict[str, Any]], bool]:
    """The block within the room that is left: its blocks, and whether it is whole."""
    if room.blocks < 1:
        return [], _is_empty(block, room)
    budget = room.characters
    for _ in range(6):
        made = _blocks(block, room, budget)
        if not made:
            return [], _is_empty(block, room)
        whole = len(made)
        made = made[: room.blocks]
        if room.take(made):
            return made, len(made) == whole
        budget = min(budget, room.characters) - max(1, weight(made) - room.characters) - 20
        if budget < _LEAST:
            break
    return [], False


def _is_empty(block: Block, room: _Room) -> bool:
    if isinstance(block, Controls):
        return not actions(block.controls)
    if isinstance(block, Heading):
        return not clean(block.text).strip()
    return not _blocks(block, room, limits.MESSAGE)


def _blocks(block: Block, room: _Room, budget: int) -> list[dict[str, Any]]:
    match block:
        case Paragraph():
            said = text_object(block.text, min(limits.SECTION, budget), room.accounts)
            return [{"type": "section", "text": said}] if said else []
        case Small():
            said = text_object(block.text, min(limits.CONTEXT, budget), room.accounts)
            return [{"type": "context", "elements": [said]}] if said else []
        case Facts():
            return _facts(block, budget, room.accounts)
        case Items():
            return _items(block, budget, room.accounts)
        case Table():
            return _table(block, budget)
        case Band():
            return _band(block, budget, room.pictures)
        case Divider():
            return [{"type": "divider"}]
        case _:  # headings and controls that did not fit into what is reserved for them
            return []


def _facts(facts: Facts, budget: int, accounts: Accounts) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = []
    for i, fact in enumerate(facts.facts):
        left = len(facts.facts) - i
        share = min(limits.FIELD, max(_LEAST, budget // left))
        if budget < _LEAST:
            fields.append(_mrkdwn(f"… and {left} more"))
            break
        said = labelled(fact.label, fact.value, share, accounts)
        budget -= size(said)
        fields.append(_mrkdwn(said))
    return [
        {"type": "section", "fields": fields[i : i + limits.FIELDS]}
        for i in range(0, len(fields), limits.FIELDS)
    ]


def _items(items: Items, budget: int, accounts: Accounts) -> list[dict[str, Any]]:
    """Lines in sections of at most 3000 characters; one long item leaves room for the others."""
    title = (
        f"*{escape(one_line(items.title, 300).replace('*', '∗'))}*" if items.title.strip() else ""
    )
    lines = [title] if title else []
    left = budget - size(title) - 30
    for i, item in enumerate(items.items):
        mark = f"{i + 1}. " if items.numbered else "• "
        more = len(items.items) - i
        share = min(600, max(_LEAST_ITEM, left // more))
        if left < _LEAST_ITEM:
            lines.append(f"… and {more} more")
            break
        line = mark + (mrkdwn(item, share, accounts).strip() or "–")
        left -= size(line) + 1
        lines.append(line)
    return [_section_mrkdwn(part) for part in _joined(lines, limits.SECTION)]


def _joined(lines: list[str], limit: int) -> Iterator[str]:
    part: list[str] = []
    used = 0
    for line in lines:
        if part and used + size(line) + 1 > limit:
            yield "\n".join(part)
            part, used = [], 0
        part.append(line)
        used += size(line) + 1
    if part:
        yield "\n".join(part)


def _table(table: Table, budget: int) -> list[dict[str, Any]]:
    """Columns in a fixed-width block: every client shows it, and no client needs the new table block."""
    rows = [
        tuple(one_line(c, 60, "").replace("`", "ˋ") for c in r) for r in (table.header, *table.rows)
    ]
    columns = min(max((len(r) for r in rows), default=0), _TABLE_COLUMNS)
    if not columns or not any(any(r) for r in rows):
        return []
    hidden = max(len(r) for r in rows) - columns
    rows = [(r + ("",) * columns)[:columns] for r in rows]
    widths = [max(_columns(r[c]) for r in rows) for c in range(columns)]
    while sum(widths) + 2 * (columns - 1) > _TABLE_WIDTH and max(widths) > 6:
        widths[widths.index(max(widths))] -= 1
    lines = [_row(r, widths, table.align) for r in rows]
    lines.insert(1, "─" * min(_TABLE_WIDTH, sum(widths) + 2 * (columns - 1)))
    kept = 2
    room = min(limits.SECTION, budget) - 80
    used = sum(size(escape(x)) + 1 for x in lines[:2])
    while kept < len(lines) and used + size(escape(lines[kept])) + 1 <= room:
        used += size(escape(lines[kept])) + 1
        kept += 1
    if used > room:
        return []
    words = "```" + escape("\n".join(lines[:kept])) + "```"
    if kept < len(lines):
        words += f"\n… and {len(lines) - kept} more"
    if hidden:
        words += f"\n{hidden} more {'column' if hidden == 1 else 'columns'} did not fit."
    return [_section_mrkdwn(words)]


def _columns(words: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in words)


def _row(cells: tuple[str, ...], widths: list[int], align: str) -> str:
    out = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        shown = clip(cell, width, _columns)
        gap = " " * (width - _columns(shown))
        out.append(gap + shown if align[i : i + 1] == "r" else shown + gap)
    return "  ".join(out).rstrip()


def _band(band: Band, budget: int, pictures: Pictures) -> list[dict[str, Any]]:
    words = clip(clean(band.alt).strip() or clean(band.title).strip(), min(limits.ALT, budget))
    file = pictures.get(band)
    if file is not None:
        return [{"type": "image", "slack_file": {"id": file}, "alt_text": words or "A chart"}]
    return [_context(words)] if words else []


def _section(words: str) -> dict[str, Any]:
    said = text_object(text(words), limits.SECTION, {})
    return {"type": "section", "text": said or {"type": "plain_text", "text": "–"}}


def _section_mrkdwn(words: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(words)}


def _mrkdwn(words: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": words, "verbatim": True}


def _context(words: str) -> dict[str, Any]:
    said = text_object((Plain(text=words),), limits.CONTEXT, {})
    return {"type": "context", "elements": [said or _mrkdwn(literal(words) or "–")]}
