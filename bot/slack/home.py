"""The app's home tab: each person's own page, published for exactly the one who looks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from bot.slack import forms, limits
from bot.slack.errors import SlackRefused
from bot.slack.payloads import Asked
from bot.slack.surface import SlackSurface
from bot.slack.workspace import SlackWorkspace
from bot.surface import DeliveryError
from handlers.conversation import Chart, Message, Private, said, spoken
from handlers.router import AnyReply

log = logging.getLogger(__name__)

_NOTHING = "There is nothing to show here."


class _Looking:
    """One person's looks: pages are made one after the other; only the newest gets its pictures."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.looks = 0


class Home:
    """Publishes pages. A page is made of the state and the roles of the moment in which it is made."""

    def __init__(
        self, surface: SlackSurface, answer: Callable[[Asked], Awaitable[AnyReply]]
    ) -> None:
        self._surface = surface
        self._answer = answer
        self._looking: WeakValueDictionary[str, _Looking] = WeakValueDictionary()

    async def show(self, asked: Asked) -> None:
        """Publishes the page of the one who did ``asked``, and of nobody else; raises nothing.

        A refusal is the page's only content. Pages of one person are made one after the other, so that an
        older one never takes a newer one's place. Charts that were not shown before stand there in words until
        their pictures are uploaded.
        """
        look = asked.look()
        workspace = self._surface.heard(look.installed)
        if workspace is None:
            return
        name = f"{look.installed} {look.user}"
        looking = self._looking.get(name) or _Looking()
        self._looking[name] = looking
        looking.looks += 1
        mine = looking.looks
        try:
            async with looking.lock:
                reply = await self._answer(look)
                message = spoken(reply) or said(_NOTHING)
                page = reply.page if isinstance(reply, Private) else ""
                charts = [b for b in message.blocks if isinstance(b, Chart)]
                known = workspace.pictures.has(charts)
                await self._publish(workspace, look.user, message, page, pictures=known)
            if known or not await workspace.pictures.of(charts):
                return
            async with looking.lock:
                if mine == looking.looks:
                    await self._publish(workspace, look.user, message, page, pictures=True)
        except DeliveryError as error:
            log.warning("a home tab was not published: %s", error.reason)
        except Exception:
            log.exception("a home tab was not published")

    async def _publish(
        self, workspace: SlackWorkspace, user: str, message: Message, page: str, *, pictures: bool
    ) -> None:
        """Publishes it; in words when Slack refuses it with pictures."""
        shown = await workspace.render(
            message, pictures=pictures, blocks=limits.HOME_BLOCKS, goes="nowhere"
        )
        try:
            view = forms.home(shown, page)
            await workspace.calls.write("views.publish", user_id=user, view=view)
        except SlackRefused as refused:
            if not any(b["type"] == "image" for b in shown.blocks):
                raise
            log.warning("Slack refused a picture on a home tab: %s", refused.reason)
            workspace.pictures.forget([b for b in message.blocks if isinstance(b, Chart)])
            await self._publish(workspace, user, message, page, pictures=False)
