"""The database: SQLite with one writer by default, PostgreSQL by ``DATABASE_URL``.

Transactions are plain synchronous functions of a connection. They run in a thread of their own so that
the event loop never waits on a disk: on SQLite in the one thread that writes, because colliding writers
stall for seconds; on PostgreSQL in a small pool of threads.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

T = TypeVar("T")

_AGAIN = ("40P01", "40001")  # PostgreSQL: deadlock detected, serialization failure

_Work = tuple[Callable[[Connection], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]
_Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]

TOGETHER = 32  # works of one commit on SQLite, at most
_NO_URL = "DATABASE_URL is not a database URL; write sqlite:///sandrail.db or postgresql://user@host/name."
POOL = 8  # threads, and so connections, on PostgreSQL


class DatabaseUrlError(ValueError):
    """``DATABASE_URL`` cannot be used."""


def driver_url(text: str) -> URL:
    """The URL as people write it with the driver that we use. Raises DatabaseUrlError with a sentence."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseUrlError(_NO_URL) from None
    base = url.drivername.partition("+")[0]
    if base == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise DatabaseUrlError(
                "DATABASE_URL needs a file: the bot's threads cannot share a database in memory; "
                "write sqlite:///sandrail.db."
            )
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
        self._queue: deque[_Work] = deque()
        self._queueing = threading.Lock()
        self._taking = False  # whether the writing thread is at the queue, or about to be
        if self.is_sqlite:
            folder = Path(self.url.database or "").parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseUrlError(
                    f"DATABASE_URL names the folder {folder}, which cannot be made: {error.strerror}."
                ) from None
            self.writer = _sqlite(self.url, size=1)
            self.reader = _sqlite(self.url, size=4)
        else:
            try:
                self.writer = create_engine(
                    self.url, pool_size=POOL, max_overflow=POOL, pool_pre_ping=True, pool_timeout=30
                )
                # One view for all that is read, so that what is shown together agrees; the pool is the writer's.
                self.reader = self.writer.execution_options(isolation_level="REPEATABLE READ")
            except ModuleNotFoundError:
                raise DatabaseUrlError(
                    "DATABASE_URL names PostgreSQL, whose driver is not installed; "
                    "install it with: .venv/bin/pip install -e '.[postgres]'"
                ) from None
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
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; what is written on it is rolled back."""
        with self.reader.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection

    async def in_write(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one transaction in a writing thread.

        On SQLite what comes while the writer is busy shares its commit, because a commit waits for the
        disk: each work has a savepoint of its own, and its result is given out after the commit.
        """
        loop = asyncio.get_running_loop()
        if not self.is_sqlite:
            return await loop.run_in_executor(self.write_threads, self.transact, work)
        done: asyncio.Future[T] = loop.create_future()
        with self._queueing:
            self._queue.append((work, done, loop))
            wake, self._taking = not self._taking, True
        if wake:  # once for all that comes while the writer is busy: handing it to a thread is dear
            self.write_threads.submit(self._take)
        return await done

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one transaction and returns its result; blocks.

        When PostgreSQL ends it because of a deadlock, it is run again: ``work`` must have no effect
        outside the database.
        """
        for last in (False, False, True):
            try:
                with self.write() as connection:
                    return work(connection)
            except OperationalError as error:
                if last or getattr(error.orig, "sqlstate", None) not in _AGAIN:
                    raise
        raise AssertionError("the last try returns or raises")

    def _take(self) -> None:
        """In the writing thread: what waits, commit by commit, until nothing does."""
        while True:
            with self._queueing:
                count = min(len(self._queue), TOGETHER)
                works = [self._queue.popleft() for _ in range(count)]
                if not works:
                    self._taking = False
                    return
            outcomes = self._together([work for work, _, _ in works])
            told: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
            for (_, done, loop), (result, error) in zip(works, outcomes, strict=True):
                told.setdefault(loop, []).append((done, result, error))
            for loop, news in told.items():  # one wake-up of a loop for all of a commit
                with contextlib.suppress(RuntimeError):  # the loop that asked is closed
                    loop.call_soon_threadsafe(_tell, news)

    def _together(
        self, works: list[Callable[[Connection], Any]]
    ) -> list[tuple[Any, BaseException | None]]:
        """Runs the works in one commit; returns the result or the failure of each."""
        outcomes: list[tuple[Any, BaseException | None]] = []
        try:
            with self.write() as connection:
                if len(works) == 1:  # the transaction is all the savepoint that it needs
                    return [(works[0](connection), None)]
                savepoint = connection.connection.cursor()  # the driver's: 1 µs instead of 7
                for work in works:
                    savepoint.execute("SAVEPOINT work")
                    try:
                        outcomes.append((work(connection), None))
                    except BaseException as error:
                        savepoint.execute("ROLLBACK TO work")
                        outcomes.append((None, error))
                    savepoint.execute("RELEASE work")
        except BaseException as error:  # the commit failed: nothing of it happened
            return [(None, error)] * len(works)
        return outcomes

    async def in_read(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` on a consistent view in a reading thread. The database refuses what it tries to write:
        a reply must not tell of what is then rolled back."""

        def run() -> T:
            with self.read() as connection:
                if not self.is_sqlite:
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                    return work(connection)
                connection.exec_driver_sql("PRAGMA query_only = ON")
                try:
                    return work(connection)
                finally:
                    connection.exec_driver_sql("PRAGMA query_only = OFF")

        return await asyncio.get_running_loop().run_in_executor(self._read_threads, run)

    def close(self) -> None:
        """Ends the threads after what they are doing, and the connections."""
        self.write_threads.shutdown()
        self._read_threads.shutdown()
        self.writer.dispose()
        self.reader.dispose()


def _tell(news: list[_Outcome]) -> None:
    for done, result, error in news:
        if done.done():
            continue  # whoever asked was cancelled
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)


def _sqlite(url: URL, size: int) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": 30},
        pool_size=size,
        max_overflow=4 if size > 1 else 0,
    )

    # On the pool, not on the engine: an engine with listeners dispatches events at every statement.
    @event.listens_for(engine.pool, "connect")
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

    return engine
