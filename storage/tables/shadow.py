"""Spend that nobody had claimed: what was asked about it, and the rules that came of the answers."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class ShadowQuestion(SQLModel, table=True):
    """One kind of unclaimed AI spend (an account and a service) that people are asked about."""

    __tablename__ = "shadow_question"
    __table_args__ = (UniqueConstraint("account", "service"),)

    id: str = Field(primary_key=True)
    account: str
    service: str
    state: str = Field(default="asked", description="asked, claimed, not-ai, ended, withdrawn")
    version: int = 1
    times: int = Field(default=1, description="how often it was asked; each time has its message")
    cost_micros: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    first_day: date
    last_day: date
    asked: str = Field(default="", description="who is asked: an e-mail; empty: the channel")
    channel: str
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    decided_by: str = ""
    decided_name: str = ""
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    asked_at: datetime = Field(sa_type=UtcDateTime)


class Claim(SQLModel, table=True):
    """An allocation rule that somebody's claim has become; it counts after the policy's rules."""

    __tablename__ = "claim"

    id: str = Field(primary_key=True)
    question_id: str
    account: str
    service: str
    sets: dict[str, Any] = Field(
        sa_column=Column(JSON, nullable=False), description="dimension → value; empty: not AI"
    )
    not_ai: bool = False
    note: str = ""
    person: str
    name: str
    at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_by: str = ""
