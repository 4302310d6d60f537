"""The running bot in Teams, on a database that is migrated once."""

from collections.abc import AsyncIterator

import pytest

from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests import migrated as _fixtures
from tests.conftest import Clock
from tests.teams.house import House, house

migrated, sqlite = _fixtures.migrated, _fixtures.sqlite


@pytest.fixture
async def home(sqlite: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[House]:
    """The bot, installed in a team and with everybody."""
    async with house(sqlite, loaded, clock) as made:
        yield made
