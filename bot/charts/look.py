"""How every chart looks: one palette for light and dark, one scale of type, one head, one sheet to draw on.

A chart is looked at on a phone, where its 880 pixels are shown as about 360: the smallest words are 15 points,
more than 9 of a phone's pixels. Ups and marks are orange, downs and what is plain are blue: the pair that eyes of
every kind tell apart (Okabe and Ito, Color Universal Design); a sign, a place or a shape says the same again.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

WIDTH, DPI = 880, 110
MARGIN = 20
TITLE, TEXT, SMALL = 18.0, 16.0, 15.0  # points

_TITLE_LETTERS = 46
_TITLE_LINE, _SUBTITLE_LINE = 36, 32


class Colours(NamedTuple):
    """``paper``, ``grid`` and ``band`` are grounds; all others are inks that are read against the paper."""

    paper: str
    grid: str
    band: str
    ink: str
    faint: str
    plain: str
    strong: str
    expected: str
    marked: str
    more: str
    less: str


LIGHT = Colours(
    paper="#ffffff", grid="#e4e7eb", band="#c3daf0", ink="#1f2933", faint="#52606d",
    plain="#0b64a6", strong="#243b53", expected="#3e7cb1", marked="#c8440a",
    more="#c8440a", less="#0b64a6",
)  # fmt: skip
DARK = Colours(
    paper="#1a1d21", grid="#343a40", band="#2c4a68", ink="#f1f3f5", faint="#a9b4bf",
    plain="#6fb1ea", strong="#e3e8ee", expected="#7fb2e5", marked="#ff8f57",
    more="#ff8f57", less="#6fb1ea",
)  # fmt: skip


def title_lines(title: str) -> list[str]:
    """The title in one or two lines; what is longer ends with ``…``."""
    words = " ".join(title.split())
    return textwrap.wrap(words, _TITLE_LETTERS, max_lines=2, placeholder="…") or [""]


def head_height(title: str) -> int:
    """The pixels that title and subtitle take."""
    return 14 + _TITLE_LINE * len(title_lines(title)) + _SUBTITLE_LINE + 6


@dataclass(frozen=True)
class Sheet:
    """A picture that is being drawn; places are pixels from its upper left corner."""

    figure: Any
    colours: Colours
    height: int

    def write(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = TEXT,
        colour: str = "",
        bold: bool = False,
        side: str = "left",
    ) -> None:
        """Words whose middle line is at ``y``; ``x`` is their left, right or center."""
        self.figure.text(
            x / WIDTH, 1 - y / self.height, drawn_words(words), fontsize=size, ha=side,
            va="center", weight="bold" if bold else "normal",
            color=colour or self.colours.ink, parse_math=False,
        )  # fmt: skip

    def shape(self, corners: Sequence[tuple[float, float]], colour: str) -> None:
        """An area with these corners."""
        from matplotlib.patches import Polygon

        places = [(x / WIDTH, 1 - y / self.height) for x, y in corners]
        self.figure.add_artist(
            Polygon(places, transform=self.figure.transFigure, facecolor=colour, edgecolor="none")
        )

    def axes(self, left: float, top: float, right: float, bottom: float) -> Any:
        """Axes whose frame has these edges, without any line of their own but the lowest."""
        axes = self.figure.add_axes(
            (
                left / WIDTH,
                1 - bottom / self.height,
                (right - left) / WIDTH,
                (bottom - top) / self.height,
            ),
            facecolor=self.colours.paper,
        )
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(self.colours.faint)
        axes.tick_params(colors=self.colours.faint, length=0, pad=6, labelsize=SMALL)
        axes.set_axisbelow(True)
        return axes

    def head(self, title: str, subtitle: str) -> int:
        """Writes title and subtitle; returns where the rest begins."""
        y = 14.0
        for line in title_lines(title):
            self.write(
                MARGIN, y + _TITLE_LINE / 2, fit(line, WIDTH - 2 * MARGIN, TITLE, bold=True),
                size=TITLE, bold=True,
            )  # fmt: skip
            y += _TITLE_LINE
        words = fit(subtitle, WIDTH - 2 * MARGIN, SMALL)
        self.write(MARGIN, y + _SUBTITLE_LINE / 2, words, size=SMALL, colour=self.colours.faint)
        return head_height(title)

    def nothing(self, top: int) -> None:
        """Says that there is nothing to draw."""
        middle = (top + self.height) / 2
        words = "There are no values to draw yet."
        self.write(WIDTH / 2, middle, words, colour=self.colours.faint, side="center")


def fit(words: str, pixels: float, size: float, *, bold: bool = False) -> str:
    """The words, cut with ``…`` where they are wider than so many pixels."""
    words = " ".join(words.split())
    if width_of(words, size, bold=bold) <= pixels:
        return words
    few, many = 0, len(words)  # how many letters fit
    while few < many:
        middle = (few + many + 1) // 2
        if width_of(words[:middle].rstrip() + "…", size, bold=bold) <= pixels:
            few = middle
        else:
            many = middle - 1
    return words[:few].rstrip() + "…"


@lru_cache(maxsize=1024)
def width_of(words: str, size: float, *, bold: bool = False) -> float:
    """How wide words are drawn, in pixels."""
    font = _font(bold)
    font.set_size(size, DPI)
    font.set_text(drawn_words(words))
    return float(font.get_width_height()[0]) / 64


@lru_cache(maxsize=2)
def _font(bold: bool) -> Any:
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    # One of its own: get_font's are shared with the drawing.
    return FT2Font(findfont(FontProperties(weight="bold" if bold else "normal")))


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    return frozenset(_font(True).get_charmap()) & frozenset(_font(False).get_charmap())


def drawn_words(words: str) -> str:
    """The words with a box for each character that the font lacks; a chart's ``alt`` has them all."""
    return "".join(c if ord(c) in _glyphs() else "□" for c in words)


def wide(values: Iterable[float]) -> bool:
    """Whether values span more than two decades above zero, so that a logarithmic axis shows them better."""
    known = list(values)
    return bool(known) and min(known) > 0 and max(known) > 100 * min(known)
