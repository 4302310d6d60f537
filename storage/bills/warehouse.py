"""Bills in a table of a database or warehouse, through Ibis."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from guardrails.policy.bills import Bill
from storage.bills.columns import find_columns, missing_columns, not_focus
from storage.bills.errors import BillError
from storage.bills.find_files import first_line
from storage.bills.source import Source

#: What to install for each kind of URL: the names of Sandrail's extras.
_EXTRAS = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "bigquery": "bigquery",
    "snowflake": "snowflake",
    "trino": "trino",
    "databricks": "databricks",
    "pyspark": "pyspark",
}
#: Money in the pass over the rows: 38 digits with 18 decimals, but BigQuery's NUMERIC has 9.
_EXACT = {"bigquery": "decimal(38, 9)"}


@contextmanager
def open_table(bill: Bill) -> Iterator[Source]:
    """The bill's table behind the connection whose URL the environment holds.

    Raises BillError: variable not set, driver not installed, no connection, no such table,
    not a FOCUS bill. The URL is never part of an error: it may hold a password.
    """
    assert bill.connection is not None
    assert bill.table is not None
    what = f"bill {bill.name}"
    url = os.environ.get(bill.connection, "").strip()
    if not url:
        raise BillError(
            f"{what}: the environment variable {bill.connection} is not set; it must hold the URL "
            "of the database that has the bill."
        )
    backend = _connect(url, bill, what)
    try:
        yield _source(backend, bill, what)
    finally:
        backend.disconnect()


def _connect(url: str, bill: Bill, what: str) -> Any:
    import ibis

    scheme = url.partition(":")[0].partition("+")[0].lower()
    extra = _EXTRAS.get(scheme)
    known = (
        "postgresql://, bigquery://, snowflake://, trino://, databricks://, pyspark://, duckdb://"
    )
    if extra is None and scheme not in ("duckdb", "sqlite"):
        raise BillError(
            f"{what}: {bill.connection} begins with {scheme}:, which is no database that Sandrail "
            f"can read a bill from; it reads {known}."
        )
    try:
        backend = ibis.connect(scheme + url[url.index(":") :])
        if backend.name == "postgres":
            backend.raw_sql("SET TIME ZONE 'UTC'").close()
        elif backend.name == "duckdb":
            backend.raw_sql("SET TimeZone = 'UTC'")
    except (ImportError, AttributeError):
        raise BillError(
            f"{what}: the driver for {scheme} is not installed; in Sandrail's folder run "
            f".venv/bin/pip install -e '.[{extra or scheme}]'."
        ) from None
    except Exception as error:
        said = first_line(error).replace(url, bill.connection or "")
        raise BillError(
            f"{what}: no connection to the database in {bill.connection}: {said}"
        ) from None
    return backend


def _source(backend: Any, bill: Bill, what: str) -> Source:
    schema, dot, name = (bill.table or "").rpartition(".")
    try:
        table = backend.table(name, database=schema if dot else None)
    except Exception:
        raise BillError(
            f"{what}: there is no table {bill.table} in the database in {bill.connection}."
        ) from None
    columns = find_columns(table.columns)
    missing = missing_columns(columns, bill.cost)
    if missing:
        raise BillError(f"{what}: " + not_focus(f"table {bill.table}", missing))
    return Source(
        name=bill.table or "",
        backend=backend,
        table=table,
        columns=columns,
        exact=_EXACT.get(backend.name, "decimal(38, 18)"),
    )
