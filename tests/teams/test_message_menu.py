"""An entry in a message's own menu: a dialog at once, about this message, wherever it stands."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.teams.heard import Unreadable, from_extension
from guardrails.policy.council import Council
from storage.policy_file import LoadedPolicy
from storage.tables.council import CouncilItem
from tests.contract.seats import field_errors
from tests.fakes.teams_cards import inputs, words
from tests.fakes.teams_state import Chat
from tests.stored import rows_of
from tests.teams.house import House

NAME = "Bring to the council"


@pytest.fixture
def loaded(loaded: LoadedPolicy) -> LoadedPolicy:
    council = Council(channel="finops")
    return replace(loaded, policy=loaded.policy.model_copy(update={"council": council}))


def written(home: House, text: str, root: str | None = None) -> dict[str, Any]:
    """A message that a person wrote in a channel."""
    chat = home.fake.chats[home.channel("ml-search")]
    return home.fake.store(chat, {"type": "message", "text": text}, home.users["lead"].mri, root)


def items(home: House) -> list[Any]:
    return rows_of(home.kernel.database, CouncilItem)


def values(sent: Any) -> dict[str, str]:
    return {one["id"]: one.get("value", "") for one in inputs(sent.card())}


async def test_the_dialog_and_what_comes_of_it(home: House) -> None:
    engineer = home.users["engineer"]
    message = written(
        home, "<p>Shall we keep <b>the</b> ranker &amp; pay?</p><p>It costs much.</p>"
    )
    opened = await home.hands.menu(engineer, NAME, home.channel("ml-search"), message)
    assert opened.seconds < 5
    assert values(opened)["topic"] == "Shall we keep the ranker & pay?"
    wrong = values(opened) | {"owner": "nobody"}
    sent = await home.hands.extension_submit(engineer, "council.add", opened, wrong)
    assert set(field_errors(sent.card())) == {"owner"}
    good = values(opened) | {"why": "Keep or stop?"}
    sent = await home.hands.extension_submit(engineer, "council.add", sent, good)
    assert "It is on the agenda of the council" in sent.told()
    (row,) = items(home)
    assert row.subject.startswith("https://teams.microsoft.com/l/message/19:")
    assert (row.title, row.why, row.asked_by) == (
        "Shall we keep the ranker & pay?",
        "Keep or stop?",
        "engineer@example.com",
    )


@pytest.mark.parametrize("new_id", [False, True])
async def test_sent_twice_it_is_there_once(home: House, new_id: bool) -> None:
    engineer = home.users["engineer"]
    opened = await home.hands.menu(
        engineer, NAME, home.channel("ml-search"), written(home, "A topic")
    )
    given = values(opened)
    first = await home.hands.extension_submit(engineer, "council.add", opened, given)
    again = await home.hands.extension_submit(
        engineer, "council.add", opened, given, not new_id, new_id=new_id
    )
    assert again.text == first.text
    assert len(items(home)) == 1


async def test_in_a_chat_in_which_the_bot_is_not(home: House) -> None:
    engineer = home.users["engineer"]
    await home.hands.say(engineer, "help")
    between = Chat("19:two-people@unq.gbl.spaces", user=engineer.oid)
    home.fake.chats[between.id] = between
    message = home.fake.store(between, {"type": "message", "text": "A topic"}, engineer.mri, None)
    opened = await home.hands.menu(engineer, NAME, between.id, message)
    assert values(opened)["topic"] == "A topic"


async def test_of_the_bots_own_card_its_summary_is_the_topic(home: House) -> None:
    message = await home.thing()
    opened = await home.hands.menu(home.users["engineer"], NAME, home.channel("ml-search"), message)
    assert values(opened)["topic"] == "Spend of recs-v2: more than expected"


async def test_who_may_not_is_told(home: House) -> None:
    guest = home.fake.add_user("guest@example.com", "Gus", guest=True)
    sent = await home.hands.menu(guest, NAME, home.channel("ml-search"), written(home, "A topic"))
    assert "Guests cannot decide here" in sent.told()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"contentType": "text", "content": "a < b\nmore"}, "a < b\nmore"),
        ({"contentType": "html", "content": "one<br/>two<p>three</p>four"}, "one\ntwo three\nfour"),
        ({"contentType": "html", "content": '<attachment id="1"></attachment>'}, ""),
        ({"contentType": "html", "content": "<at id=0>Lee</at> look"}, "Lee look"),
        ({}, ""),
    ],
)
def test_what_a_message_says(said: dict[str, Any], expected: str) -> None:
    heard = from_extension(_activity({"messagePayload": {"id": "1", "body": said}}))
    assert heard.inputs["text"] == expected


def test_what_teams_never_sends_is_not_used() -> None:
    for change in ({"commandId": ""}, {"commandId": None}, {"commandId": 7}):
        with pytest.raises(Unreadable):
            from_extension(_activity(change))
    heard = from_extension(_activity({"messagePayload": "x"}))
    assert heard.inputs == {"text": "", "message": "", "link": ""}


def _activity(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "composeExtension/fetchTask",
        "id": "1",
        "serviceUrl": "https://smba.example/",
        "from": {"id": "29:1"},
        "conversation": {"id": "19:1"},
        "value": {"commandId": "council.add", "commandContext": "message", **value},
    }


async def test_the_agenda_links_to_it(home: House) -> None:
    engineer = home.users["engineer"]
    opened = await home.hands.menu(
        engineer, NAME, home.channel("ml-search"), written(home, "A topic")
    )
    await home.hands.extension_submit(engineer, "council.add", opened, values(opened))
    await home.hands.say(engineer, "council next")
    await home.settle()
    chat = home.fake.messages(home.fake.personal_chat(engineer))
    assert "the message on teams.microsoft.com" in words(chat[-1])
    assert f'"url": "{items(home)[0].subject}"' in json.dumps(chat[-1]["activity"])
