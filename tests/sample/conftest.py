"""One sample for all tests of this folder, and a way to read it back as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from storage.sample import SampleReport, write_sample

UNTIL = date(2026, 11, 22)
WANTED = (
    "ProviderName",
    "ServiceProviderName",
    "BillingCurrency",
    "BilledCost",
    "EffectiveCost",
    "ChargeCategory",
    "ChargeClass",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "BillingPeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ServiceName",
    "ServiceCategory",
    "SkuId",
    "SkuMeter",
    "SubAccountName",
    "ResourceName",
    "Tags",
)


@dataclass
class Sample:
    """A written sample: its report and a DuckDB table ``bill`` of it, all text, with ``file``."""

    report: SampleReport
    database: duckdb.DuckDBPyConnection

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.execute(query, values).fetchall()


def read_back(folder: Path, database: duckdb.DuckDBPyConnection) -> None:
    """Fills the table ``bill`` from every file in ``folder/bill``."""
    columns = ", ".join(f"{c} VARCHAR" for c in WANTED)
    database.execute(f"CREATE TABLE bill (file VARCHAR, {columns}, experiment VARCHAR)")
    for path in sorted((folder / "bill").iterdir()):
        if path.suffix == ".parquet":
            source = f"read_parquet('{path}')"
        else:
            source = f"read_csv('{path}', all_varchar = true, nullstr = ['', 'NULL'])"
        described = database.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        has = {name for name, *_ in described}
        taken = [f"{c}::VARCHAR AS {c}" if c in has else f"NULL AS {c}" for c in WANTED]
        if path.suffix == ".parquet":
            taken[-1] = "to_json(map_from_entries(Tags))::VARCHAR AS Tags"
        names = ("$.experiment", '$."experiment "', "$.Experiment", '$."ml-experiment"',
                 "$.EXPERIMENT", "$.exp")  # fmt: skip
        tags = ", ".join(f"json_extract_string(Tags, '{name}')" for name in names)
        database.execute(
            f"INSERT INTO bill SELECT ?, *, coalesce({tags}) FROM (SELECT {', '.join(taken)} FROM {source})",
            [path.name],
        )


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    folder = tmp_path_factory.mktemp("sample") / "sample"
    report = write_sample(folder, until=UNTIL)
    with duckdb.connect() as database:
        read_back(folder, database)
        yield Sample(report, database)


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    """The shortest sample, read by tests and changed by none."""
    return write_sample(tmp_path_factory.mktemp("short") / "sample", days=45, until=UNTIL)
