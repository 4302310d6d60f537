"""Cards that look for their news: everyone sees what is so now, with the buttons that they may use."""

from typing import Any

from storage import identities
from storage.database import Database
from storage.policy_file import LoadedPolicy
from tests.conftest import Clock
from tests.fakes.teams_cards import actions, card_of, words
from tests.teams.house import House, house, with_roles


def titles(card: dict[str, Any]) -> list[str]:
    return [a["title"] for a in actions(card, menus=False)]


async def seen_before(home: House) -> None:
    """Everybody has spoken to the bot once, so their accounts are known."""
    for user in home.users.values():
        await home.hands.say(user, "help")
    await home.settle()


async def test_trap_53_a_refresh_is_no_click(home: House) -> None:
    await seen_before(home)
    message = await home.thing()
    before = dict(message["activity"])
    for _ in range(2):
        sent = await home.hands.refresh(home.users["lead"], home.channel("ml-search"), message)
        assert sent.status == 200
    await home.settle()
    assert home.state() == "open"
    assert home.audited() == []
    assert message["edited"] == 0
    assert message["activity"] == before
    assert home.fake.thread(home.channel("ml-search"), message["id"]) == []


async def test_a_refresh_that_says_it_was_manual_is_no_click_either(home: House) -> None:
    await seen_before(home)
    message = await home.thing()
    lead, channel = home.users["lead"], home.channel("ml-search")
    forged = {
        "action": {
            "type": "Action.Execute",
            "verb": "sandrail.refresh",
            "data": {"sandrail": {"action": "test.slack.take", "subject": "recs-v2", "version": 1}},
        },
        "trigger": "manual",
    }
    invoke = home.hands.make.invoke
    await home.hands.send(
        invoke(lead, message["conversation"], "adaptiveCard/action", forged, message)
    )
    await home.settle()
    assert channel in message["conversation"]
    assert home.state() == "open"


async def test_who_may_not_use_a_button_does_not_see_it(home: House) -> None:
    await seen_before(home)
    message = await home.thing()
    channel = home.channel("ml-search")
    assert "Take" in titles(card_of(message))
    sent = await home.hands.refresh(home.users["executive"], channel, message)
    assert titles(sent.card()) == ["Slow", "Crash", "Who am I"]
    sent = await home.hands.refresh(home.users["lead"], channel, message)
    assert "Take" in titles(sent.card())


async def test_who_is_no_member_sees_no_button(home: House) -> None:
    await seen_before(home)
    message = await home.thing()
    guest = home.fake.add_user("guest@example.com", "Guest", guest=True)
    sent = await home.hands.refresh(guest, home.channel("ml-search"), message, force=True)
    assert titles(sent.card()) == []


async def test_a_press_shows_the_news_to_the_presser_and_everyone(home: House) -> None:
    await seen_before(home)
    message = await home.thing()
    sent = await home.press("engineer", message, "Take")
    assert "investigating by" in words(sent.card())
    assert "investigating by" in words(card_of(message))
    assert "Take" not in titles(card_of(message))


async def test_trap_54_the_sixty_first_who_may_sees_the_base_card_that_is_edited(
    sqlite: Database, loaded: LoadedPolicy, clock: Clock
) -> None:
    emails = tuple(f"person{n}@example.com" for n in range(70))
    async with house(sqlite, with_roles(loaded, lead={"emails": emails}), clock) as home:
        for email in emails:
            home.fake.add_user(email, email)

        def all_known(turn: Any) -> None:
            for user in home.fake.users.values():
                identities.remember(
                    turn.connection,
                    surface="teams",
                    tenant=home.fake.tenant,
                    user_id=user.mri,
                    person=str(user.email),
                    name=user.name,
                    now=home.clock(),
                )

        await home.kernel.turn(all_known)
        message = await home.thing()
        people = card_of(message)["refresh"]["userIds"]
        assert len(people) == 60
        late = home.fake.find_user(next(e for e in emails if _mri(home, e) not in people))
        assert late is not None
        await home.press("engineer", message, "Take")
        assert "investigating by" in words(home.hands.seen(late, message))
        assert "Take" not in titles(home.hands.seen(late, message))


def _mri(home: House, email: str) -> str:
    found = home.fake.find_user(email)
    assert found is not None
    return found.mri


async def test_a_message_that_is_not_ours_is_not_refreshed(home: House) -> None:
    await seen_before(home)
    message = await home.thing()
    search, finops = home.channel("ml-search"), home.channel("finops")
    for channel, other in (
        (search, {**message, "id": "1"}),
        (finops, {**message, "conversation": finops}),
    ):
        sent = await home.hands.refresh(home.users["lead"], channel, other, force=True)
        assert sent.status == 200
        assert sent.json()["statusCode"] == 400
        assert "no longer known" in sent.told()


async def test_nobody_is_refreshed_where_there_is_nothing_to_press(home: House) -> None:
    await seen_before(home)
    message = await home.thing()
    await home.press("engineer", message, "Take")
    assert "refresh" not in card_of(message)
