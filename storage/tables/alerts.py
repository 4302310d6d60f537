"""Anomalies, what people said of them, and what that teaches the detector."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, text
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class Anomaly(SQLModel, table=True):
    """One anomaly from its first day to its end, however many days that is.

    ``state``: open, investigating, expected, snoozed, false-alarm, resolved. Per signal, scope and
    direction at most one is unfinished.
    """

    __tablename__ = "anomaly"
    __table_args__ = (
        Index(
            "uq_anomaly_unfinished",
            "signal",
            "scope",
            "direction",
            unique=True,
            sqlite_where=text("ended_on IS NULL"),
            postgresql_where=text("ended_on IS NULL"),
        ),
        Index("ix_anomaly_state", "state"),
    )

    id: str = Field(primary_key=True, description="opaque; what buttons carry")
    version: int = Field(
        default=1, description="grows with every change; a button of an older one is stale"
    )
    signal: str
    scope: str = Field(description="dimension:value")
    direction: str = Field(description="up or down")
    state: str = "open"
    started_on: date
    last_on: date = Field(description="the last anomalous day")
    ended_on: date | None = Field(
        default=None, description="the day on which it was over; None while it lasts"
    )
    severity: str
    impact_micros: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    found: dict[str, Any] = Field(
        sa_column=Column(JSON, nullable=False), description="the detector's finding"
    )
    owner: str = ""
    channels: list[str] = Field(sa_column=Column(JSON, nullable=False))
    decided_by: str = Field(default="", description="who set the state, as they are shown")
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = ""
    cause: str = ""
    quiet_until: date | None = None
    policy_hash: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)


class Feedback(SQLModel, table=True):
    """What people said of a pattern; the detector is quieter about it afterwards."""

    __tablename__ = "feedback"
    __table_args__ = (Index("ix_feedback_scope", "signal", "scope"),)

    id: int | None = Field(default=None, primary_key=True)
    anomaly_id: str
    signal: str
    scope: str
    direction: str
    kind: str = Field(description="expected or false-alarm")
    level: float = Field(
        description="the observed value that was called expected, in the signal's unit"
    )
    score: float = Field(description="the score that was a false alarm")
    until: date | None = Field(default=None, description="expected until this day; None: for good")
    said_by: str = ""
    said_at: datetime = Field(sa_type=UtcDateTime)


class AlertGroup(SQLModel, table=True):
    """A flood for one channel as one message."""

    __tablename__ = "alert_group"

    id: str = Field(primary_key=True)
    channel: str
    day: date
    created_at: datetime = Field(sa_type=UtcDateTime)


class AlertGroupMember(SQLModel, table=True):
    """An anomaly that a grouped message names."""

    __tablename__ = "alert_group_member"

    group_id: str = Field(primary_key=True, foreign_key="alert_group.id")
    anomaly_id: str = Field(primary_key=True, foreign_key="anomaly.id", index=True)
