"""What is to be sent, what was sent, and what came in."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class Outbox(SQLModel, table=True):
    """One message to post or edit on one surface.

    ``state``: waiting, sending, sent, merged (a later edit of the same message took its place),
    skipped (for a person without an account there), dead.
    ``lane`` is the surface, tenant and channel: in a lane things are sent in order, one at a time.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_lane", "state", "lane", "id"),
        Index("ix_outbox_message", "message_key", "id"),
        Index("ix_outbox_key", "key"),
    )

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    )
    lane: str
    kind: str = Field(description="post or edit")
    key: str = Field(description="our own name of what is said, wherever it is said")
    message_key: str = Field(
        description="key@surface:channel; one message key is one message in chat"
    )
    thread_key: str = Field(default="", description="the message key of the thread's root")
    place: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    state: str = "waiting"
    attempts: int = 0
    not_before: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    maybe_sent: bool = Field(
        default=False,
        description="a sender may have sent it without knowing: ask before sending again",
    )
    reason: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)


class MessageRef(SQLModel, table=True):
    """Where a message of ours stands in chat."""

    __tablename__ = "message_ref"
    __table_args__ = (Index("ix_message_ref_message", "message_id"),)

    message_key: str = Field(primary_key=True)
    surface: str
    tenant: str
    channel: str
    message_id: str
    thread_id: str = Field(
        default="", description="the thread root's message id when it is a reply"
    )
    posted_at: datetime = Field(sa_type=UtcDateTime)


class Delivered(SQLModel, table=True):
    """An interaction that was handled, with its reply: a redelivery gets the same one again."""

    __tablename__ = "delivered"

    delivery_id: str = Field(primary_key=True, description="surface:id")
    reply: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime)


class ConsoleMessage(SQLModel, table=True):
    """The local console's own channels: what Slack keeps for us elsewhere."""

    __tablename__ = "console_message"
    __table_args__ = (
        UniqueConstraint("message_key"),
        Index("ix_console_message_channel", "channel", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    message_key: str
    channel: str
    thread_id: int | None = Field(
        default=None, description="id of the thread's root; None for a root"
    )
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    revision: int = Field(default=1, description="grows with every edit")
    posted_at: datetime = Field(sa_type=UtcDateTime)
    edited_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
