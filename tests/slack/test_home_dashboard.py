"""A dashboard below one's own page: live numbers, charts as pictures, another one by choice, within the limits."""

import asyncio
import json
from typing import Any

import pytest

from storage.policy_file import LoadedPolicy
from tests.fakes.slack_hands import find_element
from tests.handlers.dashboarding import YESTERDAY, Desk, made
from tests.slack.conftest import ALERTS, FINANCE, NOBODY, World

ANOTHER = "Another dashboard"


@pytest.fixture
def policy() -> LoadedPolicy:
    finance = (
        "  executive: {emails",
        "  finance: {emails: [finance@example.com]}\n  executive: {emails",
    )
    return made("", finance)


@pytest.fixture
def desk(world: World) -> Desk:
    """A company with forty experiments and metrics, in the bot's database."""
    desk = Desk(world.kernel.database, world.kernel.loaded, world.clock)
    for n in range(40):
        where = {
            "team": ("search", "vision", "platform")[n % 3],
            "experiment": f"experiment-{n:02}",
        }
        desk.daily(5 + n, days=12, feature=f"feature-{n % 9}", allocated_by="tags", **where)
    return desk


async def look(world: World, user: str = FINANCE) -> str:
    sent = await world.hands.open_home(user)
    assert (sent.status, sent.text) == (200, "")
    await world.settle()
    return page(world, user)


def page(world: World, user: str = FINANCE) -> str:
    return json.dumps(world.slack.homes[user], ensure_ascii=False)


def pictures(view: dict[str, Any]) -> list[str]:
    return [b["alt_text"] for b in view["blocks"] if b["type"] == "image"]


async def test_the_dashboard_of_the_role_stands_below_the_page(world: World, desk: Desk) -> None:
    said = await look(world)
    assert said.index("Waiting for me") < said.index("Finance: ")
    view = world.slack.homes[FINANCE]
    assert len(view["blocks"]) <= 100
    assert len(json.dumps(view)) < 250_000
    assert "did not fit" not in said
    assert "dashboard" not in (await look(world, NOBODY)).lower()


async def test_it_is_there_in_words_at_once_and_then_with_pictures(
    world: World, desk: Desk
) -> None:
    await look(world)
    first, second = (p["view"] for p in world.slack.called("views.publish"))
    assert pictures(first) == []
    assert pictures(second)
    assert all(alt in json.dumps(first, ensure_ascii=False) for alt in pictures(second))
    uploads = len(world.slack.files)
    await look(world)  # nothing is new, so the pictures are there at once
    assert len(world.slack.called("views.publish")) == 3
    assert pictures(world.slack.homes[FINANCE])
    assert len(world.slack.files) == uploads


async def test_the_numbers_are_those_of_the_moment(world: World, desk: Desk) -> None:
    before = await look(world)
    desk.spend({"day": YESTERDAY, "cost_micros": 10**12, "team": "search", "allocated_by": "tags"})
    after = await look(world)
    title = [
        next(w for w in said.split('"') if w.startswith("Finance: ")) for said in (before, after)
    ]
    assert title[0] != title[1]


async def test_another_one_is_chosen_and_stays(world: World, desk: Desk) -> None:
    await look(world)
    assert await choose(world, ANOTHER, "Executives")
    assert world.slack.homes[FINANCE]["private_metadata"] == "executive"
    assert await choose(world, "Refresh", None)
    said = page(world)
    assert "Executives: " in said
    assert "Finance: " not in said
    before = world.slack.homes[FINANCE]
    sent = await world.hands.open_home(FINANCE)  # Slack says what was published last
    assert sent.status == 200
    await world.settle()
    assert "Executives: " in page(world)
    assert world.slack.homes[FINANCE]["private_metadata"] == before["private_metadata"]
    assert world.slack.views == []  # no notice beside the page


async def choose(world: World, label: str, choice: str | None) -> bool:
    sent = await world.hands.press_home(FINANCE, label, choice)
    await world.settle()
    return (sent.status, sent.text) == (200, "")


async def test_what_a_page_says_it_was_is_only_a_wish(world: World, desk: Desk) -> None:
    await look(world)
    world.slack.homes[FINANCE]["private_metadata"] = "everybodys-salaries"
    assert "Finance: " in await look(world)
    assert world.slack.homes[FINANCE]["private_metadata"] == "finance"


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "views.publish"])
async def test_pictures_that_fail_leave_the_words(world: World, desk: Desk, method: str) -> None:
    if method == "views.publish":
        await look(world)
        world.slack.fault(method, "error", "invalid_arguments")
    else:
        world.slack.fault(method, "error", "fatal_error", times=20)
    said = await look(world)
    assert "Finance: " in said
    assert pictures(world.slack.homes[FINANCE]) == []


async def test_of_looks_at_once_the_newest_is_shown_with_its_pictures(
    world: World, desk: Desk
) -> None:
    await look(world)
    payloads = [
        world.hands.press_home_payload(FINANCE, ANOTHER, name) for name in ("Executives", "FinOps")
    ]
    for payload in payloads:
        await world.hands.send_payload(payload)
    await asyncio.wait_for(world.settle(), 20)
    view = world.slack.homes[FINANCE]
    assert view["private_metadata"] == "finops"
    assert "FinOps: " in page(world)


async def test_a_private_dashboard_changes_in_its_place(world: World, desk: Desk) -> None:
    await world.hands.mention(FINANCE, ALERTS, "dashboard")
    await world.settle()
    answer = world.slack.ephemerals[-1]
    assert find_element(answer, "Refresh")
    count = len(world.slack.ephemerals)
    sent = await world.hands.press_private(FINANCE, answer, ANOTHER, "Product owners")
    assert (sent.status, sent.text) == (200, "")
    await world.settle()
    replaced = world.slack.ephemerals[count]
    assert replaced["replace_original"] is True
    assert "Product" in replaced["text"]


async def test_a_page_that_takes_long_holds_no_click_up(world: World, desk: Desk) -> None:
    """A look was made in the one writing thread of SQLite: half a second a look, and every click waited for it."""
    await look(world)
    before = len(world.slack.called("views.publish"))
    with world.kernel.database.write():  # somebody else writes
        await world.hands.open_home(FINANCE)
        await asyncio.wait_for(world.settle(), 10)
    assert len(world.slack.called("views.publish")) == before + 1
