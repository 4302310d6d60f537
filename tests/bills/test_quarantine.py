"""What cannot be read: rows go to quarantine, files that are no bills are refused."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from storage.bills.errors import BillError
from storage.bills.ingest import ingest
from storage.database import Database
from tests.bills.charges import (
    USUAL,
    charge,
    load_files,
    quarantined,
    rollups,
    stored,
    total,
    write_csv,
)

TODAY = date(2026, 11, 23)


def test_rows_that_cannot_be_read_are_kept_whole(tmp_path: Path, database: Database) -> None:
    rows = [
        charge(),
        charge(BilledCost="1,234.50"),
        charge(BilledCost=""),
        charge(ChargePeriodStart="10/05/2026"),
        charge(ChargePeriodStart="2026-02-30T00:00:00Z"),
        charge(BillingPeriodStart="soon"),
        charge(BillingCurrency=""),
        charge(BillingCurrency="DOGE", ResourceId="i-9"),
        charge(BilledCost="99999999999999"),
    ]
    write_csv(tmp_path / "bill.csv", rows)
    loaded = load_files("bill.csv", tmp_path)
    report = ingest(loaded, database, today=TODAY)
    kept = quarantined(database)
    assert [(row.line, row.reason) for row in kept] == [
        (2, "BilledCost is not an amount"),
        (3, "BilledCost is missing"),
        (4, "ChargePeriodStart is not a time"),
        (5, "ChargePeriodStart is not a time"),
        (6, "BillingPeriodStart is not a time"),
        (7, "BillingCurrency is missing"),
        (8, "BillingCurrency is not an ISO 4217 currency"),
        (9, "BilledCost is not an amount"),
    ]
    assert kept[0].money == "1,234.50"
    assert kept[6].row["ResourceId"] == "i-9"
    assert kept[0].file == str(tmp_path / "bill.csv")
    assert total(database) == Decimal("1.5")
    assert report.quarantined == 8
    # a quarantined row whose period and currency can be read is counted with them
    assert stored(database)[0].quarantined_rows == 5
    ingest(loaded, database, today=TODAY)
    assert len(quarantined(database)) == 8  # replaced, not added
    write_csv(tmp_path / "bill.csv", [charge()])
    ingest(loaded, database, today=TODAY)
    assert quarantined(database) == []


def test_lines_with_a_wrong_number_of_fields_are_kept(tmp_path: Path, sqlite: Database) -> None:
    file = write_csv(tmp_path / "bill.csv", [charge(), charge(BilledCost="7"), charge()])
    lines = file.read_text().splitlines()
    lines[2] += ",more"
    lines.append("5.25,USD")
    file.write_text("\n".join(lines) + "\n")
    report = ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert total(sqlite) == Decimal("3")
    kept = quarantined(sqlite)
    assert [(row.line, row.money, row.currency) for row in kept] == [
        (3, "7", "USD"),
        (5, "5.25", "USD"),
    ]
    assert kept[0].reason == "the line has 19 fields where the header has 18"
    assert kept[1].row == {"line": "5.25,USD"}
    assert report.bills[0].rows == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a\0b\0c\0", "is not a text or Parquet file"),
        ("a,b\n1,2\n", "is not a FOCUS bill: it lacks the columns BilledCost, BillingCurrency"),
        (",".join(USUAL) + "\n", "has no rows"),
        (
            ",".join(USUAL) + "\n" + ",".join("x" for _ in USUAL) + "\n",
            "none of its 1 rows can be read, most of them because BilledCost is not an amount",
        ),
    ],
)
def test_what_is_no_bill_is_refused_in_one_sentence(
    tmp_path: Path, sqlite: Database, content: str, said: str
) -> None:
    write_csv(tmp_path / "good.csv", [charge()])
    ingest(load_files("good.csv", tmp_path), sqlite, today=TODAY)
    before = rollups(sqlite), stored(sqlite)
    (tmp_path / "bill.csv").write_text(content)
    with pytest.raises(BillError) as refused:
        ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert (rollups(sqlite), stored(sqlite)) == before


def test_a_file_in_the_folder_that_is_no_bill_is_named(tmp_path: Path, sqlite: Database) -> None:
    write_csv(tmp_path / "bill" / "a.csv", [charge()])
    (tmp_path / "bill" / "usage.csv").write_text("day,metric,value\n")
    with pytest.raises(BillError, match=r"usage\.csv is not a FOCUS bill"):
        ingest(load_files("bill", tmp_path), sqlite, today=TODAY)
    assert rollups(sqlite) == []


@pytest.mark.parametrize("where", ["nowhere.csv", "nowhere/", "bill/*.csv", "empty"])
def test_nothing_there_is_said(tmp_path: Path, sqlite: Database, where: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("-")
    with pytest.raises(BillError, match="there is no"):
        ingest(load_files(where, tmp_path), sqlite, today=TODAY)


def test_a_cloud_address_without_the_extension_is_said(
    tmp_path: Path, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.bills import engine

    # no download from a test: an extension of this name does not exist and cannot be fetched
    monkeypatch.setitem(engine._EXTENSIONS, "s3://", ("../nothing",))
    with pytest.raises(BillError, match="Bills at s3:// need DuckDB's extension"):
        ingest(load_files("s3://bucket/bill/*.parquet", tmp_path), sqlite, today=TODAY)


def test_a_binary_file_is_not_called_empty(tmp_path: Path, sqlite: Database) -> None:
    """The story: 800 bytes of a picture with the ending .csv were “empty”."""
    (tmp_path / "bill.csv").write_bytes(bytes(range(255, 55, -1)) * 4)
    with pytest.raises(BillError, match=r"bill\.csv is not a text or Parquet file"):
        ingest(load_files("bill.csv", tmp_path), sqlite, today=TODAY)


def test_of_many_bad_rows_the_first_are_kept_and_all_are_counted(
    tmp_path: Path, database: Database
) -> None:
    """The story: a bill with 300,000 rows of one mistake took 1.1 GB and filled the table with them."""
    bad = [charge(BillingCurrency="" if i % 2 else "DOGE", BilledCost="2") for i in range(2_400)]
    write_csv(tmp_path / "a.csv", [charge(), *bad, charge(BillingPeriodStart="soon")])
    write_csv(
        tmp_path / "b.csv", [{**charge(), "More": "x"}, {**charge(BilledCost="?"), "More": ""}]
    )
    report = ingest(load_files("*.csv", tmp_path), database, today=TODAY)
    assert [(q.reason, q.rows, q.kept, q.sums) for q in report.quarantine] == [
        ("BillingCurrency is missing", 1_200, 1_000, {"": 2_400}),
        ("BillingCurrency is not an ISO 4217 currency", 1_200, 1_000, {"": 2_400}),
        ("BilledCost is not an amount", 1, 1, {}),
        ("BillingPeriodStart is not a time", 1, 1, {"USD": Decimal("1.5")}),
    ]
    assert [(t.currency, t.money_in, t.quarantined) for t in report.totals] == [
        ("USD", 3, Decimal("1.5")),
        ("", 0, 4_800),
    ]
    kept = quarantined(database)
    assert len(kept) == 2_002
    assert [(Path(row.file).name, row.line) for row in (kept[0], kept[1], kept[-2], kept[-1])] == [
        ("a.csv", 2),
        ("a.csv", 3),
        ("a.csv", 2_402),
        ("b.csv", 2),
    ]


def test_a_file_that_is_no_parquet_is_said(tmp_path: Path, sqlite: Database) -> None:
    (tmp_path / "bill.parquet").write_text("no parquet at all")
    with pytest.raises(BillError, match=r"bill\.parquet cannot be read"):
        ingest(load_files("bill.parquet", tmp_path), sqlite, today=TODAY)
