"""Bills in files, read by DuckDB in this process: CSV with any header, Parquet with any types."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

from pathlib import Path
from typing import Any

from guardrails.policy.bills import Bill
from storage.bills.columns import find_columns, missing_columns, not_focus
from storage.bills.engine import REMOTE, file_name, identifier
from storage.bills.errors import BillError
from storage.bills.find_files import find_files, first_line
from storage.bills.source import FILE, CsvFiles, Source

_DELIMITERS = (",", ";", "\t", "|")

#: With several threads DuckDB would skip good lines beside the broken ones.
SKIP_BROKEN = ", ignore_errors = true, parallel = false"


def open_files(backend: Any, bill: Bill, folder: Path, *, skip_broken: bool = False) -> Source:
    """The bill's files as one table of text and typed columns, plus :data:`FILE`, each row's path.

    ``skip_broken``: lines that are broken are left out instead of ending the query. (DuckDB's table of
    rejects would name them, but with many of them it needs gigabytes and loses good rows.)
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
    csv = tuple(CsvFiles(tuple(files), *kind) for kind, files in csv_groups.items())
    skipping = SKIP_BROKEN if skip_broken else ""
    for group in csv:
        parts.append(f"SELECT * RENAME (filename AS {FILE}) FROM {read_csv(group, skipping)}")
    _refuse_mistaken(backend, found.all, what)
    if found.parquet:
        for file in found.parquet:
            _check(file, _parquet_header(backend, file), bill)
        nested = _nested(backend, found.parquet) if found.csv else ()
        parts.append(_read_parquet(found.parquet, nested))
    query = " UNION ALL BY NAME ".join(f"({part})" for part in parts)
    view = f"bill_rows_{'whole' if skip_broken else 'plain'}"
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
        files=(*(file for group in csv for file in group.files), *found.parquet),
        csv=csv,
        parquet=found.parquet,
    )


def read_csv(group: CsvFiles, more: str = "") -> str:
    """The call of DuckDB's reader for these files; ``more`` are further options, each after a comma."""
    paths = ", ".join(f"'{file_name(f)}'" for f in group.files)
    columns = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in group.header)
    return (
        f"read_csv([{paths}], delim = '{group.delimiter}', "
        "quote = '\"', escape = '\"', header = true, auto_detect = false, "
        f"columns = {{{columns}}}, nullstr = ['', 'NULL'], filename = true{more})"
    )


def _refuse_mistaken(backend: Any, files: tuple[str, ...], what: str) -> None:
    """Each file must be read once and no other: DuckDB takes names for patterns."""
    doubtful = [f for f in files if any(c in f for c in "*?[")]
    for file in doubtful:
        if file.lower().startswith(("http://", "https://")):
            continue  # not a pattern there
        rows = backend.raw_sql(f"SELECT file FROM glob('{file_name(file)}')").fetchall()
        if [str(row[0]) for row in rows] != [file]:
            raise BillError(
                f"{what}: the name of {file} is taken for a pattern; give the file a name without "
                "*, ? and [."
            )


def _check(file: str, header: tuple[str, ...], bill: Bill) -> None:
    missing = missing_columns(find_columns(header), bill.cost)
    if missing:
        raise BillError(not_focus(file, missing))


def _read_parquet(files: tuple[str, ...], as_text: tuple[str, ...] = ()) -> str:
    paths = ", ".join(f"'{file_name(f)}'" for f in files)
    texts = ", ".join(f"to_json({identifier(n)})::VARCHAR AS {identifier(n)}" for n in as_text)
    return (
        f"SELECT * {f'REPLACE ({texts}) ' if texts else ''}RENAME (filename AS {FILE}) "
        f"FROM read_parquet([{paths}], union_by_name = true, filename = true)"
    )


def _nested(backend: Any, files: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of Parquet files that are maps, lists or structs: beside CSV they are read as JSON text."""
    paths = ", ".join(f"'{file_name(f)}'" for f in files)
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
            f"SELECT * FROM read_csv('{file_name(file)}', header = false, auto_detect = false, "
            "columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', "
            "ignore_errors = true, strict_mode = false, parallel = false) LIMIT 1"
        ).fetchone()
    except duckdb.Error as error:
        raise BillError(f"{file} cannot be read: {first_line(error)}") from None
    line = str(row[0] or "").lstrip("\ufeff") if row else ""
    if not line.strip() or "\0" in line:
        raise BillError(
            f"{file} is {'not a text or Parquet file' if _has_content(file) else 'empty'}."
        )
    delimiter = max(_DELIMITERS, key=lambda d: len(next(csv.reader([line], delimiter=d))))
    seen: dict[str, None] = {}
    for number, name in enumerate(next(csv.reader([line], delimiter=delimiter)), start=1):
        plain = name.strip() or f"column {number}"
        taken = {s.lower() for s in seen} | {FILE, "filename"}
        seen[plain if plain.lower() not in taken else f"{plain} ({number})"] = None
    return delimiter, tuple(seen)


def _has_content(file: str) -> bool:
    """Whether there is something in a file that has no readable first line."""
    if file.lower().startswith(REMOTE):
        return False
    import gzip

    try:
        with gzip.open(file) if file.lower().endswith(".gz") else Path(file).open("rb") as opened:
            return bool(opened.read(4096).strip())
    except (OSError, EOFError):
        return True


def _parquet_header(backend: Any, file: str) -> tuple[str, ...]:
    return _describe(backend, f"SELECT * FROM read_parquet('{file_name(file)}')", file)


def _describe(backend: Any, query: str, file: str = "") -> tuple[str, ...]:
    import duckdb

    try:
        rows = backend.raw_sql(f"DESCRIBE {query}").fetchall()
    except duckdb.Error as error:
        raise BillError(
            f"{file or 'A file of the bill'} cannot be read: {first_line(error)}"
        ) from None
    return tuple(str(row[0]) for row in rows if row[0] != FILE)
