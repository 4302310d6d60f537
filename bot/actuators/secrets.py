"""What an answer shows and nothing stores: looked up as the answer is shown."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from bot.actuators.actuator import ActFailed, Actuator
from handlers.conversation import Code, Paragraph, Private, text
from handlers.router import AnyReply


@runtime_checkable
class KeyHolder(Protocol):
    """An actuator that gives out keys."""

    def key_of(self, sandbox_id: str) -> str:
        """The sandbox's key, the same each time. Raises ActFailed when it cannot be made."""
        ...


def reveal(reply: AnyReply, actuators: Mapping[str, Actuator]) -> AnyReply:
    """The reply with its secret in words. The database keeps the reply without it."""
    if not isinstance(reply, Private) or reply.secret is None:
        return reply
    keys: list[tuple[str, str]] = []
    wrong: list[Paragraph] = []
    for name in reply.secret.holders:
        holder: object = actuators.get(name)
        if not isinstance(holder, KeyHolder):
            continue
        try:
            keys.append((name, holder.key_of(reply.secret.subject)))
        except ActFailed as error:
            wrong.append(Paragraph(text=text(f"{name}: {error.reason}")))
    found = [Paragraph(text=text(f"{name}: ", Code(text=key))) for name, key in keys]
    found += wrong
    if not found:
        found = [Paragraph(text=text("No actuator of this sandbox gives out keys here."))]
    message = reply.message.model_copy(update={"blocks": (*reply.message.blocks, *found)})
    return Private(message=message)
