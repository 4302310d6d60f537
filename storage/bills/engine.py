"""The DuckDB of this process: bounded memory, UTC, clear errors when something cannot be loaded."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storage.bills.errors import BillError

#: DuckDB goes to disk beyond this; Python, Arrow and the rollup need room beside it.
MEMORY = "1GiB"

_EXTENSIONS = {
    "s3://": ("httpfs",),
    "gs://": ("httpfs",),
    "gcs://": ("httpfs",),
    "http://": ("httpfs",),
    "https://": ("httpfs",),
    "az://": ("azure",),
    "azure://": ("azure",),
    "abfss://": ("azure",),
}
REMOTE = tuple(_EXTENSIONS)
_PATTERN = re.compile(r"([\[*?])")


@contextmanager
def local_engine() -> Iterator[Any]:
    """An Ibis backend on a fresh in-memory DuckDB whose overflow goes to a temporary folder."""
    import ibis

    with tempfile.TemporaryDirectory(prefix="sandrail-duckdb-") as folder:
        backend = ibis.duckdb.connect()
        try:
            for setting in (
                "TimeZone = 'UTC'",
                "preserve_insertion_order = false",
                "enable_progress_bar = false",
                f"memory_limit = '{MEMORY}'",
                f"temp_directory = '{quoted(folder)}'",
            ):
                backend.raw_sql(f"SET {setting}")
            yield backend
        finally:
            backend.disconnect()


def batches(backend: Any, expression: Any, rows: int) -> Iterator[Any]:
    """The expression's result as Arrow record batches of about ``rows`` rows."""
    if backend.name == "duckdb":
        # Not Ibis's own way: it uses a call that DuckDB 1.5 warns about.
        yield from backend.con.execute(backend.compile(expression)).to_arrow_reader(rows)
    else:
        yield from backend.to_pyarrow_batches(expression, chunk_size=rows)


def quoted(text: str) -> str:
    """Text for between single quotes in SQL."""
    return text.replace("'", "''")


def file_name(path: str) -> str:
    """A file for between single quotes in SQL. DuckDB globs every path: what it would take for a
    pattern in the name of a file of this machine is escaped, so that it reads just this file."""
    if not path.lower().startswith(REMOTE):
        path = _PATTERN.sub(r"[\1]", path)
    return quoted(path)


def identifier(name: str) -> str:
    """A name for SQL, in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def prepare_remote(backend: Any, address: str) -> None:
    """Loads what DuckDB needs to read from this address, with the credentials of the environment.

    Raises BillError with one sentence when DuckDB's extension cannot be had.
    """
    scheme = next((s for s in REMOTE if address.lower().startswith(s)), None)
    if scheme is None:
        return
    for extension in _EXTENSIONS[scheme]:
        load_extension(backend, extension, scheme)
    for secret in _secrets(scheme):
        backend.raw_sql(secret)


def load_extension(backend: Any, extension: str, scheme: str) -> None:
    """Loads a DuckDB extension, downloading it once. Raises BillError when that fails."""
    import duckdb

    try:
        backend.raw_sql(f"LOAD {extension}")
        return
    except duckdb.Error:
        pass
    try:
        backend.raw_sql(f"INSTALL {extension}")
        backend.raw_sql(f"LOAD {extension}")
    except duckdb.Error:
        raise BillError(
            f"Bills at {scheme} need DuckDB's extension {extension}, which could not be downloaded; "
            "allow this machine to reach extensions.duckdb.org once, or copy the bill to a folder."
        ) from None


def _secrets(scheme: str) -> Iterator[str]:
    """``CREATE SECRET`` statements from the variables that the clouds' own tools read."""
    given = os.environ.get
    if scheme == "s3://" and given("AWS_ACCESS_KEY_ID"):
        parts = {
            "KEY_ID": given("AWS_ACCESS_KEY_ID"),
            "SECRET": given("AWS_SECRET_ACCESS_KEY"),
            "SESSION_TOKEN": given("AWS_SESSION_TOKEN"),
            "REGION": given("AWS_REGION") or given("AWS_DEFAULT_REGION"),
        }
        yield _secret("s3", parts)
    if scheme in ("gs://", "gcs://") and given("GCS_ACCESS_KEY_ID"):
        yield _secret(
            "gcs", {"KEY_ID": given("GCS_ACCESS_KEY_ID"), "SECRET": given("GCS_SECRET_ACCESS_KEY")}
        )
    if scheme in ("az://", "azure://", "abfss://") and given("AZURE_STORAGE_CONNECTION_STRING"):
        yield _secret("azure", {"CONNECTION_STRING": given("AZURE_STORAGE_CONNECTION_STRING")})


def _secret(kind: str, parts: dict[str, str | None]) -> str:
    said = ", ".join(f"{key} '{quoted(value)}'" for key, value in parts.items() if value)
    return f"CREATE OR REPLACE SECRET sandrail_{kind} (TYPE {kind}, {said})"
