"""What a handler works with: one transaction, the policy of now, the time of now, and a voice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from guardrails.policy.model import Policy
from handlers.conversation import Message, Place
from storage import audit, outbox
from storage.policy_file import LoadedPolicy

#: From a channel's name in the policy to where that is on each surface that runs.
Places = Callable[[str], tuple[Place, ...]]


@dataclass(frozen=True)
class Turn:
    """One transaction of a handler. What it says is sent after the commit, or not at all."""

    connection: Connection
    loaded: LoadedPolicy
    now: datetime
    places: Places

    @property
    def policy(self) -> Policy:
        return self.loaded.policy

    @property
    def today(self) -> date:
        """Today in the workspace's zone."""
        return self.now.astimezone(self.loaded.policy.workspace.zone).date()

    def post(self, channel: str, key: str, message: Message, thread: str | None = None) -> None:
        """Posts into a channel of the policy, on every surface that has it.

        ``key`` is our own name of the message, ``thread`` the key of the thread's root.
        """
        for place in self.places(channel):
            where = f"@{place.surface}:{channel}"
            outbox.enqueue(
                self.connection,
                kind="post",
                message_key=key + where,
                thread_key=thread + where if thread else "",
                lane=place.lane,
                place=place.model_dump(mode="json"),
                content=message.model_dump(mode="json"),
                now=self.now,
            )

    def edit(self, key: str, message: Message) -> None:
        """Makes the message say something else wherever it was posted."""
        for message_key, lane, place in outbox.posted_places(self.connection, key):
            outbox.enqueue(
                self.connection,
                kind="edit",
                message_key=message_key,
                lane=lane,
                place=place,
                content=message.model_dump(mode="json"),
                now=self.now,
            )

    def audit(
        self, actor: str, action: str, subject: str, reason: str = "", **detail: Any
    ) -> None:
        """One entry in the audit chain, under the policy of now."""
        audit.append(
            self.connection,
            at=self.now,
            actor=actor,
            action=action,
            subject=subject,
            reason=reason,
            detail=detail,
            policy_hash=self.loaded.hash,
        )
