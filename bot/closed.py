"""A channel that the bot cannot write to: what is for it waits, and the default channel hears that it does.

It hears nothing of what waits: a channel may be private.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.surface import DeliveryError
from handlers.conversation import Message, Paragraph, Strong, text

log = logging.getLogger(__name__)

AGAIN = timedelta(days=1)  # how soon it is said again of a channel that stays closed


class Closures:
    """The closed channels of one surface that people were told of since this process began."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._told: dict[str, datetime] = {}

    async def tell(
        self, channel: str, reason: str, say: Callable[[Message], Awaitable[object]]
    ) -> None:
        """Has ``say`` tell people that ``channel`` is closed and why, once a day. What stops it is logged only:
        what is for the channel waits either way."""
        now, last = self._clock(), self._told.get(channel)
        if last is not None and now - last < AGAIN:
            return
        self._told[channel] = now  # before it is said: several lanes may find out at once
        try:
            await say(notice(reason))
        except DeliveryError as error:
            self._told.pop(channel, None)
            log.error("that %s is closed could not be said: %s", channel, error.reason)


def notice(reason: str) -> Message:
    """What the default channel hears of a closed one."""
    title = "Messages wait for a channel that the bot cannot write to"
    said = text(Strong(text=title), f". {reason} They are posted there as soon as it can.")
    return Message(summary=f"{title}. {reason}", blocks=(Paragraph(text=said),), tone="warning")
