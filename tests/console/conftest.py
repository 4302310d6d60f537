"""The console's fixtures."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console import answers
from tests.console.desk import Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A console that serves."""
    answers.effects.clear()
    async with open_desk(tmp_path) as desk:
        await desk.start()
        yield desk
