"""Metrics from long files, and from a long table."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from storage.bills.errors import BillError
from storage.bills.ingest import ingest
from storage.database import Database
from storage.tables.spend import MetricPoint
from tests.bills.charges import charge, load_files, write_csv
from tests.postgres import fresh_database

TODAY = date(2026, 11, 23)
MORE = "metrics: [{name: usage, files: usage}]"


def _points(database: Database) -> list[Any]:
    table = MetricPoint.__table__  # type: ignore[attr-defined]
    with database.read() as connection:
        return list(connection.execute(select(table).order_by(table.c.day, table.c.metric)))


def _read(folder: Path, database: Database, content: str, name: str = "a.csv") -> Any:
    write_csv(folder / "bill.csv", [charge()])
    (folder / "usage").mkdir(exist_ok=True)
    (folder / "usage" / name).write_text(content, encoding="utf-8")
    return ingest(load_files("bill.csv", folder, MORE), database, today=TODAY)


def test_points_are_stored_and_replaced(tmp_path: Path, database: Database) -> None:
    first = "Day,metric,value,feature,unit\n2026-10-05, inferences ,10,search,calls\n"
    report = _read(tmp_path, database, first + "2026-10-06,inferences,1e3,search,calls\n")
    assert (report.metrics[0].points, report.metrics[0].metrics) == (2, ("inferences",))
    _read(tmp_path, database, first.replace("10,s", "12.5,s"))
    found = [(p.day, p.metric, p.value, p.feature, p.unit, p.team) for p in _points(database)]
    assert found == [
        (date(2026, 10, 5), "inferences", 12.5, "search", "calls", ""),
    ]


def test_of_two_files_with_the_same_point_none_wins(tmp_path: Path, sqlite: Database) -> None:
    """The story: two files had the same day with other values; that of the later name won in
    silence."""
    head = "day,metric,value,feature\n"
    (tmp_path / "usage").mkdir()
    (tmp_path / "usage" / "b.csv").write_text(head + "2026-10-05,calls,10.0,search\n")
    _read(tmp_path, sqlite, head + "2026-10-05,calls,10,search\n")
    assert len(_points(sqlite)) == 1
    with pytest.raises(BillError) as refused:
        _read(tmp_path, sqlite, head + "2026-10-05,calls,11,search\n")
    usage = tmp_path / "usage"
    assert str(refused.value) == (
        f"metrics usage: {usage / 'a.csv'} and {usage / 'b.csv'} give different values for calls of "
        "2026-10-05, feature search; keep the one that is right."
    )


def test_a_name_that_looks_like_a_pattern_is_one_file(tmp_path: Path, sqlite: Database) -> None:
    head = "day,metric,value\n"
    _read(tmp_path, sqlite, head + "2026-10-05,calls,1\n", "a1.csv")
    report = _read(tmp_path, sqlite, head + "2026-10-06,calls,2\n", "a[1].csv")
    assert report.metrics[0].points == 2


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("2026-10-05,x", "line 25002: it has 2 fields where the header has 3"),
        ('2026-10-05,"x"y,1', "line 25002: a quote is opened and not closed"),
    ],
)
def test_a_broken_line_far_down_is_said(
    tmp_path: Path, sqlite: Database, broken: str, said: str
) -> None:
    """The story: DuckDB looks at the first 20,480 lines to learn what a file is. A broken line behind
    them ended ingest with DuckDB's own error of fifteen lines."""
    good = "".join(f"2026-10-05,m{i},1\n" for i in range(25_000))
    with pytest.raises(BillError) as refused:
        _read(tmp_path, sqlite, f"day,metric,value\n{good}{broken}\n")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_parquet_and_csv_together(tmp_path: Path, sqlite: Database) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "usage").mkdir()
    table = pa.table({"day": [date(2026, 10, 7)], "metric": ["revenue"], "value": [2.5]})
    pq.write_table(table, tmp_path / "usage" / "b.parquet")
    report = _read(tmp_path, sqlite, "day,metric,value\n2026-10-05,outputs,10\n")
    assert report.metrics[0].metrics == ("outputs", "revenue")
    assert [(p.metric, p.value) for p in _points(sqlite)] == [("outputs", 10.0), ("revenue", 2.5)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("day,metric\n2026-10-05,x\n", "lacks the column value; it has day, metric"),
        ("day,metric,value,featur\n", "has a column featur; did you mean feature"),
        ("day,metric,value\n05.10.2026,x,1\n", "row 1: day is “05.10.2026”, not a day"),
        ("day,metric,value\n2026-10-05,x,\n", "row 1: value is “”, not a number"),
        ("day,metric,value\n2026-10-05,x,1\n2026-10-05,x,much\n", "row 2: value is “much”"),
        ("day,metric,value\n2026-10-05,x,nan\n", "value is “nan”, not a number"),
        ("day,metric,value\n2026-10-05,,1\n", "row 1: the metric has no name"),
        ('day,metric,value\n2026-10-05,"x\n2026-10-06,y\n2026-10-07,z",1\n', "holds a line break"),
        ("day,metric,value\n2026-10-05,x,1\n2026-10-05,x,2\n", "x of 2026-10-05 is there twice"),
    ],
)
def test_wrong_files_are_refused_in_one_sentence(
    tmp_path: Path, sqlite: Database, content: str, said: str
) -> None:
    with pytest.raises(BillError) as refused:
        _read(tmp_path, sqlite, content)
    assert said in str(refused.value)
    assert "a.csv" in str(refused.value)
    assert _points(sqlite) == []


# --- from a table ---------------------------------------------------------------------------------------


TABLE = "metrics: [{name: usage, connection: USAGE_URL, table: lake.usage}]"


@pytest.fixture
def lake(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A warehouse with a table of usage that has types of its own."""
    url = fresh_database(postgres_server)
    monkeypatch.setenv("USAGE_URL", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA lake")
        connection.execute(
            'CREATE TABLE lake.usage (day date, "Metric" text, value numeric, feature text, segment text)'
        )
        yield connection


def _from_table(folder: Path, database: Database) -> Any:
    write_csv(folder / "bill.csv", [charge()])
    return ingest(load_files("bill.csv", folder, TABLE), database, today=TODAY)


def test_a_table_is_read_as_files_are(
    lake: psycopg.Connection, tmp_path: Path, database: Database
) -> None:
    """Metrics come from files, from a table or by HTTP; the table was missing."""
    lake.execute(
        "INSERT INTO lake.usage VALUES ('2026-10-05', ' outputs ', 12.5, 'search', NULL),"
        "('2026-10-06', 'outputs', 1e3, 'search', 'big')"
    )
    report = _from_table(tmp_path, database)
    assert (report.metrics[0].points, report.metrics[0].metrics) == (2, ("outputs",))
    lake.execute("DELETE FROM lake.usage WHERE segment IS NULL")
    _from_table(tmp_path, database)
    found = [(p.day, p.metric, p.value, p.feature, p.segment) for p in _points(database)]
    assert found == [(date(2026, 10, 6), "outputs", 1000, "search", "big")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("INSERT INTO lake.usage VALUES (NULL, 'outputs', 1, '', '')", "day is “”, not a day"),
        ("INSERT INTO lake.usage VALUES ('2026-10-05', 'outputs', 'NaN', '', '')", "not a number"),
        ("ALTER TABLE lake.usage DROP COLUMN value", "table lake.usage lacks the column value; it"),
        (
            "ALTER TABLE lake.usage ADD COLUMN featur text",
            "has a column featur; did you mean feature?",
        ),
        ("DROP TABLE lake.usage", "there is no table lake.usage in the database in USAGE_URL"),
    ],
)
def test_a_wrong_table_is_refused_in_one_sentence(
    lake: psycopg.Connection, tmp_path: Path, sqlite: Database, change: str, said: str
) -> None:
    lake.execute("INSERT INTO lake.usage VALUES ('2026-10-05', 'outputs', 3, '', '')")
    _from_table(tmp_path, sqlite)
    lake.execute(change)
    with pytest.raises(BillError, match=r"metrics usage: .*\.$") as refused:
        _from_table(tmp_path, sqlite)
    assert said in str(refused.value)
    assert "row" not in str(refused.value).replace("rows", "")
    assert [p.value for p in _points(sqlite)] == [3], "nothing is lost"
