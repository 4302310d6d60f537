"""Charts: whatever there is to draw, a picture of the promised size that eyes of every kind can read."""

import math
import struct
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from numpy.typing import NDArray

from bot.charts import WIDTH, draw, height_of
from bot.charts.look import DARK, LIGHT, SMALL, Colours, fit, title_lines, wide, width_of
from bot.charts.numbers import amount, on_bars
from bot.charts.scatter import Box, names
from bot.charts.waterfall import base_of
from handlers.conversation import (
    Band,
    Chart,
    Multiples,
    Panel,
    Point,
    Scatter,
    Step,
    Waterfall,
)

FIRST = date(2026, 9, 1)
NAMES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["検索の費用", "$x^2$ & <b>", "a\nb\tc", "a name " * 40, "😀 launch", "مرحبا"]),
)
UNITS = st.sampled_from(["USD", "EUR per 1,000 outputs", "share of spend", "GPU hours", "", "≈"])
ANY = st.one_of(
    st.floats(width=64),
    st.floats(0, 1e6),
    st.sampled_from([0.0, -1.0, 1e-320, 1e300, math.inf, math.nan, 1e12]),
)
VALUES = st.none() | ANY
CENTS = st.decimals(-(10**12), 10**12, places=2, allow_nan=False)


def days(count: int) -> tuple[date, ...]:
    return tuple(FIRST + timedelta(n) for n in range(count))


def _band(count: int, unit: str = "USD", title: str = "Spend", base: float = 12000.0) -> Band:
    values = tuple(base * (1 + (n % 7) / 10) for n in range(count))
    return Band(
        title=title,
        alt="words",
        unit=unit,
        days=days(count),
        observed=tuple(None if n == 3 else v for n, v in enumerate(values)),
        expected=tuple(None if n < 5 else base for n in range(count)),
        lower=tuple(None if n < 5 else base * 0.9 for n in range(count)),
        upper=tuple(None if n < 5 else base * 1.4 for n in range(count)),
        anomalous=tuple(n == count - 2 for n in range(count)),
        incomplete=tuple(n == count - 1 for n in range(count)),
    )


def _fall(start: Decimal, steps: list[Decimal], name: str = "team", unit: str = "USD") -> Waterfall:
    return Waterfall(
        title="From one month to the other",
        alt="words",
        unit=unit,
        start=Step(name="October", amount=start),
        steps=tuple(Step(name=name, amount=a) for a in steps),
        end=Step(name="November", amount=start + sum(steps, Decimal(0))),
    )


@st.composite
def bands(draw_: st.DrawFn) -> Band:
    count = draw_(st.integers(0, 9))

    def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.lists(values, min_size=count, max_size=count).map(tuple)

    return Band(
        title=draw_(NAMES), alt="words", unit=draw_(UNITS), days=days(count),
        observed=draw_(some(VALUES)), expected=draw_(some(VALUES)), lower=draw_(some(VALUES)),
        upper=draw_(some(VALUES)), anomalous=draw_(some(st.booleans())),
        incomplete=draw_(some(st.booleans())), limit=draw_(VALUES), ahead=draw_(st.booleans()),
    )  # fmt: skip


POINTS = st.lists(
    st.builds(Point, name=NAMES, x=ANY, y=ANY, marked=st.booleans()), max_size=12
).map(tuple)
SCATTERS = st.builds(
    Scatter, title=NAMES, alt=st.just("words"), x_label=NAMES, x_unit=UNITS, y_label=NAMES,
    y_unit=UNITS, points=POINTS,
)  # fmt: skip
WATERFALLS = st.builds(_fall, CENTS, st.lists(CENTS, max_size=9), NAMES, UNITS)
PANELS = st.builds(
    Panel,
    name=NAMES,
    note=NAMES,
    values=st.lists(VALUES, max_size=9).map(tuple),
    marked=st.booleans(),
)
MULTIPLES = st.builds(
    Multiples, title=NAMES, alt=st.just("words"), unit=UNITS, days=st.integers(0, 9).map(days),
    panels=st.lists(PANELS, max_size=12).map(tuple),
)  # fmt: skip


@settings(max_examples=24, deadline=None)
@example(  # more digits than a Decimal has
    Scatter(
        title="", alt="words", x_label="", x_unit="USD", y_label="", y_unit="USD",
        points=(Point(name="", x=0.0, y=0.0), Point(name="", x=0.0, y=7e36)),
    ),
    False,
)  # fmt: skip
@given(st.one_of(bands(), SCATTERS, WATERFALLS, MULTIPLES), st.booleans())
def test_anything_is_a_picture_of_the_promised_size(chart: Chart, dark: bool) -> None:
    """Warnings are errors: none of missing glyphs, of limits that are the same, of overflows."""
    picture = draw(chart, dark=dark)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (WIDTH, height_of(chart))
    assert height_of(chart) <= 1024, "Teams shows no larger ones"


@pytest.mark.parametrize("count", [0, 1, 60, 400])
def test_a_band_of_any_length_can_be_drawn(count: int) -> None:
    assert len(draw(_band(count))) < 200_000


def test_the_words_of_a_legend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chart of a new series painted the limit of the alert as its “usual range”; that of a month called its
    forecast “expected” and its interval “usual range”."""
    legends: list[list[str]] = []

    def legend(self: Figure, handles: object, labels: list[str], **rest: object) -> Legend:
        legends.append(labels)
        return drawn(self, handles, labels, **rest)

    drawn: Any = Figure.legend
    monkeypatch.setattr(Figure, "legend", legend)
    nothing = (None,) * 12
    usual = _band(12, title="twelve days")
    draw(usual)
    draw(usual.model_copy(update={"expected": nothing, "lower": nothing, "upper": nothing}))
    draw(usual.model_copy(update={"ahead": True, "anomalous": (False,) * 12}))
    draw(usual.model_copy(update={"limit": 9000.0, "anomalous": (False,) * 12}))
    assert legends == [
        ["usual range", "expected", "actual", "anomalous", "still growing"],
        ["actual", "anomalous", "still growing"],
        ["80 % interval", "forecast", "spent", "still growing"],
        ["80 % interval", "forecast", "spent", "budget", "still growing"],
    ]


# --- names beside points --------------------------------------------------------------------------

FRAME = (96.0, 90.0, 852.0, 520.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(NAMES, st.floats(96, 852), st.floats(90, 520), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_no_name_covers_a_point_or_another_name(
    found: list[tuple[str, float, float, bool]],
) -> None:
    points = [Point(name=n, x=x, y=-y, marked=m) for n, x, y, m in found]
    placed = list(names(points, [(x, y) for _, x, y, _ in found], FRAME))
    left, top, right, bottom = FRAME
    for one in placed:
        assert left <= one.box.left, "inside of the frame"
        assert one.box.right <= right
        assert top <= one.box.top
        assert one.box.bottom <= bottom
        for _, x, y, _ in found:
            assert (x, y) == (one.x, one.y) or not one.box.meets(Box(x - 9, y - 9, x + 9, y + 9))
    assert not any(a.box.meets(b.box) for a, b in combinations(placed, 2))


def test_the_marked_one_is_named_where_there_is_room_for_few() -> None:
    crowd = [(f"experiment-{n}", 470.0 + n % 5 * 12, 300.0 + n // 5 * 12) for n in range(25)]
    points = [Point(name=n, x=x, y=-y, marked=n == "experiment-12") for n, x, y in crowd]
    placed = list(names(points, [(x, y) for _, x, y in crowd], FRAME))
    assert placed[0].words == "experiment-12"
    assert placed[0].far, "away from the crowd, with a line"
    assert len(placed) < len(points)


@pytest.mark.parametrize("marked", [True, False])
def test_a_diamond_has_a_key(monkeypatch: pytest.MonkeyPatch, marked: bool) -> None:
    written: list[str] = []

    def text(self: Figure, x: float, y: float, words: str, **rest: object) -> object:
        written.append(words)
        return drawn(self, x, y, words, **rest)

    drawn: Any = Figure.text
    monkeypatch.setattr(Figure, "text", text)
    points = (Point(name="a", x=1.0, y=2.0, marked=marked), Point(name="b", x=3.0, y=4.0))
    draw(
        Scatter(
            title="Key", alt="words", x_label="Cost per 1,000 inferences", x_unit="USD",
            y_label="Quality", y_unit="ndcg", points=points, marks="dearer, hardly better",
        )
    )  # fmt: skip
    assert ("◆ dearer, hardly better" in written) is marked
    assert "Cost per 1,000 inferences (USD) →" in written


def test_an_axis_is_logarithmic_where_values_span_more_than_two_decades() -> None:
    assert wide([0.01, 5.0])
    assert not wide([1.0, 100.0])
    assert not wide([0.0, 1e6])
    assert not wide([-1.0, 1e6])
    assert not wide([])


# --- amounts --------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(CENTS, min_size=1, max_size=10))
def test_what_stands_on_the_bars_adds_up(amounts: list[Decimal]) -> None:
    def number(said: str) -> Decimal:
        return Decimal(said.replace("$", "").replace(",", "").replace("−", "-").rstrip("M"))

    said = on_bars(amounts, "USD")
    unit = Decimal(1_000_000) if said[0].endswith("M") else Decimal(1)
    step = unit / 100 if unit > 1 else Decimal(1)
    start, *added, end = map(number, said)
    assert start + sum(added, Decimal(0)) == end
    assert abs(start * unit - amounts[0]) <= step / 2
    assert abs(end * unit - sum(amounts, Decimal(0))) <= step / 2
    for words, exact in zip(said[1:-1], amounts[1:], strict=True):
        assert words[0] == ("−" if number(words) < 0 else "+" if number(words) > 0 else "$")
        assert abs(number(words) * unit - exact) <= step


def test_bars_of_sums_are_cut_only_where_they_would_hide_what_changed() -> None:
    assert base_of([(0, 182000.0), (182000.0, 190000.0), (0, 190000.0)]) > 0
    assert base_of([(0, 100.0), (100.0, 190.0), (0, 190.0)]) == 0
    assert base_of([(0, 100.0), (0, 100.0)]) == 0
    assert base_of([(0, 0.0), (0.0, 190.0), (0, 190.0)]) == 0
    assert base_of([(0, -5.0), (-5.0, 190.0), (0, 190.0)]) == 0


@pytest.mark.parametrize(
    ("amounts", "unit", "said"),
    [
        (
            ["182000.40", "31250.33", "-9100.20"],
            "USD",
            ["$182,000", "+$31,251", "−$9,100", "$204,151"],
        ),
        (["20", "0.50", "-0.25"], "EUR", ["€20.00", "+€0.50", "−€0.25", "€20.25"]),
        (["12000000", "-345678"], "USD", ["$12.00M", "−$0.35M", "$11.65M"]),
        (["500", "0"], "GPU hours", ["500", "0", "500"]),
    ],
)
def test_amounts_on_bars(amounts: list[str], unit: str, said: list[str]) -> None:
    assert on_bars([Decimal(a) for a in amounts], unit) == said


@pytest.mark.parametrize(
    ("value", "unit", "step", "shown"),
    [
        (20000.0, "USD", 10000.0, "$20K"),
        (0.0, "USD", 10000.0, "$0"),
        (1500.0, "USD", 500.0, "$1,500"),
        (0.05, "USD per 1,000 outputs", 0.05, "$0.05"),
        (2.5, "EUR", 0.5, "€2.50"),
        (-20000.0, "USD", 10000.0, "−$20K"),
        (3_000_000.0, "USD", 1_000_000.0, "$3M"),
        (1_500_000.0, "USD", 500_000.0, "$1.5M"),
        (500_000.0, "USD", 500_000.0, "$500K"),
        (500.0, "GPU hours", 250.0, "500"),
        (0.95, "accuracy", 0.05, "0.95"),
        (-2.0, "outputs", 1.0, "−2"),
        (0.3, "share of spend moved", 0.1, "30 %"),
        (0.005, "share of spend moved", 0.005, "0.5 %"),
        (0.0, "share of spend moved", 0.1, "0 %"),
    ],
)
def test_amounts_on_the_axis(value: float, unit: str, step: float, shown: str) -> None:
    assert amount(value, unit, step) == shown


# --- what eyes can tell apart ---------------------------------------------------------------------

#: Machado, Oliveira and Fernandes (2009), “A physiologically-based model for simulation of color vision
#: deficiency”, severity 1.0, on linear RGB.
EYES = {
    "usual": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
#: What must not be taken for one another: an orange for a blue, a line for the band behind it.
APART = (
    ("more", "less"),
    ("marked", "plain"),
    ("marked", "strong"),
    ("marked", "expected"),
    ("expected", "strong"),
    ("band", "expected"),
    ("band", "strong"),
    ("band", "marked"),
)
INKS = ("ink", "faint", "plain", "strong", "expected", "marked", "more", "less")


def linear(colour: str) -> NDArray[np.float64]:
    """sRGB (IEC 61966-2-1) without its gamma."""
    given_ = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.asarray(
        np.where(given_ <= 0.04045, given_ / 12.92, ((given_ + 0.055) / 1.055) ** 2.4)
    )


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB of linear RGB under D65."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    t = to_xyz @ rgb / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eyes", EYES)
def test_colours_are_told_apart_by_eyes_of_every_kind(colours: Colours, eyes: str) -> None:
    def seen(name: str) -> NDArray[np.float64]:
        return lab(np.clip(np.array(EYES[eyes]) @ linear(getattr(colours, name)), 0, 1))

    for one, other in APART:
        apart = float(np.linalg.norm(seen(one) - seen(other)))
        assert apart > 25, f"{one} and {other} are {apart:.0f} apart"


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_inks_stand_out_from_the_paper(colours: Colours) -> None:
    """WCAG 2.2: 4.5 for words, 3 for what is drawn (1.4.3, 1.4.11)."""

    def luminance(name: str) -> float:
        return float(linear(getattr(colours, name)) @ [0.2126, 0.7152, 0.0722])

    for name in INKS:
        low, high = sorted((luminance(name), luminance("paper")))
        least = 3.0 if name == "expected" else 4.5
        assert (high + 0.05) / (low + 0.05) >= least, name


@settings(max_examples=40, deadline=None)
@given(NAMES, st.floats(30, 400))
def test_words_are_cut_to_their_room(words: str, room: float) -> None:
    cut = fit(words, room, SMALL)
    assert width_of(cut, SMALL) <= max(room, width_of("…", SMALL))
    assert len(title_lines(words)) in (1, 2)
