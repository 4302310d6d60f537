"""What a handler works with: one transaction, the policy of now, the time of now, and a voice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from guardrails.policy.model import Policy
from handlers.conversation import Message, Place
from storage import audit, outbox
from storage.policy_file import LoadedPolicy

#: How the name of a person's own chat begins, where channels are named; the e-mail follows.
PERSON = "@"
#: From a channel's name in the policy to where that is on each surface that runs.
Places = Callable[[str], tuple[Place, ...]]


@dataclass(frozen=True)
class Turn:
    """One transaction of a handler. What it says is sent after the commit, or not at all."""

    connection: Connection
    loaded: LoadedPolicy
    now: datetime
    places: Places
    said: list[str] = field(default_factory=list)  # the keys of what is on its way after the commit

    @property
    def policy(self) -> Policy:
        return self.loaded.policy

    @property
    def today(self) -> date:
        """Today in the workspace's zone."""
        return self.now.astimezone(self.loaded.policy.workspace.zone).date()

    def post(self, channel: str, key: str, message: Message) -> None:
        """Posts into a channel of the policy, on every surface that has it.

        ``key`` is our own name of the message; with surface and channel it is one message in chat.
        """
        there = {place.lane for _, place in self._posted(key)}
        for place in self.places(channel):
            if place.lane in there:
                continue  # two channels of the policy are one place here: said once
            self._enqueue("post", key, f"{key}@{place.surface}:{channel}", place, message)

    def tell(self, person: str, key: str, message: Message) -> None:
        """Says it to one person in their own chat, on every surface where they have an account."""
        if "@" in person:
            self.post(f"{PERSON}{person}", key, message)

    def reply(self, root: str, key: str, message: Message, *, once: bool = False) -> None:
        """Posts into the thread of the message ``root``, wherever that was posted.

        ``once``: not where the message is already.
        """
        there = {name for name, _ in self._posted(key)} if once else set()
        for root_key, place in self._posted(root):
            where = root_key.removeprefix(root)
            if key + where in there:
                continue
            self._enqueue("post", key, key + where, place, message, thread_key=root_key)

    def edit(self, key: str, message: Message) -> None:
        """Makes the message say something else wherever it was posted."""
        for message_key, place in self._posted(key):
            self._enqueue("edit", key, message_key, place, message)

    def is_posted(self, key: str, root: str) -> bool:
        """Whether the message is (or will be) in the thread of ``root``, wherever that is."""
        there = {name.removeprefix(root) for name, _ in self._posted(root)}
        return there <= {name.removeprefix(key) for name, _ in self._posted(key)}

    def _posted(self, key: str) -> list[tuple[str, Place]]:
        rows = outbox.posted_places(self.connection, key)
        return [(message_key, Place.model_validate(place)) for message_key, place in rows]

    def _enqueue(
        self,
        kind: str,
        key: str,
        message_key: str,
        place: Place,
        message: Message,
        thread_key: str = "",
    ) -> None:
        self.said.append(message_key)
        outbox.enqueue(
            self.connection,
            kind=kind,
            key=key,
            message_key=message_key,
            thread_key=thread_key,
            lane=place.lane,
            place=place.model_dump(mode="json"),
            content=message.model_dump(mode="json"),
            now=self.now,
        )

    def audit(self, actor: str, action: str, subject: str, reason: str = "", **detail: Any) -> None:
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
