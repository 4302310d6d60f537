"""The weekly council: its digests, what was asked of it, who said what, what follows."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class CouncilDigest(SQLModel, table=True):
    """That a week's digest was posted: once, whoever posts it."""

    __tablename__ = "council_digest"

    week: str = Field(primary_key=True, description="2026-W48")
    channel: str
    posted_at: datetime = Field(sa_type=UtcDateTime)
    closes_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    policy_hash: str


class CouncilItem(SQLModel, table=True):
    """One thing that is asked of a week's council, and what was decided."""

    __tablename__ = "council_item"
    __table_args__ = (UniqueConstraint("week", "kind", "subject"),)

    id: str = Field(primary_key=True)
    week: str
    kind: str = Field(description="sandbox, budget, topic")
    subject: str = Field(description="a sandbox's id, a budget's name, a topic's own id")
    title: str
    why: str = ""
    owner: str = Field(default="", description="whose follow-up it is: an e-mail")
    asked_by: str = ""
    asked_name: str = ""
    state: str = Field(default="open", description="open, standing, decided")
    decision: str = Field(default="", description="continue, scale, kill, defer")
    version: int = 1
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_names: list[str] = Field(sa_column=Column(JSON, nullable=False))
    reason: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)


class CouncilVote(SQLModel, table=True):
    """What somebody says of an item, with the roles of then."""

    __tablename__ = "council_vote"
    __table_args__ = (UniqueConstraint("item_id", "person"),)

    id: int | None = Field(default=None, primary_key=True)
    item_id: str
    person: str
    name: str
    roles: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    said: str = Field(description="continue, scale, kill, defer, object")
    why: str = ""
    at: datetime = Field(sa_type=UtcDateTime)


class CouncilFollowUp(SQLModel, table=True):
    """What has to be done after a decision, by whom, until when."""

    __tablename__ = "council_follow_up"
    __table_args__ = (Index("ix_council_follow_up_done_at", "done_at"),)

    id: str = Field(primary_key=True)
    item_id: str = Field(unique=True)
    week: str
    what: str
    owner: str
    due_on: date
    reminded: int = 0
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: str = ""
    done_name: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
