"""Charts as pictures in Slack: drawn, uploaded, and waited for.

files.getUploadURLExternal → the bytes → files.completeUploadExternal. Slack works on a file behind its
answer, and an image block that names it too early is refused (``invalid_blocks``), so files.info is asked
until the picture has its size. Whatever fails, the message goes out with the chart's words instead.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterable

import aiohttp

from bot.charts import draw
from bot.cutting import one_line
from bot.slack.calls import Calls
from bot.slack.limits import UPLOAD_ALT
from bot.surface import DeliveryError
from handlers.conversation import Chart

log = logging.getLogger(__name__)

_WAITS = (0.15, 0.25, 0.4, 0.6, 0.9, 1.2, 1.5)  # five seconds in all
_MOST = 500


class PictureError(Exception):
    """A chart could not be made into a picture; the message is for the log."""


class Pictures:
    """The pictures of one workspace; an unchanged chart is uploaded once."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._files: OrderedDict[str, str] = OrderedDict()

    async def of(self, charts: Iterable[Chart]) -> dict[Chart, str]:
        """The charts that have a picture, each with its file's id; raises nothing."""
        found: dict[Chart, str] = {}
        for chart in charts:
            name = hashlib.sha256(chart.model_dump_json().encode()).hexdigest()
            file = self._files.get(name)
            if file is None:
                try:
                    file = await self._upload(chart)
                except (PictureError, DeliveryError) as error:
                    log.warning("a chart is shown in words: %s", error)
                    continue
                except Exception:
                    log.exception("a chart is shown in words")
                    continue
                self._files[name] = file
                if len(self._files) > _MOST:
                    self._files.popitem(last=False)
            found[chart] = file
        return found

    def has(self, charts: Iterable[Chart]) -> bool:
        """Whether all of them are uploaded already."""
        return all(
            hashlib.sha256(chart.model_dump_json().encode()).hexdigest() in self._files
            for chart in charts
        )

    def forget(self, charts: Iterable[Chart]) -> None:
        """Slack refused the pictures of these charts; they are uploaded anew the next time."""
        for chart in charts:
            self._files.pop(hashlib.sha256(chart.model_dump_json().encode()).hexdigest(), None)

    async def _upload(self, chart: Chart) -> str:
        picture = await asyncio.to_thread(draw, chart)
        asked = await self._calls.read(
            "files.getUploadURLExternal",
            filename="chart.png",
            length=len(picture),
            alt_txt=one_line(chart.alt or chart.title, UPLOAD_ALT),
        )
        file = str(asked["file_id"])
        await self._send(str(asked["upload_url"]), picture)
        await self._calls.write(
            "files.completeUploadExternal",
            files=[{"id": file, "title": one_line(chart.title, 200)}],
        )
        for wait in _WAITS:
            seen = (await self._calls.read("files.info", file=file)).get("file") or {}
            if seen.get("mimetype") and (seen.get("original_w") or seen.get("thumb_360")):
                return file
            await asyncio.sleep(wait)
        raise PictureError("Slack has not finished with the picture in time")

    async def _send(self, url: str, picture: bytes) -> None:
        session = await self._calls.session()
        try:
            async with session.post(url, data=picture) as response:
                if response.status != 200:
                    raise PictureError(f"the upload was answered with {response.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PictureError(f"the upload failed: {error}") from error
