"""What people type in Teams: mentions, the personal chat, message extensions; answers reach the asker alone."""

import time
from typing import Any

import pytest

from bot.teams import private, turns
from handlers.router import registered
from tests.fakes.teams_cards import words
from tests.fakes.teams_sending import Sent
from tests.teams import handlers
from tests.teams.house import House


def thread(home: House, sent: Sent) -> list[str]:
    """What the bot says in the thread that somebody has begun."""
    there = sent.activity["conversation"]["id"]
    root = there.partition(";messageid=")[2]
    return [words(m) for m in home.fake.thread(there, root)]


async def mention(home: House, text: str, **more: Any) -> Sent:
    sent = await home.hands.mention(home.users["engineer"], home.channel("ml-search"), text, **more)
    await home.settle()
    assert sent.status == 200
    return sent


async def test_an_answer_is_in_the_personal_chat_and_the_thread_has_a_note(home: House) -> None:
    sent = await mention(home, "test said hello")
    assert "You said\nhello" in home.chat("engineer")[-1]
    assert thread(home, sent) == [private.PRIVATELY]
    assert home.fake.roots(home.channel("ml-search")) == []


async def test_in_a_thread_it_is_answered_there(home: House) -> None:
    root = await home.thing()
    await mention(home, "test said hello", root=root["id"])
    (note,) = home.fake.thread(home.channel("ml-search"), root["id"])
    assert words(note) == private.PRIVATELY


async def test_when_a_reply_names_another_message_the_thread_counts(home: House) -> None:
    root = await home.thing()
    other = await home.thing("other")
    home.hands.patch = {"replyToId": other["id"]}
    await mention(home, "test said hello", root=root["id"])
    assert len(home.fake.thread(home.channel("ml-search"), root["id"])) == 1
    assert home.fake.thread(home.channel("ml-search"), other["id"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "test said a b",
        "/test said a b",
        "TEST said a b",
        "  test\n said   a\tb ",
        "&nbsp;test said a b",
    ],
)
async def test_the_same_command_however_it_is_typed(home: House, text: str) -> None:
    await mention(home, text)
    await home.hands.say(home.users["engineer"], text)
    await home.settle()
    assert [said[-3:] for said in home.chat("engineer")] == ["a b", "a b"]


async def test_trap_49_a_space_that_does_not_break_after_the_mention(home: House) -> None:
    await mention(home, "test said a", between="&nbsp;")
    await mention(home, "test said b", between="\u00a0")
    assert [said[-1] for said in home.chat("engineer")] == ["a", "b"]


async def test_trap_55_a_mention_that_was_only_typed_is_not_heard(home: House) -> None:
    engineer, channel = home.users["engineer"], home.channel("ml-search")
    sent = await home.hands.spoofed_mention(engineer, channel, "test said hello")
    await home.settle()
    assert sent.status == 200
    assert home.audited() == []
    assert home.chat("engineer") == []


async def test_trap_55_the_mention_of_somebody_else_is_not_the_bots(home: House) -> None:
    lead = home.users["lead"]
    activity = home.hands.make.message(
        home.users["engineer"],
        home.channel("ml-search"),
        "<at>Sandrail</at> test said hello",
        mentions=True,
    )
    activity["entities"][0]["mentioned"] = {"id": lead.mri, "name": "Sandrail"}
    await home.hands.send(activity)
    await home.settle()
    assert home.audited() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<at>Sandrail</at> test said ask <at>ML lead</at>", "ask ML lead"),
        ("<at>ML lead</at> <at>Sandrail</at> test said hello", "hello"),
        ("<at>Sandrail</at> <at>Sandrail</at> test said hello", "hello"),
        ("test said hello <at>Sandrail</at>", "hello"),
        ('<at id="0">Sandrail</at> test said a &lt;b&gt; &amp; c', "a <b> & c"),
    ],
)
async def test_several_mentions(home: House, text: str, said: str) -> None:
    lead = home.users["lead"]
    activity = home.hands.make.message(
        home.users["engineer"], home.channel("ml-search"), text, mentions=True
    )
    if "id=" in text:
        activity["entities"][0]["text"] = '<at id="0">Sandrail</at>'
    if "ML lead" in text:
        other = {"type": "mention", "text": "<at>ML lead</at>"}
        activity["entities"].insert(0, other | {"mentioned": {"id": lead.mri, "name": lead.name}})
    await home.hands.send(activity)
    await home.settle()
    assert f"You said {said}" in str(
        home.fake.messages(home.fake.personal_chat(home.users["engineer"]))
    )


async def test_markup_without_end_takes_no_time(home: House) -> None:
    began = time.monotonic()
    for text in ("<at>" * 50_000, "<at " * 50_000, "&" * 200_000, "<" * 200_000):
        await home.hands.say(home.users["engineer"], text)
    await home.settle()
    assert time.monotonic() - began < 4


async def test_words_that_no_database_takes(home: House) -> None:
    await home.hands.say(home.users["engineer"], "test said \ud83d\x00 hello")
    await home.settle()
    assert "hello" in home.chat("engineer")[-1]


async def test_unknown_words_get_the_nearest_command(home: House) -> None:
    await mention(home, "spnd")
    assert "/spend" in home.chat("engineer")[-1]


@pytest.mark.parametrize("text", ["help", "/help", ""])
async def test_help_says_what_there_is(home: House, text: str) -> None:
    await mention(home, text)
    assert "/spend alerts" in home.chat("engineer")[-1]


@pytest.mark.parametrize("text", ["hi", "Hello", "home"])
async def test_a_greeting_in_the_personal_chat_is_the_own_page(home: House, text: str) -> None:
    assert any(r.kind == "home" for r in registered())
    await home.hands.say(home.users["engineer"], text)
    await home.settle()
    assert len(home.chat("engineer")) == 1


async def test_without_a_personal_chat_it_says_so(home: House) -> None:
    home.fake.uninstall_personal(home.users["engineer"])
    sent = await mention(home, "test said hello")
    assert thread(home, sent) == [private.NO_CHAT]
    assert home.chat("engineer") == []


async def test_a_long_answer_goes_on_in_further_messages(home: House) -> None:
    await mention(home, "test long")
    said = home.chat("engineer")
    assert len(said) > 1
    assert all(f"part {n} word" in " ".join(said) for n in range(30))


async def test_what_teams_throttles_is_tried_again(home: House) -> None:
    home.fake.fail("POST", "/activities", 429, retry_after=0)
    await mention(home, "test said hello")
    assert "hello" in home.chat("engineer")[-1]


@pytest.mark.parametrize("new_id", [False, True])
async def test_trap_52_a_message_that_comes_again_is_answered_once(
    home: House, new_id: bool
) -> None:
    sent = await mention(home, "test said hello")
    for _ in range(2):
        await home.hands.again(sent)
    await home.settle()
    assert len(home.audited()) == 1
    assert len(home.chat("engineer")) == 1
    assert len(thread(home, sent)) == 1
    await mention(home, "test said hello")  # typed again it is another one
    assert len(home.audited()) == 2


async def test_a_slow_command_is_answered_in_time_and_told_later(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(turns.PATIENCE, "message", 0.1)
    sent = await home.hands.mention(home.users["engineer"], home.channel("ml-search"), "test slow")
    assert sent.status == 200
    assert sent.seconds < handlers.SLOW
    again = await home.hands.again(sent)  # Teams thinks that it was lost
    assert again.status == 200
    await home.settle()
    assert home.chat("engineer") == ["It took a while."]
    assert len(home.audited()) == 1


async def test_an_answer_that_teams_throttles_does_not_hold_teams_up(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(turns.PATIENCE, "message", 0.2)
    home.fake.fail("POST", "/activities", 429, retry_after=1)
    sent = await home.hands.mention(home.users["engineer"], home.channel("ml-search"), "help")
    assert sent.status == 200
    assert sent.seconds < 0.9
    await home.settle()
    assert len(home.chat("engineer")) == 1


# --- message extensions ---------------------------------------------------------------------------


async def test_a_command_of_the_message_extension_opens_its_form(home: House) -> None:
    engineer = home.users["engineer"]
    opened = await home.hands.extension_fetch(engineer, "test-sandbox", home.channel("ml-search"))
    assert opened.seconds < 5
    assert "What for?" in words(opened.card())
    more = {"why": "Trying a new model", "days": "7"}
    sent = await home.hands.extension_submit(engineer, "test-sandbox", opened, more)
    assert sent.told() == "You have it for 7 days."
    assert home.audited() == [("engineer@example.com", "test.asked")]


async def test_ask_takes_any_command(home: House) -> None:
    engineer = home.users["engineer"]
    opened = await home.hands.extension_fetch(engineer, "ask")
    sent = await home.hands.extension_submit(engineer, "ask", opened, {"typed": "/test said hello"})
    assert "hello" in words(sent.card())
    sent = await home.hands.extension_submit(engineer, "ask", opened, {"typed": "test sandbox"})
    assert "What for?" in words(sent.card())
    sent = await home.hands.extension_submit(engineer, "ask", opened, {"typed": "spnd"})
    assert "/spend" in sent.told()


async def test_an_extension_answers_within_five_seconds(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert turns.PATIENCE["extension"] < 5
    monkeypatch.setitem(turns.PATIENCE, "extension", 0.1)
    sent = await home.hands.extension_fetch(home.users["engineer"], "test-slow")
    assert sent.seconds < handlers.SLOW
    assert "takes a moment" in sent.told()
    await home.settle()
    assert home.chat("engineer") == ["It took a while."]


async def test_a_form_that_is_late_comes_as_a_card(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(turns.PATIENCE, "extension", 0.1)
    engineer = home.users["engineer"]
    await home.hands.extension_fetch(engineer, "test-slowform")
    await home.settle()
    chat = home.fake.personal_chat(engineer)
    form = home.fake.messages(chat)[-1]
    more = {"why": "Trying a new model", "days": "7"}
    await home.hands.submit_card(engineer, chat, form, "Ask", more)
    assert home.audited() == [("engineer@example.com", "test.asked")]


async def test_an_unknown_command_of_an_old_manifest_says_so(home: House) -> None:
    sent = await home.hands.extension_fetch(home.users["engineer"], "spend-everything-now")
    assert sent.status == 200
    sent = await home.hands.extension_fetch(home.users["engineer"], "gone-away")
    assert "There is no command" in sent.told()


@pytest.mark.parametrize("name", ["composeExtension/query", "signin/verifyState", "config/fetch"])
async def test_invokes_that_this_bot_does_not_know_are_501(home: House, name: str) -> None:
    engineer = home.users["engineer"]
    where = home.fake.personal_chat(engineer)
    sent = await home.hands.send(home.hands.make.invoke(engineer, where, name, {}))
    assert sent.status == 501


@pytest.mark.parametrize(
    "kind",
    ["messageReaction", "messageUpdate", "messageDelete", "typing", "event", "endOfConversation"],
)
async def test_what_is_not_said_to_the_bot_is_let_be(home: House, kind: str) -> None:
    engineer = home.users["engineer"]
    where = home.fake.personal_chat(engineer)
    activity = home.hands.make.message(engineer, where, "test said hello", mentions=False)
    assert (await home.hands.send({**activity, "type": kind})).status == 200
    await home.settle()
    assert home.audited() == []
    assert home.chat("engineer") == []


async def test_work_that_is_going_on_is_finished_before_the_end(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(turns.PATIENCE, "message", 0.05)
    await home.hands.say(home.users["engineer"], "test slow")
    await home.door.settle()
    assert home.chat("engineer") == ["It took a while."]
    await home.hands.say(home.users["engineer"], "test slow")
    await home.door.close()  # what cannot be finished is ended, without a trace of an error
    assert home.door._turns._tasks == set()
