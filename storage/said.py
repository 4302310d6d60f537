"""What a message of ours in chat says now, by where it stands or by what its buttons are about."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from storage.tables.delivery import MessageRef, Outbox

_outbox = Outbox.__table__  # type: ignore[attr-defined]
_refs = MessageRef.__table__  # type: ignore[attr-defined]
_LOOKED_AT = 400  # newest messages of a lane among which a copy's original is looked for


def content_at(
    connection: Connection, surface: str, channel: str, message_id: str
) -> dict[str, Any] | None:
    """The newest content of the message, also when the edit that brings it is still to be sent."""
    return connection.execute(
        select(_outbox.c.content)
        .join(_refs, _refs.c.message_key == _outbox.c.message_key)
        .where(_refs.c.message_id == message_id, _refs.c.surface == surface)
        .where(_refs.c.channel == channel, _outbox.c.state != "dead")
        .order_by(_outbox.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def key_at(connection: Connection, surface: str, channel: str, message_id: str) -> str | None:
    """The key of the message of ours that stands there, with its surface and channel behind ``@``."""
    return connection.execute(
        select(_refs.c.message_key)
        .where(_refs.c.message_id == message_id, _refs.c.surface == surface)
        .where(_refs.c.channel == channel)
        .limit(1)
    ).scalar_one_or_none()


def content_about(
    connection: Connection, lane: str, action: str, subject: str
) -> tuple[str, dict[str, Any]] | None:
    """(message key, newest content) of the message in a lane that has, or had, this button.

    For a copy of which nobody knows where it stands: the answer to its posting was lost.
    """
    rows = connection.execute(
        select(_outbox.c.message_key, _outbox.c.content)
        .where(_outbox.c.lane == lane, _outbox.c.state != "dead")
        .order_by(_outbox.c.id.desc())
        .limit(_LOOKED_AT)
    ).all()
    for row in rows:
        if (action, subject) in _buttons(row.content):
            newest = next(r.content for r in rows if r.message_key == row.message_key)
            return row.message_key, newest
    return None


def _buttons(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for block in content.get("blocks", []):
        for control in block.get("controls", []) if block.get("kind") == "controls" else []:
            yield control.get("action", ""), control.get("subject", "")
