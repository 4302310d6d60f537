"""Checklists: where a runbook was shown, and who has ticked which step."""

from datetime import datetime

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class RunbookShown(SQLModel, table=True):
    """A checklist in the thread of a message. Its steps are the runbook's of now, its ticks its subject's."""

    __tablename__ = "runbook_shown"
    __table_args__ = (UniqueConstraint("key"), UniqueConstraint("root", "event"))

    id: str = Field(primary_key=True)
    key: str = Field(description="our name of the message")
    root: str = Field(description="the key of the message in whose thread it is")
    event: str
    subject: str = Field(description="what it is about, such as anomaly:1 or overrun:1")
    people: list[list[str]] = Field(
        sa_column=Column(JSON, nullable=False), description="who was asked: e-mail, name"
    )
    at: datetime = Field(sa_type=UtcDateTime)


class RunbookTick(SQLModel, table=True):
    """That somebody has done a step. It belongs to the step's words: the runbook may change around it."""

    __tablename__ = "runbook_tick"
    __table_args__ = (UniqueConstraint("subject", "event", "text"),)

    id: int | None = Field(default=None, primary_key=True)
    subject: str
    event: str
    step: int = Field(description="its number when it was ticked, from 1")
    text: str
    person: str
    name: str
    at: datetime = Field(sa_type=UtcDateTime)
