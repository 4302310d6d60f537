"""What the bills and metrics say, rolled up. Text is never null: an empty string means “not known”."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class CostRollup(SQLModel, table=True):
    """Spend and usage of one bucket (day or hour), allocation key and detail.

    All rows of one (bill, period) are replaced together. ``cost_micros`` are millionths of the billing
    ``currency``; their sum over a (bill, period, currency) is the bill's, exactly.
    """

    __tablename__ = "cost_rollup"
    __table_args__ = (
        Index("ix_cost_rollup_bill_period", "bill", "period"),
        Index("ix_cost_rollup_day", "day"),
        Index("ix_cost_rollup_experiment_day", "experiment", "day"),
    )

    id: int | None = Field(default=None, primary_key=True)
    bill: str
    period: date = Field(description="first day of the billing period")
    day: date
    hour: int = Field(default=0, description="0 to 23 when the bill's grain is hour, else 0")
    currency: str
    experiment: str = ""
    team: str = ""
    feature: str = ""
    workload: str = ""
    stage: str = ""
    owner: str = ""
    segment: str = ""
    allocated_by: str = Field(default="none", description="tags, rules, shared or none")
    provider: str = ""
    account: str = ""
    region: str = ""
    service: str = ""
    sku: str = ""
    resource: str = ""
    category: str = Field(default="", description="FOCUS ChargeCategory")
    is_ai: bool = False
    is_gpu: bool = False
    cost_micros: int = Field(sa_column=Column(BigInteger, nullable=False))
    quantity: float = Field(default=0.0, description="consumed quantity in ``unit``")
    unit: str = ""


class BillPeriod(SQLModel, table=True):
    """One billing period of one bill in one currency as it was last read: money in and out."""

    __tablename__ = "bill_period"
    __table_args__ = (UniqueConstraint("bill", "period", "currency"),)

    id: int | None = Field(default=None, primary_key=True)
    bill: str
    period: date
    currency: str
    rows: int
    rollups: int
    money_in_micros: int = Field(sa_column=Column(BigInteger, nullable=False))
    money_out_micros: int = Field(sa_column=Column(BigInteger, nullable=False))
    quarantined_rows: int = 0
    complete_through: date | None = Field(
        default=None, description="the last day that is complete; later days are still growing"
    )
    ingested_at: datetime = Field(sa_type=UtcDateTime)
    fingerprint: str = Field(
        default="", description="of what was read; equal means nothing changed"
    )


class QuarantinedRow(SQLModel, table=True):
    """A row of a bill that could not be read, kept whole with its reason and its money."""

    __tablename__ = "quarantined_row"
    __table_args__ = (Index("ix_quarantined_row_bill", "bill"),)

    id: int | None = Field(default=None, primary_key=True)
    bill: str
    file: str
    line: int = Field(default=0, description="row number in the file when known, from 1")
    reason: str
    money: str = Field(default="", description="the cost as it stands in the file")
    currency: str = ""
    row: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class MetricPoint(SQLModel, table=True):
    """One metric of one day and allocation key: usage, quality or revenue."""

    __tablename__ = "metric_point"
    __table_args__ = (
        UniqueConstraint(
            "metric",
            "day",
            "experiment",
            "team",
            "feature",
            "workload",
            "stage",
            "owner",
            "segment",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    source: str
    metric: str
    day: date
    value: float
    unit: str = ""
    experiment: str = ""
    team: str = ""
    feature: str = ""
    workload: str = ""
    stage: str = ""
    owner: str = ""
    segment: str = ""
