"""When an overrun waits long, the runbook's path asks others too, in working time, each step once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from guardrails.runbooks import parse
from storage.database import Database
from tests.conftest import Clock
from tests.handlers.overrunning import Desk, overrun_policy

RUNBOOK = """---
events: [overrun]
escalation:
  - { role: lead, after_minutes: 120 }
  - { role: finance, after_minutes: 240 }
---
# A budget does not suffice

1. Say what the money bought.
"""


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    loaded = replace(overrun_policy(), runbooks={"overrun": parse("runbooks/overrun.md", RUNBOOK)})
    return Desk(database, loaded, clock)


def test_each_step_is_said_once_in_working_time(desk: Desk, clock: Clock) -> None:
    row = desk.begin(110)
    assert "Say what the money bought." in desk.card(row, ":runbook").model_dump_json()
    clock.now += timedelta(hours=2)  # Monday, noon in Berlin
    desk.due()
    clock.now += timedelta(hours=2)
    desk.due()
    desk.due()
    news = [n for n in desk.news(row) if "of working time" in n]
    assert len(news) == 2
    assert "ML lead, search" in news[0]
    assert "2 hours" in news[0]
    assert "Finance partner" in news[1]


def test_what_is_decided_is_not_asked_about(desk: Desk, clock: Clock) -> None:
    row = desk.begin(110)
    desk.press("approve", row, "lead")
    clock.now += timedelta(days=1)
    desk.due()
    assert not [n for n in desk.news(row) if "of working time" in n]
