"""Tokens that live twelve hours: exchanged in time, by one replica, whatever becomes of the answer."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from handlers.conversation import said
from storage.database import Database
from storage.installations import claim_refresh
from tests.conftest import Clock
from tests.fakes.slack_server import FakeSlack
from tests.slack import handlers
from tests.slack.conftest import ALERTS
from tests.slack.house import House, house


@pytest.fixture
async def bot(slack: FakeSlack, database: Database, clock: Clock) -> AsyncIterator[House]:
    """Installed with a token that ends, on each kind of database."""
    handlers.THINGS.create(database.writer)
    async with house(slack, database, clock) as made:
        slack.rotates = True
        assert (await made.install(slack))[0] == 200
        yield made


async def _thing(bot: House, subject: str, channel: str) -> None:
    await bot.kernel.turn(lambda turn: handlers.thing(turn, subject, channel=channel))
    await bot.delivery.drain()


async def test_trap_14_a_token_is_exchanged_before_it_ends(bot: House) -> None:
    first = bot.slack.token
    bot.clock.now += timedelta(hours=5)
    await bot.keeper.look()
    assert bot.slack.token == first
    for day in range(4):  # two days of half-lives
        bot.clock.now += timedelta(hours=7)
        await bot.keeper.look()
        await _thing(bot, f"thing-{day}", "alerts")
    assert bot.slack.token != first
    assert len(bot.slack.messages(ALERTS)) == 4
    assert bot.slack.counters["oauth.v2.access"] == 1 + 4


async def test_one_replica_exchanges_and_the_others_take_its_token(bot: House) -> None:
    async with house(bot.slack, bot.kernel.database, bot.clock) as other:
        await other.keeper.look()
        before = bot.slack.counters["oauth.v2.access"]
        bot.clock.now += timedelta(hours=7)
        bot.slack.fault("oauth.v2.access", "delay", 0.2)
        await asyncio.gather(*(h.keeper.look() for h in (bot, other, bot, other)))
        assert bot.slack.counters["oauth.v2.access"] == before + 1
        await asyncio.gather(bot.keeper.look(), other.keeper.look())
        assert bot.slack.counters["oauth.v2.access"] == before + 1
        for one in (bot, other):
            assert one.surface.calls.client.token == bot.slack.token


async def test_a_replica_that_slept_takes_the_new_token_when_its_own_is_refused(bot: House) -> None:
    async with house(bot.slack, bot.kernel.database, bot.clock) as other:
        bot.clock.now += timedelta(hours=7)
        await bot.keeper.look()
        bot.clock.now += timedelta(hours=6)  # the token that the other has ended meanwhile
        await other.kernel.turn(lambda turn: turn.post("alerts", "m1", said("Hello")))
        await other.delivery.drain()
        bot.clock.now += timedelta(seconds=2)
        await other.delivery.drain()
        assert len(bot.slack.messages(ALERTS)) == 1
        assert other.delivery.gone == {}


@pytest.mark.parametrize("what", ["drop", "status", "rate"])
async def test_an_exchange_that_did_not_happen_is_tried_again(bot: House, what: str) -> None:
    first = bot.slack.token
    bot.clock.now += timedelta(hours=7)
    bot.slack.fault("oauth.v2.access", what, 503)
    await bot.keeper.look()
    assert bot.surface.calls.client.token == first
    await bot.keeper.look()
    assert bot.surface.calls.client.token == bot.slack.token != first


async def test_an_exchange_whose_answer_is_lost_is_told_while_the_old_token_works(
    bot: House,
) -> None:
    """Slack has revoked the refresh token with its use: only installing again helps, and there is time."""
    bot.clock.now += timedelta(hours=7)
    bot.slack.fault("oauth.v2.access", "lose")
    await bot.keeper.look()
    await bot.keeper.look()
    asked = bot.slack.counters["oauth.v2.access"]
    await bot.keeper.look()
    assert bot.slack.counters["oauth.v2.access"] == asked  # not asked for ever
    status, why = await bot.ready()
    assert (status, "23 Nov 21:00 UTC" in why, "/slack/install" in why) == (200, True, True)
    await _thing(bot, "one", "alerts")
    assert len(bot.slack.messages(ALERTS)) == 1
    bot.clock.now += timedelta(hours=6)  # nobody did it in time
    await _thing(bot, "two", "alerts")
    assert len(bot.slack.messages(ALERTS)) == 1
    assert "token_expired" in (await bot.ready())[1]
    await bot.install(bot.slack)
    bot.clock.now += timedelta(minutes=1)
    await bot.delivery.drain()
    assert len(bot.slack.messages(ALERTS)) == 2
    assert "gone" not in (await bot.ready())[1]


async def test_a_replica_that_dies_while_it_exchanges_is_taken_over(bot: House) -> None:
    bot.clock.now += timedelta(hours=7)
    team, first = bot.slack.team, bot.slack.token
    with bot.kernel.database.write() as connection:
        assert claim_refresh(connection, team, bot.clock())
        assert not claim_refresh(connection, team, bot.clock())
    await bot.keeper.look()
    assert bot.slack.token == first
    bot.clock.now += timedelta(seconds=61)
    await bot.keeper.look()
    assert bot.slack.token != first


async def test_an_installing_during_an_exchange_wins(bot: House) -> None:
    bot.clock.now += timedelta(hours=7)
    bot.slack.fault("oauth.v2.access", "delay", 0.4)
    exchanging = asyncio.create_task(bot.keeper.look())
    await asyncio.sleep(0.1)
    bot.slack.rotates = False  # the installing's token is another, which the late answer is not
    await bot.install(bot.slack)
    installed = bot.slack.token
    bot.slack.rotates = True
    await exchanging
    await bot.keeper.look()
    assert bot.surface.calls.client.token == installed
