"""A small company's rollups, written straight into the tables."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert

from guardrails.policy.model import Policy
from storage.tables import METADATA
from storage.tables.spend import BillPeriod, CostRollup, MetricPoint

FIRST = date(2026, 1, 5)  # a Monday


def policy(**changes: Any) -> Policy:
    """The smallest policy, with changes to its sections."""
    plain: dict[str, Any] = {
        "version": 1,
        "workspace": {"name": "Test"},
        "bills": [{"name": "cloud", "files": "bills"}],
        "channels": {"spend": {}},
        "alerts": {"default": "spend"},
    }
    return Policy.model_validate({**plain, **changes})


def charge(day: int, money: float, **columns: Any) -> dict[str, Any]:
    """One rollup row, ``day`` days after the first."""
    at = FIRST + timedelta(days=day)
    return {
        "bill": "cloud",
        "period": at.replace(day=1),
        "day": at,
        "hour": 0,
        "currency": "USD",
        **dict.fromkeys(
            ("experiment", "team", "feature", "workload", "stage", "owner", "segment"), ""
        ),
        "allocated_by": "tags",
        **dict.fromkeys(("provider", "account", "region", "service", "sku", "resource"), ""),
        "category": "Usage",
        "is_ai": True,
        "is_gpu": False,
        "cost_micros": round(money * 1_000_000),
        "quantity": 0.0,
        "unit": "",
        **columns,
    }


def metric(day: int, name: str, value: float, **columns: Any) -> dict[str, Any]:
    """One metric row."""
    keys = ("experiment", "team", "feature", "workload", "stage", "owner", "segment")
    return {
        "source": "metrics",
        "metric": name,
        "day": FIRST + timedelta(days=day),
        "value": value,
        "unit": "",
        **dict.fromkeys(keys, ""),
        **columns,
    }


def fill(
    connection: Connection,
    charges: Iterable[Mapping[str, Any]],
    metrics: Iterable[Mapping[str, Any]] = (),
    complete_through: Mapping[str, int] | None = None,
) -> None:
    """Writes rows into an empty database; ``complete_through`` by bill, in days after the first."""
    METADATA.create_all(connection)
    rows = list(charges)
    connection.execute(insert(CostRollup), rows)
    points = list(metrics)
    if points:
        connection.execute(insert(MetricPoint), points)
    last = max(row["day"] for row in rows)
    for bill, currency in {(row["bill"], row["currency"]) for row in rows}:
        through = (complete_through or {}).get(bill)
        micros = sum(
            r["cost_micros"] for r in rows if (r["bill"], r["currency"]) == (bill, currency)
        )
        connection.execute(
            insert(BillPeriod),
            {
                "bill": bill,
                "period": FIRST.replace(day=1),
                "currency": currency,
                "rows": len(rows),
                "rollups": len(rows),
                "money_in_micros": micros,
                "money_out_micros": micros,
                "quarantined_rows": 0,
                "complete_through": last if through is None else FIRST + timedelta(days=through),
                "ingested_at": datetime(2026, 7, 1, tzinfo=UTC),
                "fingerprint": "",
            },
        )


def dollars(micros: int) -> Decimal:
    """Micros as money."""
    return Decimal(micros) / 1_000_000
