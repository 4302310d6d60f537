"""Where the bot is in Teams: installs, channels that come and go, replicas, service URLs."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.surface import NotInstalled
from bot.teams import conversations as conversations_module
from bot.teams.conversations import Conversations
from handlers.conversation import Button, Controls, Message, said
from storage import outbox, teams
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.said import content_about, content_at
from storage.teams import Conversation
from tests.conftest import Clock
from tests.fakes.teams_cards import words
from tests.fakes.teams_state import Chat
from tests.teams.house import House, house


@pytest.fixture
async def empty(sqlite: Database, loaded: LoadedPolicy, clock: Clock) -> AsyncIterator[House]:
    """The bot before anybody has added it."""
    async with house(sqlite, loaded, clock, installed=False) as made:
        yield made


def known(home: House) -> dict[str, Conversation]:
    with home.kernel.database.read() as connection:
        found = teams.all_of(connection, home.fake.tenant)
    return {one.conversation: one for one in found}


def waiting(home: House) -> int:
    with home.kernel.database.read() as connection:
        return outbox.waiting(connection)


async def say(home: House, words: str, key: str = "m") -> None:
    await home.kernel.turn(lambda turn: turn.post("ml-search", key, said(words)))
    await home.kernel.delivery.drain()


async def test_adding_the_app_to_a_team_lists_its_channels(empty: House) -> None:
    assert known(empty) == {}
    assert (await empty.hands.install_team(empty.team, empty.users["lead"])).status == 200
    found = known(empty)
    assert set(found) == set(empty.team.channels.values())
    assert found[empty.channel("ml-search")].name == "AI / ml-search"
    assert found[empty.team.id].name == "AI / General"
    assert {one.service_url for one in found.values()} == {empty.fake.service_url}


async def test_when_the_channels_cannot_be_listed_the_team_is_known_still(empty: House) -> None:
    empty.fake.fail("GET", "/conversations", 503, times=2)
    await empty.hands.install_team(empty.team, empty.users["lead"])
    assert set(known(empty)) == {empty.team.id}
    await say(empty, "Spend rose")  # by the team's service URL
    assert words(empty.root()) == "Spend rose"


async def test_what_is_said_before_anybody_adds_the_app_waits(empty: House) -> None:
    await say(empty, "Spend rose")
    assert waiting(empty) == 1
    await empty.hands.install_team(empty.team, empty.users["lead"])
    empty.clock.now += timedelta(seconds=31)
    await empty.kernel.delivery.drain()
    assert words(empty.root()) == "Spend rose"
    assert waiting(empty) == 0


async def test_removed_and_added_again_and_what_waited_goes_out(home: House) -> None:
    await home.thing()
    await home.hands.uninstall_team(home.team, home.users["lead"])
    assert all("removed" in known(home)[c].gone_why for c in home.team.channels.values())
    await say(home, "Spend rose")
    await home.kernel.turn(lambda turn: turn.edit("recs-v2", said("It is over")))
    await home.kernel.delivery.drain()
    home.clock.now += timedelta(days=8)  # waiting for a tenant never kills
    await home.kernel.delivery.drain()
    assert waiting(home) == 2
    await home.hands.install_team(home.team, home.users["lead"])
    home.clock.now += timedelta(minutes=1)
    await home.kernel.delivery.drain()
    assert waiting(home) == 0
    assert {words(m) for m in home.fake.roots(home.channel("ml-search"))} == {
        "Spend rose",
        "It is over",
    }


async def test_one_team_that_removes_the_app_is_told_of_in_the_default_channel(home: House) -> None:
    other = home.fake.add_team("Research", ["ml-search"])
    await home.hands.install_team(other, home.users["lead"])
    channels = home.kernel.loaded.policy.channels
    there = {"teams": other.channels["ml-search"]}
    channels["ml-search"] = channels["ml-search"].model_copy(update=there)
    await home.hands.uninstall_team(other, home.users["lead"])
    await say(home, "Spend rose")
    told = words(home.root("finops"))
    assert "Messages wait for a channel that the bot cannot write to" in told
    assert "Spend rose" not in told


async def test_channels_that_are_made_renamed_deleted_and_restored(home: House) -> None:
    lead, team = home.users["lead"], home.team
    made = "19:00000000000000000000000000000001@thread.tacv2"
    home.team.channels["new"] = made
    home.fake.chats[made] = Chat(made, team=team)
    await home.hands._channel(team, made, "new", lead, "channelCreated")
    assert known(home)[made].name == "AI / new"
    await home.hands.rename_channel(team, made, "newer", lead)
    assert known(home)[made].name == "AI / newer"
    await home.hands.delete_channel(team, made, lead)
    assert known(home)[made].gone_why == "The channel was deleted."
    with pytest.raises(NotInstalled, match="AI / newer: The channel was deleted"):
        await home.surface.conversations.channel(made)
    await home.hands._channel(team, made, "newer", lead, "channelRestored")
    assert (await home.surface.conversations.channel(made)).name == "AI / newer"


async def test_a_team_that_is_deleted_and_restored(home: House) -> None:
    lead, make = home.users["lead"], home.hands.make
    await home.hands.send(make.of_team(home.team, lead, "conversationUpdate", "teamDeleted"))
    assert all(known(home)[c].gone_why for c in home.team.channels.values())
    await home.hands.send(make.of_team(home.team, lead, "conversationUpdate", "teamRestored"))
    assert not any(known(home)[c].gone_why for c in home.team.channels.values())


async def test_a_person_who_joins_a_team_is_no_install(empty: House) -> None:
    lead = empty.users["lead"]
    empty.fake.install(empty.team)
    joined = {"membersAdded": [{"id": lead.mri}], "membersRemoved": "nobody"}
    event = empty.hands.make.of_team(
        empty.team, lead, "conversationUpdate", "teamMemberAdded", **joined
    )
    assert (await empty.hands.send(event)).status == 200
    assert known(empty) == {}


async def test_a_personal_install_is_greeted_once_whatever_is_delivered_twice(home: House) -> None:
    lead = home.users["lead"]
    before = len(home.chat("lead"))
    sent = await home.hands.install_personal(lead)
    await home.settle()
    assert len(home.chat("lead")) == before + 1
    assert "/spend" in home.chat("lead")[-1]
    await home.hands.again(sent)
    upgrade = home.hands.make.base("installationUpdate", lead, home.fake.personal_chat(lead))
    first = upgrade | {"action": "add-upgrade"}
    await home.hands.send(first)
    await home.hands.again(await home.hands.send(first))
    await home.settle()
    assert len(home.chat("lead")) == before + 1


async def test_a_chat_that_is_heard_of_by_its_first_message(empty: House) -> None:
    lead = empty.users["lead"]
    chat = empty.fake.install_personal(lead)
    await empty.hands.say(lead, "help")
    await empty.settle()
    assert known(empty)[chat].user_id == lead.mri
    assert len(empty.chat("lead")) == 1
    await empty.hands.uninstall_personal(lead)
    assert "removed" in known(empty)[chat].gone_why
    assert await empty.surface.conversations.personal(lead.mri) is None
    empty.fake.install_personal(lead)
    await empty.hands.say(lead, "help")  # who speaks there has it again
    assert known(empty)[chat].gone_why == ""


async def test_a_chat_of_two_people_is_not_the_bots(home: House) -> None:
    engineer = home.users["engineer"]
    await home.hands.say(engineer, "help")
    other = home.fake.add_user("other@example.com", "Somebody")
    between = "19:two-people@unq.gbl.spaces"
    home.fake.chats[between] = Chat(between, user=other.oid)  # the bot is not in it
    sent = await home.hands.extension_fetch(engineer, "test-long", between)
    await home.settle()
    assert "part 0" in words(sent.card())  # they are known by their own chat with the bot
    assert between not in known(home)
    assert "part 29" in home.chat("engineer")[-1]


async def test_two_replicas_know_the_same(home: House) -> None:
    other = Conversations(
        home.surface.connector, home.fake.tenant, home.kernel.database, home.clock
    )
    channel = home.channel("ml-search")
    assert (await other.channel(channel)).name == "AI / ml-search"
    await home.hands.uninstall_team(home.team, home.users["lead"])
    home.clock.now += conversations_module.LOOK
    with pytest.raises(NotInstalled):
        await other.channel(channel)
    await home.hands.install_team(home.team, home.users["lead"])
    assert (await other.channel(channel)).gone_why == ""  # at once: messages wait for it
    lead = home.users["lead"]
    assert await other.personal(lead.mri) is None
    await home.hands.install_personal(lead)
    found = await other.personal(lead.mri)
    assert found is not None
    assert found.conversation == home.fake.personal_chat(lead)


async def test_the_newest_service_url_counts(home: House) -> None:
    engineer = home.users["engineer"]
    url = home.fake.service_url.replace("127.0.0.1", "localhost")
    await home.hands.say(engineer, "help")
    home.hands.patch, home.hands.minting = {"serviceUrl": url}, {"serviceurl": url}
    await home.hands.say(engineer, "help")
    assert known(home)[home.fake.personal_chat(engineer)].service_url == url
    assert known(home)[home.channel("finops")].service_url == home.fake.service_url
    await home.hands.mention(engineer, home.channel("ml-search"), "help")
    for channel in home.team.channels.values():  # a team is in one place
        assert known(home)[channel].service_url == url
    assert (await home.surface.conversations.channel(home.channel("finops"))).service_url == url
    home.hands.patch, home.hands.minting = {}, {}
    message = await home.thing()
    await home.press("engineer", message, "Who am I")
    assert known(home)[home.channel("ml-search")].service_url == home.fake.service_url


async def test_the_same_activity_again_writes_nothing(home: House) -> None:
    await home.hands.say(home.users["engineer"], "help")
    before = known(home)
    home.clock.now += timedelta(minutes=1)
    await home.hands.say(home.users["engineer"], "help")
    assert known(home) == before


def test_conversations_are_kept_on_both_databases(database: Database, clock: Clock) -> None:
    one = Conversation("t", "19:a@thread.tacv2", "channel", "https://x/", "19:g@thread.tacv2", "AI")
    chat = Conversation("t", "a:1", "personal", "https://x/", user_id="29:1")
    with database.write() as connection:
        teams.remember(connection, one, clock())
        teams.remember(connection, chat, clock() + timedelta(seconds=1))
        nameless = Conversation("t", one.conversation, "channel", "https://y/")
        teams.remember(connection, nameless, clock() + timedelta(seconds=2))
        teams.lost(connection, "t", "away", team=one.team)
        teams.lost(connection, "other", "away", conversation=chat.conversation)
    with database.read() as connection:
        first, second = teams.all_of(connection, "t")
    assert (first.name, first.team, first.service_url) == ("AI", one.team, "https://y/")
    assert (first.gone_why, second) == ("away", chat)


def test_what_a_message_says_is_found_on_both_databases(database: Database, clock: Clock) -> None:
    button = Button(label="Take", action="take", subject="s1")
    asking = Message(summary="Asking", blocks=(Controls(controls=(button,)),))
    lane = "teams:t:19:a"
    with database.write() as connection:
        for kind, content in (("post", asking), ("edit", said("Done"))):
            outbox.enqueue(
                connection,
                kind=kind,
                key="m",
                message_key="m@teams:x",
                lane=lane,
                place={},
                content=content.model_dump(mode="json"),
                now=clock(),
            )
    with database.read() as connection:
        found = content_about(connection, lane, "take", "s1")
        assert found is not None
        assert (found[0], found[1]["summary"]) == ("m@teams:x", "Done")
        assert content_about(connection, lane, "take", "s2") is None
        assert content_about(connection, "teams:t:19:b", "take", "s1") is None
        assert content_at(connection, "teams", "19:a", "1") is None
