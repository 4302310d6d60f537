"""What an actuator has to offer. Another kind is one module that implements this."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from guardrails.orders import Order


@dataclass(frozen=True)
class Acted:
    """An order is carried out. ``said`` is one sentence for the sandbox's thread: what there is now.

    ``handle`` is what the actuator wants to be told with later orders; never a secret, it is stored.
    """

    said: str
    handle: Mapping[str, str] = field(default_factory=dict)


class Actuator(Protocol):
    """One way to set sandboxes up. An order may come twice, or again after its answer was lost: it says what is to
    be true, and what is true already is left alone."""

    @property
    def name(self) -> str:
        """As the policy calls it."""
        ...

    async def carry_out(self, order: Order) -> Acted:
        """Makes true what the order says, in less than 45 seconds. What is to be halted or closed and is not there
        is done. Raises ActFailed."""
        ...

    async def check(self) -> str | None:
        """What is wrong with its set-up, in a sentence that says how to mend it; None when nothing is. For
        ``sandrail doctor``: it changes nothing."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...


class ActFailed(Exception):
    """An order could not be carried out, or nobody knows whether it was.

    ``reason`` is one sentence for the requester and the operator, without secrets. ``final``: trying again does
    not help before somebody changes something. ``after``: seconds at least until it is tried again, as the other
    side said.
    """

    def __init__(self, reason: str, *, final: bool = False, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.after = after
