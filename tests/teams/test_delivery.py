"""What is sent to Teams arrives, whatever the day is like: threads, edits, refusals, lost answers."""

import time
from collections import deque
from datetime import timedelta
from typing import Any

import pytest

from bot.surface import DeliveryError, Undeliverable
from bot.teams import surface as surface_module
from bot.teams.login import _AHEAD
from handlers.conversation import Message, Paragraph, said, text
from storage import outbox
from tests.fakes.teams_cards import words
from tests.slack import handlers
from tests.teams.house import House


async def reply(home: House, words: str, key: str = "news") -> None:
    await home.kernel.turn(lambda turn: turn.reply("recs-v2", key, said(words)))
    await home.kernel.delivery.drain()


async def edit(home: House, words: str, key: str = "recs-v2") -> None:
    await home.kernel.turn(lambda turn: turn.edit(key, said(words)))
    await home.kernel.delivery.drain()


async def later(home: House, seconds: float = 3000.0) -> None:
    """The clock moves on and what is due is sent."""
    home.clock.now += timedelta(seconds=seconds)
    await home.kernel.delivery.drain()


def dead(home: House) -> list[str]:
    with home.kernel.database.read() as connection:
        return [reason for _, _, reason in outbox.dead_letters(connection)]


def waiting(home: House) -> int:
    with home.kernel.database.read() as connection:
        return outbox.waiting(connection)


async def test_a_thread_with_replies_and_edits_of_both(home: House) -> None:
    root = await home.thing()
    await reply(home, "Day 2")
    await edit(home, "It is over")
    await edit(home, "Day 2, settled", key="news")
    (now,) = home.fake.roots(home.channel("ml-search"))
    assert now["id"] == root["id"]
    assert now["edited"] == 1
    assert words(now) == "It is over"
    (answer,) = home.fake.thread(home.channel("ml-search"), root["id"])
    assert words(answer) == "Day 2, settled"
    assert answer["edited"] == 1


async def test_a_message_is_a_card_alone_with_its_line_for_notifications(home: House) -> None:
    root = await home.thing()
    assert set(root["activity"]) == {"type", "summary", "attachments"}
    assert root["activity"]["summary"] == "Spend of recs-v2: more than expected"


@pytest.mark.parametrize("status", [412, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_trap_55_what_teams_cannot_do_just_now_is_tried_again(
    home: House, status: int, method: str
) -> None:
    if method == "PUT":
        await home.thing()
    home.fake.fail(method, "conversations", status, retry_after=30)
    if method == "PUT":
        await edit(home, "It is over")
    else:
        await home.kernel.turn(lambda turn: turn.post("ml-search", "m", said("It is over")))
        await home.kernel.delivery.drain()
    assert waiting(home) == 1
    await later(home, 29)  # Retry-After is obeyed
    assert waiting(home) == 1
    await later(home, 2)
    assert waiting(home) == 0
    (root,) = home.fake.roots(home.channel("ml-search"))
    assert words(root) == "It is over"


async def test_a_message_that_is_too_large_for_teams_is_a_dead_letter(home: House) -> None:
    home.fake.fail("POST", "conversations", 413, "MessageSizeTooBig")
    await home.kernel.turn(lambda turn: turn.post("ml-search", "m", said("Long")))
    await home.kernel.delivery.drain()
    assert "too large" in dead(home)[0]
    await home.thing()  # the lane goes on
    assert waiting(home) == 0


@pytest.mark.parametrize("code", ["MessageWritesBlocked", "ConversationBlockedByUser"])
async def test_who_has_blocked_the_bot_is_left_in_peace(home: House, code: str) -> None:
    home.fake.blocked_code = code
    await home.hands.say(home.users["lead"], "help")
    await home.settle()
    home.fake.block(home.users["lead"])
    place = home.surface.place("finops")
    assert place is not None
    person = place.model_copy(update={"channel": "@lead@example.com"})
    with pytest.raises(Undeliverable, match="has blocked the bot"):
        await home.surface.post(person, "k", said("For you alone"), None)
    assert not any("For you alone" in words(m) for m in home.fake.roots(home.channel("finops")))


async def test_what_is_for_a_channel_without_the_bot_waits_and_is_told_nowhere_else(
    home: House,
) -> None:
    """A private channel's cards went into the default channel, words and all."""
    other = home.fake.add_team("Research", ["ml-search"])
    other.installed = False  # and nobody has told the bot
    into(home, other.channels["ml-search"])
    await home.kernel.turn(lambda turn: turn.post("ml-search", "m", said("Spend rose")))
    await home.kernel.delivery.drain()
    told = words(home.root("finops"))
    assert "Messages wait for a channel that the bot cannot write to" in told
    await home.kernel.turn(lambda turn: turn.reply("m", "r", said("Day 2")))
    await edit(home, "Spend fell", key="m")
    home.clock.now += timedelta(minutes=5)
    await home.kernel.delivery.drain()
    assert [words(m) for m in home.fake.roots(home.channel("finops"))] == [told]
    assert "Spend" not in told
    assert dead(home) == []
    await home.hands.install_team(other, home.users["lead"])
    home.clock.now += timedelta(minutes=5)
    await home.kernel.delivery.drain()
    (root,) = home.fake.roots(other.channels["ml-search"])
    assert words(root) == "Spend fell"
    thread = home.fake.thread(other.channels["ml-search"], root["id"])
    assert [words(m) for m in thread] == ["Day 2"]
    assert waiting(home) == 0


def into(home: House, channel: str) -> None:
    """The policy's ml-search is that channel from now on."""
    home.kernel.loaded.policy.channels["ml-search"] = home.kernel.loaded.policy.channels[
        "ml-search"
    ].model_copy(update={"teams": channel})


async def test_what_is_for_one_person_is_never_told_to_a_channel(home: House) -> None:
    lead = home.users["lead"]
    await home.hands.say(lead, "help")
    await home.settle()
    place = home.surface.place("finops")
    assert place is not None
    person = place.model_copy(update={"channel": "@lead@example.com"})
    sent = await home.surface.post(person, "k", said("For you alone"), None)
    for told in (False, True):
        if told:
            await home.hands.uninstall_personal(lead)
        home.fake.uninstall_personal(lead)
        with pytest.raises(DeliveryError):
            await home.surface.edit(sent.ref, "k", said("Still for you alone"))
        with pytest.raises(DeliveryError):
            await home.surface.post(person, "k2", said("And this for you alone"), None)
    for channel in home.team.channels.values():
        assert not any("for you alone" in str(m) for m in home.fake.roots(channel))


async def test_what_is_told_to_a_person_is_in_their_own_chat(home: House) -> None:
    await home.hands.say(home.users["lead"], "help")
    await home.hands.say(home.users["finops"], "help")
    await home.settle()
    home.fake.uninstall_personal(home.users["finops"])
    await home.hands.uninstall_personal(home.users["finops"])
    for who in ("lead", "finops", "executive"):  # the last has never been here
        person = f"{who}@example.com"
        await home.kernel.turn(lambda turn, p=person: turn.tell(p, "t", said(f"For {p} alone")))  # type: ignore[misc]
    await home.kernel.delivery.drain()
    assert home.chat("lead")[-1] == "For lead@example.com alone"
    assert waiting(home) == 0
    assert dead(home) == []
    for channel in home.team.channels.values():
        assert home.fake.roots(channel) == []
    await home.kernel.turn(lambda turn: turn.edit("t", said("Settled")))
    await home.kernel.delivery.drain()
    assert home.chat("lead")[-1] == "Settled"


async def test_an_edit_in_a_deleted_channel_waits(home: House) -> None:
    await home.thing()
    channel = home.channel("ml-search")
    await home.hands.delete_channel(home.team, channel, home.users["lead"])
    await edit(home, "Decided")
    told = words(home.root("finops"))
    assert "Messages wait for a channel" in told
    assert "Decided" not in told
    assert waiting(home) == 1
    assert dead(home) == []


@pytest.mark.parametrize(
    "answer",
    [(404, "ActivityNotFoundInConversation"), (403, "ServiceError"), (404, "MessageNotFound")],
)
async def test_a_message_that_was_deleted_is_posted_anew(
    home: House, answer: tuple[int, str]
) -> None:
    home.fake.deleted_answer = answer
    root = await home.thing()
    await reply(home, "Day 2")
    root["deleted"] = True
    await edit(home, "It is over")
    (now,) = home.fake.roots(home.channel("ml-search"))
    assert now["id"] != root["id"]
    await edit(home, "Really")
    await reply(home, "Day 3", key="more")
    assert words(home.root()) == "Really"
    assert [words(m) for m in home.fake.thread(home.channel("ml-search"), now["id"])] == ["Day 3"]
    home.fake.thread(home.channel("ml-search"), now["id"])[0]["deleted"] = True
    await edit(home, "Day 3, anew", key="more")
    (last,) = home.fake.thread(home.channel("ml-search"), now["id"])
    assert words(last) == "Day 3, anew"


async def test_after_a_lost_answer_it_is_posted_again_and_the_older_copy_still_works(
    home: House,
) -> None:
    home.fake.lose(method="POST", path_part="conversations")
    await home.thing()
    assert waiting(home) == 1
    await later(home)
    older, newer = home.fake.roots(home.channel("ml-search"))
    assert waiting(home) == 0
    sent = await home.press("engineer", older, "Take")
    assert home.state() == "investigating"
    assert "investigating by" in words(sent.card())
    assert "investigating by" in words(older)  # for everyone, not for the one who pressed alone
    assert "investigating by" in words(newer)
    assert len(home.audited()) == 1


async def test_the_older_copy_in_somebodys_own_chat_gets_the_news_too(home: House) -> None:
    lead = home.users["lead"]
    await home.hands.say(lead, "help")
    await home.settle()
    home.fake.lose(method="POST", path_part="activities")
    await home.kernel.turn(lambda turn: handlers.thing(turn, "mine", "", "@lead@example.com"))
    await home.kernel.delivery.drain()
    await later(home)
    chat = home.fake.personal_chat(lead)
    older, newer = home.fake.messages(chat)[-2:]
    sent = await home.hands.press(lead, chat, older, "Take")
    await home.settle()
    assert home.state("mine") == "investigating"
    for one in (sent.card(), older, newer):
        assert "investigating by" in words(one)


async def test_trap_55_tokens_are_asked_for_once_and_kept_across_turns(home: House) -> None:
    before = home.fake.token_requests
    for _ in range(3):
        await home.hands.say(home.users["engineer"], "help")
    await home.thing()
    await home.settle()
    assert before <= 1
    assert home.fake.token_requests == 1


async def test_a_token_is_replaced_before_it_ends(home: House) -> None:
    home.fake.token_seconds = int(_AHEAD)
    home.surface.login._tokens.clear()
    await home.thing()
    (until, _), *_ = home.surface.login._tokens.values()
    assert until - time.monotonic() <= _AHEAD / 2


async def test_a_token_that_was_taken_back_is_asked_for_anew_once(home: House) -> None:
    await home.thing()
    before = home.fake.token_requests
    home.fake.revoke_tokens()
    await edit(home, "It is over")
    assert words(home.root()) == "It is over"
    assert home.fake.token_requests == before + 1


async def test_wrong_credentials_stop_everything_and_readyz_says_so(home: House) -> None:
    await home.thing()
    assert (await home.ready())[0] == 200
    home.fake.password = "another~secret"
    home.fake.revoke_tokens()
    await edit(home, "It is over")
    await edit(home, "It is over, really")
    status, why = await home.ready()
    assert status == 503
    assert "MICROSOFT_APP_PASSWORD" in why
    assert "fake~client~secret" not in why
    asked = home.fake.token_requests
    for who in ("engineer", "lead"):
        await home.hands.say(home.users[who], "help")
    await home.settle()
    assert home.fake.token_requests == asked  # a refusal is believed for a while
    assert waiting(home) == 1
    assert dead(home) == []


async def test_a_bot_whose_token_teams_refuses_is_revoked_too(home: House) -> None:
    await home.thing()
    home.fake.fail("PUT", "activities", 401, "BotNotRegistered", times=2)
    await edit(home, "It is over")
    assert "MICROSOFT_APP_ID" in home.kernel.delivery.revoked["teams"]


async def test_seven_messages_a_second_and_eight_in_two(home: House) -> None:
    home.surface.pace = surface_module.PACE
    place = home.surface.place("ml-search")
    assert place is not None
    for n in range(9):
        await home.surface.post(place, f"k{n}", said(str(n)), None)
    sent = list(home.surface._sent[place.channel])
    assert len(home.fake.roots(place.channel)) == len(sent) == 9
    assert sent[7] - sent[0] > 1.0
    assert sent[8] - sent[0] > 2.0
    assert time.monotonic() >= sent[8]  # it was waited for


async def test_what_does_not_fit_goes_on_in_the_thread(home: House) -> None:
    long = tuple(Paragraph(text=text(f"{n} " + "word " * 600)) for n in range(40))
    message = Message(summary="Long", blocks=long)
    await home.kernel.turn(lambda turn: turn.post("ml-search", "long", message))
    await home.kernel.delivery.drain()
    root = home.root()
    rest = home.fake.thread(home.channel("ml-search"), root["id"])
    assert rest
    everything = " ".join(words(m) for m in (root, *rest))
    assert all(f"{n} word" in everything for n in range(40))


async def test_a_pace_is_not_remembered_for_ever(home: House) -> None:
    home.surface._sent = {f"c{n}": deque([-100.0]) for n in range(5000)}
    await home.thing()
    assert len(home.surface._sent) < 10


def test_the_login_keeps_its_secret_to_itself(home: Any) -> None:
    assert home.fake.password not in repr(home.surface.settings)
