"""The same bill gives the same rollup from a file and from a table in PostgreSQL."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from storage.bills.errors import BillError
from storage.bills.ingest import ingest
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy
from tests.bills.charges import (
    charge,
    load,
    load_files,
    quarantined,
    rollups,
    sample_file,
    write_csv,
)
from tests.postgres import fresh_database

TODAY = date(2026, 11, 23)
RULES = """
allocation:
  rules:
    - {name: balancers, when: {ServiceName: {regex: '(?i)\\bload balanc'}}, set: {team: network}}
    - {name: west, when: {RegionId: {prefix: us-west}, not: {tag: {env: prod}}}, set: {team: west}}
    - {name: some, when: {ProviderName: {one_of: [Oracle, Microsoft]}}, set: {feature: other}}
"""


@pytest.fixture
def warehouse(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    url = fresh_database(postgres_server)
    monkeypatch.setenv("BILL_URL", url)
    return url


def _fill(url: str, file: Path, table: str = "focus") -> None:
    """The file as a table of text, column names in lower case as PostgreSQL likes them."""
    with file.open(newline="", encoding="utf-8") as opened:
        header, *rows = list(csv.reader(opened))
    columns = sql.SQL(", ").join(
        sql.SQL("{} text").format(sql.Identifier(h.lower())) for h in header
    )
    name = sql.Identifier(table)
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(name, columns))
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
            for row in rows:
                copy.write_row(row)


def _read(loaded: LoadedPolicy, folder: Path) -> tuple[list[dict[str, Any]], list[Any]]:
    folder.mkdir()
    database = Database(f"sqlite:///{folder / 'sandrail.db'}")
    try:
        upgrade(database)
        ingest(loaded, database, today=TODAY)
        kept = [(row.reason, row.money, row.currency) for row in quarantined(database)]
        return rollups(database), sorted(kept)
    finally:
        database.close()


def test_the_public_sample_is_the_same_as_file_and_as_table(warehouse: str, tmp_path: Path) -> None:
    file = sample_file(tmp_path)
    _fill(warehouse, file)
    table = load("connection: BILL_URL, table: focus", tmp_path, RULES)
    from_file, from_table = (
        _read(load_files(file, tmp_path, RULES), tmp_path / "file"),
        _read(table, tmp_path / "table"),
    )
    assert from_file == from_table
    assert {row["team"] for row in from_file[0]} > {"network"}


def test_a_dirty_bill_is_the_same_as_file_and_as_table(warehouse: str, tmp_path: Path) -> None:
    rows = [
        charge(Tags='{"TEAM ": " x "}', ChargePeriodStart="2026-10-05T23:30:00-05:00"),
        charge(Tags='[{"key": "squad", "value": "y"}]', BilledCost="1e-7"),
        charge(Tags="{broken", BilledCost="0.12345678901234567"),
        charge(Tags='{"team": "say \\"hi\\""}', ConsumedQuantity="many"),
        charge(BilledCost="-12.5", ProviderName="NULL", SubAccountName=""),
        charge(BilledCost="1,5"),
        charge(BilledCost="NaN"),
        charge(ChargePeriodStart="2026-02-30T00:00:00Z"),
        charge(ChargePeriodStart=""),
        charge(BillingCurrency="DOGE"),
        charge(BillingCurrency=" eur "),
        charge(BillingPeriodStart="x", ResourceId="gpu-1"),
    ]
    file = write_csv(tmp_path / "bill.csv", rows)
    _fill(warehouse, file)
    for grain in ("day", "hour"):
        table = load("connection: BILL_URL, table: focus", tmp_path, RULES, grain=grain)
        from_file = _read(load_files(file, tmp_path, RULES, grain=grain), tmp_path / f"f-{grain}")
        assert from_file == _read(table, tmp_path / f"t-{grain}")
        assert len(from_file[1]) == 6


def test_a_typed_table_is_the_same(warehouse: str, tmp_path: Path) -> None:
    rows = [charge(Tags='{"team": "a"}', BilledCost="0.1"), charge(Tags="{}", BilledCost="-2.25")]
    _fill(warehouse, write_csv(tmp_path / "bill.csv", rows))
    with psycopg.connect(warehouse) as connection:
        connection.execute(
            """CREATE SCHEMA billing; CREATE TABLE billing.focus AS SELECT *,
            chargeperiodstart::timestamptz AS t, billingperiodstart::date AS p,
            billedcost::numeric AS c, tags::jsonb AS j, consumedquantity::float8 AS q FROM focus;
            ALTER TABLE billing.focus DROP chargeperiodstart, DROP billingperiodstart,
            DROP billedcost, DROP tags, DROP consumedquantity;
            ALTER TABLE billing.focus RENAME t TO "ChargePeriodStart";
            ALTER TABLE billing.focus RENAME p TO billing_period_start;
            ALTER TABLE billing.focus RENAME c TO billed_cost;
            ALTER TABLE billing.focus RENAME j TO tags;
            ALTER TABLE billing.focus RENAME q TO consumed_quantity;
            INSERT INTO billing.focus (billed_cost, billingcurrency) VALUES ('NaN', 'USD')"""
        )
    table = load("connection: BILL_URL, table: billing.focus", tmp_path)
    from_table = _read(table, tmp_path / "table")
    assert from_table[0] == _read(load_files("bill.csv", tmp_path), tmp_path / "file")[0]
    assert from_table[1] == [("BilledCost is not an amount", "NaN", "USD")]


def test_the_advice_for_a_missing_driver_works(
    tmp_path: Path, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The story: the advice was pip install 'sandrail[snowflake]', but Sandrail is on no index."""
    import ibis

    def no_driver(url: str) -> None:
        raise ImportError(url)

    monkeypatch.setattr(ibis, "connect", no_driver)
    monkeypatch.setenv("BILL_URL", "snowflake://u:secret@account/db")
    with pytest.raises(BillError, match=r"run \.venv/bin/pip install -e '\.\[snowflake\]'\."):
        ingest(load("connection: BILL_URL, table: focus", tmp_path), sqlite, today=TODAY)


@pytest.mark.parametrize(
    ("url", "table", "said"),
    [
        ("", "focus", "the environment variable BILL_URL is not set"),
        ("mysql://u:secret@localhost/x", "focus", "begins with mysql:, which is no database"),
        (
            "postgresql://u:secret@127.0.0.1:1/x",
            "focus",
            "no connection to the database in BILL_URL",
        ),
        ("here", "nothing", "there is no table nothing in the database in BILL_URL"),
        ("here", "other", "table other is not a FOCUS bill: it lacks the columns BilledCost"),
        ("here", "empty", "has no rows"),
    ],
)
def test_what_cannot_be_reached_is_said_without_secrets(
    warehouse: str,
    tmp_path: Path,
    sqlite: Database,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    table: str,
    said: str,
) -> None:
    with psycopg.connect(warehouse) as connection:
        connection.execute("CREATE TABLE other (a text)")
    _fill(warehouse, write_csv(tmp_path / "empty.csv", [], list(charge())), "empty")
    monkeypatch.setenv("BILL_URL", warehouse if url == "here" else url)
    with pytest.raises(BillError) as refused:
        ingest(load(f"connection: BILL_URL, table: {table}", tmp_path), sqlite, today=TODAY)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
