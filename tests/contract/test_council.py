"""The council on every surface: a message is brought to it, the digest stands in its thread, people decide."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from guardrails.policy.people import Person
from handlers.alerts.publish import publish
from handlers.council.post import post_digest
from handlers.deadlines import run_due
from storage.policy_file import LoadedPolicy
from storage.tables.delivery import Outbox
from tests.conftest import Clock
from tests.contract.seats import Seat
from tests.handlers.alerting import finding
from tests.handlers.councils import Hall, council_policy
from tests.handlers.sandboxing import FORM

CHANNEL = "finops"
ENTRY = "Bring to the council"


@pytest.fixture
def loaded() -> LoadedPolicy:
    """A council, and somebody who has no role."""
    made = council_policy(channel=CHANNEL)
    nobody = Person(email="outsider@example.com", name="Somebody")
    people = (*made.policy.people, nobody)
    return replace(made, policy=made.policy.model_copy(update={"people": people}))


@pytest.fixture
async def alert(seat: Seat, clock: Clock) -> Seat:
    """An alert stands in the team's channel."""
    clock.now = datetime(2026, 11, 20, 9, tzinfo=UTC)
    await seat.kernel.turn(lambda turn: publish(turn, [finding(impact=Decimal(500))]))
    await seat.kernel.delivery.drain()
    return seat


async def bring(seat: Seat, who: str = "engineer", **changes: str) -> dict[str, str]:
    await seat.menu(who, "ml-search", ENTRY)
    assert await seat.fields() == ["topic", "why", "owner"]
    given = {"topic": "Is the ranker worth it?", "why": "Keep it?", "owner": "lead@example.com"}
    return await seat.submit(who, **(given | changes))


async def meet(seat: Seat, clock: Clock) -> None:
    """The council's time comes."""
    clock.now = datetime(2026, 11, 24, 9, tzinfo=UTC)
    await seat.kernel.turn(post_digest)
    await seat.kernel.delivery.drain()


async def test_a_message_is_brought_decided_and_followed_up(alert: Seat, clock: Clock) -> None:
    assert set(await bring(alert, topic=" ", owner="nobody")) == {"topic", "owner"}
    assert await bring(alert) == {}
    assert await bring(alert, who="lead", topic="In other words") == {}  # said privately
    await meet(alert, clock)
    said = (await alert.thread(CHANNEL))[-1]
    for wanted in ("Decide: Is the ranker worth it?", "Keep it?", "Added by ML engineer"):
        assert wanted in said, wanted
    assert "the message" in said
    assert not any("In other words" in s for s in await alert.thread(CHANNEL))
    await alert.press_in_thread("executive", CHANNEL, "Continue")
    said = (await alert.thread(CHANNEL))[-1]
    assert "Object" in said  # it stands until somebody does
    assert "decided by Executive" in said
    await alert.press_in_thread("lead", CHANNEL, "Object…")
    assert await alert.fields() == ["why"]
    assert await alert.submit("lead", why="Nobody knows its price.") == {}
    assert "Nobody knows its price." in (await alert.thread(CHANNEL))[-1]
    await alert.press_in_thread("lead", CHANNEL, "Continue")
    clock.now = datetime(2026, 11, 25, 14, tzinfo=UTC)
    kernel = alert.kernel
    run_due(kernel.database, kernel.loaded, kernel.places, clock)
    await kernel.delivery.drain()
    thread = await alert.thread(CHANNEL)
    assert any("Minutes of the council 2026-W48" in s for s in thread)
    assert any("Follow-up of the council 2026-W48" in s for s in thread)


async def test_a_message_about_a_sandbox_brings_the_sandbox(seat: Seat, clock: Clock) -> None:
    clock.now = datetime(2026, 11, 20, 9, tzinfo=UTC)
    await seat.command("engineer", "/sandbox request")
    assert "hypothesis" in await seat.fields()
    assert await seat.submit("engineer", **(FORM | {"estimate": "100"})) == {}
    await seat.menu("lead", "ml-search", ENTRY)
    assert await seat.fields() == ["why"]
    assert await seat.submit("lead", why="Is it worth it?") == {}
    await meet(seat, clock)
    said = (await seat.thread(CHANNEL))[-1]
    assert "Decide: try-lora" in said
    assert "Is it worth it?" in said


async def test_who_has_no_role_is_told(alert: Seat) -> None:
    await alert.menu("outsider", "ml-search", ENTRY)
    assert "needs the role" in await alert.told()


async def test_the_whole_digest_of_a_busy_week_arrives(seat: Seat, clock: Clock) -> None:
    """Each surface refuses what it would not show: too many blocks, too large a card."""
    kernel = seat.kernel
    hall = Hall(kernel.database, kernel.loaded, clock)
    hall.busy()
    with kernel.database.write() as connection:
        connection.execute(Outbox.__table__.delete())  # type: ignore[attr-defined]
    for n in range(30):
        typed = f"add {n:02} {'what is to be done about it ' * 9}"
        assert hall.act("command", "council", text=typed, who="lead").kind == "private"
    await meet(seat, clock)
    wanted = hall.digest()
    assert any(wanted.root.blocks[0].text in said for said in await seat.roots(CHANNEL))
    thread = await seat.thread(CHANNEL)
    assert len(thread) == len(wanted.parts)
    for (_, part), said in zip(wanted.parts, thread, strict=True):
        assert part.blocks[0].text in said or part.blocks[1].text[0].text in said
