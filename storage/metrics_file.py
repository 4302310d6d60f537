"""Usage, quality and revenue metrics from long CSV or Parquet files."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from guardrails.policy.bills import DIMENSIONS, Metrics
from guardrails.suggest import did_you_mean
from storage.bills.engine import identifier, quoted
from storage.bills.errors import BillError
from storage.bills.find_files import find_files, first_line
from storage.database import Database
from storage.tables.spend import MetricPoint

REQUIRED = ("day", "metric", "value")
ALLOWED = (*REQUIRED, *DIMENSIONS, "unit")

_TABLE = MetricPoint.__table__  # type: ignore[attr-defined]
_KEY = ("metric", "day", *DIMENSIONS)
_BATCH = 2_000
_POINTS = "metric_rows"


def store_metrics(
    local: Any, database: Database, source: Metrics, folder: Path
) -> tuple[int, tuple[str, ...]]:
    """Reads the files of one source and stores their points; points that exist are replaced.

    ``local`` is an Ibis backend on DuckDB; relative paths start at ``folder``. Returns how many
    points were read and the names of the metrics, sorted. Raises BillError with one sentence
    naming the file, and the row where one is wrong; nothing is stored then.
    """
    what = f"metrics {source.name}"
    found = find_files(local, source.files, folder, what)
    first = True
    for file in found.all:
        query = _select(local, file, what)
        start = f"CREATE OR REPLACE TEMP TABLE {_POINTS} AS" if first else f"INSERT INTO {_POINTS}"
        local.raw_sql(f"{start} {query}")
        first = False
    _refuse_bad_rows(local, what)
    names = tuple(
        str(row[0])
        for row in local.raw_sql(f"SELECT DISTINCT metric FROM {_POINTS} ORDER BY 1").fetchall()
    )
    with database.write() as connection:
        points = sum(upsert_points(connection, batch) for batch in _batches(local, source.name))
    return points, names


def upsert_points(connection: Connection, points: list[dict[str, Any]]) -> int:
    """Stores points given as columns of ``metric_point`` (missing text is empty); returns how many.

    The same metric, day and allocation key again replaces the value. Keys must differ within one call.
    """
    if not points:
        return 0
    blank = dict.fromkeys((*DIMENSIONS, "unit"), "")
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(_TABLE)
    new = {name: statement.excluded[name] for name in ("value", "unit", "source")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(_KEY), set_=new),
        [{**blank, **point} for point in points],
    )
    return len(points)


def _select(local: Any, file: str, what: str) -> str:
    """The query that reads one file as text; its columns are checked by name."""
    import duckdb

    lower = file.partition("?")[0].lower()
    path = quoted(file)
    if lower.endswith((".parquet", ".parq", ".pq")):
        reader = f"read_parquet('{path}', file_row_number = true)"
    else:
        reader = (
            f"read_csv('{path}', header = true, all_varchar = true, nullstr = ['', 'NULL'], "
            "delim = ',', quote = '\"', escape = '\"')"
        )
    try:
        described = local.raw_sql(f"DESCRIBE SELECT * FROM {reader}").fetchall()
    except duckdb.Error as error:
        raise BillError(f"{what}: {file} cannot be read: {first_line(error)}") from None
    own = {str(row[0]).strip().lower(): str(row[0]) for row in described}
    own.pop("file_row_number", None)
    missing = [name for name in REQUIRED if name not in own]
    if missing:
        s = "s" if len(missing) > 1 else ""
        raise BillError(
            f"{what}: {file} lacks the column{s} {', '.join(missing)}; it has {', '.join(own)}."
        )
    unknown = [name for name in own if name not in ALLOWED]
    if unknown:
        raise BillError(
            f"{what}: {file} has a column {unknown[0]}{did_you_mean(unknown[0], ALLOWED)}; "
            f"allowed are {', '.join(ALLOWED)}."
        )
    texts = ", ".join(
        f"coalesce(trim(CAST({identifier(own[name])} AS VARCHAR)), '') AS {name}"
        if name in own
        else f"'' AS {name}"
        for name in ("metric", *DIMENSIONS, "unit", "day", "value")
    )
    return f"SELECT '{path}' AS file, row_number() OVER () AS line, {texts} FROM {reader}"


def _refuse_bad_rows(local: Any, what: str) -> None:
    row = local.raw_sql(
        f"""SELECT file, line, CASE
            WHEN metric = '' THEN 'the metric has no name'
            WHEN try_cast(left(day, 10) AS DATE) IS NULL OR length(day) < 10
                THEN 'day is “' || day || '”, not a day such as 2026-11-23'
            WHEN NOT isfinite(coalesce(try_cast(value AS DOUBLE), 'nan'::DOUBLE))
                THEN 'value is “' || value || '”, not a number' END AS why
        FROM {_POINTS} WHERE why IS NOT NULL ORDER BY file, line LIMIT 1"""
    ).fetchone()
    if row is not None:
        file, line, why = row
        raise BillError(f"{what}: {file}, row {line}: {why}.")
    twice = local.raw_sql(
        f"SELECT file, max(line), any_value(metric), left(day, 10) FROM {_POINTS} "
        f"GROUP BY file, left(day, 10), {', '.join(k for k in _KEY if k != 'day')} "
        "HAVING count(*) > 1 AND count(DISTINCT value) > 1 ORDER BY 1, 2 LIMIT 1"
    ).fetchone()
    if twice is not None:
        file, line, metric, day = twice
        raise BillError(
            f"{what}: {file}, row {line}: {metric} of {day} is there twice with different values."
        )


def _batches(local: Any, source: str) -> Iterator[list[dict[str, Any]]]:
    """Distinct points as columns of the table. Of two files the later name wins."""
    keys = ", ".join(("metric", *DIMENSIONS))
    result = local.con.execute(
        f"""SELECT CAST(left(day, 10) AS DATE) AS day, {keys},
            arg_max(CAST(value AS DOUBLE), file) AS value, arg_max(unit, file) AS unit
        FROM {_POINTS} GROUP BY ALL ORDER BY ALL"""
    )
    for batch in result.to_arrow_reader(_BATCH):
        yield [{**row, "source": source} for row in batch.to_pylist()]
