"""Draws a series against its expected band: the picture of an alert, the same on every surface."""

import math
import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from io import BytesIO
from threading import Lock
from typing import Any, NamedTuple

from babel.numbers import format_currency, is_currency

from guardrails.alerts.words import SHARE
from handlers.conversation import Band

WIDTH, HEIGHT, DPI = 880, 440, 110

_drawing = Lock()  # matplotlib's caches of fonts are not made for several threads
_MONEY = re.compile(r"^([A-Z]{3})(?:\b(.*))?$")


_EXPECTED = ("usual range", "expected", "actual")
_BURN = ("80 % interval", "forecast", "spent")  # a budget's course, with its limit


class _Colours(NamedTuple):
    paper: str
    ink: str
    faint: str
    grid: str
    band: str
    expected: str
    observed: str
    anomalous: str


_LIGHT = _Colours(
    "#ffffff", "#1f2933", "#616e7c", "#e4e7eb", "#b9d4ee", "#3e7cb1", "#243b53", "#c8102e"
)
_DARK = _Colours(
    "#1a1d21", "#f1f3f5", "#a3adb8", "#343a40", "#2c4a68", "#7fb2e5", "#e3e8ee", "#ff6b6b"
)


@lru_cache(maxsize=64)
def draw_band(band: Band, *, dark: bool = False) -> bytes:
    """A PNG of 880×440 pixels: observed and expected values by day, the band between its limits if it has one.

    Anomalous days are marked; days that are still growing are hollow. The words are in ``band.alt``.
    Blocks for about a tenth of a second: call it in a thread.
    """
    # Imported here: matplotlib takes half a second that a bot without a chart to draw need not pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = _DARK if dark else _LIGHT
    with _drawing:
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=colours.paper)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.09, 0.17, 0.885, 0.66), facecolor=colours.paper)
        _lines(axes, band, colours)
        _axes(axes, band, colours)
        _words(figure, axes, band, colours)
        picture = BytesIO()
        figure.savefig(picture, format="png", facecolor=colours.paper, metadata={"Software": None})
    return picture.getvalue()


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if v is None else v for v in values]


def _lines(axes: Any, band: Band, colours: _Colours) -> None:
    days = list(band.days)
    observed = _numbers(band.observed)
    words = _EXPECTED if band.limit is None else _BURN
    if any(v is not None for v in band.upper):
        axes.fill_between(
            days,
            _numbers(band.lower),
            _numbers(band.upper),
            color=colours.band,
            alpha=0.55,
            linewidth=0,
            label=words[0],
        )
    if any(v is not None for v in band.expected):
        axes.plot(
            days,
            _numbers(band.expected),
            color=colours.expected,
            linewidth=1.6,
            dashes=(4, 2.5),
            label=words[1],
        )
    axes.plot(days, observed, color=colours.observed, linewidth=1.9, label=words[2], zorder=3)
    if band.limit is not None:
        axes.axhline(band.limit, color=colours.anomalous, linewidth=1.4, label="budget", zorder=2)
    pairs = list(zip(days, observed, band.anomalous, band.incomplete, strict=True))
    marked = [(d, v) for d, v, anomalous, growing in pairs if anomalous and not growing]
    hollow = [(d, v, anomalous) for d, v, anomalous, growing in pairs if growing]
    if marked:
        axes.scatter(
            *zip(*marked, strict=True),
            s=44,
            color=colours.anomalous,
            edgecolors=colours.paper,
            linewidths=1.2,
            zorder=5,
            label="anomalous",
        )
    if hollow:
        axes.scatter(
            [d for d, _, _ in hollow],
            [v for _, v, _ in hollow],
            s=44,
            facecolors=colours.paper,
            edgecolors=[colours.anomalous if a else colours.observed for _, _, a in hollow],
            linewidths=1.5,
            zorder=5,
            label="still growing",
        )


def _axes(axes: Any, band: Band, colours: _Colours) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(colours.faint)
    axes.tick_params(colors=colours.faint, length=0, pad=6, labelsize=9.5)
    axes.grid(axis="y", color=colours.grid, linewidth=0.9)
    axes.set_axisbelow(True)
    axes.margins(x=0.015, y=0.12)
    known = [v for v in (*band.observed, *band.lower, *band.upper, band.limit) if v is not None]
    if known and min(known) >= 0 and min(known) < 0.6 * max(known):
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ticks = axes.get_yticks()
    step = float(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: amount(v, band.unit, step)))
    if band.days:
        length = (max(band.days) - min(band.days)).days
        apart = next((d for d in (1, 2, 7, 14, 28) if length / d <= 9), max(28, length // 9))
        shown = [max(band.days) - timedelta(n) for n in range(0, length + 1, apart)]
        axes.set_xticks(shown, [_short_day(day) for day in shown])


def _short_day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _words(figure: Any, axes: Any, band: Band, colours: _Colours) -> None:
    left = 0.022
    figure.text(
        left, 0.94, _drawable(_shorter(band.title, 74)), color=colours.ink, fontsize=12.5,
        weight="bold", va="center", parse_math=False,
    )  # fmt: skip
    label = _drawable(_axis_label(band.unit))
    figure.text(
        left, 0.878, label, color=colours.faint, fontsize=9.5, va="center", parse_math=False
    )
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(left - 0.012, -0.008), ncols=5,
        frameon=False, fontsize=9, handlelength=1.8, columnspacing=1.8,
    )  # fmt: skip
    for entry in legend.get_texts():
        entry.set_color(colours.faint)
    growing = [d for d, more in zip(band.days, band.incomplete, strict=True) if more]
    if growing:
        _note(figure, growing, colours)


def _note(figure: Any, growing: list[date], colours: _Colours) -> None:
    first, last = min(growing), max(growing)
    which = _short_day(first) if first == last else f"{_short_day(first)} to {_short_day(last)}"
    figure.text(
        0.975, 0.878, f"{which}: not all charges are in yet", color=colours.faint, fontsize=9,
        ha="right", va="center",
    )  # fmt: skip


def amount(value: float, unit: str, step: float) -> str:
    """A value as an axis shows it: ``$12K`` when the unit begins with a currency, ``30 %`` of a share.

    ``step`` is how far two ticks are apart; it decides how many digits are needed.
    """
    if unit.startswith(SHARE):
        value, step = value * 100, step * 100
        digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
        return f"{value:,.{digits}f} %".replace("-", "−")
    limit, letter = next(
        ((n, word) for n, word in ((1e9, "B"), (1e6, "M"), (1e3, "K")) if step >= n), (1.0, "")
    )
    digits = max(0, -math.floor(math.log10(step / limit) + 1e-9)) if step > 0 else 2
    money = _currency(unit)
    if value == 0:
        limit, letter, digits = 1.0, "", 0
    if money is None:
        return f"{value / limit:,.{digits}f}{letter}".replace("-", "−")
    if digits and not letter:
        digits = max(digits, 2)
    zeros = "." + "0" * digits if digits else ""
    pattern = f"¤#,##0{zeros};−¤#,##0{zeros}"
    shown = format_currency(value / limit, money, pattern, locale="en_US", currency_digits=False)
    return shown + letter


def _currency(unit: str) -> str | None:
    match = _MONEY.match(unit.strip())
    return match[1] if match and is_currency(match[1]) else None


def _axis_label(unit: str) -> str:
    return f"{unit} per day" if unit and unit == _currency(unit) else unit


def _shorter(words: str, length: int) -> str:
    words = " ".join(words.split())
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties(weight="bold"))).get_charmap())


def _drawable(words: str) -> str:
    """The words with a box for each character that the font lacks; ``alt`` has them all."""
    return "".join(c if ord(c) in _glyphs() else "□" for c in words)
