"""What did not fit into a message: further messages in its thread, each under a key made of the first one's.

``KEY@surface:channel`` goes on in ``KEY~2@surface:channel``, that in ``~3``. Each part is a row of the outbox,
written with the record that the part before it was sent: lanes, leases and keys make it one message exactly once.
"""

from datetime import datetime

from sqlalchemy import Connection

from bot.surface import Sent
from handlers.conversation import Place, said
from storage import outbox
from storage.outbox import Claimed

MOST = 8  # messages that one may become
TOO_LONG = said("There is more than a thread can hold; what is left is not shown here.")
NOW_ABOVE = said("This part is now in the message above.")


def record(connection: Connection, row: Claimed, sent: Sent, now: datetime) -> None:
    """Records that a row was sent, and in the same transaction has said what did not fit."""
    stands = outbox.sent(connection, row, sent.ref, now)
    first = row.kind == "post" and row.ref is None
    if first and sent.rest is None:
        return  # the usual case: whole, and nothing of it was said before
    if not stands:
        return  # the lease ran out meanwhile: whoever has it now says the rest
    number, key, message_key = following(row.message_key, row.place["surface"])
    rest = sent.rest
    if rest is not None and number > MOST:
        rest = TOO_LONG
    there, content = outbox.last_said(connection, message_key)
    if rest is None:
        if not there:
            return
        rest = NOW_ABOVE
    wanted = rest.model_dump(mode="json")
    moved = row.ref is not None and row.ref != sent.ref
    if there and content == wanted and not moved:
        return
    outbox.enqueue(
        connection,
        kind="edit" if there else "post",
        key=key,
        message_key=message_key,
        thread_key=row.message_key,
        lane=Place.model_validate(row.place).lane,
        place=row.place,
        content=wanted,
        now=now,
    )


def following(message_key: str, surface: str) -> tuple[int, str, str]:
    """The part behind a message: its number, its key, its message key."""
    key, at, channel = message_key.rpartition(f"@{surface}:")
    if not at:
        key, channel = channel, ""
    base, tilde, number = key.rpartition("~")
    if tilde and number.isdecimal():
        key, count = base, int(number) + 1
    else:
        count = 2
    key = f"{key}~{count}"
    return count, key, f"{key}{at}{channel}"


def astray(row: Claimed) -> bool:
    """Whether a part stands in another thread than its message, which was posted anew meanwhile."""
    if row.ref is None or row.thread is None or not row.ref.thread_id:
        return False
    return row.ref.thread_id != (row.thread.thread_id or row.thread.message_id)
