"""What every surface hands its interactions to, and what every job runs in."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from prometheus_client import Histogram
from sqlalchemy.exc import SQLAlchemyError

from bot.actuators.actuator import Actuator
from bot.actuators.secrets import reveal
from bot.delivery import Delivery
from bot.surface import Surface
from handlers import catalog as _catalog  # noqa: F401  (registers every handler)
from handlers import router
from handlers.conversation import Interaction, Place
from handlers.router import AnyReply
from handlers.turn import PERSON, Turn
from storage.database import Database
from storage.policy_file import LoadedPolicy

T = TypeVar("T")
log = logging.getLogger(__name__)
ANSWERS = Histogram("sandrail_answer_seconds", "Time of a transaction", ["kind", "reply"])


def utc_now() -> datetime:
    """The clock of the running bot; tests bring their own."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Kernel:
    """The running bot without its surfaces' doors."""

    database: Database
    loaded: LoadedPolicy
    surfaces: Mapping[str, Surface]
    delivery: Delivery
    clock: Callable[[], datetime] = utc_now
    actuators: Mapping[str, Actuator] = field(default_factory=dict)

    def places(self, channel: str) -> tuple[Place, ...]:
        """Where a channel of the policy is, on every surface that has it; where it is on none, the default
        channel, so that nothing is lost. ``@`` and an e-mail is a person's own chat, which
        nothing stands in for."""
        default = self.loaded.policy.alerts.default
        for name in (channel,) if channel.startswith(PERSON) else (channel, default):
            found = tuple(p for s in self.surfaces.values() if (p := s.place(name)) is not None)
            if found:
                return found
        return ()

    def takes_files(self, interaction: Interaction) -> bool:
        """Whether files are of use in this, from somebody who may do it: they are fetched and read only then."""
        return router.takes_files(self.loaded, interaction)

    async def answer(self, interaction: Interaction) -> AnyReply:
        """The reply to an interaction, after its transaction; what it posts is on its way."""
        began = time.perf_counter()
        if router.looks(interaction):
            return await self._look(interaction)
        try:
            answered = await self.database.in_write(
                lambda c: router.answer(c, self.loaded, self.places, interaction, self.clock())
            )
        except Exception as error:
            refusal = router.refused(error, interaction)
            answered = router.Answered(refusal)
            with contextlib.suppress(SQLAlchemyError):
                reply = await self.database.in_write(
                    lambda c: router.remember_refusal(c, interaction, refusal, self.clock())
                )
                answered = router.Answered(reply)
        ANSWERS.labels(interaction.kind, answered.reply.kind).observe(time.perf_counter() - began)
        if answered.spoke:
            self.delivery.wake()
        return reveal(answered.reply, self.actuators)

    async def _look(self, interaction: Interaction) -> AnyReply:
        """A page or a table may take long to make and changes nothing: clicks do not wait for it."""
        began = time.perf_counter()
        try:
            reply = await self.database.in_read(
                lambda c: router.look(c, self.loaded, self.places, interaction, self.clock())
            )
        except Exception as error:
            reply = router.refused(error, interaction)
        ANSWERS.labels(interaction.kind, reply.kind).observe(time.perf_counter() - began)
        return reveal(reply, self.actuators)

    async def turn(self, work: Callable[[Turn], T]) -> T:
        """Runs a job's work in one transaction; what it posts is on its way afterwards."""
        result = await self.database.in_write(
            lambda c: work(Turn(c, self.loaded, self.clock(), self.places))
        )
        self.delivery.wake()
        return result
