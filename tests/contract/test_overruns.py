"""The conversation about an overrun, the same on every surface."""

import pytest

from handlers.budgets.look import look
from handlers.deadlines import run_due
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.contract.seats import Seat
from tests.handlers.overrunning import Desk, overrun_policy

SMALL, MIDDLE, LARGE = 107, 115, 140
CHANNEL = "ml-search"


@pytest.fixture
def loaded() -> LoadedPolicy:
    """With a budget, and people for every rung."""
    return overrun_policy()


async def begin(seat: Seat, a_day: float) -> None:
    """A bill of so much a day, and the morning's look at it."""
    Desk(seat.kernel.database, seat.kernel.loaded, Clock()).bill(a_day)
    await seat.kernel.turn(look)
    await seat.kernel.delivery.drain()


async def card(seat: Seat) -> str:
    """The overrun's message: the first of the channel, which it shares with nothing here."""
    return (await seat.roots(CHANNEL))[0]


async def test_an_engineer_grants_a_small_one_in_one_click(seat: Seat) -> None:
    await begin(seat, SMALL)
    said = await card(seat)
    for wanted in ("$210", "$3,000", "engineer or lead", "7 %", "Approve less"):
        assert wanted in said, wanted
    await seat.press("engineer", CHANNEL, "Approve")
    said = await card(seat)
    assert "Granted" in said
    assert "ML engineer, search" in said
    assert "Approve less" not in said
    assert (
        "Granted $210 until Mon 30 Nov by ML engineer, search" in (await seat.thread(CHANNEL))[-1]
    )


async def test_a_lead_grants_a_middle_one_that_an_engineer_may_not(seat: Seat) -> None:
    await begin(seat, MIDDLE)
    before = await card(seat)
    await seat.press("engineer", CHANNEL, "Approve")
    assert "Only a lead decides this amount." in await seat.told()
    assert await card(seat) == before
    await seat.press("lead", CHANNEL, "Approve")
    assert "ML lead, search" in await card(seat)


async def test_less_is_approved_through_a_form_that_says_what_is_wrong(seat: Seat) -> None:
    await begin(seat, MIDDLE)
    await seat.press("lead", CHANNEL, "Approve less…")
    assert await seat.fields() == ["amount", "why"]
    errors = await seat.submit("lead", amount="much", why="")
    assert list(errors) == ["amount"]
    assert "is not an amount" in errors["amount"]
    errors = await seat.submit("lead", amount="450", why="")
    assert "Say less than the $450" in errors["amount"]
    assert await seat.submit("lead", amount="250", why="Half the sweep is enough.") == {}
    said = await card(seat)
    assert "$250 of $450" in said
    assert "Half the sweep is enough." in said


async def test_it_is_declined_with_a_reason(seat: Seat) -> None:
    await begin(seat, MIDDLE)
    await seat.press("lead", CHANNEL, "Decline…")
    assert await seat.fields() == ["why"]
    assert await seat.submit("lead", why="Use the <!here> spot pool.") == {}
    said = await card(seat)
    assert "Declined" in said
    assert "spot pool" in said
    assert "Declined" in (await seat.thread(CHANNEL))[-1]


async def test_halt_tells_the_owner(seat: Seat) -> None:
    await begin(seat, MIDDLE)
    await seat.press("operator", CHANNEL, "Halt…")
    assert await seat.fields() == ["why"]
    assert await seat.submit("operator", why="It runs wild.") == {}
    assert "Halted" in await card(seat)
    assert "Stop what spends it" in (await seat.thread(CHANNEL))[-1]


async def test_a_joint_review_from_case_to_summary(seat: Seat) -> None:
    await begin(seat, LARGE)
    assert "In joint review" in await card(seat)
    case = (await seat.thread(CHANNEL))[0]
    for wanted in (
        "Joint review of ranker",
        "$4,200 in all",
        "Throttle",
    ):
        assert wanted in case, wanted
    await seat.press_in_thread("product", CHANNEL, "Add a note…")
    assert await seat.fields() == ["note"]
    assert await seat.submit("product", note="The launch is on 1 Dec.") == {}
    await seat.press_in_thread(
        "finance", CHANNEL, "Delivered", "Where the money comes from, and until when"
    )
    case = (await seat.thread(CHANNEL))[0]
    assert "The launch is on 1 Dec." in case
    await seat.press_in_thread("finance", CHANNEL, "Sign: approve")
    assert (
        "Finance partner agreed to $1,200; product must agree too."
        in (await seat.thread(CHANNEL))[-1]
    )
    assert "Finance partner agreed" in await card(seat)
    # the second of the same role learns that somebody has spoken
    await seat.press("controller", CHANNEL, "Approve")
    assert "agreed in your role already" in await seat.told()
    await seat.press_in_thread("product", CHANNEL, "Sign as product")
    said = await card(seat)
    assert "Granted" in said
    assert "Finance partner and Product owner" in said
    summary = (await seat.thread(CHANNEL))[-1]
    for wanted in (
        "Summary of the joint review",
        "Delivered",
        "Follow-ups",
        "The launch is on 1 Dec.",
    ):
        assert wanted in summary, wanted


async def test_a_review_is_asked_for_and_begins_on_the_next_morning(
    seat: Seat, clock: Clock
) -> None:
    clock.now = clock.now.replace(hour=13, minute=30)  # 14:30 in Berlin, after the cut-off
    await begin(seat, SMALL)
    await seat.press("lead", CHANNEL, "Ask for review")
    assert "In joint review" in await card(seat)
    thread = await seat.thread(CHANNEL)
    assert any("The joint review begins" in said for said in thread)
    assert not any("Options" in said for said in thread)
    clock.now = clock.now.replace(day=24, hour=8, minute=0)
    kernel = seat.kernel
    run_due(kernel.database, kernel.loaded, kernel.places, kernel.clock)
    await kernel.delivery.drain()
    assert any("Options" in said for said in await seat.thread(CHANNEL))


async def test_more_is_asked_for_by_command(seat: Seat) -> None:
    Desk(seat.kernel.database, seat.kernel.loaded, Clock()).bill(90)
    await seat.command("engineer", "/spend overrun rankr")
    assert "ranker" in await seat.told()
    await seat.command("engineer", "/spend overrun ranker")
    assert await seat.fields() == ["amount", "until", "why", "value"]
    errors = await seat.submit("engineer", amount="-3", until="2027-03-01", why="x", value="")
    assert set(errors) == {"amount", "until"}
    given = {"amount": "600", "until": "2026-11-28", "why": "A sweep", "value": "2 points"}
    assert await seat.submit("engineer", **given) == {}
    said = await card(seat)
    for wanted in ("$600 asked for", "A sweep", "2 points"):
        assert wanted in said, wanted
    await seat.press("lead", CHANNEL, "Approve")
    thread = await seat.thread(CHANNEL)
    assert "Granted $600 until Sat 28 Nov by ML lead, search" in thread[-1]


async def test_without_a_name_the_form_asks_which_budget(seat: Seat) -> None:
    """The day that stood in the form was in thirty days, beyond every month: the form refused its own default."""
    Desk(seat.kernel.database, seat.kernel.loaded, Clock()).bill(90)
    await seat.command("engineer", "/spend overrun")
    assert await seat.fields() == ["budget", "amount", "until", "why", "value"]
    assert await seat.submit("engineer", budget="ranker", amount="20", why="A sweep") == {}
    assert "$20.00 asked for" in await card(seat)
