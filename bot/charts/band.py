"""A series by day against its band: what was usual, or where a forecast is expected to end."""

from datetime import date, timedelta
from typing import Any

from bot.charts.look import MARGIN, SMALL, WIDTH, Sheet, head_height, width_of
from bot.charts.numbers import amount, by_day, drawable, drawables
from handlers.conversation import Band

_EXPECTED = ("usual range", "expected", "actual")
_AHEAD = ("80 % interval", "forecast", "spent")  # the course of a budget or of a month
_PLOT, _DAYS, _LEGEND = 310, 48, 46
_LEFT, _RIGHT = 104, 26  # the words of the last day stand below it
_TICKS = 6
_IN_ROW = 5  # entries of a legend


def height(band: Band) -> int:
    """The picture's height in pixels."""
    return head_height(band.title) + _PLOT + _DAYS + _LEGEND * _legend_rows(band)


def paint(sheet: Sheet, band: Band) -> None:
    """Observed and expected values by day, the band between its limits if it has one.

    Anomalous days are marked; days that are still growing are hollow.
    """
    top = sheet.head(band.title, by_day(band.unit))
    axes = sheet.axes(_LEFT, top + 4, WIDTH - MARGIN - _RIGHT, top + _PLOT)
    _lines(axes, band, sheet)
    _ticks(axes, band, sheet)
    if rows := _legend_rows(band):
        _legend(axes, sheet, _IN_ROW if rows == 1 else 3)
    _note(band, top, sheet)


def _legend_rows(band: Band) -> int:
    """None for one line alone, which the title names."""
    growing = any(band.incomplete)
    marked = any(a and not more for a, more in zip(band.anomalous, band.incomplete, strict=True))
    lines = [band.limit is not None, marked, growing]
    lines += [any(v is not None for v in values) for values in (band.expected, band.upper)]
    count = 1 + sum(lines)
    return 0 if count == 1 else 1 if count <= _IN_ROW else 2


def _lines(axes: Any, band: Band, sheet: Sheet) -> None:
    colours = sheet.colours
    days, observed = list(band.days), drawables(band.observed)
    words = _AHEAD if band.ahead or band.limit is not None else _EXPECTED
    if any(v is not None for v in band.upper):
        axes.fill_between(
            days, drawables(band.lower), drawables(band.upper), color=colours.band,
            linewidth=0, label=words[0],
        )  # fmt: skip
    if any(v is not None for v in band.expected):
        axes.plot(
            days, drawables(band.expected), color=colours.expected, linewidth=2.4,
            dashes=(4, 2.5), label=words[1],
        )  # fmt: skip
    axes.plot(days, observed, color=colours.strong, linewidth=2.6, label=words[2], zorder=3)
    if band.limit is not None:
        axes.axhline(
            drawable(band.limit), color=colours.marked, linewidth=2, dashes=(1, 1.6),
            label="budget", zorder=2,
        )  # fmt: skip
    pairs = list(zip(days, observed, band.anomalous, band.incomplete, strict=True))
    marked = [(d, v) for d, v, anomalous, growing in pairs if anomalous and not growing]
    hollow = [(d, v, anomalous) for d, v, anomalous, growing in pairs if growing]
    if marked:
        axes.scatter(
            *zip(*marked, strict=True), s=90, marker="D", color=colours.marked,
            edgecolors=colours.paper, linewidths=1.4, zorder=5, label="anomalous",
        )  # fmt: skip
    if hollow:
        axes.scatter(
            [d for d, _, _ in hollow],
            [v for _, v, _ in hollow],
            s=80,
            facecolors=colours.paper,
            edgecolors=[colours.marked if a else colours.strong for _, _, a in hollow],
            linewidths=2,
            zorder=5,
            label="still growing",
        )


def _ticks(axes: Any, band: Band, sheet: Sheet) -> None:
    axes.grid(axis="y", color=sheet.colours.grid, linewidth=1.2)
    axes.margins(x=0.02, y=0.12)
    limits = [] if band.limit is None else [band.limit]
    given = drawables((*band.observed, *band.expected, *band.lower, *band.upper, *limits))
    scale(axes, [v for v in given if v == v], band.unit, ticks=5)
    if band.days:
        length = (max(band.days) - min(band.days)).days
        apart = next(
            (d for d in (1, 2, 4, 7, 14, 28) if length / d < _TICKS), max(28, length // _TICKS)
        )
        shown = [max(band.days) - timedelta(n) for n in range(0, length + 1, apart)]
        axes.set_xticks(shown, [short_day(day) for day in shown])


def scale(axes: Any, known: list[float], unit: str, ticks: int) -> None:
    """The axis of values: from zero where that does not hide what changes, its ticks with their unit."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if known and min(known) >= 0 and min(known) < 0.6 * max(known):
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=ticks, steps=[1, 2, 5, 10]))
    at = axes.get_yticks()
    step = float(at[1] - at[0]) if len(at) > 1 else 1.0
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: amount(v, unit, step)))


def short_day(day: date) -> str:
    """``22 Nov``."""
    return f"{day.day} {day:%b}"


def _legend(axes: Any, sheet: Sheet, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    legend = sheet.figure.legend(
        handles, labels, loc="lower left", bbox_to_anchor=((MARGIN - 12) / WIDTH, -0.006), ncols=columns,
        frameon=False, fontsize=SMALL - 0.5, handlelength=1.2, columnspacing=0.8, handletextpad=0.4,
    )  # fmt: skip
    for entry in legend.get_texts():
        entry.set_color(sheet.colours.faint)


def _note(band: Band, top: int, sheet: Sheet) -> None:
    """Which days are not complete, beside the unit where there is room; the hollow marks say it, too."""
    growing = [d for d, more in zip(band.days, band.incomplete, strict=True) if more]
    if not growing:
        return
    first, last = short_day(min(growing)), short_day(max(growing))
    note = f"{first if first == last else f'{first} to {last}'}: not all charges are in yet"
    used = width_of(by_day(band.unit), SMALL) + width_of(note, SMALL)
    if used < WIDTH - 2 * MARGIN - 30:
        sheet.write(
            WIDTH - MARGIN, top - 22, note, size=SMALL, colour=sheet.colours.faint, side="right"
        )
