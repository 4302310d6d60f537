"""A dashboard as a card in the personal chat: typed, opened from the first card, changed in its place."""

from typing import Any

import pytest

from storage.policy_file import LoadedPolicy
from tests.fakes.teams_cards import actions, words
from tests.handlers.dashboarding import YESTERDAY, Desk, made
from tests.teams.house import House

ANOTHER = "Another dashboard"


@pytest.fixture
def loaded() -> LoadedPolicy:
    return made("")


@pytest.fixture
def desk(home: House) -> Desk:
    desk = Desk(home.kernel.database, home.kernel.loaded, home.clock)
    for n in range(12):
        desk.daily(5 + n, days=20, experiment=f"experiment-{n:02}", team="search", feature="f")
    return desk


def last(home: House, who: str = "finops") -> dict[str, Any]:
    return home.fake.messages(home.fake.personal_chat(home.users[who]))[-1]


async def said(home: House, typed: str, who: str = "finops") -> str:
    await home.hands.say(home.users[who], typed)
    await home.settle()
    return words(last(home, who))


async def test_it_is_typed_and_changes_in_its_place(home: House, desk: Desk) -> None:
    assert "FinOps: " in await said(home, "dashboard")
    assert '"Image"' in str(last(home)["activity"]).replace("'", '"')  # its chart is drawn
    message, count = last(home), len(home.chat("finops"))
    sent = await home.press("finops", message, ANOTHER, choice="Executives")
    assert "Executives: " in words(sent.card())
    assert "Executives: " in words(last(home))  # on every device
    assert len(home.chat("finops")) == count
    before = words(last(home))
    desk.spend({"day": YESTERDAY, "cost_micros": 10**12, "team": "search"})
    sent = await home.press("finops", last(home), "Refresh")
    assert "Executives: " in words(sent.card())
    assert words(sent.card()) != before


async def test_the_first_card_opens_it(home: House, desk: Desk) -> None:
    assert "Waiting for me" in await said(home, "hello", "engineer")
    assert "Engineers: " not in words(last(home, "engineer"))
    await home.press("engineer", last(home, "engineer"), "Dashboard")
    assert "Engineers: " in words(last(home, "engineer"))
    titles = [
        a["title"] for a in actions(last(home, "engineer")["activity"]["attachments"][0]["content"])
    ]
    assert titles[:2] == ["Refresh", ANOTHER]


async def test_another_is_asked_for_by_name_and_a_wrong_one_is_refused(
    home: House, desk: Desk
) -> None:
    assert "Product: " in await said(home, "dashboard product")
    assert "No dashboard is called" in await said(home, "dashboard sales")


async def test_one_that_needs_several_cards_is_said_anew(
    home: House, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its place, the cards of the time before would stand below it for ever."""
    monkeypatch.setattr("bot.teams.cards.TEXT", 5000)
    await home.hands.say(home.users["engineer"], "dashboard")
    await home.settle()
    cards = home.fake.messages(home.fake.personal_chat(home.users["engineer"]))
    assert len(cards) > 2
    before = [words(m) for m in cards]
    first = next(m for m in cards if "Refresh" in words(m))
    await home.press("engineer", first, "Refresh")
    after = home.fake.messages(home.fake.personal_chat(home.users["engineer"]))
    assert [words(m) for m in after[: len(cards)]] == before
    assert len(after) > len(cards)


async def test_in_a_channel_it_is_told_in_the_personal_chat(home: House, desk: Desk) -> None:
    await home.hands.mention(home.users["lead"], home.channel("ml-search"), "dashboard")
    await home.settle()
    assert "Engineers: " in words(last(home, "lead"))
    assert "Engineers: " not in str(home.fake.roots(home.channel("ml-search")))


async def test_an_empty_company_and_who_may_not(home: House) -> None:
    assert "No bill has been read yet" in await said(home, "dashboard")
    nobody = home.fake.add_user("nobody@example.com", "Nobody")
    home.fake.install_personal(nobody)
    home.users["nobody"] = nobody
    assert "This needs the role" in await said(home, "dashboard", "nobody")
