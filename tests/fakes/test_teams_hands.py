"""The hands send what Teams sends when people write, press, fill in and install."""

from urllib.parse import quote

import jwt
import pytest

from tests.fakes.teams_caller import Bot, Caller, Json, a_card, execute, holding
from tests.fakes.teams_cards import ADAPTIVE, find_action
from tests.fakes.teams_hands import Hands
from tests.fakes.teams_server import FakeTeams
from tests.fakes.teams_state import Team, User


async def test_writing(hands: Hands, bot: Bot, team: Team, engineer: User) -> None:
    channel = team.channels["ml-search"]
    await hands.mention(engineer, channel, "spend")
    await hands.mention(engineer, channel, "spend", again=True)
    await hands.mention(engineer, channel, "spend", new_id=True)
    first, same, other = bot.got
    assert first == same != other
    assert first["text"] == "<at>Sandrail</at> spend"
    assert first["entities"][0]["mentioned"]["id"] == hands.fake.bot_id
    root = first["id"]
    assert first["conversation"]["id"] == f"{channel};messageid={root}"
    await hands.mention(engineer, channel, "more", root=root)
    assert bot.got[-1]["conversation"]["id"] == f"{channel};messageid={root}"
    await hands.spoofed_mention(engineer, channel, "spend")
    assert [e["type"] for e in bot.got[-1]["entities"]] == ["clientInfo"]
    await hands.say(engineer, "help")
    assert bot.got[-1]["conversation"]["conversationType"] == "personal"


async def test_buttons_menus_and_dialogs(
    hands: Hands, bot: Bot, call: Caller, team: Team, engineer: User
) -> None:
    channel = team.channels["ml-search"]
    menu = a_card(execute("3 days", choice="3"))
    fetch: Json = {"type": "Action.Submit", "title": "Resolve…"}
    fetch["data"] = {"subject": "a1", "msteams": {"type": "task/fetch"}}
    card = a_card(
        execute("Take", subject="a1"),
        {"type": "Action.ShowCard", "title": "Snooze", "card": menu},
        fetch,
        {"type": "Action.Submit", "title": "Old", "data": {"subject": "a1"}},
    )
    await call.send(channel, holding(card))
    (message,) = hands.fake.roots(channel)
    fresh = a_card(execute("Reopen"))
    bot.answer = {
        "statusCode": 200,
        "type": "application/vnd.microsoft.card.adaptive",
        "value": fresh,
    }
    await hands.press(engineer, channel, message, "Take")
    assert bot.got[-1]["value"]["action"]["data"] == {"subject": "a1"}
    assert bot.got[-1]["replyToId"] == message["id"]
    assert hands.seen(engineer, message) == fresh
    await hands.press(engineer, channel, message, "Take", again=True)
    assert bot.got[-1] == bot.got[-2]
    hands.fake.views.clear()
    await hands.press(engineer, channel, message, "Snooze", "3 days")
    assert bot.got[-1]["value"]["action"]["data"] == {"choice": "3"}
    hands.fake.views.clear()
    await hands.press(engineer, channel, message, "Old")
    assert (bot.got[-1]["type"], bot.got[-1]["value"]) == ("message", {"subject": "a1"})
    field = {"type": "Input.Text", "id": "words", "label": "Words", "isRequired": True}
    form = a_card(
        {"type": "Action.Submit", "title": "Save", "data": {"subject": "a1"}},
        body=[field | {"errorMessage": "Say how"}, {**field, "id": "more", "isRequired": False}],
    )
    shown = {"title": "Resolve", "card": {"contentType": ADAPTIVE, "content": form}}
    bot.answer = {"task": {"type": "continue", "value": shown}}
    opened = await hands.open(engineer, channel, message, "Resolve…")
    assert bot.got[-1]["value"]["data"] == {"subject": "a1", "type": "task/fetch"}
    with pytest.raises(AssertionError, match="Say how"):
        await hands.submit(engineer, opened, {})
    await hands.submit(engineer, opened, {"words": "Capped"})
    assert bot.got[-1]["name"] == "task/submit"
    assert bot.got[-1]["value"]["data"] == {"subject": "a1", "words": "Capped", "more": ""}
    opened = await hands.extension_fetch(engineer, "request")
    await hands.extension_submit(engineer, "request", opened, {"words": "A sandbox"})
    assert bot.got[-1]["name"] == "composeExtension/submitAction"
    assert find_action(card, "Snooze", "3 days")[0]["data"] == {"choice": "3"}


async def test_a_refresh_is_seen_by_one_person_until_the_message_changes(
    hands: Hands, bot: Bot, call: Caller, team: Team, engineer: User
) -> None:
    channel = team.channels["ml-search"]
    lead = hands.fake.add_user("lead@example.com", "ML lead, search")
    refresh = {"action": execute("Refresh", subject="a1"), "userIds": [lead.mri]}
    await call.send(channel, holding(a_card(refresh=refresh)))
    (message,) = hands.fake.roots(channel)
    with pytest.raises(AssertionError, match="is not refreshed"):
        await hands.refresh(engineer, channel, message)
    own = a_card(execute("Approve"))
    bot.answer = {
        "statusCode": 200,
        "type": "application/vnd.microsoft.card.adaptive",
        "value": own,
    }
    await hands.refresh(lead, channel, message)
    assert bot.got[-1]["value"]["trigger"] == "automatic"
    assert hands.seen(lead, message) == own
    assert hands.seen(engineer, message) != own
    path = f"v3/conversations/{quote(channel)}/activities/{message['id']}"
    assert (await call("PUT", path, holding(a_card())))[0] == 200
    assert hands.seen(lead, message) == a_card()
    bot.answer = {
        "statusCode": 200,
        "type": "application/vnd.microsoft.activity.message",
        "value": "No",
    }
    with pytest.raises(AssertionError, match="no button"):
        await hands.press(lead, channel, message, "Approve")


async def test_raw_bytes_and_wrong_tokens(
    hands: Hands, bot: Bot, engineer: User, fake: FakeTeams
) -> None:
    assert (await hands.raw(b"{}", {"Content-Type": "application/json"})).status == 200
    hands.patch = {"serviceUrl": None}
    hands.minting = {"serviceurl": "https://example.com/", "expires_in": -600}
    sent = await hands.say(engineer, "help")
    assert "serviceUrl" not in bot.got[-1]
    claims = jwt.decode(sent.headers["Authorization"][7:], options={"verify_signature": False})
    assert claims["serviceurl"] == "https://example.com/"
    assert claims["exp"] < fake.now() - 500
    await hands.again(sent, new_id=True)
    assert bot.got[-1]["text"] == "help"
    assert bot.got[-1]["id"] != bot.got[-2]["id"]


async def test_installing_and_channels(
    hands: Hands, bot: Bot, call: Caller, engineer: User
) -> None:
    team = hands.fake.add_team("Platform", ["alerts"])
    channel = team.channels["alerts"]
    await hands.install_team(team, engineer)
    assert team.installed
    assert [a["type"] for a in bot.got] == ["conversationUpdate", "installationUpdate"]
    assert bot.got[0]["channelData"]["eventType"] == "teamMemberAdded"
    await hands.install_personal(engineer)
    await hands.uninstall_personal(engineer)
    assert bot.got[-1]["action"] == "remove"
    await hands.rename_channel(team, channel, "costs", engineer)
    assert bot.got[-1]["channelData"]["channel"] == {"id": channel, "name": "costs"}
    await hands.delete_channel(team, channel, engineer)
    assert (await call.send(channel, {"type": "message", "text": "x"}))[0] == 404
    assert (await hands.uninstall_team(team, engineer)).status == 200
    assert not team.installed
