"""Rows that cannot be read are kept with the reason and their money, never dropped.

All are counted and their money is added up where it can be read; of each reason the first
:data:`KEPT` rows are kept whole, so that a bill that is broken all through fills neither memory nor
database.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import list_currencies
from sqlalchemy import Connection, delete, insert

from guardrails.policy.bills import Bill
from storage.bills.charges import trouble
from storage.bills.engine import batches
from storage.bills.report import QuarantineReport
from storage.bills.source import FILE, Source
from storage.bills.values import day_of, money
from storage.tables.spend import QuarantinedRow

#: How many rows of a bill are kept whole for each reason.
KEPT = 1_000

_TABLE = QuarantinedRow.__table__  # type: ignore[attr-defined]
_BATCH = 5_000
_CURRENCIES = frozenset(list_currencies())


@dataclass(frozen=True)
class BadRow:
    """One row that cannot be read. ``line`` counts from 1, 0 when it is not known."""

    file: str
    line: int
    reason: str
    money: str
    currency: str
    row: dict[str, Any]


@dataclass
class _Reason:
    rows: int = 0
    kept: list[BadRow] = field(default_factory=list)
    sums: dict[str, Decimal] = field(default_factory=dict)


class Quarantine:
    """The rows of one bill that cannot be read."""

    def __init__(self, bill: str) -> None:
        self.bill = bill
        self.rows = 0
        self._reasons: dict[str, _Reason] = {}
        self._places: Counter[tuple[date, str]] = Counter()

    def count(self, reason: str, amount: Decimal | None, currency: str, period: str) -> bool:
        """Counts a row; true when it is one of those to :meth:`keep`.

        ``amount`` is None where it cannot be read; ``period`` is the billing period as it stands.
        """
        self.rows += 1
        mine = self._reasons.setdefault(reason, _Reason())
        mine.rows += 1
        code = currency.strip().upper()
        code = code if code in _CURRENCIES else ""
        if amount is not None:
            mine.sums[code] = mine.sums.get(code, Decimal(0)) + amount
        with contextlib.suppress(ValueError):
            self._places[date.fromisoformat(period[:10]), code] += 1
        return mine.rows <= KEPT

    def keep(self, row: BadRow) -> None:
        """Keeps a row whole."""
        self._reasons[row.reason].kept.append(row)

    def of(self, period: date, currency: str) -> int:
        """How many of the rows belong to a period and currency, as far as both can be read."""
        return self._places[period, currency]

    def report(self) -> tuple[QuarantineReport, ...]:
        """The rows by reason, the most frequent first, each with its first row as an example."""
        ordered = sorted(self._reasons.items(), key=lambda item: (-item[1].rows, item[0]))
        return tuple(
            QuarantineReport(
                bill=self.bill,
                reason=reason,
                rows=found.rows,
                file=found.kept[0].file,
                line=found.kept[0].line,
                money=found.kept[0].money,
                kept=len(found.kept),
                sums=dict(sorted(found.sums.items())),
            )
            for reason, found in ordered
        )

    def store(self, connection: Connection) -> None:
        """Replaces all rows of the bill that are in quarantine by those that were kept."""
        connection.execute(delete(_TABLE).where(_TABLE.c.bill == self.bill))
        kept = [row for found in self._reasons.values() for row in found.kept]
        kept.sort(key=lambda row: (row.file, row.line))
        for first in range(0, len(kept), _BATCH):
            some = kept[first : first + _BATCH]
            connection.execute(insert(_TABLE), [{"bill": self.bill, **r.__dict__} for r in some])


def add_unreadable_rows(source: Source, bill: Bill, quarantine: Quarantine) -> None:
    """Adds the rows whose values cannot be read, in the order of the source. Reads it a second time."""
    import ibis

    table = source.table
    cost, currency = source.columns[bill.cost], source.columns["BillingCurrency"]
    period = day_of(table[source.columns["BillingPeriodStart"]])
    amount = money(table[cost], source.exact)
    marked = table.mutate(
        sandrail_trouble=trouble(source, bill),
        sandrail_money=amount,
        sandrail_period=period.cast("string"),
    )
    in_order = source.has_files and source.on_duckdb
    starts: dict[str, int] = {}
    if in_order:
        starts = _starts(source)
        # Files are read in order when nothing may be reordered; numbering is then done row by row as
        # they pass. A number by file would need all rows at once.
        source.backend.raw_sql("SET preserve_insertion_order = true")
        marked = marked.mutate(sandrail_line=ibis.row_number())
    bad = marked.filter(marked.sandrail_trouble.notnull())
    if not source.on_duckdb:
        # As text: what made the row unreadable, such as NaN, may be nothing that Arrow can hold.
        bad = bad.mutate(**{name: bad[name].cast("string") for name in _scalars(bad)})
    try:
        for batch in batches(source.backend, bad, _BATCH):
            for number in _counted(batch, currency, quarantine):
                (row,) = batch.slice(number, 1).to_pylist()
                quarantine.keep(_bad_row(row, source, bill, starts))
    finally:
        if in_order:
            source.backend.raw_sql("SET preserve_insertion_order = false")


def _counted(batch: Any, currency: str, quarantine: Quarantine) -> list[int]:
    """Counts the rows of a batch; the numbers of those to keep."""
    names = ("sandrail_trouble", "sandrail_money", currency, "sandrail_period")
    columns = (batch.column(name).to_pylist() for name in names)
    return [
        number
        for number, (reason, amount, code, period) in enumerate(zip(*columns, strict=True))
        if quarantine.count(
            str(reason), None if amount is None else Decimal(amount), _text(code), _text(period)
        )
    ]


def _starts(source: Source) -> dict[str, int]:
    """File → how many rows are read before its first."""
    counted = source.table.group_by(FILE).aggregate(rows=source.table.count())
    rows = dict(source.backend.con.execute(source.backend.compile(counted)).fetchall())
    starts, before = {}, 0
    for file in source.files:
        starts[file] = before
        before += int(rows.get(file, 0))
    return starts


def _scalars(rows: Any) -> Iterator[str]:
    for name, kind in rows.schema().items():
        if kind.is_numeric() or kind.is_temporal():
            yield name


def _bad_row(row: dict[str, Any], source: Source, bill: Bill, starts: dict[str, int]) -> BadRow:
    reason = str(row.pop("sandrail_trouble"))
    file = str(row.pop(FILE, "") or "")
    number = row.pop("sandrail_line", None)
    for name in ("sandrail_money", "sandrail_period"):
        row.pop(name)
    return BadRow(
        file=file or source.name,
        line=0 if number is None else int(number) + 1 - starts.get(file, 0),
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
    if isinstance(value, list | tuple):
        return _plain_all(value)
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return value.replace("\0", "") if isinstance(value, str) else value


def _plain_all(values: Iterable[Any]) -> list[Any]:
    return [_plain(v) for v in values]


def _text(value: Any) -> str:
    return "" if value is None else str(value).replace("\0", "")
