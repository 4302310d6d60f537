"""The database: SQLite with one writer by default, PostgreSQL by ``DATABASE_URL``.

Transactions are plain synchronous functions of a connection. They run in a thread of their own so that
the event loop never waits on a disk: on SQLite in the one thread that writes, because colliding writers
stall for seconds; on PostgreSQL in a small pool of threads.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

T = TypeVar("T")

POOL = 8  # threads, and so connections, on PostgreSQL


class DatabaseUrlError(ValueError):
    """``DATABASE_URL`` cannot be used."""


def driver_url(text: str) -> URL:
    """The URL as people write it with the driver that we use. Raises DatabaseUrlError with a sentence."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise DatabaseUrlError(
            "DATABASE_URL is not a database URL; write sqlite:///sandrail.db or postgresql://user@host/name."
        ) from None
    base = url.drivername.partition("+")[0]
    if base == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    if base in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseUrlError(
        f"DATABASE_URL names {base}; Sandrail keeps its data in sqlite or postgresql."
    )


class Database:
    """Connections to one database. ``write`` and ``read`` block; ``in_write`` and ``in_read`` do not."""

    def __init__(self, url: str = "sqlite:///sandrail.db") -> None:
        self.url = driver_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lock = threading.Lock()
        if self.is_sqlite:
            if self.url.database and self.url.database != ":memory:":
                Path(self.url.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
            self.writer = _sqlite(self.url, "BEGIN IMMEDIATE", size=1)
            self.reader = _sqlite(self.url, "BEGIN", size=4)
        else:
            self.writer = self.reader = create_engine(
                self.url, pool_size=POOL, max_overflow=POOL, pool_pre_ping=True, pool_timeout=30
            )
        writers = 1 if self.is_sqlite else POOL
        self.write_threads = ThreadPoolExecutor(writers, thread_name_prefix="sandrail-write")
        self._read_threads = ThreadPoolExecutor(4, thread_name_prefix="sandrail-read")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any exception."""
        if not self.is_sqlite:
            with self.writer.begin() as connection:
                yield connection
            return
        with self._lock, self.writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; what is written on it is rolled back."""
        with self.reader.connect() as connection:
            yield connection

    async def in_write(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one transaction in a writing thread."""

        def run() -> T:
            with self.write() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self.write_threads, run)

    async def in_read(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` on a consistent view in a reading thread."""

        def run() -> T:
            with self.read() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._read_threads, run)

    def close(self) -> None:
        """Ends the threads after what they are doing, and the connections."""
        self.write_threads.shutdown()
        self._read_threads.shutdown()
        self.writer.dispose()
        self.reader.dispose()


def _sqlite(url: URL, begin: str, size: int) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": 30},
        pool_size=size,
        max_overflow=4 if size > 1 else 0,
    )

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say when a transaction begins, and how
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(
            "PRAGMA synchronous=FULL"
        )  # a decision that was shown as made survives a power cut
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
