"""Budgets as ledgers, what people were told of them, overruns and who agreed, joint reviews."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class BudgetEntry(SQLModel, table=True):
    """One movement of a budget's limit in a period; entries are added, never changed."""

    __tablename__ = "budget_entry"
    __table_args__ = (UniqueConstraint("budget", "period", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    budget: str
    period: str
    key: str = Field(description="what moved it; the same thing moves it once")
    kind: str = Field(description="set, correction, overrun, bridge, gate")
    amount_micros: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str = Field(
        default="", description="of the amount; empty: the workspace's (before this was kept)"
    )
    until: date | None = Field(default=None, description="the last day on which it counts")
    actor: str
    reason: str = ""
    policy_hash: str
    at: datetime = Field(sa_type=UtcDateTime)


class BudgetNudge(SQLModel, table=True):
    """That people were told of a share of a budget that was reached."""

    __tablename__ = "budget_nudge"
    __table_args__ = (UniqueConstraint("budget", "period", "basis", "percent"),)

    id: int | None = Field(default=None, primary_key=True)
    budget: str
    period: str
    basis: str = Field(description="actual or forecast")
    percent: int
    at: datetime = Field(sa_type=UtcDateTime)


class Overrun(SQLModel, table=True):
    """Spend, or a request to spend, beyond a budget. Of one budget and period one is open at a time."""

    __tablename__ = "overrun"
    __table_args__ = (
        Index(
            "ix_overrun_open",
            "budget",
            "period",
            unique=True,
            sqlite_where=text("state IN ('open', 'review')"),
            postgresql_where=text("state IN ('open', 'review')"),
        ),
        Index("ix_overrun_state", "state", "opened_at"),
    )

    id: str = Field(primary_key=True)
    budget: str
    period: str
    kind: str = Field(description="actual, forecast, asked, sandbox")
    state: str = Field(
        default="open", description="open, review, granted, declined, halted, expired, withdrawn"
    )
    version: int = 1
    revision: int = Field(
        default=1, description="grows when the amount changes: agreements are void"
    )
    amount_micros: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str = Field(
        default="", description="of its amounts; empty: the workspace's (before it was kept)"
    )
    until: date = Field(description="the last day that it is for")
    why: str = ""
    value: str = Field(default="", description="what is expected of it")
    asked_by: str = Field(default="", description="a person; empty when it started by itself")
    asked_name: str = ""
    owner: str = Field(default="", description="the budget's owner: interested as whoever asked")
    channel: str
    rung: int
    rung_name: str
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    anomaly_id: str | None = None
    opened_at: datetime = Field(sa_type=UtcDateTime)
    placed_at: datetime = Field(sa_type=UtcDateTime, description="when it came to this rung")
    due_at: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str = ""
    decided_name: str = ""
    granted_micros: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    reason: str = ""
    policy_hash: str


class OverrunAgreement(SQLModel, table=True):
    """That someone agreed to an overrun's amount, with the roles of then."""

    __tablename__ = "overrun_agreement"
    __table_args__ = (UniqueConstraint("overrun_id", "revision", "person"),)

    id: int | None = Field(default=None, primary_key=True)
    overrun_id: str = Field(index=True)
    revision: int
    person: str
    name: str
    roles: list[str] = Field(sa_column=Column(JSON, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime)


class Review(SQLModel, table=True):
    """A joint review of an overrun: who takes part, until when, what came of it."""

    __tablename__ = "review"

    overrun_id: str = Field(primary_key=True)
    opens_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    opened: bool = False
    participants: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    moved: str = ""
    summary: str = ""
    late: int = Field(default=0, description="how often it was escalated for being late")


class ReviewItem(SQLModel, table=True):
    """A deliverable of a review, or a note from its thread."""

    __tablename__ = "review_item"
    __table_args__ = (Index("ix_review_item_overrun", "overrun_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    overrun_id: str
    kind: str = Field(description="deliverable, note, follow-up")
    label: str
    person: str = Field(default="", description="who owes it, or wrote it")
    name: str = ""
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: str = ""
    at: datetime = Field(sa_type=UtcDateTime)
