"""CSV lines that are broken: with another number of fields than the header, or a quote that stays open.

An open quote swallows the lines that follow it. They are kept line by line in quarantine; where lines
became part of a row that looks whole, or cannot be told apart, the file is refused.
"""

# ruff: noqa: S608 – SQL is made of our own names; what comes from outside is quoted or bound.

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any

from guardrails.policy.bills import Bill
from storage.bills.engine import REMOTE, file_name, identifier
from storage.bills.errors import BillError
from storage.bills.files import SKIP_BROKEN, read_csv
from storage.bills.quarantine import BadRow, Quarantine
from storage.bills.rollup import CHARGES
from storage.bills.source import CsvFiles, Source
from storage.bills.values import TOO_MUCH

#: DuckDB reads no longer line, and so no longer quoted text.
_LONGEST = 2_000_000
_OPEN = "a quote is opened and not closed as CSV wants it"
_SWALLOWED = "a quote that an earlier line opens swallows this line"
_NOT_TEXT = "the line is not UTF-8 text"


@dataclass(frozen=True)
class _Record:
    """What DuckDB takes for one row: usually one line. ``wrong`` says why it is none; else empty."""

    line: int
    lines: list[str]
    wrong: str


def add_broken_lines(local: Any, source: Source, bill: Bill, quarantine: Quarantine) -> None:
    """Adds the lines that were skipped when the source was read; looks at each line for that.

    Raises BillError when lines were skipped that this reading takes for good ones, or the other way.
    """
    good, first = 0, ""
    for group in source.csv:
        for file in group.files:
            for record in _records(local, group, file):
                if not record.wrong:
                    good += 1
                    continue
                first = first or f"{file}, line {record.line}: {record.wrong}"
                for offset, text in enumerate(record.lines):
                    reason = _SWALLOWED if offset else record.wrong
                    _add(source, bill, quarantine, group, file, record.line + offset, text, reason)
    if good != _rows_read(local, source):
        raise BillError(f"bill {source.name}: {first or 'a CSV file is broken'}; mend the file.")


def refuse_swallowed_lines(local: Any, source: Source) -> None:
    """Raises BillError when lines of a CSV file became part of another row's value.

    The usual bill has as many lines as rows, and counting is all that it costs. Otherwise values
    hold line breaks, and whether these are whole lines shows in their delimiters.
    """
    files = [file for group in source.csv for file in group.files]
    if sum(_lines(local, file) - 1 for file in files) == _rows_read(local, source):
        return
    for group in source.csv:
        for file in group.files:
            _look_closely(local, source, group, file)


def _rows_read(local: Any, source: Source) -> int:
    rows = int(local.raw_sql(f"SELECT coalesce(sum(lines), 0) FROM {CHARGES}").fetchone()[0])
    if source.csv and source.parquet:
        paths = ", ".join(f"'{file_name(f)}'" for f in source.parquet)
        rows -= int(local.raw_sql(f"SELECT count(*) FROM read_parquet([{paths}])").fetchone()[0])
    return rows


def _look_closely(local: Any, source: Source, group: CsvFiles, file: str) -> None:
    reader = read_csv(CsvFiles((file,), group.delimiter, group.header), SKIP_BROKEN)
    names = [identifier(name) for name in group.header]
    # A line break and, for each, as many delimiters as a line has: whole lines, no text of people.
    wide = len(names) - 1
    breaks = [f"coalesce({_many(n, 'chr(10) || chr(13)')}, 0)" for n in names]
    fields = [_many(n, f"'{group.delimiter}'") for n in names]
    whole = " OR ".join(
        f"({b} > 0 AND {f} >= {wide} * {b})" for b, f in zip(breaks, fields, strict=True)
    )
    if not local.raw_sql(f"SELECT count(*) FILTER (WHERE {whole}) FROM {reader}").fetchone()[0]:
        return
    local.raw_sql("SET preserve_insertion_order = true")
    text, line, many = local.raw_sql(
        f"SELECT said, 1 + n + before, breaks FROM (SELECT row_number() OVER () AS n, "
        f"{' + '.join(breaks)} AS breaks, concat_ws('{group.delimiter}', {', '.join(names)}) "
        f"AS said, {whole} AS whole, sum({' + '.join(breaks)}) OVER "
        f"(ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - breaks AS before FROM {reader}) "
        "WHERE whole ORDER BY n LIMIT 1"
    ).fetchone()
    local.raw_sql("SET preserve_insertion_order = false")
    s = "s" if many > 1 else ""
    raise BillError(
        f"bill {source.name}: {file}, line {line}: a quote that is opened there and not closed "
        f"swallows {many:,} line{s} after it; mend that line, which begins "
        f"“{str(text).splitlines()[0][:60]}”."
    )


def _many(column: str, characters: str) -> str:
    """SQL: how often one of the characters is in the text; Windows' line end is one line break."""
    text = f"replace({column}, chr(13) || chr(10), chr(10))"
    return f"(length({text}) - length(translate({text}, {characters}, '')))"


def _add(
    source: Source,
    bill: Bill,
    quarantine: Quarantine,
    group: CsvFiles,
    file: str,
    line: int,
    text: str,
    reason: str,
) -> None:
    named = dict(zip(group.header, _fields(text, group.delimiter), strict=False))
    money, currency, period = (
        named.get(source.columns[name], "").strip().replace("\0", "")
        for name in (bill.cost, "BillingCurrency", "BillingPeriodStart")
    )
    if quarantine.count(reason, _amount(money), currency, period):
        row = {"line": text.replace("\0", "")}
        quarantine.keep(BadRow(file, line, reason, money[:80], currency[:40], row))


def _records(local: Any, group: CsvFiles, file: str) -> Iterator[_Record]:
    """The records of a file after its header, as DuckDB's strict reading divides it."""
    delimiter = re.escape(group.delimiter)
    plain = re.compile(f'(?!")[^{delimiter}]*')
    quoted = re.compile('(?:[^"]|"")*')
    wanted = len(group.header)
    begun, lines, fields, size = 0, list[str](), 0, 0  # of a record whose quote is open
    for number, text in _numbered(local, file):
        if number == 1 or (text == "" and not lines):
            continue
        if text is None:
            yield _Record(number, [""], _NOT_TEXT)
            continue
        if '"' not in text and not lines:
            found = text.count(group.delimiter) + 1
            yield _Record(number, [text], _wrong(found, wanted, text, group.delimiter))
            continue
        if not lines:
            begun, fields, size = number, 0, 0
        lines.append(text)
        size += len(text) + 1
        at, inside = 0, len(lines) > 1
        while True:
            if not inside and text.startswith('"', at):
                at, inside = at + 1, True
            match = (quoted if inside else plain).match(text, at)
            at = match.end() if match else at
            if inside and at == len(text):
                break  # still open: the record goes on in the next line
            at, inside = at + inside, False
            fields += 1
            if at == len(text):
                yield _Record(begun, lines, _wrong(fields, wanted, text, group.delimiter))
                lines = []
                break
            if text[at] != group.delimiter:
                yield _Record(begun, lines, _OPEN)
                lines = []
                break
            at += 1
        if size > _LONGEST:
            raise BillError(f"{file}, line {begun}: {_OPEN}, which swallows the rest of the file.")
    if lines:
        yield _Record(begun, lines, _OPEN)


def _wrong(found: int, wanted: int, text: str, delimiter: str) -> str:
    if found == wanted or (found == wanted + 1 and text.endswith((delimiter, delimiter + '""'))):
        return ""  # DuckDB, too, lets an empty last field pass
    s = "" if found == 1 else "s"
    return f"the line has {found} field{s} where the header has {wanted}"


def _numbered(local: Any, file: str) -> Iterator[tuple[int, str | None]]:
    """The lines of a file from 1, without their ends; None for one that is not UTF-8."""
    if not _is_here(file):
        local.raw_sql("SET preserve_insertion_order = true")
        reader = local.con.execute(f"SELECT line FROM {_as_lines(file)}").to_arrow_reader(10_000)
        texts = (text for batch in reader for text in batch.column(0).to_pylist())
        yield from ((number, text or "") for number, text in enumerate(texts, start=1))
        local.raw_sql("SET preserve_insertion_order = false")
        return
    with _opened(file) as opened:
        for number, line in enumerate(opened, start=1):
            try:
                yield number, line.rstrip(b"\r\n").decode()
            except UnicodeDecodeError:
                yield number, None


def _lines(local: Any, file: str) -> int:
    """How many lines a file has; perhaps without the empty ones."""
    if not _is_here(file):
        return int(local.raw_sql(f"SELECT count(line) FROM {_as_lines(file)}").fetchone()[0])
    count, last = 0, b"\n"
    with _opened(file) as opened:
        while block := opened.read(1 << 20):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def _is_here(file: str) -> bool:
    """Whether Python itself can read the file: on this machine, plain or .gz."""
    return not file.lower().startswith(REMOTE) and not file.lower().endswith(".zst")


def _opened(file: str) -> IO[bytes]:
    if file.lower().endswith(".gz"):
        return gzip.open(file)  # type: ignore[return-value]
    return Path(file).open("rb")


def _as_lines(file: str) -> str:
    """The reader of a file's lines as they stand; an empty line is null."""
    return (
        f"read_csv('{file_name(file)}', header = false, auto_detect = false, "
        "columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', "
        "ignore_errors = true, strict_mode = false, max_line_size = 33554432)"
    )


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def _amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < TOO_MUCH else None
