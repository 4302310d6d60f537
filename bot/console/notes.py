"""What people write in a thread: kept in the console only, as Slack keeps what people write there."""

import unicodedata
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from guardrails.policy.people import Person
from handlers.conversation import said
from storage import console

LONGEST = 2000

#: Why a note was not kept.
Why = Literal["empty", "long", "thread"]
WORDS: dict[Why, str] = {
    "empty": "Write something first.",
    "long": f"A note has at most {LONGEST:,} characters; shorten it.",
    "thread": "The thread that this belongs to is no longer here.",
}


def tidy(written: str) -> str:
    """The words without control characters and blank edges."""
    kept = (c for c in written if c in "\n\t" or unicodedata.category(c) != "Cc")
    return "".join(kept).strip()


def keep(
    connection: Connection,
    *,
    channel: str,
    root_id: int,
    person: Person,
    delivery_id: str,
    written: str,
    now: datetime,
) -> int | Why:
    """Posts a note under a root; returns its id, or why it was not kept. Sent again, it stays one note."""
    words = tidy(written)
    if not words:
        return "empty"
    if len(words) > LONGEST:
        return "long"
    root = console.by_id(connection, root_id)
    if root is None or root.thread_id is not None or root.channel != channel:
        return "thread"
    message = said(words).model_dump(mode="json")
    note_id, _ = console.post(
        connection,
        message_key=f"note:{person.email}:{delivery_id}",
        channel=channel,
        thread_id=root_id,
        content={**message, "author": {"person": person.email, "name": person.name}},
        now=now,
    )
    return note_id


def author_of(content: dict[str, Any]) -> dict[str, str] | None:
    """Who wrote a message; None when the bot did."""
    author = content.get("author")
    return author if isinstance(author, dict) else None
