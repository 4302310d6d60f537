"""Bills in files, read by DuckDB in this process: CSV with any header, Parquet with any types."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

from pathlib import Path
from typing import Any

from guardrails.policy.bills import Bill
from storage.bills.columns import find_columns, missing_columns, not_focus
from storage.bills.engine import identifier, quoted
from storage.bills.errors import BillError
from storage.bills.find_files import find_files, first_line
from storage.bills.source import FILE, Source

_DELIMITERS = (",", ";", "\t", "|")


def open_files(backend: Any, bill: Bill, folder: Path, *, keep_broken: bool = False) -> Source:
    """The bill's files as one table of text and typed columns, plus :data:`FILE`, each row's path.

    ``keep_broken``: rows with a wrong number of fields go to DuckDB's table of rejects instead of
    ending the query; that costs a quarter more, so it is only asked for when the plain way failed.
    Raises BillError when a file is not a FOCUS bill or cannot be read.
    """
    assert bill.files is not None
    what = f"bill {bill.name}"
    found = find_files(backend, bill.files, folder, what)
    parts: list[str] = []
    csv_groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for file in found.csv:
        delimiter, header = _csv_header(backend, file)
        _check(file, header, bill)
        csv_groups.setdefault((delimiter, header), []).append(file)
    for (delimiter, header), files in csv_groups.items():
        parts.append(_read_csv(files, delimiter, header, keep_broken))
    if found.parquet:
        for file in found.parquet:
            _check(file, _parquet_header(backend, file), bill)
        nested = _nested(backend, found.parquet) if found.csv else ()
        parts.append(_read_parquet(found.parquet, nested))
    query = " UNION ALL BY NAME ".join(f"({part})" for part in parts)
    view = f"bill_rows_{'kept' if keep_broken else 'plain'}"
    try:
        backend.raw_sql(f"CREATE OR REPLACE TEMP VIEW {view} AS {query}")
        table = backend.table(view)
    except Exception as error:
        raise BillError(f"{what}: its files do not fit together: {first_line(error)}") from None
    return Source(
        name=bill.name,
        backend=backend,
        table=table,
        columns=find_columns([n for n in table.columns if n != FILE]),
        has_files=True,
        notes=found.notes,
        files=found.all,
    )


def _check(file: str, header: tuple[str, ...], bill: Bill) -> None:
    missing = missing_columns(find_columns(header), bill.cost)
    if missing:
        raise BillError(not_focus(file, missing))


def _read_csv(files: list[str], delimiter: str, header: tuple[str, ...], keep_broken: bool) -> str:
    paths = ", ".join(f"'{quoted(f)}'" for f in files)
    columns = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in header)
    rejects = ", store_rejects = true, rejects_limit = 0" if keep_broken else ""
    return (
        f"SELECT * RENAME (filename AS {FILE}) FROM read_csv([{paths}], delim = '{delimiter}', "
        "quote = '\"', escape = '\"', header = true, auto_detect = false, "
        f"columns = {{{columns}}}, nullstr = ['', 'NULL'], filename = true{rejects})"
    )


def _read_parquet(files: tuple[str, ...], as_text: tuple[str, ...] = ()) -> str:
    paths = ", ".join(f"'{quoted(f)}'" for f in files)
    texts = ", ".join(f"to_json({identifier(n)})::VARCHAR AS {identifier(n)}" for n in as_text)
    return (
        f"SELECT * {f'REPLACE ({texts}) ' if texts else ''}RENAME (filename AS {FILE}) "
        f"FROM read_parquet([{paths}], union_by_name = true, filename = true)"
    )


def _nested(backend: Any, files: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of Parquet files that are maps, lists or structs: beside CSV they are read as JSON text."""
    paths = ", ".join(f"'{quoted(f)}'" for f in files)
    rows = backend.raw_sql(
        f"DESCRIBE SELECT * FROM read_parquet([{paths}], union_by_name = true)"
    ).fetchall()
    return tuple(
        str(name)
        for name, kind, *_ in rows
        if str(kind).startswith(("MAP", "STRUCT")) or str(kind).endswith("[]")
    )


def _csv_header(backend: Any, file: str) -> tuple[str, tuple[str, ...]]:
    """The delimiter and the names of the columns. A repeated or empty name gets a number."""
    import csv

    import duckdb

    try:
        # One column that holds the whole line: the header as it stands, also of a .gz in the cloud.
        row = backend.raw_sql(
            f"SELECT * FROM read_csv('{quoted(file)}', header = false, auto_detect = false, "
            "columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', "
            "ignore_errors = true, parallel = false) LIMIT 1"
        ).fetchone()
    except duckdb.Error as error:
        raise BillError(f"{file} cannot be read: {first_line(error)}") from None
    line = str(row[0] or "").lstrip("\ufeff") if row else ""
    if not line.strip():
        raise BillError(f"{file} is empty.")
    delimiter = max(_DELIMITERS, key=lambda d: len(next(csv.reader([line], delimiter=d))))
    seen: dict[str, None] = {}
    for number, name in enumerate(next(csv.reader([line], delimiter=delimiter)), start=1):
        plain = name.strip() or f"column {number}"
        taken = {s.lower() for s in seen} | {FILE, "filename"}
        seen[plain if plain.lower() not in taken else f"{plain} ({number})"] = None
    return delimiter, tuple(seen)


def _parquet_header(backend: Any, file: str) -> tuple[str, ...]:
    return _describe(backend, f"SELECT * FROM read_parquet('{quoted(file)}')", file)


def _describe(backend: Any, query: str, file: str = "") -> tuple[str, ...]:
    import duckdb

    try:
        rows = backend.raw_sql(f"DESCRIBE {query}").fetchall()
    except duckdb.Error as error:
        raise BillError(
            f"{file or 'A file of the bill'} cannot be read: {first_line(error)}"
        ) from None
    return tuple(str(row[0]) for row in rows if row[0] != FILE)
