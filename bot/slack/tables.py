"""Tables as columns in a fixed-width block: every client shows it, and none needs the new table block."""

import unicodedata

from bot.cutting import clip, one_line
from handlers.conversation import Table

WIDTH = 96
_CELL = 60
_LEAST_COLUMN = 24  # columns this wide are never made narrower: amounts stay whole


def lines(table: Table) -> list[str]:
    """The header, a rule and the rows; nothing for a table without words."""
    rows = _cells(table)
    if not any(any(row) for row in rows):
        return []
    widths = _widths(rows)
    while _across(widths) > WIDTH and max(widths) > 6:
        widths[widths.index(max(widths))] -= 1
    said = [_row(row, widths, table.align) for row in rows]
    said.insert(1, "─" * min(WIDTH, _across(widths)))
    return said


def narrowed(table: Table) -> tuple[Table, ...]:
    """The same in tables that are not too wide; each begins with the first column, which names the rows."""
    widths = [min(w, _LEAST_COLUMN) for w in _widths(_cells(table))]
    if _across(widths) <= WIDTH:
        return (table,)
    groups: list[list[int]] = [[0]]
    for column in range(1, len(widths)):
        if len(groups[-1]) > 1 and _across([widths[c] for c in (*groups[-1], column)]) > WIDTH:
            groups.append([0])
        groups[-1].append(column)
    return tuple(_of_columns(table, group) for group in groups)


def _of_columns(table: Table, columns: list[int]) -> Table:
    def some(row: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(row[c] if c < len(row) else "" for c in columns)

    return Table(
        header=some(table.header),
        rows=tuple(some(row) for row in table.rows),
        align="".join(table.align[c : c + 1] or "l" for c in columns),
    )


def _cells(table: Table) -> list[tuple[str, ...]]:
    rows = [
        tuple(one_line(cell, _CELL, "").replace("`", "ˋ") for cell in row)
        for row in (table.header, *table.rows)
    ]
    columns = max(len(row) for row in rows)
    return [(row + ("",) * columns)[:columns] for row in rows]


def _widths(rows: list[tuple[str, ...]]) -> list[int]:
    return [max(_columns(row[c]) for row in rows) for c in range(len(rows[0]))]


def _across(widths: list[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _columns(words: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in words)


def _row(cells: tuple[str, ...], widths: list[int], align: str) -> str:
    out = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        shown = clip(cell, width, _columns)
        gap = " " * (width - _columns(shown))
        out.append(gap + shown if align[i : i + 1] == "r" else shown + gap)
    return "  ".join(out).rstrip()
