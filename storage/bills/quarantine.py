"""Rows that cannot be read are kept whole, with the reason and their money, never dropped."""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, insert

from guardrails.policy.bills import Bill
from storage.bills.charges import trouble
from storage.bills.engine import batches, quoted
from storage.bills.report import QuarantineReport
from storage.bills.source import FILE, Source
from storage.tables.spend import QuarantinedRow

_TABLE = QuarantinedRow.__table__  # type: ignore[attr-defined]
_BATCH = 5_000


@dataclass(frozen=True)
class BadRow:
    """One row that cannot be read. ``line`` counts from 1, 0 when it is not known."""

    file: str
    line: int
    reason: str
    money: str
    currency: str
    row: dict[str, Any]


def unreadable_rows(source: Source, bill: Bill) -> Iterator[BadRow]:
    """The rows whose values cannot be read, in the order of the source. Reads it a second time."""
    import ibis

    marked = source.table.mutate(sandrail_trouble=trouble(source, bill))
    in_order = source.has_files and source.on_duckdb
    if in_order:
        # Files are read in order when nothing may be reordered: then the number is the row's.
        source.backend.raw_sql("SET preserve_insertion_order = true")
        rank = ibis.row_number().over(ibis.window(group_by=FILE))
        marked = marked.mutate(sandrail_line=rank + 1)
    bad = marked.filter(marked.sandrail_trouble.notnull())
    if not source.on_duckdb:
        # As text: what made the row unreadable, such as NaN, may be nothing that Arrow can hold.
        bad = bad.mutate(**{name: bad[name].cast("string") for name in _scalars(bad)})
    try:
        for batch in batches(source.backend, bad, _BATCH):
            for row in batch.to_pylist():
                yield _bad_row(row, source, bill)
    finally:
        if in_order:
            source.backend.raw_sql("SET preserve_insertion_order = false")


def broken_lines(source: Source, bill: Bill) -> list[BadRow]:
    """The CSV lines that have another number of fields than their header, as DuckDB rejected them."""
    rows = source.backend.raw_sql(
        "SELECT DISTINCT s.file_path, e.line, e.csv_line, s.delimiter, first(e.error_message "
        "ORDER BY e.column_idx) FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id) "
        "GROUP BY ALL ORDER BY 1, 2"
    ).fetchall()
    cost, currency = source.columns[bill.cost], source.columns["BillingCurrency"]
    found = []
    for file, line, text, delimiter, message in rows:
        header = _header(source, str(file))
        fields = _fields(str(text or ""), str(delimiter))
        named = dict(zip(header, fields, strict=False))
        found.append(
            BadRow(
                file=str(file),
                line=int(line),
                reason=_sentence(str(message), len(header), len(fields)),
                money=named.get(cost, ""),
                currency=named.get(currency, ""),
                row={"line": str(text or "")},
            )
        )
    return found


def replace_quarantine(connection: Connection, bill: str, rows: Iterable[BadRow]) -> None:
    """Replaces all rows of the bill that are in quarantine."""
    connection.execute(delete(_TABLE).where(_TABLE.c.bill == bill))
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append({"bill": bill, **row.__dict__})
        if len(batch) >= _BATCH:
            connection.execute(insert(_TABLE), batch)
            batch = []
    if batch:
        connection.execute(insert(_TABLE), batch)


def summarize(bill: str, rows: Iterable[BadRow]) -> tuple[QuarantineReport, ...]:
    """The rows by reason, the most frequent first, each with its first row as an example."""
    first: dict[str, BadRow] = {}
    count: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.reason, row)
        count[row.reason] = count.get(row.reason, 0) + 1
    return tuple(
        QuarantineReport(
            bill, reason, n, first[reason].file, first[reason].line, first[reason].money
        )
        for reason, n in sorted(count.items(), key=lambda item: (-item[1], item[0]))
    )


def _scalars(rows: Any) -> list[str]:
    kinds = rows.schema().items()
    return [name for name, kind in kinds if kind.is_numeric() or kind.is_temporal()]


def _bad_row(row: dict[str, Any], source: Source, bill: Bill) -> BadRow:
    reason = str(row.pop("sandrail_trouble"))
    line = int(row.pop("sandrail_line", 0) or 0)
    file = str(row.pop(FILE, "") or "")
    return BadRow(
        file=file or source.name,
        line=line,
        reason=reason,
        money=_text(row.get(source.columns[bill.cost])),
        currency=_text(row.get(source.columns["BillingCurrency"]))[:40],
        row={name: _plain(value) for name, value in row.items()},
    )


def _plain(value: Any) -> Any:
    """A value that JSON can hold without losing any of it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return value.replace("\0", "") if isinstance(value, str) else value


def _text(value: Any) -> str:
    return "" if value is None else str(value).replace("\0", "")


def _header(source: Source, file: str) -> list[str]:
    described = source.backend.raw_sql(
        "SELECT columns FROM reject_scans WHERE file_path = '" + quoted(file) + "' LIMIT 1"
    ).fetchone()
    if described is None:
        return []
    # {'Name': 'VARCHAR','Other': 'VARCHAR'}
    names = [part.split("': '")[0] for part in str(described[0]).strip("{}").split("','")]
    return [name.lstrip("'") for name in names if name.lstrip("'") not in ("filename", FILE)]


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter or ","), [])
    except csv.Error:
        return line.split(delimiter or ",")


def _sentence(message: str, expected: int, found: int) -> str:
    if message.startswith("Expected Number of Columns") and expected != found:
        return f"the line has {found} fields where the header has {expected}"
    plain = message.strip().splitlines()[0].rstrip(".") if message.strip() else "the line is broken"
    return plain[:1].lower() + plain[1:]
