"""A migrated database with the table of the platforms' test handlers, copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.migrate import upgrade
from tests.slack import handlers


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database that is migrated once; each test has a copy."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    made = Database(f"sqlite:///{path}")
    upgrade(made)
    handlers.THINGS.create(made.writer)
    made.close()
    return path


@pytest.fixture
def sqlite(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    """The same as everywhere, and faster."""
    made = Database(f"sqlite:///{shutil.copy(migrated, tmp_path / 'sandrail.db')}")
    yield made
    made.close()
