"""Messages and replies as the page reads them: plain JSON, with the addresses of their pictures."""

import hashlib
from collections import OrderedDict
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from bot.charts import height_of
from bot.console.notes import author_of
from handlers.conversation import Chart, Message, Private
from handlers.router import AnyReply
from storage.console import Kept

API = "/console/api"
KEPT_PICTURES = 200
CHART: TypeAdapter[Chart] = TypeAdapter(Annotated[Chart, Field(discriminator="kind")])
_CHARTS = frozenset(("band", "scatter", "waterfall", "multiples"))


class PrivatePictures:
    """The charts in private answers, which are stored nowhere; the oldest are forgotten."""

    def __init__(self) -> None:
        self._charts: OrderedDict[str, Chart] = OrderedDict()

    def keep(self, chart: Chart) -> str:
        """The name under which the picture can be fetched."""
        name = hashlib.sha256(chart.model_dump_json().encode()).hexdigest()[:32]
        self._charts[name] = chart
        self._charts.move_to_end(name)
        while len(self._charts) > KEPT_PICTURES:
            self._charts.popitem(last=False)
        return name

    def get(self, name: str) -> Chart | None:
        """The chart kept under a name; None when it is forgotten."""
        return self._charts.get(name)


def chart_in(block: dict[str, Any]) -> Chart | None:
    """The chart that a stored block is; None when it is something else."""
    return CHART.validate_python(block) if block.get("kind") in _CHARTS else None


def message_json(kept: Kept) -> dict[str, Any]:
    """A posted message: ``charts`` has the address of each picture by the index of its block; the address says
    how high the picture is, so that the page can leave room for it."""
    blocks = kept.content.get("blocks", [])
    return {
        "id": kept.id,
        "channel": kept.channel,
        "thread_id": kept.thread_id,
        "revision": kept.revision,
        "posted_at": kept.posted_at.isoformat(),
        "edited_at": kept.edited_at.isoformat() if kept.edited_at else None,
        "replies": kept.replies,
        "last_reply_at": kept.last_reply_at.isoformat() if kept.last_reply_at else None,
        "content": kept.content,
        "author": author_of(kept.content),
        "charts": {
            str(i): f"{API}/messages/{kept.id}/charts/{i}?r={kept.revision}&h={height_of(chart)}"
            for i, block in enumerate(blocks)
            if (chart := chart_in(block)) is not None
        },
    }


def reply_json(reply: AnyReply, pictures: PrivatePictures) -> dict[str, Any]:
    """A reply; a private message has ``charts`` like a posted one."""
    found = reply.model_dump(mode="json")
    if isinstance(reply, Private):
        found["charts"] = _private_charts(reply.message, pictures)
    return found


def _private_charts(message: Message, pictures: PrivatePictures) -> dict[str, str]:
    return {
        str(i): f"{API}/charts/{pictures.keep(block)}?r=1&h={height_of(block)}"
        for i, block in enumerate(message.blocks)
        if isinstance(block, Chart)
    }
