"""Several workspaces behind one bot: each has its own channels, people, tokens and trouble."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.slack.doctor import check_slack
from bot.slack.surface import SlackSurface
from bot.surface import Revoked
from handlers.conversation import said
from storage import outbox
from storage.database import Database
from storage.installations import tenants
from storage.tables.installations import SLACK_BOTS
from tests.conftest import Clock
from tests.fakes.slack_hands import Hands
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_state import State
from tests.slack import handlers
from tests.slack.conftest import ALERTS, ENGINEER, SEARCH, World
from tests.slack.house import LABS, LABS_CHANNEL, House, house, labs


@pytest.fixture
async def bot(slack: FakeSlack, database: Database, clock: Clock) -> AsyncIterator[House]:
    """Installed in two workspaces, on each kind of database."""
    handlers.THINGS.create(database.writer)
    async with house(slack, database, clock) as made:
        assert (await made.install(slack))[0] == 200
        clock.now += timedelta(seconds=1)
        assert (await made.install(labs(slack)))[0] == 200
        yield made


def _labs(bot: House) -> State:
    return bot.slack.others[0]


async def _thing(bot: House, subject: str, channel: str) -> None:
    await bot.kernel.turn(lambda turn: handlers.thing(turn, subject, channel=channel))
    await bot.delivery.drain()


async def _event(hands: Hands, event: dict[str, object], when: int | None = None) -> None:
    body = hands.event_body(event, f"Ev{event['type']}{when}")
    if when is not None:
        body["event_time"] = when
    await hands.send(json.dumps(body).encode(), "application/json")
    await hands.close()


# --- places ---------------------------------------------------------------------------------------


async def test_each_channel_is_in_the_workspace_that_the_policy_says(bot: House) -> None:
    await _thing(bot, "one", "alerts")
    await _thing(bot, "two", "search")
    await _thing(bot, "three", "labs")
    assert len(bot.slack.messages(ALERTS)) == 1
    assert len(bot.slack.messages(SEARCH)) == 1
    assert len(_labs(bot).messages(LABS_CHANNEL)) == 1


async def test_a_press_is_answered_in_the_workspace_it_came_from(bot: House) -> None:
    await _thing(bot, "three", "labs")
    hands = bot.hands(_labs(bot))
    (message,) = _labs(bot).messages(LABS_CHANNEL)
    await hands.press("U0LABSENG", LABS_CHANNEL, message, "Expected")
    (view,) = _labs(bot).views
    assert bot.slack.views == []
    await hands.submit("U0LABSENG", view, why="Launch", until="2026-11-30")
    await bot.deliver()
    root, reply = _labs(bot).messages(LABS_CHANNEL)
    assert "expected by Erin" in root["text"]
    assert reply["thread_ts"] == root["ts"]
    await hands.close()


async def test_the_people_of_one_workspace_are_strangers_to_the_other(bot: House) -> None:
    """The same id in another workspace is another account, and a group there gives a role there only."""
    await _thing(bot, "three", "labs")
    hands = bot.hands(_labs(bot))
    (message,) = _labs(bot).messages(LABS_CHANNEL)
    await hands.press("U0LABSLED", LABS_CHANNEL, message, "Who am I")
    await bot.deliver()
    assert bot.slack.ephemerals[-1]["text"] == "lea@example.com member lead"
    _labs(bot).add_user("U0LEADER1", "Lou", "lou@example.com")  # leads elsewhere, by this id
    await hands.press("U0LEADER1", LABS_CHANNEL, message, "Who am I")
    await bot.deliver()
    assert "no role" in bot.slack.ephemerals[-1]["text"]
    _labs(bot).add_user(ENGINEER, "Not Erin", "who@example.com")  # the policy's id is of the first
    await hands.press(ENGINEER, LABS_CHANNEL, message, "Who am I")
    await bot.deliver()
    assert "no role" in bot.slack.ephemerals[-1]["text"]
    await hands.close()


async def test_each_sees_their_own_page_in_their_own_workspace(bot: House) -> None:
    hands = bot.hands(_labs(bot))
    await hands.open_home("U0LABSENG")
    await bot.door.settle()
    assert "engineer@example.com" in json.dumps(_labs(bot).homes["U0LABSENG"])
    assert bot.slack.homes == {}
    await hands.close()


async def test_a_workspace_that_has_not_installed_the_app_is_told_so(bot: House) -> None:
    other = State(team="T0OTHER", token="xoxb-other", now=bot.slack.now)
    other.add_user("U0OTHER11", "Ola", "engineer@example.com")
    other.add_channel("C0OTHER11", "general")
    hands = bot.hands(other)
    sent = await hands.command("U0OTHER11", "/test", "echo hi")
    assert "not installed in this workspace" in sent.text
    await hands.open_home("U0OTHER11")
    await bot.door.settle()
    assert other.homes == {}
    await hands.close()


async def test_one_workspace_slowing_us_down_does_not_stop_the_other(bot: House) -> None:
    bot.slack.fault("chat.postMessage", "rate", 30, channel=ALERTS)
    await _thing(bot, "one", "alerts")
    await _thing(bot, "three", "labs")
    assert bot.slack.messages(ALERTS) == []
    assert len(_labs(bot).messages(LABS_CHANNEL)) == 1


async def test_a_closed_channel_of_one_workspace_is_told_of_in_the_default_one(bot: House) -> None:
    """Another company's words would have been in the first workspace's channel."""
    _labs(bot).channels[LABS_CHANNEL].archived = True
    await _thing(bot, "three", "labs")
    (message,) = bot.slack.messages(ALERTS)
    assert "Messages wait for a channel" in message["text"]
    assert "three" not in json.dumps(message)
    _labs(bot).channels[LABS_CHANNEL].archived = False
    bot.clock.now += timedelta(minutes=5)
    await bot.delivery.drain()
    (there,) = _labs(bot).messages(LABS_CHANNEL)
    hands = bot.hands(_labs(bot))
    await hands.press("U0LABSENG", LABS_CHANNEL, there, "Take")
    await bot.deliver()
    assert "investigating" in _labs(bot).messages(LABS_CHANNEL)[0]["text"]
    await hands.close()


async def test_a_lost_answer_is_looked_for_in_its_own_workspace(bot: House) -> None:
    bot.slack.fault("chat.postMessage", "lose")
    await _thing(bot, "three", "labs")
    bot.clock.now += timedelta(hours=1)
    await bot.delivery.drain()
    assert len(_labs(bot).messages(LABS_CHANNEL)) == 1
    assert bot.slack.messages(ALERTS) == []


async def test_with_one_token_a_channel_of_another_workspace_is_not_here(world: World) -> None:
    channels = world.kernel.loaded.policy.channels
    elsewhere = channels["search"].model_copy(update={"slack": "T0LABS/#lab-costs"})
    here = channels["search"].model_copy(update={"slack": f"{world.slack.team}/#ml-search"})
    policy = world.kernel.loaded.policy.model_copy(
        update={"channels": {**channels, "labs": elsewhere, "here": here}}
    )
    world.surface.loaded = type(world.kernel.loaded)(policy, "hash", world.kernel.loaded.folder)
    assert world.surface.place("labs") is None
    place = world.surface.place("here")
    assert place is not None
    assert place.channel == "#ml-search"


# --- an organisation ------------------------------------------------------------------------------


async def test_an_organisation_installs_once_for_all_its_workspaces(
    slack: FakeSlack, database: Database, clock: Clock
) -> None:
    handlers.THINGS.create(database.writer)
    grid = labs(slack, org=True, enterprise="E0GRID11")
    for user in grid.users.values():
        user["enterprise_user"] = {"enterprise_id": "E0GRID11", "teams": ["T0SOMEOTHER"]}
    async with house(slack, database, clock, frozenset({"E0GRID11"})) as bot:
        assert (await bot.install(grid))[0] == 200
        with database.read() as connection:
            (kept,) = tenants(connection)
            row = connection.execute(select(SLACK_BOTS)).one()
        assert (kept.tenant, kept.team_id) == ("E0GRID11", None)
        assert (row.is_enterprise_install, row.team_id) == (True, None)
        await _thing(bot, "three", "labs")  # T0LABS/#lab-costs: a workspace of the organisation
        (message,) = grid.messages(LABS_CHANNEL)
        hands = bot.hands(grid)
        await hands.press("U0LABSLED", LABS_CHANNEL, message, "Who am I")
        await bot.deliver()
        assert slack.ephemerals[-1]["text"] == "lea@example.com member lead"
        grid.users["U0LABSENG"]["enterprise_user"] = {"enterprise_id": "E0OTHERS"}
        await hands.press("U0LABSENG", LABS_CHANNEL, message, "Take")
        await bot.deliver()
        assert "another organisation" in slack.ephemerals[-1]["text"]
        sent = await hands.command("U0LABSLED", "/test", "echo hi", LABS_CHANNEL)
        assert "You said hi" in sent.text
        await hands.mention("U0LABSLED", LABS_CHANNEL, "test echo there")
        await bot.deliver()
        assert grid.ephemerals[-1]["text"] == "You said there"
        await hands.close()


# --- uninstalled, revoked -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0LABSBOT"]}}],
)
async def test_trap_36_one_workspace_uninstalls_and_the_others_go_on(
    bot: House, event: dict[str, object]
) -> None:
    bot.clock.now += timedelta(minutes=1)
    await _event(bot.hands(_labs(bot)), event)
    _labs(bot).revoked = "token_revoked"
    for n in range(3):
        await _thing(bot, f"labs-{n}", "labs")
    await _thing(bot, "one", "alerts")
    assert len(bot.slack.messages(ALERTS)) == 1
    assert _labs(bot).messages(LABS_CHANNEL) == []
    assert _labs(bot).called("chat.postMessage") == []
    status, why = await bot.ready()
    assert (status, LABS in why, "uninstalled" in why) == (200, True, True)
    with bot.kernel.database.read() as connection:
        assert [r.team_id for r in connection.execute(select(SLACK_BOTS))] == [bot.slack.team]

    bot.clock.now += timedelta(days=30)  # a message that waits for an installation is not given up
    await bot.delivery.drain()
    assert (await bot.install(_labs(bot)))[0] == 200
    bot.clock.now += timedelta(minutes=1)
    await bot.delivery.drain()
    texts = [m["text"] for m in _labs(bot).messages(LABS_CHANNEL)]
    assert [t.partition(":")[0] for t in texts] == [f"Spend of labs-{n}" for n in range(3)]
    assert "gone" not in (await bot.ready())[1]


async def test_the_token_of_a_person_is_not_the_bots(bot: House) -> None:
    event: dict[str, object] = {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}}
    await _event(bot.hands(_labs(bot)), event)
    await _thing(bot, "three", "labs")
    assert len(_labs(bot).messages(LABS_CHANNEL)) == 1


async def test_an_old_uninstall_told_late_does_not_undo_a_new_installing(bot: House) -> None:
    before = int(bot.clock.now.timestamp())
    bot.clock.now += timedelta(minutes=3)
    await bot.install(_labs(bot))
    await _event(bot.hands(_labs(bot)), {"type": "app_uninstalled"}, before)
    await _thing(bot, "three", "labs")
    assert len(_labs(bot).messages(LABS_CHANNEL)) == 1


async def test_trap_36_a_refused_token_stops_that_workspace_until_it_is_accepted_again(
    bot: House,
) -> None:
    _labs(bot).revoked = "account_inactive"
    await _thing(bot, "three", "labs")
    await _thing(bot, "one", "alerts")
    assert len(bot.slack.messages(ALERTS)) == 1
    assert "account_inactive" in (await bot.ready())[1]
    asked = bot.slack.counters["chat.postMessage"]
    for _ in range(5):
        bot.clock.now += timedelta(minutes=10)
        await bot.delivery.drain()
    assert bot.slack.counters["chat.postMessage"] == asked
    await bot.keeper.look()
    assert "account_inactive" in (await bot.ready())[1]
    _labs(bot).revoked = None
    await bot.keeper.look()
    bot.clock.now += timedelta(minutes=1)
    await bot.delivery.drain()
    assert len(_labs(bot).messages(LABS_CHANNEL)) == 1
    assert "gone" not in (await bot.ready())[1]


async def test_the_first_workspace_stays_the_first_when_it_is_gone(bot: House) -> None:
    """Its messages must not go to a channel of the same name in another workspace."""
    _labs(bot).add_channel("C0LABS222", "ml-search")
    bot.clock.now += timedelta(minutes=1)
    await _event(bot.hands(bot.slack), {"type": "app_uninstalled"})
    await _thing(bot, "two", "search")
    assert _labs(bot).messages("C0LABS222") == []
    with bot.kernel.database.read() as connection:
        assert outbox.waiting(connection) == 1


async def test_with_one_token_a_persons_revoked_token_changes_nothing(world: World) -> None:
    body = world.hands.event_body({"type": "tokens_revoked", "tokens": {"oauth": ["U1"]}}, "Ev1")
    await world.hands.send(json.dumps(body).encode(), "application/json")
    assert world.delivery.revoked == {}


async def test_with_one_token_a_refusal_stops_the_surface_as_before(world: World) -> None:
    world.slack.revoked = "token_revoked"
    place = world.surface.place("alerts")
    assert place is not None
    assert isinstance(world.surface, SlackSurface)
    with pytest.raises(Revoked):
        await world.surface.post(place, "k", said("x"), None)


# --- doctor ---------------------------------------------------------------------------------------


async def test_doctor_looks_at_each_workspace_with_its_own_channels(bot: House) -> None:
    _labs(bot).channels[LABS_CHANNEL].member = False
    settings, loaded, database = bot.surface.settings, bot.kernel.loaded, bot.kernel.database
    found = await check_slack(settings, loaded, database)
    wrong = [f"{what} {mend}" for state, what, mend in found if state != "ok"]
    assert len(wrong) == 1
    assert wrong[0].startswith(f"Labs ({LABS}): The bot is not in #lab-costs")
    bot.clock.now += timedelta(minutes=1)
    await _event(bot.hands(_labs(bot)), {"type": "app_uninstalled"})
    wrong = [what for s, what, _ in await check_slack(settings, loaded, database) if s != "ok"]
    assert len(wrong) == 1
    assert "uninstalled" in wrong[0]


async def test_doctor_looks_at_the_user_groups_of_each_workspace(bot: House) -> None:
    _labs(bot).groups[0]["users"] = []
    bot.slack.groups[0]["date_delete"] = 1_795_000_000
    settings, loaded, database = bot.surface.settings, bot.kernel.loaded, bot.kernel.database
    wrong = [what for s, what, _ in await check_slack(settings, loaded, database) if s != "ok"]
    assert wrong == [
        f"{bot.slack.name} ({bot.slack.team}): The user group @ml-leads is disabled, "
        "so nobody has a role by it.",
        f"Labs ({LABS}): The user group @ml-leads is empty, so nobody has a role by it.",
    ]


async def test_doctor_says_when_nobody_has_installed_the_app(
    slack: FakeSlack, sqlite: Database, clock: Clock
) -> None:
    async with house(slack, sqlite, clock) as bot:
        ((state, what, mend),) = await check_slack(bot.surface.settings, bot.kernel.loaded, sqlite)
    assert (state, "not installed in any" in what, "/slack/install" in mend) == (
        "wrong",
        True,
        True,
    )
