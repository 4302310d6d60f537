"""Small bills made by hand, and policies that read them."""

import csv
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storage.database import Database
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from storage.tables.spend import BillPeriod, CostRollup, QuarantinedRow

#: A public sample of FOCUS bills, where this machine has one; see :func:`sample_file`.
PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "focus"

USUAL: dict[str, Any] = {
    "BilledCost": "1.50",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-10-05T10:00:00Z",
    "ChargePeriodEnd": "2026-10-05T11:00:00Z",
    "ConsumedQuantity": "2",
    "ConsumedUnit": "Hours",
    "ProviderName": "AWS",
    "SubAccountName": "research",
    "RegionId": "us-east-1",
    "ServiceName": "Amazon EC2",
    "ServiceCategory": "Compute",
    "SkuId": "ABCDEF123",
    "SkuMeter": "GPU hours",
    "ResourceId": "i-1",
    "Tags": "{}",
}


def charge(**changes: Any) -> dict[str, Any]:
    """A row of a bill with everything usual but the changes."""
    return {**USUAL, **changes}


def write_csv(
    path: Path, rows: Iterable[Mapping[str, Any]], header: list[str] | None = None
) -> Path:
    """Writes rows as a CSV file with the first row's columns."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header or list(rows[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def sample_file(folder: Path) -> Path:
    """The public FOCUS sample; on a machine without it, a small bill of the same shape."""
    public = PUBLIC / "focus_sample.csv"
    if public.exists():
        return public
    rows = [
        charge(
            BilledCost=f"0.{i:011d}",
            BillingPeriodStart="2024-09-01 00:00:00",
            ChargePeriodStart=f"2024-09-{i % 30 + 1:02d} 22:00:00",
            ServiceName="Compute" if i % 5 else "Elastic Load Balancing",
            ResourceId="NULL" if i % 3 else f"arn:aws:ec2:us-west-2:1:instance/i-{i}",
            Tags="NULL" if i % 4 else '{"env": "prod", " org": "trey", "application": "Atlas"}',
        )
        for i in range(1, 400)
    ]
    return write_csv(folder / "focus_sample.csv", rows)


def load(source: str, folder: Path, more: str = "", **bill: Any) -> LoadedPolicy:
    """A policy that reads one bill: ``source`` is a path, or ``connection.table``."""
    said = "".join(f", {key}: {value}" for key, value in bill.items())
    text = f"""
version: 1
workspace: {{name: Example AI, currency: USD, rates: {{EUR: 1.25}}}}
channels: {{finops: {{}}}}
alerts: {{default: finops}}
bills:
  - {{name: main, {source}{said}}}
tags:
  experiment: {{keys: [experiment]}}
  team: {{keys: [team, squad], values: {{ds: data-science}}}}
  feature: {{keys: [feature]}}
  stage: {{keys: [stage, env]}}
  owner: {{keys: [owner]}}
{more}
"""
    policy = parse_policy(text)
    return LoadedPolicy(policy, policy_hash(policy), folder)


def load_files(path: Path | str, folder: Path, more: str = "", **bill: Any) -> LoadedPolicy:
    """A policy that reads one bill from files."""
    return load(f"files: '{path}'", folder, more, **bill)


def rollups(database: Database) -> list[dict[str, Any]]:
    """All stored rollup rows without their ids, in a fixed order; cost as Decimal."""
    table = CostRollup.__table__  # type: ignore[attr-defined]
    with database.read() as connection:
        found = [dict(row._mapping) for row in connection.execute(select(table))]
    for row in found:
        row.pop("id")
        row["cost"] = Decimal(row.pop("cost_micros")).scaleb(-6)
        row["quantity"] = round(row["quantity"], 6)
    return sorted(found, key=lambda row: [str(value) for value in row.values()])


def stored(database: Database) -> list[Any]:
    """All stored billing periods."""
    table = BillPeriod.__table__  # type: ignore[attr-defined]
    with database.read() as connection:
        return list(connection.execute(select(table).order_by(table.c.period, table.c.currency)))


def quarantined(database: Database) -> list[Any]:
    """All rows in quarantine."""
    table = QuarantinedRow.__table__  # type: ignore[attr-defined]
    with database.read() as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))


def total(database: Database) -> Decimal:
    """The sum of all stored money, whatever its currency."""
    return sum((row["cost"] for row in rollups(database)), Decimal(0))
