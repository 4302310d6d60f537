"""What is asked and said of the rules themselves: replays that were asked for in chat, retrospectives."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, Text
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class PolicyReplay(SQLModel, table=True):
    """A changed policy that somebody handed in to be replayed. Leased by whoever runs it (storage.rows.lease)."""

    __tablename__ = "policy_replay"
    __table_args__ = (Index("ix_policy_replay_state", "state"),)

    id: int | None = Field(default=None, primary_key=True)
    asked_by: str = Field(description="an e-mail")
    asked_name: str
    days: int = Field(description="how far back")
    policy_text: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(default="waiting", description="waiting, running, done, failed")
    asked_at: datetime = Field(sa_type=UtcDateTime)
    not_before: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fault: str = ""


class Retrospective(SQLModel, table=True):
    """That a quarter's retrospective was posted: once, whoever posts it; and what it said."""

    __tablename__ = "retrospective"

    quarter: str = Field(primary_key=True, description="2026-Q3")
    channel: str
    posted_at: datetime = Field(sa_type=UtcDateTime)
    said: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    policy_hash: str
