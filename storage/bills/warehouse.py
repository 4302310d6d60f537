"""Tables of a database or warehouse, through Ibis: bills, and metrics."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from guardrails.policy.bills import Bill, Sourced
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
    what = f"bill {bill.name}"
    with named_table(bill, what) as (backend, table):
        columns = find_columns(table.columns)
        missing = missing_columns(columns, bill.cost)
        if missing:
            raise BillError(f"{what}: " + not_focus(f"table {bill.table}", missing))
        yield Source(
            name=bill.table or "",
            backend=backend,
            table=table,
            columns=columns,
            exact=_EXACT.get(backend.name, "decimal(38, 18)"),
        )


@contextmanager
def named_table(source: Sourced, what: str) -> Iterator[tuple[Any, Any]]:
    """Ibis's backend and table of a source that has one; ``what`` begins the sentences.

    Raises BillError as :func:`open_table` does.
    """
    variable, name = source.connection or "", source.table or ""
    url = os.environ.get(variable, "").strip()
    if not url:
        raise BillError(
            f"{what}: the environment variable {variable} is not set; it must hold the URL "
            f"of the database that has the table {name}."
        )
    backend = _connect(url, variable, what)
    try:
        schema, dot, table = name.rpartition(".")
        try:
            found = backend.table(table, database=schema if dot else None)
        except Exception:
            raise BillError(
                f"{what}: there is no table {name} in the database in {variable}."
            ) from None
        yield backend, found
    finally:
        backend.disconnect()


def _connect(url: str, variable: str, what: str) -> Any:
    import ibis

    scheme = url.partition(":")[0].partition("+")[0].lower()
    extra = _EXTRAS.get(scheme)
    known = (
        "postgresql://, bigquery://, snowflake://, trino://, databricks://, pyspark://, duckdb://"
    )
    if extra is None and scheme not in ("duckdb", "sqlite"):
        raise BillError(
            f"{what}: {variable} begins with {scheme}:, which is no database that Sandrail "
            f"can read; it reads {known}."
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
        said = first_line(error).replace(url, variable)
        raise BillError(f"{what}: no connection to the database in {variable}: {said}") from None
    return backend
