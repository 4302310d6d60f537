"""Charts as pictures inside of a card: small enough to travel in it as data URIs.

Teams shows pictures of at most 1024×1024 pixels (learn.microsoft.com/microsoftteams/platform/
task-modules-and-cards/cards/cards-format), and a card has to stay under 80 KB with everything in it: the
picture is drawn at its full size and stored with a palette.
"""

import base64
import logging
from functools import lru_cache
from io import BytesIO

from bot.charts import draw
from handlers.conversation import Chart

log = logging.getLogger(__name__)

MOST = 18 * 1024  # bytes of the PNG; a third more as base64
_WIDEST = 1024


@lru_cache(maxsize=64)
def picture(chart: Chart, most: int = MOST) -> str | None:
    """The chart as a data URI of a PNG of at most ``most`` bytes, None when it cannot be drawn or made so small.

    Blocks for about a tenth of a second: call it in a thread.
    """
    try:
        drawn = _small(draw(chart), most)
    except Exception:
        log.exception("a chart is shown in words")
        return None
    if drawn is None:
        log.warning("a chart is shown in words: its picture is too large for a card")
        return None
    return "data:image/png;base64," + base64.b64encode(drawn).decode()


def _small(png: bytes, most: int) -> bytes | None:
    """The picture with as many colours as its size allows, smaller when even few are too many."""
    # Imported here: it comes with matplotlib, which is loaded only when a chart is drawn.
    from PIL import Image

    with Image.open(BytesIO(png)) as opened:
        whole = opened.convert("RGB")
    if max(whole.size) > _WIDEST:
        whole.thumbnail((_WIDEST, _WIDEST))
    for scale, colours in ((1.0, 64), (1.0, 32), (1.0, 16), (0.75, 16), (0.5, 16)):
        size = (max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
        sized = whole if scale == 1.0 else whole.resize(size, Image.Resampling.LANCZOS)
        out = BytesIO()
        # Not the usual median cut: it gives the few red dots of the anomalies away.
        few = sized.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(out, "PNG", optimize=True)
        if len(out.getvalue()) <= most:
            return out.getvalue()
    return None
