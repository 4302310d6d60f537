"""The running bot in Teams, on a database that is migrated once."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.slack import handlers
from tests.teams.house import House, house


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database that is migrated once; each test has a copy."""
    path = tmp_path_factory.mktemp("teams") / "empty.db"
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


@pytest.fixture
async def home(sqlite: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[House]:
    """The bot, installed in a team and with everybody."""
    async with house(sqlite, loaded, clock) as made:
        yield made
