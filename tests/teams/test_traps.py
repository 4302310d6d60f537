"""Traps of the platform rules that touch Teams: 14 to 17, 20, 22, 40, 46 to 48, 50.

The others are where they belong: 39 in test_anonymous and tests/bot/test_settings, 41 to 45 and 51 in test_tokens,
18 in test_people, 49 and 55 in test_commands and test_delivery, 52 in test_commands and test_forms,
53 and 54 in test_refresh.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import pytest
from aiohttp import web

from bot.settings import SlackSettings
from bot.slack.door import add_routes
from bot.slack.surface import SlackSurface
from bot.teams import turns
from storage import identities, teams
from tests.fakes.slack_hands import Hands as SlackHands
from tests.fakes.slack_server import FakeSlack
from tests.fakes.teams_cards import actions, card_of, find_action, words
from tests.slack.conftest import SECRET
from tests.teams import handlers
from tests.teams.house import House


@asynccontextmanager
async def slack_too(home: House) -> AsyncIterator[tuple[FakeSlack, SlackHands]]:
    """The same bot in Slack, with the same people."""
    async with FakeSlack(now=lambda: home.clock().timestamp()) as slack:
        for number, person in enumerate(home.kernel.loaded.policy.people):
            slack.add_user(f"U0PERSON{number}", person.name, person.email.upper())
        slack.add_channel("C0FINOPS1", "finops")
        slack.add_channel("C0SEARCH1", "ml-search")
        settings = SlackSettings(slack.token, SECRET, None, slack.api_url)
        surface = SlackSurface(settings, home.kernel.loaded, home.kernel.database, home.clock)
        surface.pace = 0.0
        home.kernel.surfaces["slack"] = surface  # type: ignore[index]
        app = web.Application()
        door = add_routes(app, surface, home.kernel)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        hands = SlackHands(slack, url, SECRET)
        try:
            yield slack, hands
        finally:
            await door.settle()
            await hands.close()
            await runner.cleanup()


async def test_trap_14_a_double_click_acts_once(home: House) -> None:
    message = await home.thing()
    both = await asyncio.gather(*(home.press("engineer", message, "Take") for _ in range(2)))
    assert [one.status for one in both] == [200, 200]
    assert home.audited() == [("engineer@example.com", "test.investigating")]
    assert message["edited"] == 1


async def test_trap_15_of_two_approvers_one_wins_and_the_other_learns_who(home: House) -> None:
    message = await home.thing()
    sent = await asyncio.gather(
        home.press("lead", message, "Approve"), home.press("finops", message, "Approve")
    )
    assert len(home.audited()) == 1
    winner = "ML lead, search" if "lead" in home.audited()[0][0] else "FinOps owner"
    told = {one.told() for one in sent}
    assert told == {"You approved it.", f"{winner} has already decided this: expected."}


async def test_trap_16_nobody_approves_their_own(home: House) -> None:
    message = await home.thing(owner="engineer@example.com")  # asked for on another platform
    sent = await home.press("engineer", message, "Approve")
    assert "someone else must approve it" in sent.told()
    assert home.state() == "open"
    await home.press("lead", message, "Approve")
    assert home.state() == "expected"


async def test_trap_17_one_human_in_slack_and_in_teams_is_one_person(home: House) -> None:
    async with slack_too(home) as (slack, slack_hands):
        await home.thing(owner="engineer@example.com")
        in_slack = deepcopy(slack.messages("C0SEARCH1")[-1])
        await slack_hands.press("U0PERSON0", "C0SEARCH1", in_slack, "Approve")
        assert home.state() == "open"
        sent = await home.press("engineer", home.root(), "Approve")
        assert "someone else must approve it" in sent.told()
        assert home.state() == "open"
        await home.press("lead", home.root(), "Approve")
        assert home.audited() == [("lead@example.com", "test.expected")]
        assert "expected by" in str(slack.messages("C0SEARCH1"))  # the news is everywhere
        again = await slack_hands.press("U0PERSON1", "C0SEARCH1", in_slack, "Approve")
        assert again.status == 200
        assert len(home.audited()) == 1
        with home.kernel.database.read() as connection:
            found = identities.accounts_of(
                connection, "teams", home.fake.tenant, ["engineer@example.com"]
            )
        assert found == {"engineer@example.com": home.users["engineer"].mri}


@pytest.mark.parametrize(
    "forged",
    [
        {"action": "test.slack.crash"},
        {"subject": "another"},
        {"version": 9},
        {"version": -1},
        {"version": True},
        {"action": ""},
        {"action": 7},
        {"subject": None},
        {"action": "anomaly.approve-everything"},
    ],
    ids=repr,
)
async def test_trap_20_forged_data_changes_nothing(home: House, forged: dict[str, Any]) -> None:
    message = await home.thing()
    ours = {"action": "test.slack.take", "subject": "recs-v2", "version": 1, **forged}
    data = {"sandrail": {**ours, "role": "finops", "amount": 0}, "role": "finops"}
    sent = await home.press("engineer", message, "Take", data=data)
    assert sent.status == 200
    assert home.state() == "open"
    assert home.audited() == []


async def test_trap_20_a_role_in_the_data_is_none(home: House) -> None:
    message = await home.thing()
    data = {"roles": ["finops"], "actor": "lead@example.com", "from": {"aadObjectId": "x"}}
    sent = await home.press("executive", message, "Take", data=data)
    assert "This needs the role" in sent.told()
    assert home.state() == "open"


async def test_trap_20_forged_words_without_end_take_no_time(home: House) -> None:
    message = await home.thing()
    long = "spend " * 40_000
    for data in (
        {"action": long, "subject": long, "version": 1, "choice": long},
        {"command": long, "text": long},
        {"form": long, "subject": long, "version": 1, "fields": [long], "carried": {"form": long}},
    ):
        sent = await home.press("engineer", message, "Take", data={"sandrail": data})
        assert sent.status == 200
        assert sent.seconds < 2
    assert home.state() == "open"


async def test_trap_22_what_is_decided_answers_politely(home: House) -> None:
    message = await home.thing()
    old = json.loads(json.dumps(message))
    await home.press("lead", message, "Take")
    home.fake.views.clear()
    sent = await home.press("engineer", old, "Take")
    assert sent.told() == "ML lead, search has already decided this: investigating."
    assert len(home.audited()) == 1


async def test_trap_40_a_button_is_answered_as_teams_wants_it(home: House) -> None:
    message = await home.thing()
    action = next(a for a in actions(card_of(message)) if a["title"] == "Take")
    assert (action["type"], action["fallback"]["type"]) == ("Action.Execute", "Action.Submit")
    sent = await home.press("engineer", message, "Take")
    assert sent.status == 200
    assert sent.json()["statusCode"] == 200
    assert sent.json()["type"] == "application/vnd.microsoft.card.adaptive"
    await home.thing("other")
    sent = await home.press("engineer", home.root(), "Who am I")
    assert sent.json()["type"] == "application/vnd.microsoft.activity.message"


async def test_trap_40_a_handler_that_fails_is_no_500(home: House) -> None:
    sent = await home.press("engineer", await home.thing(), "Crash")
    assert sent.status == 200
    assert "tell the operator the reference" in sent.told()
    assert home.state() == "open"


async def test_trap_40_a_slow_button_is_answered_in_time(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert max(turns.PATIENCE.values()) < 10
    monkeypatch.setitem(turns.PATIENCE, "card", 0.1)
    message = await home.thing()
    data = {"sandrail": {"action": "test.teams.slow", "subject": "", "version": 1}}
    sent = await home.hands.press(
        home.users["engineer"], home.channel("ml-search"), message, "Take", data=data
    )
    assert sent.seconds < handlers.SLOW
    assert "takes a moment" in sent.told()
    await home.hands.again(sent)  # it comes again while the first is at work
    await home.settle()
    assert home.chat("engineer") == ["It took a while."]
    assert home.audited() == [("engineer@example.com", "test.slow")]


async def test_trap_46_without_a_service_url_nobody_gets_in(home: House) -> None:
    for patch in ({"serviceUrl": None}, {"serviceUrl": ""}, {"serviceUrl": ["x"]}):
        home.hands.patch = patch
        assert (await home.hands.say(home.users["engineer"], "help")).status == 401
        home.hands.minting = {"serviceurl": None}
        assert (await home.hands.say(home.users["engineer"], "help")).status == 401
        home.hands.minting = {"serviceurl": ""}
        assert (await home.hands.say(home.users["engineer"], "help")).status == 401
        home.hands.minting = {}
    assert home.chat("engineer") == []


async def test_trap_47_the_tenant_is_that_of_the_channel_data(home: House) -> None:
    engineer = home.users["engineer"]
    where = home.fake.personal_chat(engineer)

    async def status(conversation: Any, data: Any) -> int:
        activity = home.hands.make.message(engineer, where, "help", mentions=False)
        activity["conversation"] |= {"tenantId": conversation}
        activity["channelData"] = {"tenant": {"id": data}} if data else {}
        return (await home.hands.send(activity)).status

    other = "11111111-1111-1111-1111-111111111111"
    assert await status(None, home.fake.tenant) == 200
    assert await status(None, home.fake.tenant.upper()) == 200
    assert await status(home.fake.tenant, None) == 200
    assert await status(home.fake.tenant, other) == 403
    assert await status(None, None) == 403


async def test_trap_48_the_tenant_is_kept_with_each_conversation(home: House) -> None:
    lead = home.users["lead"]
    chat = await home.surface.chat_with(lead.mri, lead.name)  # the connector refuses without it
    assert chat.conversation == home.fake.personal_chat(lead)
    with home.kernel.database.read() as connection:
        found = teams.all_of(connection, home.fake.tenant)
    assert {c.conversation for c in found} >= {chat.conversation, home.team.id}


async def test_trap_49_a_card_that_is_sent_in_as_a_message(home: House) -> None:
    message = await home.thing()
    action, _ = find_action(card_of(message), "Take")
    value = action["fallback"]["data"]
    posted = home.hands.make.posted_back(
        home.users["engineer"], message["conversation"], message, value
    )
    posted.pop("text", None)
    sent = await home.hands.send(posted)
    await home.settle()
    assert sent.status == 200
    assert home.state() == "investigating"
    assert "investigating by" in words(message)


@pytest.mark.parametrize(
    "value",
    [
        {"sandrail": {"action": "test.slack.take", "subject": "recs-v2", "version": 1}},
        {"action": "test.slack.take"},
        {"action": {"type": "Action.Execute", "verb": "test.slack.take"}},
        {"action": {"type": "Action.Execute", "data": "x"}},
        {"action": {"data": {"sandrail": []}}},
        "text",
        None,
    ],
)
async def test_trap_50_a_value_of_another_shape_is_an_error_that_teams_shows(
    home: House, value: Any
) -> None:
    message = await home.thing()
    invoke = home.hands.make.invoke(
        home.users["engineer"], message["conversation"], "adaptiveCard/action", {}, message
    )
    sent = await home.hands.send({**invoke, "value": value})
    assert sent.status == 200
    assert sent.json()["statusCode"] == 400
    assert sent.json()["type"] == "application/vnd.microsoft.error"
    assert home.state() == "open"


@pytest.mark.parametrize("new_id", [False, True])
async def test_trap_52_a_button_that_comes_again_acts_once(home: House, new_id: bool) -> None:
    message = await home.thing()
    first = await home.press("engineer", message, "Take")
    again = await home.hands.again(first, new_id=new_id)
    await home.settle()
    assert again.status == 200
    assert len(home.audited()) == 1
    if new_id:
        assert "has already decided this" in again.told()
    else:
        assert "investigating by" in words(again.card())


async def test_trap_52_an_invoke_without_an_id_is_each_persons_own(home: House) -> None:
    message = await home.thing()
    home.hands.patch = {"id": None}
    first = await home.press("engineer", message, "Who am I")
    second = await home.press("lead", message, "Who am I")
    assert "engineer@example.com" in first.told()
    assert "lead@example.com" in second.told()
