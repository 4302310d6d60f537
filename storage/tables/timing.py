"""Claims on scheduled work: who runs a slot, what is due when."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class JobRun(SQLModel, table=True):
    """A slot of a job that someone has claimed: one runner whatever the number of replicas."""

    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("job", "slot"),)

    id: int | None = Field(default=None, primary_key=True)
    job: str
    slot: str = Field(description="the local time it stands for, such as 2026-11-23T06:00")
    claimed_at: datetime = Field(sa_type=UtcDateTime)
    owner: str = Field(default="", description="of the claim: whoever lost it may not finish it")
    leased_until: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str = ""


class Deadline(SQLModel, table=True):
    """Something that is due once: the end of a snooze, a review, an expiry."""

    __tablename__ = "deadline"
    __table_args__ = (UniqueConstraint("kind", "subject"), Index("ix_deadline_due_at", "due_at"))

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    subject: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    attempts: int = 0
