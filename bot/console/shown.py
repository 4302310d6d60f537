"""Messages and replies as the page reads them: plain JSON, with the addresses of their pictures."""

import hashlib
from collections import OrderedDict
from typing import Any

from bot.console.notes import author_of
from handlers.conversation import Band, Message, Private
from handlers.router import AnyReply
from storage.console import Kept

API = "/console/api"
KEPT_PICTURES = 200


class PrivatePictures:
    """The series of charts in private answers, which are stored nowhere; the oldest are forgotten."""

    def __init__(self) -> None:
        self._bands: OrderedDict[str, Band] = OrderedDict()

    def keep(self, band: Band) -> str:
        """The name under which the picture can be fetched."""
        name = hashlib.sha256(band.model_dump_json().encode()).hexdigest()[:32]
        self._bands[name] = band
        self._bands.move_to_end(name)
        while len(self._bands) > KEPT_PICTURES:
            self._bands.popitem(last=False)
        return name

    def get(self, name: str) -> Band | None:
        """The series kept under a name; None when it is forgotten."""
        return self._bands.get(name)


def message_json(kept: Kept) -> dict[str, Any]:
    """A posted message: ``charts`` has the address of each picture by the index of its block."""
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
            str(i): f"{API}/messages/{kept.id}/charts/{i}?r={kept.revision}"
            for i, block in enumerate(blocks)
            if block.get("kind") == "band"
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
        str(i): f"{API}/charts/{pictures.keep(block)}?r=1"
        for i, block in enumerate(message.blocks)
        if isinstance(block, Band)
    }
