"""The conversation about a sandbox, the same on every surface, set up by a real receiver of webhooks."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.acting import Acting
from bot.actuators.making import make_actuators
from handlers.deadlines import run_due
from storage.policy_file import LoadedPolicy
from tests.actuators.receiving import SECRET, Receiver, receiving
from tests.conftest import Clock
from tests.contract.seats import Seat
from tests.handlers.sandboxing import FORM, sandbox_policy

CHANNEL = "ml-search"


@pytest.fixture
async def platform() -> AsyncIterator[Receiver]:
    """The example receiver, as its users start it."""
    async with receiving() as found:
        yield found


@pytest.fixture
def loaded(platform: Receiver) -> LoadedPolicy:
    """With a zone, and an actuator that calls the receiver."""
    return sandbox_policy(("http://127.0.0.1:9", platform.url))


@pytest.fixture
async def acting(seat: Seat, loaded: LoadedPolicy) -> AsyncIterator[Acting]:
    """What carries the orders out, for the surface's kernel."""
    environ = {"PLATFORM_SECRET": SECRET}
    running = Acting(replace(seat.kernel, actuators=make_actuators(loaded.policy, environ)))
    yield running
    await running.close()


async def ask(seat: Seat, who: str = "engineer", **changes: str) -> dict[str, str]:
    """Types the command, fills in the form and sends it."""
    await seat.command(who, "/sandbox request")
    names = await seat.fields()
    assert names[:4] == ["name", "hypothesis", "metric", "target"]
    return await seat.submit(who, **(FORM | changes))


async def card(seat: Seat) -> str:
    """What the channel's first message says."""
    return (await seat.roots(CHANNEL))[0]


async def set_up(seat: Seat, acting: Acting) -> None:
    """Carries out what is ordered, and posts what comes of it."""
    await acting.drain()
    await seat.kernel.delivery.drain()


async def test_inside_a_zone_it_is_active_without_a_decision(
    seat: Seat, acting: Acting, platform: Receiver
) -> None:
    errors = await ask(seat, estimate="-5", until="2026-11-01", name="Try LoRA!")
    assert set(errors) == {"estimate", "until", "name"}
    assert await seat.roots(CHANNEL) == []
    assert await ask(seat, name="Try LoRA") == {}
    said = await card(seat)
    for wanted in ("Sandbox try-lora", "Allocated", "$1,200", "platform"):
        assert wanted in said, wanted
    await set_up(seat, acting)
    said = await card(seat)
    assert "Active" in said
    assert "until Fri 4 Dec" in said
    assert (await platform.sandboxes())["try-lora"]["state"] == "active"
    assert "experiment=try-lora" in (await seat.thread(CHANNEL))[-1]
    assert "is called try-lora already" in str(await ask(seat, "lead", name="TRY-LORA"))


async def test_outside_a_zone_a_lead_decides(seat: Seat, acting: Acting) -> None:
    assert await ask(seat, estimate="3,000") == {}
    said = await card(seat)
    for wanted in ("Sandbox try-lora asks for $3,600", "lead", "above the cap", "Approve less"):
        assert wanted in said, wanted
    assert "Halt" not in said
    await seat.press("engineer", CHANNEL, "Approve")
    assert "Only a lead decides this amount." in await seat.told()
    await seat.press("lead", CHANNEL, "Approve")
    assert "Granted" in await card(seat)
    await set_up(seat, acting)
    assert "Active" in (await seat.roots(CHANNEL))[1]


async def test_it_is_declined_and_its_name_is_free_again(seat: Seat, acting: Acting) -> None:
    assert await ask(seat, estimate="3,000") == {}
    await seat.press("lead", CHANNEL, "Decline…")
    assert await seat.fields() == ["why"]
    assert await seat.submit("lead", why="Use the shared pool.") == {}
    assert "Use the shared pool." in await card(seat)
    assert await ask(seat) == {}


async def test_halted_resumed_extended_closed_and_looked_back_at(
    seat: Seat, acting: Acting, platform: Receiver, clock: Clock
) -> None:
    await ask(seat)
    await set_up(seat, acting)
    await seat.press("lead", CHANNEL, "Halt…")
    assert await seat.fields() == ["why"]
    assert await seat.submit("lead", why="It loops.") == {}
    await set_up(seat, acting)
    assert "Halted" in await card(seat)
    assert (await platform.sandboxes())["try-lora"]["state"] == "halted"
    await seat.press("engineer", CHANNEL, "Resume…")
    assert "Others halted it" in await seat.told()
    await seat.press("lead", CHANNEL, "Resume…")
    assert await seat.fields() == ["why"]
    assert await seat.submit("lead", why="The loop is mended.") == {}
    await set_up(seat, acting)
    assert (await platform.sandboxes())["try-lora"]["state"] == "active"
    await seat.press("engineer", CHANNEL, "Extend…")
    assert await seat.fields() == ["until", "amount", "why"]
    assert list(await seat.submit("engineer", until="2026-12-04", amount="", why="")) == ["why"]
    assert await seat.submit("engineer", until="2026-12-08", amount="300", why="More data") == {}
    await set_up(seat, acting)
    said = await card(seat)
    assert "Tue 8 Dec" in said
    assert "$1,500" in said
    assert (await platform.sandboxes())["try-lora"]["cap"] == "1500.00 USD"
    clock.now = clock.now.replace(month=12, day=9, hour=8)
    loaded = seat.kernel.loaded
    assert run_due(seat.kernel.database, loaded, seat.kernel.places, clock) >= 1
    await set_up(seat, acting)
    assert "Its time is over" in await card(seat)
    assert await platform.sandboxes() == {}
    await seat.press("engineer", CHANNEL, "What came of it…")
    assert await seat.fields() == ["result", "worth", "note"]
    assert await seat.submit("engineer", result="0.84", worth="yes", note="It ranks as well.") == {}
    assert "It was worth it" in await card(seat)


async def test_people_set_it_up_where_that_is_how_it_is_done(seat: Seat, acting: Acting) -> None:
    loaded = sandbox_policy(("actuators: [platform]", "actuators: [storeroom]"))
    object.__setattr__(seat.kernel, "loaded", loaded)
    await ask(seat)
    assert "waits for people" in await card(seat)
    await seat.press_in_thread("engineer", CHANNEL, "Done")
    assert "role operator" in await seat.told()
    await seat.press_in_thread("operator", CHANNEL, "Done")
    assert "Active" in await card(seat)
