"""The audit chain: every state change, each entry bound to the one before it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class AuditEntry(SQLModel, table=True):
    """Who did what to which subject, why, and under which policy."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_subject", "subject"),)

    seq: int = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str
    action: str
    subject: str
    reason: str = ""
    detail: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    policy_hash: str
    previous: str
    hash: str


class AuditHead(SQLModel, table=True):
    """The chain's end: one row, locked by whoever appends, so that the chain never forks."""

    __tablename__ = "audit_head"

    id: int = Field(primary_key=True)
    seq: int
    hash: str
