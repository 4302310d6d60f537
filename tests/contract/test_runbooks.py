"""The checklist in an alert's thread, the same on every surface."""

from datetime import timedelta
from decimal import Decimal

import pytest

from handlers.alerts.publish import publish
from handlers.deadlines import run_due
from tests.conftest import Clock, runbook
from tests.contract.seats import Seat
from tests.handlers.alerting import finding

DRIVERS, STOP = "1. Look at the drivers.", "2. Stop what runs away."
LATE = "escalation: [{role: lead, after_minutes: 30}]\n"


async def post(seat: Seat, *found: object) -> None:
    await seat.kernel.turn(lambda turn: publish(turn, list(found)))  # type: ignore[arg-type]
    await seat.kernel.delivery.drain()


@pytest.fixture
async def alert(seat: Seat) -> Seat:
    await post(seat, finding())
    return seat


def marks(said: str) -> tuple[int, int]:
    """How many steps are ticked and open; as JSON a mark may be escaped."""
    said = said.replace("\\u2713", "✓").replace("\\u25cb", "○")
    return said.count("✓"), said.count("○")


async def test_ticks_are_seen_in_every_channel(alert: Seat) -> None:
    assert marks((await alert.thread("ml-search"))[0]) == (0, 2)
    await alert.press_in_thread("engineer", "ml-search", "Tick off", DRIVERS)
    await alert.press_in_thread("lead", "finops", "Tick off", STOP)
    for channel in ("ml-search", "finops"):
        steps = (await alert.thread(channel))[0]
        assert marks(steps) == (2, 0)
        assert "ML engineer, search" in steps
        assert "ML lead, search" in steps
        assert "Every step is ticked." in steps


async def test_a_wrong_tick_is_taken_back(alert: Seat) -> None:
    await alert.press_in_thread("engineer", "ml-search", "Tick off", STOP)
    await alert.press_in_thread("engineer", "ml-search", "Open again", STOP)
    for channel in ("ml-search", "finops"):
        assert marks((await alert.thread(channel))[0]) == (0, 2)


async def test_who_may_not_is_told_privately(alert: Seat) -> None:
    await alert.press_in_thread("executive", "ml-search", "Tick off", DRIVERS)
    assert "This needs the role" in await alert.told()
    assert marks((await alert.thread("ml-search"))[0]) == (0, 2)


async def test_one_of_a_group_gets_its_checklist_into_the_thread(seat: Seat) -> None:
    await post(seat, *[finding(f"exp-{n}", impact=Decimal(100 + n)) for n in range(6)])
    await seat.press_in_thread("engineer", "ml-search", "Runbook")
    assert marks((await seat.thread("ml-search"))[-1]) == (0, 2)


async def test_nobody_takes_it_so_the_next_are_asked(
    seat: Seat, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = seat.kernel
    spend = runbook("spend", "Spend spike", ("Look at the drivers.",), LATE)
    monkeypatch.setitem(kernel.loaded.runbooks, "spend", spend)
    await post(seat, finding())
    clock.now += timedelta(minutes=30)
    assert run_due(kernel.database, kernel.loaded, kernel.places, kernel.clock) == 1
    await kernel.delivery.drain()
    for channel in ("ml-search", "finops"):
        assert "Nobody has taken this for 30 minutes" in (await seat.thread(channel))[-1]
