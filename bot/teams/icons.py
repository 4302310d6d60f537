"""The app's two icons, drawn here: a rail that leads over a dune.

Teams wants one of 192×192 pixels in colour, its background up to the edges, and one of 32×32 that is white on
nothing (learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/apps-package).
"""

import math
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

COLOUR = 192
OUTLINE = 32
SKY = "#1F3A5F"
_SAND = "#EBC06D"
_SHADE = "#CF9A49"
_RAIL = "#FFFFFF"
_FINE = 16  # times as large as they are shown, so that slopes have no steps
_STEPS = 240

Point = tuple[float, float]  # of a picture whose sides are 1 long, from its upper left corner


def colour_icon() -> bytes:
    """The icon in colour as a PNG; always the same bytes."""
    from PIL import Image, ImageDraw

    size = COLOUR * 4
    drawn = Image.new("RGB", (size, size), SKY)
    pen = ImageDraw.Draw(drawn)
    dune = [_over(x / _STEPS, 0.0) for x in range(-20, _STEPS + 21)]
    pen.polygon(_scaled([*dune, (1.2, 1), (-0.2, 1)], size), fill=_SAND)
    lee = [(0.58, 0.39), *(p for p in dune if p[0] > 0.58), (1.2, 1), (0.86, 1), (0.66, 0.70)]
    pen.polygon(_scaled(lee, size), fill=_SHADE)
    _track(pen, size, fill=_RAIL, low=0.045, high=0.155, thick=0.032, sleepers=9, ends=(-0.1, 1.1))
    return _png(drawn.resize((COLOUR, COLOUR), Image.Resampling.LANCZOS))


def outline_icon() -> bytes:
    """The icon in white on nothing as a PNG; always the same bytes."""
    from PIL import Image, ImageDraw

    size = OUTLINE * _FINE
    mask = Image.new("L", (size, size), 0)
    pen = ImageDraw.Draw(mask)
    _track(pen, size, fill=255, low=-0.13, high=0.09, thick=0.056, sleepers=6, ends=(0.03, 0.97))
    alpha = mask.resize((OUTLINE, OUTLINE), Image.Resampling.LANCZOS)
    white = Image.new("RGBA", (OUTLINE, OUTLINE), (255, 255, 255, 0))
    white.putalpha(alpha)
    return _png(white)


def _ridge(x: float) -> float:
    """The height of the dune: a long slope to windward, a shorter one to leeward."""
    t = x / 0.58 if x < 0.58 else (1 - x) / 0.42
    t = min(max(t, 0.0), 1.0)
    return 0.72 - 0.33 * t * t * (3 - 2 * t)


def _over(x: float, far: float) -> Point:
    """A point that stands so far from the ridge, at a right angle to it."""
    slope = (_ridge(x + 0.005) - _ridge(x - 0.005)) / 0.01
    long = math.hypot(1.0, slope)
    return x + far * slope / long, _ridge(x) - far / long


def _track(
    pen: "ImageDraw.ImageDraw",
    size: int,
    *,
    fill: str | int,
    low: float,
    high: float,
    thick: float,
    sleepers: int,
    ends: tuple[float, float],
) -> None:
    """Two rails along the ridge, so far from it, with sleepers between them."""
    first, last = ends
    along = [first + (last - first) * i / _STEPS for i in range(_STEPS + 1)]
    for far in (low, high):
        upper = [_over(x, far + thick / 2) for x in along]
        lower = [_over(x, far - thick / 2) for x in reversed(along)]
        pen.polygon(_scaled([*upper, *lower], size), fill=fill)
    for i in range(sleepers):
        x = first + (last - first) * (i + 0.5) / sleepers
        half = thick / 2
        shape = [_over(x - half, low), _over(x - half, high), _over(x + half, high)]
        pen.polygon(_scaled([*shape, _over(x + half, low)], size), fill=fill)


def _scaled(shape: list[Point], size: int) -> list[Point]:
    return [(x * size, y * size) for x, y in shape]


def _png(drawn: "Image.Image") -> bytes:
    out = BytesIO()
    drawn.save(out, "PNG", optimize=True)
    return out.getvalue()
