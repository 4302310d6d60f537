"""Transactions in the writing thread: a group commit that nobody notices but the disk."""

import asyncio
import threading

import pytest
from sqlalchemy import Connection, text

from storage.database import Database, DatabaseUrlError, driver_url


async def _table(database: Database) -> None:
    await database.in_write(lambda c: c.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")))


async def _rows(database: Database) -> list[int]:
    return await database.in_read(
        lambda c: [r[0] for r in c.execute(text("SELECT n FROM t ORDER BY n"))]
    )


def _put(n: int, fail: bool = False) -> "object":
    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": n})
        if fail:
            raise LookupError(str(n))
        return n

    return work


async def test_works_that_share_a_commit_fail_alone(database: Database) -> None:
    await _table(database)
    works = [database.in_write(_put(n, fail=n % 3 == 0)) for n in range(100)]  # type: ignore[arg-type]
    done = await asyncio.gather(*works, return_exceptions=True)
    for n, outcome in enumerate(done):
        if n % 3 == 0:
            assert isinstance(outcome, LookupError)
            assert str(outcome) == str(n)
        else:
            assert outcome == n
    assert await _rows(database) == [n for n in range(100) if n % 3]


async def test_what_is_read_together_is_of_one_moment(database: Database) -> None:
    await _table(database)

    def twice(connection: Connection) -> tuple[int, int]:
        count = text("SELECT count(*) FROM t")
        before = connection.execute(count).scalar_one()
        with database.write() as other:
            other.execute(text("INSERT INTO t VALUES (1)"))
        return before, connection.execute(count).scalar_one()

    assert await database.in_read(twice) == (0, 0)
    assert await _rows(database) == [1]


async def test_a_result_is_given_out_after_its_commit(database: Database) -> None:
    await _table(database)

    async def one(n: int) -> None:
        await database.in_write(_put(n))  # type: ignore[arg-type]
        assert n in await _rows(database)

    await asyncio.gather(*(one(n) for n in range(30)))


async def test_someone_who_no_longer_waits_does_not_hold_up_the_others(sqlite: Database) -> None:
    await _table(sqlite)
    entered, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        entered.set()
        go_on.wait(5)

    first = asyncio.create_task(sqlite.in_write(slow))
    await asyncio.to_thread(entered.wait)
    gone = asyncio.create_task(sqlite.in_write(_put(1)))  # type: ignore[arg-type]
    kept = asyncio.create_task(sqlite.in_write(_put(2)))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    gone.cancel()
    go_on.set()
    await first
    assert await kept == 2


async def test_a_commit_that_fails_fails_for_all_of_it(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _table(sqlite)
    await sqlite.in_write(lambda c: c.execute(text("PRAGMA query_only = ON")))
    done = await asyncio.gather(
        *(sqlite.in_write(_put(n)) for n in range(5)),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert all(isinstance(d, Exception) for d in done)
    sqlite.writer.dispose()  # a new connection may write again
    assert await sqlite.in_write(_put(9)) == 9  # type: ignore[arg-type]
    assert await _rows(sqlite) == [9]


@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("sqlite:///x.db", "sqlite+pysqlite"),
        ("postgresql://u@h/d", "postgresql+psycopg"),
        ("postgres://u@h/d", "postgresql+psycopg"),
    ],
)
def test_urls_as_people_write_them(written: str, driver: str) -> None:
    assert driver_url(written).drivername == driver


@pytest.mark.parametrize("written", ["mysql://u@h/d", "sandrail.db", ""])
def test_other_urls_get_a_sentence(written: str) -> None:
    with pytest.raises(DatabaseUrlError, match="DATABASE_URL"):
        driver_url(written)
