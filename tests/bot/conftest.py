"""A wall to put messages up on."""

import pytest

from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.bot.wall import Post
from tests.conftest import Clock


@pytest.fixture
def post(database: Database, loaded: LoadedPolicy, clock: Clock) -> Post:
    return Post(database, loaded, clock)
