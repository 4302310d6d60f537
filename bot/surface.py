"""What a chat platform has to offer. A third platform is one folder that implements this."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from handlers.conversation import Actor, Message, Place
from storage.outbox import Ref


@dataclass(frozen=True)
class Sent:
    """A message that stands in chat. ``rest`` is what did not fit into it: delivery says it in its thread."""

    ref: Ref
    rest: Message | None = None


class Surface(Protocol):
    """One workspace of one platform. It verifies what comes in and keeps its platform's limits."""

    @property
    def name(self) -> str:
        """``slack``, ``teams``, ``console``."""
        ...

    @property
    def tenant(self) -> str:
        """The workspace on the platform."""
        ...

    def place(self, channel: str) -> Place | None:
        """Where a channel of the policy is here, or with ``@`` and an e-mail that person's own chat; None when it
        is not here."""
        ...

    async def post(self, place: Place, key: str, message: Message, thread: Ref | None) -> Sent:
        """Posts a message under our own ``key``, in the thread of ``thread`` when given.

        Raises :class:`DeliveryError`.
        """
        ...

    async def edit(self, ref: Ref, key: str, message: Message) -> Sent:
        """Makes the message at ``ref`` say ``message``; a new Ref when it had to be posted anew."""
        ...

    async def find(self, place: Place, key: str, thread: Ref | None, since: datetime) -> Ref | None:
        """The message with our ``key`` if it has been posted since; asked after a lost answer."""
        ...

    async def actors(self, person: str) -> list[Actor]:
        """The accounts of a person here, with roles and standing of now; none where accounts are not known."""
        ...


class DeliveryError(Exception):
    """Something could not be sent; ``reason`` is one sentence for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class TryLater(DeliveryError):
    """Not now. ``after`` seconds at least, as the platform said; None: our own backoff."""

    reason: str
    after: float | None = None


class AnswerLost(DeliveryError):
    """The request may have been carried out: ask before sending again."""


class Closed(DeliveryError):
    """The place cannot be written to until somebody mends it: the bot is not in the channel, say."""


class Undeliverable(DeliveryError):
    """It will never go through: the message itself is refused."""


class NoAccount(Undeliverable):
    """The person has no account here: what is for them reaches them elsewhere, or nowhere."""


class NotInstalled(DeliveryError):
    """The place's tenant does not accept us (any more), others may: what is for it waits, however long."""


class Revoked(DeliveryError):
    """The platform no longer accepts us: everything for this surface waits for the operator."""
