"""The app's home tab: each person's own page, published for exactly the one who looks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from bot.slack import forms, limits
from bot.slack.payloads import Asked
from bot.slack.surface import SlackSurface
from bot.surface import DeliveryError
from handlers.conversation import said, spoken
from handlers.router import AnyReply

log = logging.getLogger(__name__)

_NOTHING = "There is nothing to show here."


class Home:
    """Publishes pages. A page is made of the state and the roles of the moment in which it is made."""

    def __init__(
        self, surface: SlackSurface, answer: Callable[[Asked], Awaitable[AnyReply]]
    ) -> None:
        self._surface = surface
        self._answer = answer
        self._looking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def show(self, asked: Asked) -> None:
        """Publishes the page of the one who did ``asked``, and of nobody else; raises nothing.

        A refusal is the page's only content. Pages of one person are made one after the other, so that an
        older one never takes a newer one's place.
        """
        look = asked.look()
        workspace = self._surface.heard(look.installed)
        if workspace is None:
            return
        name = f"{look.installed} {look.user}"
        lock = self._looking.get(name) or asyncio.Lock()
        self._looking[name] = lock
        async with lock:
            try:
                message = spoken(await self._answer(look)) or said(_NOTHING)
                page = await workspace.render(
                    message, pictures=False, blocks=limits.HOME_BLOCKS, goes="nowhere"
                )
                await workspace.calls.write(
                    "views.publish", user_id=look.user, view=forms.home(page)
                )
            except DeliveryError as error:
                log.warning("a home tab was not published: %s", error.reason)
            except Exception:
                log.exception("a home tab was not published")
