"""Writes one billing period, all of it or nothing, and reads back what was written."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from storage.bills.errors import BillError
from storage.bills.period import Found
from storage.bills.report import KeptPeriod, RemovedBill
from storage.tables.spend import BillPeriod, CostRollup, QuarantinedRow

_PERIODS = BillPeriod.__table__  # type: ignore[attr-defined]
_ROLLUPS = CostRollup.__table__  # type: ignore[attr-defined]
_QUARANTINE = QuarantinedRow.__table__  # type: ignore[attr-defined]
_BATCH = 20_000


def stored_periods(connection: Connection, bill: str, period: date) -> dict[str, Any]:
    """What is stored of a period of a bill: currency → its ``bill_period`` row."""
    query = select(_PERIODS).where(_PERIODS.c.bill == bill, _PERIODS.c.period == period)
    return {row.currency: row for row in connection.execute(query)}


def stored_money(connection: Connection, bill: str, period: date) -> dict[str, tuple[int, int]]:
    """Currency → (micros, rows) of the rollup rows of a period, added up by the database."""
    query = (
        select(_ROLLUPS.c.currency, func.sum(_ROLLUPS.c.cost_micros), func.count())
        .where(_ROLLUPS.c.bill == bill, _ROLLUPS.c.period == period)
        .group_by(_ROLLUPS.c.currency)
    )
    return {c: (int(micros), int(rows)) for c, micros, rows in connection.execute(query)}


def remove_bills_without(
    connection: Connection, names: Iterable[str], *, remove: bool
) -> tuple[RemovedBill, ...]:
    """The bills in store that are none of ``names``; with ``remove`` all that is stored of them goes."""
    known = set(names)
    stored: set[str] = set()
    for table in (_PERIODS, _QUARANTINE):
        stored |= set(connection.execute(select(table.c.bill).distinct()).scalars())
    gone = []
    for bill in sorted(stored - known):
        sums = connection.execute(
            select(_ROLLUPS.c.currency, func.sum(_ROLLUPS.c.cost_micros))
            .where(_ROLLUPS.c.bill == bill)
            .group_by(_ROLLUPS.c.currency)
            .order_by(_ROLLUPS.c.currency)
        ).all()
        periods = connection.execute(
            select(func.count(_PERIODS.c.period.distinct())).where(_PERIODS.c.bill == bill)
        ).scalar_one()
        if remove:
            for table in (_ROLLUPS, _PERIODS, _QUARANTINE):
                connection.execute(delete(table).where(table.c.bill == bill))
        money = {currency: Decimal(int(micros)).scaleb(-6) for currency, micros in sums}
        gone.append(RemovedBill(bill, int(periods), money, remove))
    return tuple(gone)


def periods_beside(
    connection: Connection, bill: str, read: Collection[Found]
) -> tuple[KeptPeriod, ...]:
    """The periods of a bill that are in store but not among those that were ``read``."""
    rows = connection.execute(
        select(_PERIODS)
        .where(_PERIODS.c.bill == bill, _PERIODS.c.period.not_in({f.period for f in read}))
        .order_by(_PERIODS.c.period, _PERIODS.c.currency)
    ).all()
    shared = set(
        connection.execute(
            select(_ROLLUPS.c.period)
            .where(
                _ROLLUPS.c.bill == bill,
                _ROLLUPS.c.period.in_([row.period for row in rows]),
                or_(*(_ROLLUPS.c.day.between(f.oldest, f.newest) for f in read)),
            )
            .distinct()
        ).scalars()
    )
    return tuple(
        KeptPeriod(
            bill=bill,
            period=row.period,
            currency=row.currency,
            rows=row.rows,
            money=Decimal(row.money_out_micros).scaleb(-6),
            twice=row.period in shared,
        )
        for row in rows
    )


def replace_period(
    connection: Connection, bill: str, period: date, rows: Any, facts: list[dict[str, Any]]
) -> dict[str, tuple[int, int]]:
    """Replaces all rows of the period by ``rows`` (Arrow) and its ``bill_period`` by ``facts``.

    ``facts`` are the columns of ``bill_period`` a currency, without ``bill``, ``period``,
    ``rollups`` and ``money_out_micros``: these are read back from the database. Returns them by
    currency, (micros, rows). Raises BillError when money in and out differ; the caller's
    transaction then stores nothing.
    """
    for table in (_ROLLUPS, _PERIODS):
        connection.execute(delete(table).where(table.c.bill == bill, table.c.period == period))
    _insert_rollups(connection, bill, period, rows)
    out = stored_money(connection, bill, period)
    for fact in facts:
        micros, count = out.get(fact["currency"], (0, 0))
        if micros != fact["money_in_micros"]:
            raise BillError(
                f"bill {bill}, period {period}: {fact['money_in_micros'] / 1e6:,.6f} "
                f"{fact['currency']} were read but {micros / 1e6:,.6f} would be stored; "
                "nothing of this period was stored. Please report this."
            )
        connection.execute(
            insert(_PERIODS).values(
                bill=bill, period=period, rollups=count, money_out_micros=micros, **fact
            )
        )
    return out


def touch_period(
    connection: Connection, bill: str, period: date, currency: str, **changed: Any
) -> None:
    """Updates what changes although the money did not: completeness, quarantine, when it was read."""
    connection.execute(
        update(_PERIODS)
        .where(
            _PERIODS.c.bill == bill, _PERIODS.c.period == period, _PERIODS.c.currency == currency
        )
        .values(**changed)
    )


def _insert_rollups(connection: Connection, bill: str, period: date, rows: Any) -> None:
    """Straight through the driver: a month may have a million rows."""
    names = ("bill", "period", *rows.column_names)
    sqlite = connection.dialect.name == "sqlite"
    written = (period.isoformat() if sqlite else period,)
    tuples = ((bill, *written, *values) for values in _tuples(rows, sqlite))
    cursor = connection.connection.cursor()
    try:
        if sqlite:
            marks = ", ".join("?" for _ in names)
            cursor.executemany(
                f"INSERT INTO cost_rollup ({', '.join(names)}) VALUES ({marks})",  # noqa: S608
                cast("Any", tuples),  # sqlite3 takes an iterator: a month is never in memory whole
            )
        else:
            _copy(cursor, names, tuples)
    finally:
        cursor.close()


def _copy(cursor: Any, names: Iterable[str], tuples: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY cost_rollup ({', '.join(names)}) FROM STDIN") as copy:
        for values in tuples:
            # PostgreSQL's text cannot hold the character NUL.
            copy.write_row([v.replace("\0", "") if isinstance(v, str) else v for v in values])


def _tuples(rows: Any, sqlite: bool) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples, a batch at a time so that memory stays flat."""
    for batch in rows.to_batches(max_chunksize=_BATCH):
        columns = []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values = column.to_pylist()
            if sqlite and name == "day":
                values = [v.isoformat() for v in values]
            columns.append(values)
        yield from zip(*columns, strict=True)


def period_fact(
    currency: str,
    *,
    rows: int,
    money_in_micros: int,
    quarantined_rows: int,
    complete_through: date | None,
    ingested_at: datetime,
    fingerprint: str,
) -> dict[str, Any]:
    """The columns of ``bill_period`` that :func:`replace_period` takes."""
    return {
        "currency": currency,
        "rows": rows,
        "money_in_micros": money_in_micros,
        "quarantined_rows": quarantined_rows,
        "complete_through": complete_through,
        "ingested_at": ingested_at,
        "fingerprint": fingerprint,
    }
