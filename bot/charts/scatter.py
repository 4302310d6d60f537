"""Things by two values, named beside their points as far as names do not run into each other."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bot.charts.look import MARGIN, SMALL, WIDTH, Sheet, fit, head_height, wide, width_of
from bot.charts.numbers import amount, drawable
from handlers.conversation import Point, Scatter

_PLOT, _BELOW, _LEFT = 440, 84, 104
_NAME = 290  # pixels of the longest name
_ALIKE = 0.1  # share of the values by which they differ at least where they fill an axis
_TALL = 27  # of a line of words
_DOT = 11  # half of a point
#: Where a name may stand, seen from its point, the best place first; then the same farther away with a line.
_SIDES = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))
_FAR = (0, 22, 44, 70)


def height(scatter: Scatter) -> int:
    """The picture's height in pixels."""
    return head_height(scatter.title) + _PLOT + _BELOW


def paint(sheet: Sheet, scatter: Scatter) -> None:
    """A dot each, a diamond for the marked ones; both axes say their unit, and are logarithmic where values span
    more than two decades."""
    colours = sheet.colours
    top = sheet.head(scatter.title, f"↑ {_label(scatter.y_label, scatter.y_unit)}")
    points = [
        p.model_copy(update={"x": x, "y": y})
        for p in scatter.points
        if not math.isnan(x := drawable(p.x)) and not math.isnan(y := drawable(p.y))
    ]
    label = _label(scatter.x_label, scatter.x_unit)
    y, room = sheet.height - 22, float(WIDTH - 2 * MARGIN)
    if scatter.marks and any(p.marked for p in points):
        key = fit(f"◆ {scatter.marks}", room, SMALL)
        sheet.write(MARGIN, y, key, size=SMALL, colour=colours.marked)
        room -= width_of(key, SMALL) + 2 * _DOT
    words = fit(f"{label} →", room, SMALL)
    sheet.write(WIDTH - MARGIN, y, words, size=SMALL, colour=colours.faint, side="right")
    if not points:
        sheet.nothing(top)
        return
    frame = (_LEFT, top + 4, WIDTH - MARGIN - 8, top + _PLOT)
    axes = sheet.axes(*frame)
    axes.grid(color=colours.grid, linewidth=1.2)
    _axis(axes, "x", [p.x for p in points], scatter.x_unit)
    _axis(axes, "y", [p.y for p in points], scatter.y_unit)
    for marked in (False, True):
        some = [p for p in points if p.marked is marked]
        axes.scatter(
            [p.x for p in some],
            [p.y for p in some],
            s=150 if marked else 90,
            marker="D" if marked else "o",
            color=colours.marked if marked else colours.plain,
            edgecolors=colours.paper,
            linewidths=1.4,
            zorder=4,
        )
    places = [_pixels(axes, p, sheet.height) for p in points]
    for name in names(points, places, frame):
        _write(sheet, name)


def _label(label: str, unit: str) -> str:
    return f"{label} ({unit})" if unit and unit != label else label


def _axis(axes: Any, which: str, values: Sequence[float], unit: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = min(values), max(values)
    limits = axes.set_xlim if which == "x" else axes.set_ylim
    if wide(values):
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        limits(low / 1.8, high * 1.8)
        many = math.log10(high / low) > 3
        axis.set_major_locator(LogLocator(base=10, subs=(1.0,) if many else (1.0, 3.0), numticks=6))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda v, _: amount(v, unit, v)))
        return
    # What hardly differs is not drawn far apart.
    over = max(0.12 * (high - low), _ALIKE * max(abs(low), abs(high)) - (high - low)) or 1.0
    limits(0 if 0 <= low < 0.6 * high and low - over < 0 else low - over, high + over)
    axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    at = axes.get_xticks() if which == "x" else axes.get_yticks()
    step = float(at[1] - at[0]) if len(at) > 1 else 1.0
    axis.set_major_formatter(FuncFormatter(lambda v, _: amount(v, unit, step)))


def _pixels(axes: Any, point: Point, tall: int) -> tuple[float, float]:
    x, y = axes.transData.transform((point.x, point.y))
    return float(x), tall - float(y)


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, ``top`` above ``bottom``."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether two rectangles share any pixel."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


@dataclass(frozen=True)
class Name:
    """Words in a box for the point at ``x``, ``y``; ``far`` ones get a line to it."""

    words: str
    box: Box
    x: float
    y: float
    far: bool
    marked: bool


def names(
    points: Sequence[Point],
    places: Sequence[tuple[float, float]],
    frame: tuple[float, float, float, float],
) -> Iterator[Name]:
    """The names for which there is room: no name covers a point or another name."""
    taken = [Box(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in places]
    for n in _order(points):
        (x, y), point = places[n], points[n]
        words = fit(point.name, _NAME, SMALL, bold=point.marked)
        if not words.strip("… "):
            continue
        long = width_of(words, SMALL, bold=point.marked)
        others = [box for i, box in enumerate(taken) if i != n]
        for far in _FAR if point.marked else _FAR[:2]:
            found = next(
                (
                    box
                    for side in _SIDES
                    if _inside(box := _beside(x, y, side, long, far), frame)
                    and not any(box.meets(other) for other in others)
                ),
                None,
            )
            if found is not None:
                taken.append(found)
                yield Name(words, found, x, y, far > 0, point.marked)
                break


def _order(points: Sequence[Point]) -> list[int]:
    """The marked ones first, then the extremes, then the farther from the middle the earlier."""
    xs, ys = [p.x for p in points], [p.y for p in points]
    ends = {f(range(len(points)), key=v.__getitem__) for f in (min, max) for v in (xs, ys)}
    mx, my = median(xs), median(ys)
    wx, wy = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0

    def rank(n: int) -> tuple[bool, bool, float, int]:
        p = points[n]
        return not p.marked, n not in ends, -abs(p.x - mx) / wx - abs(p.y - my) / wy, n

    return sorted(range(len(points)), key=rank)


def _beside(x: float, y: float, side: tuple[int, int], long: float, far: float) -> Box:
    dx, dy = side
    gap = _DOT + 3 + far
    middle = x + dx * (gap + long / 2) if dx else x
    line = y + dy * (gap + _TALL / 2) if dy else y
    return Box(middle - long / 2, line - _TALL / 2, middle + long / 2, line + _TALL / 2)


def _inside(box: Box, frame: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = frame
    return box.left >= left and box.top >= top and box.right <= right and box.bottom <= bottom


def _write(sheet: Sheet, name: Name) -> None:
    from matplotlib.lines import Line2D

    colours = sheet.colours
    colour = colours.marked if name.marked else colours.ink
    middle = (name.box.top + name.box.bottom) / 2
    if name.far:
        end = min(max(name.x, name.box.left), name.box.right)
        sheet.figure.add_artist(
            Line2D(
                [name.x / WIDTH, end / WIDTH],
                [1 - name.y / sheet.height, 1 - middle / sheet.height],
                color=colours.faint,
                linewidth=1.2,
            )
        )
    sheet.write(name.box.left, middle, name.words, size=SMALL, colour=colour, bold=name.marked)
