import pytest

from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.handlers.alerting import Bot


@pytest.fixture
def bot(database: Database, loaded: LoadedPolicy, clock: Clock) -> Bot:
    return Bot(database, loaded, clock)
