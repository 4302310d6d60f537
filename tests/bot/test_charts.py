"""The picture of an alert: whatever the series, a PNG of the promised size."""

import struct
from datetime import date, timedelta
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from bot.charts import HEIGHT, WIDTH, amount, draw_band
from handlers.conversation import Band


def _band(days: int, unit: str = "USD", title: str = "Spend", base: float = 12000.0) -> Band:
    values = tuple(base * (1 + (n % 7) / 10) for n in range(days))
    return Band(
        title=title,
        alt="words",
        unit=unit,
        days=tuple(date(2026, 9, 1) + timedelta(n) for n in range(days)),
        observed=tuple(None if n == 3 else v for n, v in enumerate(values)),
        expected=tuple(None if n < 5 else base for n in range(days)),
        lower=tuple(None if n < 5 else base * 0.9 for n in range(days)),
        upper=tuple(None if n < 5 else base * 1.4 for n in range(days)),
        anomalous=tuple(n == days - 2 for n in range(days)),
        incomplete=tuple(n == days - 1 for n in range(days)),
    )


@pytest.mark.parametrize("days", [0, 1, 2, 14, 60, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_any_length_is_a_picture_of_the_same_size(days: int, dark: bool) -> None:
    picture = draw_band(_band(days), dark=dark)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (WIDTH, HEIGHT)
    assert len(picture) < 200_000


@pytest.mark.parametrize(
    "title", ["", "検索の費用", "$x^2$ & <b>", "a\nb\tc", "a title " * 40, "😀 launch"]
)
def test_any_title_can_be_drawn(title: str) -> None:
    assert draw_band(_band(10, title=title)).startswith(b"\x89PNG")


@pytest.mark.parametrize("base", [0.0, 1e-9, 0.034, 1.0, 1e12, -500.0])
def test_any_size_of_value_can_be_drawn(base: float) -> None:
    assert draw_band(_band(10, base=base)).startswith(b"\x89PNG")


def test_a_series_without_a_past_has_no_usual_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chart of a new series painted the limit of the alert as its “usual range”."""
    legends: list[list[str]] = []

    def legend(self: Figure, handles: object, labels: list[str], **rest: object) -> Legend:
        legends.append(labels)
        return drawn(self, handles, labels, **rest)

    drawn: Any = Figure.legend
    monkeypatch.setattr(Figure, "legend", legend)
    nothing = (None,) * 12
    usual = _band(12, title="twelve days")
    draw_band(usual)
    draw_band(usual.model_copy(update={"expected": nothing, "lower": nothing, "upper": nothing}))
    assert legends == [
        ["usual range", "expected", "actual", "anomalous", "still growing"],
        ["actual", "anomalous", "still growing"],
    ]


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
