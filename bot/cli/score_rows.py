"""Reads a CSV of series for ``sandrail score``: which columns, which times, which values."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from guardrails.suggest import did_you_mean

TIMES = ("timestamp", "date", "day", "time", "datetime", "ds", "usagedate", "chargeperiodstart")
VALUES = ("value", "cost", "amount", "spend", "total", "y", "billedcost", "effectivecost")
MISSING = frozenset({"", "null", "none", "nan", "na", "n/a", "-"})
_NUMBER_OF_TIME = re.compile(r"-?\d{9,13}(\.\d+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?")
_FORMATS = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y-%m")


class UnreadableError(ValueError):
    """A file that cannot be scored; the text is one sentence for people."""


@dataclass(frozen=True)
class Columns:
    """The names of the columns, as the file writes them; ``others`` are those that nobody asked for."""

    timestamp: str
    value: str
    series: str | None
    group: str | None
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row: its texts as given, its time in seconds since 1970 (UTC), its value (NaN when missing)."""

    timestamp: str
    value: str
    series: str
    group: str
    time: float
    number: float


def read_rows(
    path: Path,
    timestamp: str | None = None,
    value: str | None = None,
    series: str | None = None,
    group: str | None = None,
) -> tuple[Columns | None, list[Row]]:
    """The columns and rows of a CSV file, in its order; no columns for an empty file.

    Raises :class:`UnreadableError` that names line and column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _lines(file.read(), path)
    except FileNotFoundError:
        raise UnreadableError(f"There is no file {path}.") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"{path} is not a text file in UTF-8.") from None
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}.") from None
    header = next(lines, None)
    if header is None:
        return None, []
    names = [name.strip() for name in header[1]]
    columns = Columns(
        timestamp=_column(names, timestamp, TIMES, "--timestamp", path),
        value=_column(names, value, VALUES, "--value", path),
        series=None if series is None else _column(names, series, (), "--series", path),
        group=None if group is None else _column(names, group, (), "--group", path),
    )
    if columns.timestamp == columns.value:
        raise UnreadableError(f"{path} has one column for both the time and the value; name them.")
    at = [names.index(columns.timestamp), names.index(columns.value)]
    at += [-1 if name is None else names.index(name) for name in (columns.series, columns.group)]
    others = tuple(n for i, n in enumerate(names) if n and i not in at)
    rows = [_row(line, cells, at, columns, len(names)) for line, cells in lines]
    return replace(columns, others=others), rows


def _lines(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line that is not empty."""
    delimiter = ","
    first = text.split("\n", 1)[0]
    if "," not in first:
        delimiter = next((d for d in (";", "\t") if d in first), ",")
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UnreadableError(f"{path} line {reader.line_num} is not CSV: {error}.") from None
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


def _column(
    names: Sequence[str], asked: str | None, usual: Sequence[str], option: str, path: Path
) -> str:
    has = f"It has {', '.join(n for n in names if n) or 'no columns'}."
    if asked is not None:
        if asked in names:
            return asked
        folded = [n for n in names if n.casefold() == asked.strip().casefold()]
        if len(folded) == 1:
            return folded[0]
        raise UnreadableError(f"{path} has no column {asked}{did_you_mean(asked, names)}. {has}")
    plain = {re.sub(r"[^a-z]", "", n.casefold()): n for n in reversed(names)}
    for word in usual:
        if word in plain:
            return plain[word]
    what = "times" if option == "--timestamp" else "values"
    raise UnreadableError(f"{path} does not say which column has the {what}; give {option}. {has}")


def _row(line: int, cells: Sequence[str], at: Sequence[int], columns: Columns, width: int) -> Row:
    if len(cells) != width:
        fields = "1 field" if len(cells) == 1 else f"{len(cells)} fields"
        raise UnreadableError(
            f"Line {line} has {fields}, the header has {width}: quote texts that hold a separator."
        )

    def cell(index: int) -> str:
        return "" if index < 0 else cells[index].strip()

    timestamp, value = cell(at[0]), cell(at[1])
    try:
        time = seconds(timestamp)
    except ValueError:
        raise UnreadableError(
            f"Line {line}, column {columns.timestamp}: “{timestamp}” is not a time; "
            "write it as 2026-11-20 or 2026-11-20 14:30."
        ) from None
    try:
        number = _number(value)
    except ValueError:
        raise UnreadableError(
            f"Line {line}, column {columns.value}: “{value}” is not a number."
        ) from None
    return Row(timestamp, value, cell(at[2]), cell(at[3]), time, number)


def seconds(text: str) -> float:
    """Seconds since 1970 of a time as people write it; without a zone it is taken as UTC.

    ISO 8601, the same with slashes, year and month, or a Unix time in seconds or milliseconds. Raises
    ValueError: also for 03/04/2026, which means two days.
    """
    if _NUMBER_OF_TIME.fullmatch(text):
        number = float(text)
        return number / 1000 if abs(number) >= 1e11 else number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _other(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def plain_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula: behind an apostrophe when it begins like one.

    Numbers and times stay as they are: -5 is no formula.
    """
    if not text.startswith(_FORMULA) or _PLAIN_NUMBER.fullmatch(text):
        return text
    try:
        seconds(text)
    except (ValueError, OverflowError):
        return f"'{text}"
    return text


def _other(text: str) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(text)


def _number(text: str) -> float:
    """A number as bills write it (1,234.50 or $12); NaN when it is missing; ValueError otherwise."""
    if text.casefold() in MISSING:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        plain = text.replace("\u00a0", "").strip("$€£ ")
        if not re.fullmatch(r"-?[$€£]?\d{1,3}(,\d{3})+(\.\d+)?|-?[$€£]?\d+(\.\d+)?", plain):
            raise
        number = float(plain.replace(",", "").replace("$", "").replace("€", "").replace("£", ""))
    if not math.isfinite(number):
        raise ValueError(text)
    return number
