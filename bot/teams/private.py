"""Answers that only the one who asked sees: in the personal chat, because a channel has no private messages."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.kernel import Kernel
from bot.surface import DeliveryError, Revoked, TryLater
from bot.teams.card_limits import CARD, TEXT
from bot.teams.cards import card
from bot.teams.heard import NAME, Heard
from bot.teams.pictures import MOST, picture
from bot.teams.surface import TeamsSurface, message_activity
from handlers.conversation import Chart, Message, said

log = logging.getLogger(__name__)

TRIES = 4  # of a private answer that Teams throttles
_HEAD = 100  # bytes of a picture's element beside its data
LONGEST = 4  # messages that one answer may become
PRIVATELY = "I have answered you in our personal chat."
NO_CHAT = (
    "I can tell you this only in our personal chat: open the app there, say hello, and ask again."
)
T = TypeVar("T")


@dataclass(frozen=True)
class Shown:
    """A card and the line that stands for it in notifications."""

    card: dict[str, Any]
    summary: str


async def drawn(message: Message) -> list[Shown]:
    """A message as cards with its charts as pictures, which are as small as one card needs them."""
    charts = [b for b in message.blocks if isinstance(b, Chart)]
    most = min(MOST, (CARD - TEXT) * 3 // 4 // max(len(charts), 1) - _HEAD)
    made = {c: await asyncio.to_thread(picture, c, most) for c in charts}
    return shown(message, {c: p for c, p in made.items() if p is not None})


def shown(message: Message | None, pictures: Mapping[Chart, str] | None = None) -> list[Shown]:
    """A message as cards, as many as it takes; charts without a picture in words."""
    made: list[Shown] = []
    while message is not None and len(made) < LONGEST:
        rendered = card(message, None, pictures)
        made.append(Shown(rendered.card, rendered.summary))
        message = rendered.rest
    if message is not None:
        log.error("the rest of a private answer is not shown: it is too long")
    return made


class Private:
    """Says things to one person."""

    def __init__(self, surface: TeamsSurface, kernel: Kernel) -> None:
        self._surface = surface
        self._kernel = kernel

    async def say(self, heard: Heard, cards: Sequence[Shown]) -> None:
        """Says it in the personal chat; in a channel the thread learns that it was. Raises nothing."""
        if heard.where.personal:
            await self.send(heard, cards)
            return
        try:
            chat = await self._surface.chat_with(heard.sender.mri, heard.sender.name)
            await self._post(chat.service_url, chat.conversation, cards)
            note = PRIVATELY
        except DeliveryError as error:
            self._failed(error)
            note = NO_CHAT
        if heard.way == "message":
            await self.send(heard, shown(said(note)))

    async def send(self, heard: Heard, cards: Sequence[Shown]) -> None:
        """Posts cards where the person has spoken. Raises nothing."""
        there = heard.where
        try:
            await self._post(there.service_url, there.address, cards)
        except DeliveryError as error:
            self._failed(error)

    async def replace(self, heard: Heard, made: Shown) -> None:
        """Makes the message whose card was used say something else, for everyone. Raises nothing."""
        there = heard.where
        activity = message_activity(made.card, made.summary)
        try:
            await _patiently(
                lambda: self._surface.connector.update(
                    there.service_url, there.address, heard.message_id, activity
                )
            )
        except DeliveryError as error:
            self._failed(error)

    async def _post(self, service_url: str, address: str, cards: Sequence[Shown]) -> None:
        for one in cards:
            activity = message_activity(one.card, one.summary)
            await _patiently(
                lambda activity=activity: self._surface.connector.send(  # type: ignore[misc]
                    service_url, address, activity
                )
            )

    def _failed(self, error: DeliveryError) -> None:
        log.warning("a private answer was not delivered: %s", error.reason)
        if isinstance(error, Revoked):
            self._kernel.delivery.refused(NAME, error.reason)


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The call's result; what Teams throttles is tried again as it asks, with jitter. Raises DeliveryError."""
    for tried in range(TRIES):
        try:
            return await call()
        except TryLater as later:
            wait = later.after if later.after is not None else 2.0**tried
            if tried == TRIES - 1 or wait > 30:
                raise
            await asyncio.sleep(wait + random.uniform(0, 0.5))  # noqa: S311
    raise AssertionError  # the last round returns or raises
