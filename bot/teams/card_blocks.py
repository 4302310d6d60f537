"""The blocks of a message as elements of a card, and what of a block is left when room is short.

Every block is first made of parts that are small (:func:`normal`), so that one part of it always fits
into an empty card. :func:`fit` then takes as many of the parts as there is room for and gives back the
others as blocks.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from bot.cutting import clean, clip, one_line, pieces, size
from bot.teams.card_limits import ALT, CELL, COLUMNS, HEADER, HEADING, LABEL, ROW, VALUE, weight
from bot.teams.card_text import (
    Mentions,
    as_markdown,
    elements,
    fitting,
    heading,
    length,
    literal,
    markdown,
    plain,
)
from handlers.conversation import (
    Block,
    Chart,
    Code,
    Drawn,
    Fact,
    Facts,
    Heading,
    Items,
    Listing,
    Paragraph,
    Plain,
    Small,
    Strong,
    Table,
    Text,
    text,
)

Element = dict[str, Any]

_SMALL = {"size": "Small", "isSubtle": True}
_PICTURE = 25_000  # bytes of a picture that any card has room for
_LINE = 500  # characters of a line of a listing
_SPACES = re.compile(r"^ +| {2,}|(?<=^[+-]) +")
_WIDEST = 36  # characters of a column above which it gets no wider


@dataclass(frozen=True)
class Context:
    """What the blocks of one card share: who can be mentioned, and the pictures."""

    mentions: Mentions
    pictures: Mapping[Chart, str]


def normal(block: Block) -> Iterator[Block]:
    """The same content in blocks whose parts are small: no long headings, labels or cells, no wide tables."""
    match block:
        case Heading() if size(block.text) > HEADING:
            yield Heading(text=clip(clean(block.text), HEADING))
            yield Paragraph(text=text(Strong(text=block.text)))
        case Facts():
            yield from _normal_facts(block)
        case Items() if size(block.title) > HEADING:
            yield Paragraph(text=text(Strong(text=block.title)))
            yield block.model_copy(update={"title": ""})
        case Listing():
            yield Listing(lines=pieces(block.lines, _LINE))
        case Table():
            for table in _narrow(block):
                yield from _normal_rows(table)
        case _:
            yield block


def _normal_facts(facts: Facts) -> Iterator[Block]:
    some: list[Fact] = []
    for fact in facts.facts:
        if size(fact.label) <= LABEL and length(fact.value) <= VALUE:
            some.append(fact)
            continue
        if some:
            yield Facts(facts=tuple(some))
            some = []
        yield Paragraph(text=text(Strong(text=fact.label)))
        yield Paragraph(text=fact.value)
    if some:
        yield Facts(facts=tuple(some))


def _narrow(table: Table) -> Iterator[Table]:
    """Tables of at most eight columns; each begins with the first column, which names the row."""
    count = max((len(r) for r in (table.header, *table.rows)), default=0)
    rows = [(r + ("",) * count)[:count] for r in (table.header, *table.rows)]
    align = table.align.ljust(count, "l")
    rest = list(range(1, count))
    while count:
        columns = [0, *rest[: COLUMNS - 1]]
        header, *body = [tuple(r[c] for c in columns) for r in rows]
        yield Table(header=header, rows=tuple(body), align="".join(align[c] for c in columns))
        rest = rest[COLUMNS - 1 :]
        if not rest:
            return


def _normal_rows(table: Table) -> Iterator[Block]:
    if any(size(cell) > HEADER for cell in table.header):
        yield Paragraph(text=text(Strong(text=" · ".join(c for c in table.header if c.strip()))))
        table = table.model_copy(
            update={"header": tuple(one_line(c, HEADER, "") for c in table.header)}
        )
    some: list[tuple[str, ...]] = []
    for row in table.rows:
        if max(map(len, row)) <= CELL and sum(map(len, row)) <= ROW:
            some.append(row)
            continue
        if some:
            yield table.model_copy(update={"rows": tuple(some)})
            some = []
        named = zip_longest(table.header, row, fillvalue="")
        facts = tuple(Fact(label=h, value=text(c)) for h, c in named if c.strip())
        yield from _normal_facts(Facts(facts=facts))
    if some or not table.rows:
        yield table.model_copy(update={"rows": tuple(some)})


def fit(
    block: Block, room: int, pictures: int, context: Context
) -> tuple[list[Element], list[Block]]:
    """The block's elements within ``room`` bytes, and what did not fit as blocks.

    The data of a picture counts against ``pictures`` and not against ``room``.
    """
    match block:
        case Heading():
            return _heading(block, room)
        case Paragraph():
            return _text(block, room, context, {})
        case Small():
            return _text(block, room, context, _SMALL)
        case Facts():
            return _facts(block, room, context)
        case Items():
            return _items(block, room, context)
        case Listing():
            return _listing(block, room, context)
        case Table():
            return _table(block, room)
        case Drawn():
            return _chart(block, room, pictures, context)
    return [], []


def _heading(block: Heading, room: int) -> tuple[list[Element], list[Block]]:
    said = " ".join(clean(block.text).split())
    if not said:
        return [], []
    made = heading(said)
    return ([made], []) if weight(made) < room else ([], [block])


def _text(
    block: Paragraph | Small, room: int, context: Context, look: Mapping[str, Any]
) -> tuple[list[Element], list[Block]]:
    made = elements(block.text, context.mentions, **look)
    if weight(made) < room:
        return made, []
    head, tail = fitting(block.text, room, context.mentions, **look)
    made = elements(head, context.mentions, **look)
    if not made:
        return [], [block]
    return made, [block.model_copy(update={"text": tail})] if plain(tail).strip() else []


def _facts(block: Facts, room: int, context: Context) -> tuple[list[Element], list[Block]]:
    made: list[Element] = []
    room -= 100
    for i, fact in enumerate(block.facts):
        shown = {
            "title": markdown(one_line(fact.label, LABEL)),
            "value": as_markdown(fact.value, context.mentions) or "–",
        }
        room -= weight(shown) + 1
        if room < 0:
            left: list[Block] = [Facts(facts=block.facts[i:])]
            return ([_fact_set(made)], left) if made else ([], left)
        made.append(shown)
    return ([_fact_set(made)], []) if made else ([], [])


def _fact_set(facts: list[Element]) -> Element:
    return {"type": "FactSet", "facts": facts}


def _items(block: Items, room: int, context: Context) -> tuple[list[Element], list[Block]]:
    made: list[Element] = []
    title = text(Strong(text=" ".join(clean(block.title).split())))
    made += elements(title, context.mentions)
    room -= weight(made)
    if room < 0:
        return [], [block]
    for i, item in enumerate(block.items):
        lead = f"{i + 1}. " if block.numbered else "• "
        item = item if plain(item).strip() else text("–")
        shown = elements(item, context.mentions, lead)
        if made:
            shown[0]["spacing"] = "Small"
        if weight(shown) + 1 <= room:
            made += shown
            room -= weight(shown) + 1
            continue
        if i == 0:
            made = []
        return made, _left_items(block, i, context, room)
    return made, []


def _left_items(block: Items, first: int, context: Context, room: int) -> list[Block]:
    """The items from ``first`` on; those of a numbered list keep their numbers as words."""
    if not block.numbered:
        rest: list[Block] = [
            block.model_copy(
                update={"items": block.items[first:], "title": block.title if not first else ""}
            )
        ]
        return rest
    if not first:
        return [block]
    return [
        Paragraph(text=(Plain(text=f"{n + 1}. "), *block.items[n]))
        for n in range(first, len(block.items))
    ]


def _listing(block: Listing, room: int, context: Context) -> tuple[list[Element], list[Block]]:
    made: list[Element] = []
    for i, line in enumerate(block.lines):
        # Spaces side by side would show as one.
        kept = _SPACES.sub(lambda found: "\u00a0" * len(found[0]), line)
        shown = elements(text(Code(text=kept)), context.mentions, size="Small") or [_blank()]
        if made:
            shown[0]["spacing"] = "None"
        room -= weight(shown) + 1
        if room < 0:
            return made, [Listing(lines=block.lines[i:])]
        made += shown
    return made, []


def _blank() -> Element:
    """A line without words, which counts in a patch: of one without anything Teams makes nothing."""
    return {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": "\u00a0", "size": "Small"}],
    }


def _table(block: Table, room: int) -> tuple[list[Element], list[Block]]:
    if not any(cell.strip() for row in (block.header, *block.rows) for cell in row):
        return [], []
    align = block.align
    made: Element = {
        "type": "Table",
        "columns": _columns(block),
        "showGridLines": False,
        "rows": [_row(block.header, align, weight="Bolder")],
    }
    room -= weight(made)
    for i, row in enumerate(block.rows):
        shown = _row(row, align)
        room -= weight(shown) + 1
        if room < 0:
            left: list[Block] = [block.model_copy(update={"rows": block.rows[i:]})]
            return ([made], left) if i else ([], left)
        made["rows"].append(shown)
    return ([made], []) if room >= 0 else ([], [block])


def _columns(table: Table) -> list[Element]:
    columns = []
    for i, cells in enumerate(zip(table.header, *table.rows, strict=True)):
        column: Element = {"width": min(_WIDEST, max(5, *(len(c.strip()) for c in cells)))}
        if table.align[i : i + 1] == "r":
            column["horizontalCellContentAlignment"] = "Right"
        columns.append(column)
    return columns


def _row(cells: tuple[str, ...], align: str, **look: Any) -> Element:
    return {
        "type": "TableRow",
        "cells": [_cell(cell, align[i : i + 1] == "r", look) for i, cell in enumerate(cells)],
    }


def _cell(words: str, right: bool, look: Mapping[str, Any]) -> Element:
    said = " ".join(clean(words).split())
    shown: Element = {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": literal(said) or " ", **look}],
    }
    if right:
        shown["horizontalAlignment"] = "Right"
    return {"type": "TableCell", "items": [shown]}


def _chart(
    chart: Chart, room: int, pictures: int, context: Context
) -> tuple[list[Element], list[Block]]:
    words = clean(chart.alt).strip() or clean(chart.title).strip()
    picture = context.pictures.get(chart)
    if picture is None or len(picture) > _PICTURE:
        return _text(Small(text=text(words)), room, context, _SMALL)
    made: Element = {
        "type": "Image",
        "url": picture,
        "altText": literal(one_line(words, ALT, "A chart")),
        "size": "Stretch",
    }
    left_room = room - (weight(made) - len(picture))
    if left_room < 0 or len(picture) > pictures:
        return [], [chart]
    if size(words) <= ALT:
        return [made], []
    more, left = _text(Small(text=text(words)), left_room, context, _SMALL)
    return [made, *more], left


def data(made: list[Element]) -> int:
    """The characters of the pictures in the elements."""
    return sum(len(e["url"]) for e in made if e["type"] == "Image")


def words_of(said: str, context: Context) -> list[Element]:
    """A sentence as an element, ``–`` when there is none."""
    spans: Text = text(said.strip() or "–")
    return elements(spans, context.mentions)
