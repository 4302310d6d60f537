"""Usage, quality and revenue metrics from long CSV or Parquet files, or from a long table."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from guardrails.policy.bills import DIMENSIONS, Metrics
from guardrails.suggest import did_you_mean
from storage.bills.engine import file_name, identifier, quoted
from storage.bills.errors import BillError
from storage.bills.find_files import find_files, first_line
from storage.bills.warehouse import named_table
from storage.database import Database
from storage.metric_points import MLFLOW, PUSHED
from storage.tables.spend import MetricPoint

REQUIRED = ("day", "metric", "value")
ALLOWED = (*REQUIRED, *DIMENSIONS, "unit")
COLUMNS = ("metric", *DIMENSIONS, "unit", "day", "value")

_TABLE = MetricPoint.__table__  # type: ignore[attr-defined]
_KEY = ("metric", "day", *DIMENSIONS)
_BATCH = 2_000
_POINTS = "metric_rows"
_ROWS = "metric_table"


def store_metrics(
    local: Any, database: Database, source: Metrics, folder: Path
) -> tuple[int, tuple[str, ...]]:
    """Reads the files or the table of one source; its points replace all that are stored of this source.

    ``local`` is an Ibis backend on DuckDB; relative paths start at ``folder``. Returns how many
    points were read and the names of the metrics, sorted. Raises BillError with one sentence
    naming the file (and its row) or the table where it is wrong; nothing is stored then.
    """
    what = f"metrics {source.name}"
    if source.name in (PUSHED, MLFLOW):
        raise BillError(
            f"{what}: {PUSHED} and {MLFLOW} name what comes by HTTP; call this source something else."
        )
    if source.files is not None:
        _load_files(local, source.files, folder, what)
    else:
        _load_table(local, source, what)
    _refuse_bad_rows(local, what)
    names = tuple(
        str(row[0])
        for row in local.raw_sql(f"SELECT DISTINCT metric FROM {_POINTS} ORDER BY 1").fetchall()
    )
    with database.write() as connection:
        connection.execute(delete(_TABLE).where(_TABLE.c.source == source.name))
        points = sum(upsert_points(connection, batch) for batch in _batches(local, source.name))
    return points, names


def remove_sources_without(connection: Connection, names: Iterable[str]) -> tuple[str, ...]:
    """Removes all points of files that are none of ``names``; returns what these are called. What came
    by HTTP stays: no file holds it."""
    stored = set(connection.execute(select(_TABLE.c.source).distinct()).scalars())
    gone = sorted(stored - {*names, PUSHED, MLFLOW})
    for name in gone:
        connection.execute(delete(_TABLE).where(_TABLE.c.source == name))
    return tuple(gone)


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


def _load_files(local: Any, files: str, folder: Path, what: str) -> None:
    import duckdb

    first = True
    for file in find_files(local, files, folder, what).all:
        query = _select(local, file, what)
        start = f"CREATE OR REPLACE TEMP TABLE {_POINTS} AS" if first else f"INSERT INTO {_POINTS}"
        try:
            local.raw_sql(f"{start} {query}")
        except duckdb.Error as error:
            raise BillError(f"{what}: {_cannot(file, error)}") from None
        first = False


def _load_table(local: Any, source: Metrics, what: str) -> None:
    """The table's rows as text, as files have them; a table's rows have no numbers that people could look up."""
    import ibis

    where = f"table {source.table}"
    with named_table(source, what) as (_, table):
        own = _own_names(table.columns, where, what)
        texts = {
            name: ibis.coalesce(table[own[name]].cast("string").strip(), "")
            if name in own
            else ibis.literal("")
            for name in COLUMNS
        }
        try:
            rows = table.select(**texts).to_pyarrow()
        except Exception as error:
            raise BillError(f"{what}: {where} cannot be read: {first_line(error)}") from None
    local.con.register(_ROWS, rows)
    local.raw_sql(
        f"CREATE OR REPLACE TEMP TABLE {_POINTS} AS "
        f"SELECT '{quoted(where)}' AS file, 0 AS line, {', '.join(COLUMNS)} FROM {_ROWS}"
    )
    local.con.unregister(_ROWS)


def _own_names(columns: Iterable[str], where: str, what: str) -> dict[str, str]:
    """Our name of a column → its own; raises BillError where one is missing or not known."""
    own = {str(name).strip().lower(): str(name) for name in columns}
    missing = [name for name in REQUIRED if name not in own]
    if missing:
        s = "s" if len(missing) > 1 else ""
        raise BillError(
            f"{what}: {where} lacks the column{s} {', '.join(missing)}; it has {', '.join(own)}."
        )
    unknown = [name for name in own if name not in ALLOWED]
    if unknown:
        raise BillError(
            f"{what}: {where} has a column {unknown[0]}{did_you_mean(unknown[0], ALLOWED)}; "
            f"allowed are {', '.join(ALLOWED)}."
        )
    return own


def _select(local: Any, file: str, what: str) -> str:
    """The query that reads one file as text; its columns are checked by name."""
    import duckdb

    lower = file.partition("?")[0].lower()
    path = file_name(file)
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
        raise BillError(f"{what}: {_cannot(file, error)}") from None
    names = (str(row[0]) for row in described if row[0] != "file_row_number")
    own = _own_names(names, file, what)
    texts = ", ".join(
        f"coalesce(trim(CAST({identifier(own[name])} AS VARCHAR)), '') AS {name}"
        if name in own
        else f"'' AS {name}"
        for name in COLUMNS
    )
    return f"SELECT '{quoted(file)}' AS file, row_number() OVER () AS line, {texts} FROM {reader}"


def _refuse_bad_rows(local: Any, what: str) -> None:
    row = local.raw_sql(
        f"""SELECT file, line, CASE
            WHEN contains(concat({", ".join(COLUMNS)}), chr(10))
                THEN 'it holds a line break; is a quote opened and not closed?'
            WHEN metric = '' THEN 'the metric has no name'
            WHEN try_cast(left(day, 10) AS DATE) IS NULL OR length(day) < 10
                THEN 'day is “' || day || '”, not a day such as 2026-11-23'
            WHEN NOT isfinite(coalesce(try_cast(value AS DOUBLE), 'nan'::DOUBLE))
                THEN 'value is “' || value || '”, not a number' END AS why
        FROM {_POINTS} WHERE why IS NOT NULL ORDER BY file, line LIMIT 1"""
    ).fetchone()
    if row is not None:
        file, line, why = row
        raise BillError(f"{what}: {_at(file, line)}: {why}.")
    keys = ", ".join(k for k in _KEY if k != "day")
    twice = local.raw_sql(
        "SELECT min(file), max(file), arg_max(line, (file, line)), left(day, 10) AS on_day, "
        f"{keys} FROM {_POINTS} GROUP BY on_day, {keys} "
        "HAVING count(DISTINCT CAST(value AS DOUBLE)) > 1 ORDER BY 1, 3 LIMIT 1"
    ).fetchone()
    if twice is None:
        return
    file, other, line, day, metric, *dimensions = twice
    said = "".join(f", {n} {v}" for n, v in zip(DIMENSIONS, dimensions, strict=True) if v)
    if file == other:
        raise BillError(
            f"{what}: {_at(file, line)}: {metric} of {day}{said} is there twice with different "
            "values."
        )
    raise BillError(
        f"{what}: {file} and {other} give different values for {metric} of {day}{said}; "
        "keep the one that is right."
    )


def _at(where: str, line: int) -> str:
    return f"{where}, row {line}" if line else where


def _cannot(file: str, error: Exception) -> str:
    """The sentence for a file that DuckDB cannot read; for a broken line, where and why."""
    line = re.search(r"CSV Error on Line: (\d+)", str(error))
    if line is None:
        return f"{file} cannot be read: {first_line(error)}"
    if "nterminated quote" in str(error):
        why = "a quote is opened and not closed as CSV wants it"
    elif wrong := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", str(error)):
        why = f"it has {wrong[2]} fields where the header has {wrong[1]}"
    else:
        why = "it is not a line of a CSV file"
    return f"{file}, line {line[1]}: {why}."


def _batches(local: Any, source: str) -> Iterator[list[dict[str, Any]]]:
    """Distinct points as columns of the table; of the same point in two files one is taken."""
    keys = ", ".join(("metric", *DIMENSIONS))
    result = local.con.execute(
        f"""SELECT CAST(left(day, 10) AS DATE) AS day, {keys},
            arg_max(CAST(value AS DOUBLE), file) AS value, arg_max(unit, file) AS unit
        FROM {_POINTS} GROUP BY ALL ORDER BY ALL"""
    )
    for batch in result.to_arrow_reader(_BATCH):
        yield [{**row, "source": source} for row in batch.to_pylist()]
