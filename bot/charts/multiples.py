"""Small charts of the same days on the same scale, two beside each other, to be compared at a glance."""

from datetime import date
from typing import Any

from bot.charts.band import scale, short_day
from bot.charts.look import MARGIN, SMALL, TEXT, WIDTH, Sheet, fit, head_height, width_of
from bot.charts.numbers import by_day, drawables
from handlers.conversation import Multiples, Panel

MOST = 10  # more are not drawn: the picture may be 1024 pixels high at most (Teams)
_COLUMNS = 2
_NAME, _NOTE, _PLOT, _GAP = 30, 29, 84, 18
_DAYS, _MORE = 36, 32
_LEFT = 88  # for the amounts of the axis
_BETWEEN = 30


def height(many: Multiples) -> int:
    """The picture's height in pixels."""
    rows = max(1, -(-len(many.panels[:MOST]) // _COLUMNS))
    more = _MORE if len(many.panels) > MOST else 0
    return head_height(many.title) + rows * (_NAME + _NOTE + _PLOT + _GAP) + _DAYS + more


def paint(sheet: Sheet, many: Multiples) -> None:
    """A panel each, named above it with its note; marked ones are orange, bold and have a mark at their name."""
    top = sheet.head(many.title, f"{by_day(many.unit)}, the same scale in all")
    panels = many.panels[:MOST]
    if not panels or not many.days:
        sheet.nothing(top)
        return
    wide = (WIDTH - 2 * MARGIN - _LEFT - _BETWEEN) / _COLUMNS
    tall = _NAME + _NOTE + _PLOT + _GAP
    known = [v for p in panels for v in drawables(p.values) if v == v]
    for n, panel in enumerate(panels):
        row, column = divmod(n, _COLUMNS)
        left = MARGIN + _LEFT + column * (wide + _BETWEEN)
        above = top + row * tall
        _name(sheet, panel, left, above, wide)
        axes = sheet.axes(left, above + _NAME + _NOTE, left + wide, above + tall - _GAP)
        _series(axes, list(many.days), panel, sheet)
        _frame(axes, known, many, sheet, first=column == 0)
        if n + _COLUMNS >= len(panels):
            _days(sheet, many.days, left, wide, above + tall - _GAP + 18)
    if len(many.panels) > MOST:
        left_out = len(many.panels) - MOST
        said = f"{left_out} more {'is' if left_out == 1 else 'are'} not drawn."
        sheet.write(MARGIN, sheet.height - 20, said, size=SMALL, colour=sheet.colours.faint)


def _name(sheet: Sheet, panel: Panel, left: float, top: float, wide: float) -> None:
    colours = sheet.colours
    words = fit(f"◆ {panel.name}" if panel.marked else panel.name, wide, TEXT, bold=True)
    colour = colours.marked if panel.marked else colours.ink
    sheet.write(left, top + _NAME / 2, words, colour=colour, bold=True)
    note = fit(panel.note, wide, SMALL)
    sheet.write(left, top + _NAME + _NOTE / 2 - 2, note, size=SMALL, colour=colours.faint)


def _series(axes: Any, days: list[date], panel: Panel, sheet: Sheet) -> None:
    colour = sheet.colours.marked if panel.marked else sheet.colours.plain
    values = drawables(panel.values)[: len(days)]
    values += [float("nan")] * (len(days) - len(values))
    axes.fill_between(days, values, 0, color=colour, alpha=0.16, linewidth=0)
    axes.plot(days, values, color=colour, linewidth=3.0 if panel.marked else 2.2)
    last = next((n for n in range(len(days) - 1, -1, -1) if values[n] == values[n]), None)
    if last is not None:
        axes.scatter([days[last]], [values[last]], s=42, color=colour, zorder=4)


def _frame(axes: Any, known: list[float], many: Multiples, sheet: Sheet, *, first: bool) -> None:
    low, high = min([0.0, *known]), max([0.0, *known])
    over = 0.1 * (high - low) or 1.0
    axes.set_ylim(low - over * (low < 0), high + over)
    axes.margins(x=0.03)
    axes.grid(axis="y", color=sheet.colours.grid, linewidth=1.2)
    scale(axes, known, many.unit, ticks=2)
    axes.set_xticks([])
    if not first:
        axes.tick_params(labelleft=False)


def _days(sheet: Sheet, days: tuple[date, ...], left: float, wide: float, y: float) -> None:
    first, last = short_day(min(days)), short_day(max(days))
    colour = sheet.colours.faint
    sheet.write(left, y, first, size=SMALL, colour=colour)
    if first != last and width_of(first, SMALL) + width_of(last, SMALL) < wide:
        sheet.write(left + wide, y, last, size=SMALL, colour=colour, side="right")
