"""Sandboxes, what actuators were told, redlines that were crossed, gates that were judged."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime

_LIVES = "state NOT IN ('declined', 'withdrawn')"


class Sandbox(SQLModel, table=True):
    """One experiment's sanctioned room. What it may spend stands in the ledger of its budget."""

    __tablename__ = "sandbox"
    __table_args__ = (
        # A name is an experiment's tag for good: bills would mix two sandboxes of one name.
        Index(
            "ix_sandbox_name",
            "name",
            unique=True,
            sqlite_where=text(_LIVES),
            postgresql_where=text(_LIVES),
        ),
        Index("ix_sandbox_state", "state"),
    )

    id: str = Field(primary_key=True)
    name: str = Field(description="lower case; the experiment tag of all that it spends")
    state: str = Field(
        description="requested, allocated, active, throttled, halted, expired, closed, graduated, "
        "declined, withdrawn"
    )
    version: int = 1
    hypothesis: str
    metric: str = Field(default="", description="what is measured")
    target: str = Field(default="", description="what counts as success, such as >= 0.82")
    feature: str
    workload: str
    stage: str
    team: str
    owner: str = Field(description="an e-mail address")
    resources: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    estimate_micros: int = Field(sa_column=Column(BigInteger, nullable=False))
    asked_micros: int = Field(
        sa_column=Column(BigInteger, nullable=False), description="estimate and headroom"
    )
    currency: str
    days: int
    starts_on: date | None = None
    ends_on: date | None = Field(default=None, description="the last day")
    data_class: str
    risk_class: str
    notes: str = ""
    zone: str = Field(default="", description="in which it was allocated; empty: by the ladder")
    asked_by: str
    asked_name: str
    asked_at: datetime = Field(sa_type=UtcDateTime)
    channel: str
    overrun_id: str = Field(default="", description="the request on the ladder")
    actuators: list[str] = Field(sa_column=Column(JSON, nullable=False))
    handles: dict[str, Any] = Field(
        sa_column=Column(JSON, nullable=False), description="actuator → what it wanted remembered"
    )
    active_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    halted_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="while it is halted, or when it ended so"
    )
    halted_by: str = Field(default="", description="an e-mail, or the automatism that did it")
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    why: str = Field(default="", description="of the last change of state")
    outcome: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    policy_hash: str


class Actuation(SQLModel, table=True):
    """One order to one actuator. Those of one sandbox and actuator are carried out in their order."""

    __tablename__ = "actuation"
    __table_args__ = (
        Index("ix_actuation_waiting", "state", "not_before"),
        Index("ix_actuation_sandbox", "sandbox_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    sandbox_id: str
    actuator: str
    operation: str = Field(description="allocate, change, throttle, halt, resume, close")
    state: str = Field(
        default="waiting", description="waiting, acting, asked (people), done, failed, dropped"
    )
    order: dict[str, Any] = Field(sa_column=Column("content", JSON, nullable=False))
    said: str = Field(default="", description="what was done, or why not yet")
    attempts: int = 0
    not_before: datetime = Field(sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: str = ""


class RedlineCase(SQLModel, table=True):
    """A redline that a sandbox has crossed, and how far its ladder has come."""

    __tablename__ = "redline_case"
    __table_args__ = (
        Index(
            "ix_redline_case_open",
            "sandbox_id",
            "redline",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    sandbox_id: str
    redline: str
    version: int = 1
    taken: list[list[str]] = Field(
        sa_column=Column(JSON, nullable=False), description="actions taken: action, ISO time"
    )
    act_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="when the countdown of a warning ends"
    )
    kept_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    kept_times: int = 0
    doubted: str = Field(default="", description="why it was last said that it cannot be judged")
    stopped_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="when it throttled or halted"
    )
    resumed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    verified_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="when bills said whether the halt has worked"
    )
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    opened_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    policy_hash: str


class GateCase(SQLModel, table=True):
    """A promotion that is proposed, or that a budget be lowered; and what was decided."""

    __tablename__ = "gate_case"
    __table_args__ = (
        Index(
            "ix_gate_case_open",
            "sandbox_id",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
    )

    id: str = Field(primary_key=True)
    sandbox_id: str
    gate: str
    kind: str = Field(description="promote or lower")
    state: str = Field(default="proposed", description="proposed, done, declined, withdrawn")
    version: int = 1
    amount_micros: int = Field(
        sa_column=Column(BigInteger, nullable=False), description="of the ledger's entry"
    )
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    proposed_at: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str = ""
    decided_name: str = ""
    reason: str = ""
    policy_hash: str


class GateSign(SQLModel, table=True):
    """That somebody signs for a sandbox to pass a gate."""

    __tablename__ = "gate_sign"
    __table_args__ = (UniqueConstraint("sandbox_id", "gate", "role"),)

    id: int | None = Field(default=None, primary_key=True)
    sandbox_id: str
    gate: str
    role: str
    person: str
    name: str
    at: datetime = Field(sa_type=UtcDateTime)
