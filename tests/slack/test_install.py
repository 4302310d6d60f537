"""Installing the app with OAuth: who may, once, in time, in the browser that began it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.oauth.installation_store.sqlalchemy import SQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import SQLAlchemyOAuthStateStore
from sqlalchemy import MetaData, Table, func, select

from storage.database import Database
from storage.installations import tenants
from storage.tables import installations as tables
from tests.conftest import Clock
from tests.fakes.slack_server import FakeSlack
from tests.slack import handlers
from tests.slack.conftest import ALERTS
from tests.slack.house import House, house, labs


@pytest.fixture
async def bot(slack: FakeSlack, database: Database, clock: Clock) -> AsyncIterator[House]:
    """A bot that nobody has installed yet, on each kind of database."""
    handlers.THINGS.create(database.writer)
    async with house(slack, database, clock) as made:
        yield made


def _kept(bot: House) -> int:
    with bot.kernel.database.read() as connection:
        return int(
            connection.execute(
                select(func.count()).select_from(tables.SLACK_INSTALLATIONS)
            ).scalar_one()
        )


async def test_from_the_page_to_the_first_message(bot: House) -> None:
    status, page = await bot.install(bot.slack)
    assert (status, "is installed in Sandrail" in page) == (200, True)
    await bot.kernel.turn(lambda turn: handlers.thing(turn, "recs-v2"))
    await bot.delivery.drain()
    (message,) = bot.slack.messages(ALERTS)
    hands = bot.hands(bot.slack)
    sent = await hands.press("U0ENGINEER", ALERTS, message, "Take")
    assert sent.status == 200
    await bot.deliver()
    assert "investigating by Erin" in bot.slack.messages(ALERTS)[0]["text"]
    await hands.close()


async def test_what_is_said_before_anyone_has_installed_the_app_waits(bot: House) -> None:
    await bot.kernel.turn(lambda turn: handlers.thing(turn, "recs-v2"))
    for _ in range(20):
        await bot.delivery.drain()
        bot.clock.now += timedelta(days=1)
    assert (await bot.ready())[0] == 200  # else no balancer would let the installing through
    await bot.install(bot.slack)
    bot.clock.now += timedelta(minutes=1)
    await bot.delivery.drain()
    assert len(bot.slack.messages(ALERTS)) == 1


async def test_a_state_works_once(bot: House) -> None:
    state = await bot.begin()
    cookie = {"sandrail-slack-oauth": state}
    where = f"{bot.url}/slack/oauth_redirect"
    codes = [bot.slack.consent(bot.slack) for _ in range(6)]

    async def back(code: str) -> int:
        async with (
            aiohttp.ClientSession(cookies=cookie, cookie_jar=_jar()) as browser,
            browser.get(where, params={"state": state, "code": code}) as got,
        ):
            return got.status

    found = await asyncio.gather(*(back(code) for code in codes))
    assert sorted(found) == [200, 400, 400, 400, 400, 400]
    assert _kept(bot) == 1


async def test_a_state_expires(bot: House) -> None:
    state = await bot.begin()
    bot.clock.now += timedelta(minutes=11)
    status, page = await bot.back(state, code=bot.slack.consent(bot.slack))
    assert (status, "took too long" in page) == (400, True)
    assert _kept(bot) == 0


async def test_a_state_of_another_browser_is_refused(bot: House) -> None:
    """Else an attacker could have a victim install the attacker's workspace."""
    state = await bot.begin()
    async with (
        aiohttp.ClientSession() as other,
        other.get(
            f"{bot.url}/slack/oauth_redirect",
            params={"state": state, "code": bot.slack.consent(bot.slack)},
        ) as got,
    ):
        assert got.status == 400
        assert "not begun in this browser" in await got.text()
    assert _kept(bot) == 0


@pytest.mark.parametrize(
    "state", ["", "forged", "ümlaut\udce9".encode("utf-8", "replace").decode()]
)
async def test_a_state_that_was_not_given_out_is_refused(bot: House, state: str) -> None:
    await bot.begin()
    status, page = await bot.back(state, code=bot.slack.consent(bot.slack))
    assert (status, "not begun in this browser" in page) == (400, True)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"error": "access_denied"}, "was cancelled"),
        ({"error": "<script>alert(1)</script>"}, "failed at Slack"),
        ({}, "sent no code"),
        ({"code": "forged"}, "did not accept"),
    ],
)
async def test_what_goes_wrong_at_slack_is_one_sentence(
    bot: House, query: dict[str, str], sentence: str
) -> None:
    status, page = await bot.back(await bot.begin(), **query)
    assert status in (400, 502)
    assert sentence in page
    assert "<script>" not in page
    assert _kept(bot) == 0


@pytest.mark.parametrize("what", ["lose", "drop", "status"])
async def test_a_lost_answer_installs_nothing_and_can_be_done_again(bot: House, what: str) -> None:
    bot.slack.fault("oauth.v2.access", what, 503)
    status, page = await bot.install(bot.slack)
    assert (status, "Begin again" in page) == (502, True)
    assert (await bot.install(bot.slack))[0] == 200


async def test_the_cookie_cannot_be_read_and_the_page_is_not_framed(bot: House) -> None:
    async with bot.browser.get(f"{bot.url}/slack/install", allow_redirects=False) as got:
        cookie = got.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "scope=app_mentions:read,channels:history" in got.headers["Location"]
    async with bot.browser.get(
        f"{bot.url}/slack/install", allow_redirects=False, headers={"Host": "bot.example.com"}
    ) as got:
        assert "Secure" in got.headers["Set-Cookie"]
    async with bot.browser.get(f"{bot.url}/slack/oauth_redirect") as got:
        assert "frame-ancestors 'none'" in got.headers["Content-Security-Policy"]


async def test_a_workspace_that_nobody_asked_is_refused_and_its_token_given_back(
    bot: House,
) -> None:
    """Whoever makes a workspace can make its addresses: strangers must not install themselves."""
    await bot.install(bot.slack)
    stranger = labs(bot.slack, team="T0STRANGER", name="<b>Evil</b>")
    status, page = await bot.install(stranger)
    assert (status, "T0STRANGER" in page, "<b>Evil" in page) == (403, True, False)
    assert stranger.revoked == "token_revoked"
    assert _kept(bot) == 1


async def test_a_workspace_that_the_policy_names_may_install(bot: House) -> None:
    await bot.install(bot.slack)
    assert (await bot.install(labs(bot.slack)))[0] == 200
    assert set(bot.surface.workspaces) == {bot.slack.team, "T0LABS"}


async def test_with_teams_named_only_those_may_install(
    slack: FakeSlack, sqlite: Database, clock: Clock
) -> None:
    async with house(slack, sqlite, clock, frozenset({"T0LABS"})) as bot:
        assert (await bot.install(slack))[0] == 403
        assert (await bot.install(labs(slack)))[0] == 200


async def test_installing_again_takes_the_new_token(bot: House) -> None:
    await bot.install(bot.slack)
    former = bot.slack.token
    await bot.install(bot.slack)
    assert bot.slack.token != former
    assert bot.surface.calls.client.token == bot.slack.token
    assert _kept(bot) == 1
    with bot.kernel.database.read() as connection:
        assert len(tenants(connection)) == 1


async def test_another_replica_learns_of_it(bot: House) -> None:
    async with house(bot.slack, bot.kernel.database, bot.clock) as other:
        await bot.install(bot.slack)
        await other.keeper.look()
        assert other.surface.tenant == bot.slack.team
        assert other.surface.calls.client.token == bot.slack.token


async def test_a_restart_finds_the_installation_before_the_loop_runs(bot: House) -> None:
    from bot.slack.surface import SlackSurface

    await bot.install(bot.slack)
    surface = SlackSurface(bot.surface.settings, bot.kernel.loaded, bot.kernel.database, bot.clock)
    place = await asyncio.to_thread(surface.place, "search")
    assert place is not None
    assert (place.tenant, place.channel) == (bot.slack.team, "#ml-search")
    await surface.close()


async def test_tokens_are_in_no_log_and_no_repr(
    bot: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bot.slack.rotates = True
    await bot.install(bot.slack)
    bot.clock.now += timedelta(hours=7)
    await bot.keeper.look()
    secrets = {bot.slack.token, bot.slack.refresh_token, bot.slack.client_secret}
    secrets |= set(bot.slack.old_tokens)
    assert len(secrets) == 4
    shown = repr(bot.surface.main.installed) + repr(bot.surface.settings)
    for secret in secrets:
        assert secret not in caplog.text
        assert secret not in shown


def test_the_tables_are_those_of_slack_sdk() -> None:
    store = SQLAlchemyInstallationStore
    theirs = MetaData()
    made: list[tuple[Table, Table]] = [
        (
            store.build_installations_table(theirs, "slack_installations"),
            tables.SLACK_INSTALLATIONS,
        ),
        (store.build_bots_table(theirs, "slack_bots"), tables.SLACK_BOTS),
        (
            SQLAlchemyOAuthStateStore.build_oauth_states_table(theirs, "slack_oauth_states"),
            tables.SLACK_OAUTH_STATES,
        ),
    ]
    for there, here in made:
        assert _columns(there) == _columns(here)
        assert {i.name: [c.name for c in i.columns] for i in there.indexes} == {
            i.name: [c.name for c in i.columns] for i in here.indexes
        }


def _columns(table: Table) -> dict[str, Any]:
    return {c.name: (repr(c.type), c.nullable, c.primary_key) for c in table.columns}


def _jar() -> aiohttp.CookieJar:
    return aiohttp.CookieJar(unsafe=True)
