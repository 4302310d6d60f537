"""Dirty bills in files: what is read, and what a person is told when it cannot be."""

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storage.bills.ingest import ingest
from storage.bills.report import IngestReport
from storage.database import Database
from tests.bills.charges import (
    PUBLIC,
    USUAL,
    charge,
    load_files,
    rollups,
    sample_file,
    total,
    write_csv,
)

TODAY = date(2026, 11, 23)


def test_a_charge_becomes_a_rollup_row_with_everything_that_matters(
    tmp_path: Path, database: Database
) -> None:
    tags = json.dumps({"Team ": " ds ", "feature": "search", "ENV": "pilot", "owner": "ada"})
    write_csv(tmp_path / "bill.csv", [charge(Tags=tags), charge(Tags=tags, BilledCost="0.25")])
    report = ingest(load_files("bill.csv", tmp_path), database, today=TODAY)
    (row,) = rollups(database)
    assert row == {
        "bill": "main",
        "period": date(2026, 10, 1),
        "day": date(2026, 10, 5),
        "hour": 0,
        "currency": "USD",
        "experiment": "",
        "team": "data-science",
        "feature": "search",
        "workload": "",
        "stage": "pilot",
        "owner": "ada",
        "segment": "",
        "allocated_by": "tags",
        "provider": "AWS",
        "account": "research",
        "region": "us-east-1",
        "service": "Amazon EC2",
        "sku": "GPU hours",
        "resource": "i-1",
        "category": "Usage",
        "is_ai": False,
        "is_gpu": True,
        "cost": Decimal("1.75"),
        "quantity": 4.0,
        "unit": "Hours",
    }
    (period,) = report.periods
    assert (period.rows, period.rollups, period.money_in, period.money_out) == (
        2,
        1,
        Decimal("1.750000"),
        Decimal("1.750000"),
    )


def test_the_public_sample_is_read_whole(tmp_path: Path, sqlite: Database) -> None:
    file = sample_file(tmp_path)
    report = ingest(load_files(file, tmp_path), sqlite, today=TODAY)
    import csv

    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert report.bills[0].rows == len(rows)
    assert report.quarantined == 0
    exact: dict[str, Decimal] = {}
    for one in rows:
        month = one["BillingPeriodStart"][:10]
        exact[month] = exact.get(month, Decimal(0)) + Decimal(one["BilledCost"])
    found = {p.period.isoformat(): p.money_out for p in report.periods}
    assert found == {m: s.quantize(Decimal("0.000001")) for m, s in exact.items()}


def test_draft_rows_of_model_apis_keep_tokens_and_a_sku_that_names_the_model(
    tmp_path: Path, sqlite: Database
) -> None:
    file = PUBLIC / "focus_1.5wd_ai_model_billing_multi_model_usage.csv"
    if not file.exists():
        draft = charge(
            SkuId="solora-atlas-5.5-input",
            SkuMeter="Input Tokens",
            ConsumedQuantity="10000000",
            ConsumedUnit="Tokens",
            ServiceCategory="AI and Machine Learning",
            ServiceProviderName="Solora AI",
        )
        file = write_csv(tmp_path / "draft.csv", [draft])
    ingest(load_files(file, tmp_path), sqlite, today=TODAY)
    found = {row["sku"]: row for row in rollups(sqlite)}
    row = found["solora-atlas-5.5-input"]
    assert (row["quantity"], row["unit"], row["is_ai"]) == (10_000_000.0, "Tokens", True)
    assert row["provider"] in ("Solora AI", "AWS")


def _one_each(
    folder: Path, database: Database, changes: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], IngestReport]:
    """Reads one bill with a row of each change; the rollup rows in the same order, and the report."""
    rows = [charge(**change, ResourceId=f"{i:03d}") for i, change in enumerate(changes)]
    write_csv(folder / "bill.csv", rows)
    report = ingest(load_files("bill.csv", folder), database, today=TODAY)
    return sorted(rollups(database), key=lambda row: str(row["resource"])), report


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_name_that_looks_like_a_pattern_is_read_once(
    tmp_path: Path, sqlite: Database, ending: str
) -> None:
    """The story: beside aws1.csv lay a download that the browser had called aws[1].csv. DuckDB took
    that name for a pattern, read aws1.csv twice and aws[1].csv never: $200 in, $200 out."""
    import duckdb

    names = {"aws1": "100", "aws[1]": "905", "a?s1": "7", "a*": "1000"}
    for name, cost in names.items():
        file = write_csv(tmp_path / f"{len(name)}{cost}.tmp", [charge(BilledCost=cost)])
        target = tmp_path / "bill" / f"{name}.{ending}"
        target.parent.mkdir(exist_ok=True)
        if ending == "parquet":
            packed = tmp_path / f"{cost}.packed"
            duckdb.sql(f"SELECT * FROM read_csv('{file}')").write_parquet(str(packed))
            file = packed
        file.rename(target)
    report = ingest(load_files("bill", tmp_path), sqlite, today=TODAY)
    assert total(sqlite) == 100 + 905 + 7 + 1000
    assert (report.bills[0].files, report.bills[0].rows) == (4, 4)


def test_times_in_every_spelling_are_the_utc_day(tmp_path: Path, sqlite: Database) -> None:
    days = {
        "2026-10-05T10:00:00Z": date(2026, 10, 5),
        "2026-10-05 10:00:00": date(2026, 10, 5),
        "2026-10-05": date(2026, 10, 5),
        " 2026-10-05T10:00Z ": date(2026, 10, 5),
        "2026-10-05T10:00:00.123456Z": date(2026, 10, 5),
        "2026-10-05T23:30:00-05:00": date(2026, 10, 6),
        "2026-10-05 00:30:00+02": date(2026, 10, 4),
        "2026-10-05 10:00:00 UTC": date(2026, 10, 5),
    }
    rows, _ = _one_each(tmp_path, sqlite, [{"ChargePeriodStart": text} for text in days])
    assert [row["day"] for row in rows] == list(days.values())


@pytest.mark.parametrize("grain", ["day", "hour"])
def test_the_grain_is_the_policys(tmp_path: Path, sqlite: Database, grain: str) -> None:
    times = ("2026-10-05T10:15:00Z", "2026-10-05T10:45:00+00:00", "2026-10-05 11:00:00")
    write_csv(tmp_path / "bill.csv", [charge(ChargePeriodStart=t) for t in times])
    ingest(load_files("bill.csv", tmp_path, grain=grain), sqlite, today=TODAY)
    found = [(row["hour"], row["cost"]) for row in rollups(sqlite)]
    hours = [(10, Decimal("3")), (11, Decimal("1.5"))]
    assert found == (hours if grain == "hour" else [(0, Decimal("4.5"))])


def test_costs_in_every_spelling_are_exact(tmp_path: Path, sqlite: Database) -> None:
    amounts = {
        "0.00000100000": "0.000001",
        "1e-3": "0.001",
        "1.5E+03": "1500",
        " 12.5 ": "12.5",
        "-3.25": "-3.25",
        "+5": "5",
        ".5": "0.5",
        "123456789012.000001": "123456789012.000001",
        "0.12345600000000000": "0.123456",
        "-0.50000000000000000": "-0.5",
        "-1234567.1250000000001": "-1234567.125",
    }
    rows, _ = _one_each(tmp_path, sqlite, [{"BilledCost": text} for text in amounts])
    assert [row["cost"] for row in rows] == [Decimal(amount) for amount in amounts.values()]


def test_what_is_smaller_than_a_millionth_is_not_lost(tmp_path: Path, sqlite: Database) -> None:
    rows, report = _one_each(tmp_path, sqlite, [{"BilledCost": "0.0000004"}] * 5)
    assert sum(row["cost"] for row in rows) == Decimal("0.000002")
    assert report.periods[0].money_in == report.periods[0].money_out == Decimal("0.000002")


def test_tags_in_every_form(tmp_path: Path, sqlite: Database) -> None:
    teams = {
        '{"team": "search"}': "search",
        '{" TEAM ": " search "}': "search",
        '{"Squad": "search"}': "search",
        '{"squad": "ads", "Team": "search"}': "search",
        '{"team": "", "squad": "search"}': "search",
        '{"team": "NULL"}': "",
        '{"team": "DS"}': "data-science",
        '{"team": "say \\"hi\\" / ~ é"}': 'say "hi" / ~ é',
        '{"team": 7}': "7",
        '{"team": null}': "",
        '{"a/b": "x", "team": "search"}': "search",
        '[{"key": "team", "value": "search"}]': "search",
        '[{"Key": "Team ", "Value": "search"}]': "search",
        '"team": "search","env": "prod"': "search",
        "NULL": "",
        "": "",
        "{}": "",
        "[]": "",
    }
    rows, report = _one_each(tmp_path, sqlite, [{"Tags": tags} for tags in teams])
    assert {tags: row["team"] for tags, row in zip(teams, rows, strict=True)} == teams
    assert report.bills[0].unreadable_tags == 0


def test_tags_that_are_not_json_keep_the_row_and_are_counted(
    tmp_path: Path, sqlite: Database
) -> None:
    broken = ['{"team": ', "{'team': 'search'}", "team=search", "[1, 2", "3"]
    rows, report = _one_each(tmp_path, sqlite, [{"Tags": tags} for tags in [*broken, "{}"]])
    assert [row["team"] for row in rows] == [""] * 6
    assert report.bills[0].unreadable_tags == 5


def test_columns_that_an_older_version_lacks_read_as_empty(
    tmp_path: Path, sqlite: Database
) -> None:
    few = (
        "BilledCost",
        "BillingCurrency",
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargePeriodStart",
    )
    write_csv(tmp_path / "bill.csv", [{name: USUAL[name] for name in few}])
    ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    (row,) = rollups(sqlite)
    assert (row["provider"], row["sku"], row["quantity"], row["cost"]) == (
        "",
        "",
        0.0,
        Decimal("1.5"),
    )


def test_names_of_columns_may_differ_in_case_and_separators(
    tmp_path: Path, sqlite: Database
) -> None:
    renamed = {"billed_cost": "2", "BILLINGCURRENCY": "usd", "Billing Period Start": "2026-10-01"}
    row = {
        k: v
        for k, v in USUAL.items()
        if k not in ("BilledCost", "BillingCurrency", "BillingPeriodStart")
    }
    write_csv(tmp_path / "bill.csv", [{**renamed, **row}])
    ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert [(row["cost"], row["currency"]) for row in rollups(sqlite)] == [(Decimal("2"), "USD")]


def test_the_provider_is_whichever_column_says_it(tmp_path: Path, sqlite: Database) -> None:
    row = charge(ServiceProviderName="NULL", HostProviderName="Google Cloud")
    del row["ProviderName"]
    write_csv(tmp_path / "bill.csv", [row])
    ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert rollups(sqlite)[0]["provider"] == "Google Cloud"


def test_the_cost_column_is_the_policys(tmp_path: Path, sqlite: Database) -> None:
    write_csv(tmp_path / "bill.csv", [charge(EffectiveCost="9.99")])
    ingest(load_files("bill.csv", tmp_path, cost="EffectiveCost"), sqlite, today=TODAY)
    assert total(sqlite) == Decimal("9.99")


def test_credits_refunds_and_corrections_count(tmp_path: Path, sqlite: Database) -> None:
    rows = [
        charge(BilledCost="100"),
        charge(BilledCost="-30.01", ChargeCategory="Credit"),
        charge(BilledCost="-5", ChargeClass="Correction"),
        charge(BilledCost="400", ChargeCategory="Purchase"),
    ]
    for row in rows:
        row.setdefault("ChargeClass", "")
    write_csv(tmp_path / "bill.csv", rows)
    report = ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert report.periods[0].money_out == Decimal("464.99")


def _parquet(path: Path, **typed: Any) -> None:
    """A Parquet file whose columns have the types that clouds write."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: [value, value] for name, value in {**USUAL, **typed}.items()}
    arrays = {
        name: values[0] if isinstance(values[0], pa.Array) else pa.array(values)
        for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), path)


def test_parquet_with_types(tmp_path: Path, sqlite: Database) -> None:
    from datetime import UTC, datetime

    import pyarrow as pa

    at = datetime(2026, 10, 5, 23, 30, tzinfo=UTC)
    _parquet(
        tmp_path / "bill.parquet",
        BilledCost=pa.array([Decimal("1.1"), Decimal("2.2")], pa.decimal128(20, 9)),
        ChargePeriodStart=pa.array([at, at], pa.timestamp("us", "UTC")),
        BillingPeriodStart=pa.array([date(2026, 10, 1)] * 2, pa.date32()),
        ConsumedQuantity=pa.array([1.5, float("nan")], pa.float64()),
        Tags=pa.array(
            [[("Team", "search")], [("squad", "ads")]], pa.map_(pa.string(), pa.string())
        ),
    )
    ingest(load_files("bill.parquet", tmp_path), sqlite, today=TODAY)
    found = [(row["team"], row["cost"], row["day"], row["quantity"]) for row in rollups(sqlite)]
    assert sorted(found) == [
        ("ads", Decimal("2.2"), date(2026, 10, 5), 0.0),
        ("search", Decimal("1.1"), date(2026, 10, 5), 1.5),
    ]


def test_parquet_with_doubles_structs_and_lists(tmp_path: Path, sqlite: Database) -> None:
    import pyarrow as pa

    pair = pa.struct([("key", pa.string()), ("value", pa.string())])
    struct = pa.struct([("team", pa.string()), ("feature", pa.string())])
    for name, tags in (
        ("a", pa.array([[{"key": "team", "value": "search"}], None], pa.list_(pair))),
        ("b", pa.array([{"team": "ads", "feature": None}] * 2, struct)),
    ):
        _parquet(
            tmp_path / f"{name}.parquet",
            BilledCost=pa.array([0.1, 0.2], pa.float64()),
            Tags=tags,
        )
        ingest(load_files(f"{name}.parquet", tmp_path), sqlite, today=TODAY)
        sums: dict[str, Decimal] = {}
        for row in rollups(sqlite):
            sums[row["team"]] = sums.get(row["team"], Decimal(0)) + row["cost"]
        expected = {"search": Decimal("0.1"), "": Decimal("0.2")}
        assert sums == (expected if name == "a" else {"ads": Decimal("0.3")})


def test_a_folder_of_csv_gz_and_parquet_is_one_bill_and_copies_count_once(
    tmp_path: Path, sqlite: Database
) -> None:
    folder = tmp_path / "bill"
    write_csv(folder / "a.csv", [charge(BilledCost="1")])
    (folder / "copy of a.csv").write_bytes((folder / "a.csv").read_bytes())
    other = write_csv(tmp_path / "b.csv", [charge(BilledCost="2", x_Extra="1")])
    (folder / "sub").mkdir()
    (folder / "sub" / "b.csv.gz").write_bytes(gzip.compress(other.read_bytes()))
    _parquet(folder / "c.parquet")
    (folder / "README.md").write_text("not a bill")
    report = ingest(load_files("bill", tmp_path), sqlite, today=TODAY)
    assert total(sqlite) == Decimal("6")  # 1 + 2 + twice 1.50 in the Parquet file
    assert report.bills[0].files == 3
    assert report.bills[0].notes == (
        "not read, neither CSV nor Parquet: README.md",
        "copy of a.csv is a copy of a.csv and counts once",
    )
    glob = load_files("bill/*.csv", tmp_path)
    assert ingest(glob, sqlite, today=TODAY).periods[0].money_out == Decimal("1")


def test_a_header_with_other_delimiters_a_mark_and_quotes(tmp_path: Path, sqlite: Database) -> None:
    file = write_csv(tmp_path / "bill.csv", [charge(ServiceName='Say "hi", twice')])
    text = file.read_text(encoding="utf-8")
    file.write_text("\ufeff" + text, encoding="utf-8")
    ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert rollups(sqlite)[0]["service"] == 'Say "hi", twice'
    plain = write_csv(tmp_path / "plain.csv", [charge(Tags="")])
    plain.write_text(plain.read_text().replace(",", ";"))
    ingest(load_files("plain.csv", tmp_path), sqlite, today=TODAY)
    assert total(sqlite) == Decimal("1.5")
