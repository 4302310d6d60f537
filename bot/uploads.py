"""Files that people hand in, as every surface takes them: text of UTF-8, of a limited size."""

import asyncio

from handlers.conversation import LARGEST_FILE
from handlers.policy_rules.reading import read, too_large

NOT_TEXT = "The file is not text in UTF-8: save it as UTF-8, and choose it again."


class NotTaken(Exception):
    """A file that cannot be used; the message is the sentence for its field."""


def as_text(content: bytes) -> str:
    """The text of a file. Raises NotTaken."""
    if len(content) > LARGEST_FILE:
        raise NotTaken(too_large())
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotTaken(NOT_TEXT) from None


async def read_ahead(text: str) -> None:
    """Reads a policy in a thread of its own, so that the handler, inside its transaction, finds it read."""
    await asyncio.to_thread(read, text)
