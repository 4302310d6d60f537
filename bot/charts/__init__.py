"""Charts as pictures, the same on every surface: a band, a scatter, a waterfall, small multiples."""

from functools import lru_cache
from io import BytesIO
from threading import Lock
from types import ModuleType

from bot.charts import band, multiples, scatter, waterfall
from bot.charts.look import DARK, DPI, LIGHT, WIDTH, Sheet
from handlers.conversation import Band, Chart, Multiples, Scatter, Waterfall

__all__ = ["WIDTH", "draw", "height_of"]

_drawing = Lock()  # matplotlib's caches of fonts are not made for several threads


def height_of(chart: Chart) -> int:
    """How high the picture of a chart is, in pixels; it is 880 wide."""
    return int(_of(chart).height(chart))


def _of(chart: Chart) -> ModuleType:
    """The module that draws a kind of chart: its ``height``, and ``paint``."""
    match chart:
        case Band():
            return band
        case Scatter():
            return scatter
        case Waterfall():
            return waterfall
        case Multiples():
            return multiples


@lru_cache(maxsize=64)
def draw(chart: Chart, *, dark: bool = False) -> bytes:
    """A PNG of :data:`WIDTH` by :func:`height_of` pixels; what it finds is said by ``chart.alt``.

    Blocks for about a tenth of a second: call it in a thread.
    """
    # Imported here: matplotlib takes half a second that a bot without a chart to draw need not pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours, height = DARK if dark else LIGHT, height_of(chart)
    with _drawing:
        figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=colours.paper)
        FigureCanvasAgg(figure)
        sheet = Sheet(figure, colours, height)
        _of(chart).paint(sheet, chart)
        picture = BytesIO()
        figure.savefig(picture, format="png", facecolor=colours.paper, metadata={"Software": None})
    return picture.getvalue()
