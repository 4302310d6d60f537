"""The conversation about an alert, the same on every surface."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from handlers.alerts.publish import publish
from handlers.deadlines import run_due
from tests.conftest import Clock
from tests.contract.seats import Seat
from tests.handlers.alerting import finding


async def post(seat: Seat, *found: object) -> None:
    await seat.kernel.turn(lambda turn: publish(turn, list(found)))  # type: ignore[arg-type]
    await seat.kernel.delivery.drain()


@pytest.fixture
async def alert(seat: Seat) -> Seat:
    await post(seat, finding())
    return seat


async def test_an_alert_says_what_a_person_needs(alert: Seat) -> None:
    for channel in ("ml-search", "finops"):
        (said,) = await alert.roots(channel)
        for wanted in (
            "$31,240",
            "$1,020",
            "Sat 21 Nov",
            "$30,220",
            "p5.48xlarge",
            "Investigating",
        ):
            assert wanted in said, wanted
        (steps,) = await alert.thread(channel)
        assert "Look at the drivers." in steps


async def test_a_press_is_seen_by_everyone_in_every_channel(alert: Seat) -> None:
    await alert.press("engineer", "ml-search", "Investigating")
    for channel in ("ml-search", "finops"):
        (said,) = await alert.roots(channel)
        assert "Investigating" in said
        assert "ML engineer, search" in said
        assert "Investigating by ML engineer, search" in (await alert.thread(channel))[-1]


async def test_the_second_learns_who_was_first(alert: Seat) -> None:
    await alert.press("engineer", "ml-search", "False alarm")
    (said,) = await alert.roots("ml-search")
    assert "Reopen" in said
    assert "Snooze" not in said


async def test_expected_with_its_form(alert: Seat) -> None:
    await alert.press("lead", "ml-search", "Expected…")
    assert await alert.fields() == ["why", "until"]
    errors = await alert.submit("lead", why="A launch <!channel> & a sale", until="2026-11-01")
    assert errors == {"until": "That day is over; choose today or a later day."}
    assert await alert.submit("lead", why="A launch <!channel> & a sale", until="2026-11-30") == {}
    (said,) = await alert.roots("ml-search")
    assert "until Mon 30 Nov" in said
    assert "A launch" in said
    thread = await alert.thread("ml-search")
    assert "A launch" in thread[-1]


async def test_resolve_with_its_form(alert: Seat) -> None:
    await alert.press("engineer", "finops", "Resolve…")
    assert await alert.fields() == ["cause", "words"]
    assert await alert.submit("engineer", cause="1", words="A retry loop, now capped.") == {}
    for channel in ("ml-search", "finops"):
        (said,) = await alert.roots(channel)
        assert "Runaway job or loop" in said
        assert "A retry loop, now capped." in said


async def test_who_may_not_is_told_privately_and_nothing_changes(alert: Seat) -> None:
    before = await alert.roots("ml-search")
    await alert.press("executive", "ml-search", "Investigating")
    assert "This needs the role" in await alert.told()
    assert await alert.roots("ml-search") == before
    assert len(await alert.thread("ml-search")) == 1


async def test_a_snooze_ends_and_it_is_told_again(alert: Seat, clock: Clock) -> None:
    await alert.press("engineer", "ml-search", "Snooze", "3 days")
    assert "back on Thu 26 Nov" in (await alert.roots("ml-search"))[0]
    clock.now += timedelta(days=3)
    kernel = alert.kernel
    assert run_due(kernel.database, kernel.loaded, kernel.places, kernel.clock) == 1
    await kernel.delivery.drain()
    assert "Investigating" in (await alert.roots("ml-search"))[0]
    assert "still goes on" in (await alert.thread("ml-search"))[-1]


async def test_a_day_more_edits_the_message_and_the_thread_gets_the_news(
    alert: Seat, clock: Clock
) -> None:
    clock.now += timedelta(days=1)
    await post(alert, finding(last=date(2026, 11, 23), days=3, impact=Decimal(61000)))
    (said,) = await alert.roots("ml-search")
    assert "$61,000" in said
    assert "Day 3" in (await alert.thread("ml-search"))[-1]


async def test_a_flood_is_one_message_with_the_worst_in_its_thread(seat: Seat) -> None:
    await post(seat, *[finding(f"exp-{n}", impact=Decimal(100 + n)) for n in range(6)])
    (said,) = await seat.roots("ml-search")
    assert "6 anomalies at once" in said
    assert len(await seat.thread("ml-search")) == 3
    await seat.press("engineer", "ml-search", "Show the other 3")
    assert len(await seat.thread("ml-search")) == 6


async def test_commands_answer_privately(seat: Seat) -> None:
    await seat.command("engineer", "/spend help")
    assert "unclaimed" in await seat.told()
    await seat.command("engineer", "/spend")
    assert "No bill has been read yet" in await seat.told()
    await seat.command("engineer", "/spend nothing-of-that-name")
    assert "is called" in await seat.told()
    await seat.command("engineer", "/spend last 9999d")
    assert "period" in await seat.told()
    assert await seat.roots("ml-search") == []


async def test_help_in_reach_of_a_typo(seat: Seat) -> None:
    await seat.command("engineer", "/spend alert")
    assert "alert" in await seat.told()
