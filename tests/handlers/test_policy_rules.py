"""A policy that is handed in: what is refused, at which line; one at a time; nothing of it stays."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from handlers.conversation import LARGEST_FILE, Done, FieldErrors, Private, Refused
from handlers.policy_rules.reading import read
from storage import audit, policy_replays
from storage.policy_file import LoadedPolicy, parse_policy, policy_hash
from tests.conftest import POLICY
from tests.handlers.alerting import Bot
from tests.handlers.handing_in import FINOPS, OTHER, audited, bill, hand_in, replays

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
WRONG_BUDGETS = POLICY + "budgets:\n" + "- {nme: x, limt: 5}\n" * 600


def test_it_is_recorded_with_the_hash_of_what_it_says(bot: Bot) -> None:
    bill(bot.database)
    reply = hand_in(bot, "# reviewed by the council\n" + OTHER)
    assert isinstance(reply, Done)
    (row,) = replays(bot.database)
    assert (row.state, row.asked_by, row.days, row.attempts) == ("waiting", FINOPS, 30, 0)
    (entry,) = audited(bot.database)
    new = policy_hash(parse_policy(OTHER), bot.loaded.runbooks)
    assert (entry.action, entry.subject) == ("policy.replay-asked", f"policy:{new}")
    assert entry.policy_hash == bot.loaded.hash != new
    assert new[:12] in reply.note
    assert OTHER[40:90] not in str(dict(entry._mapping))


def test_the_policy_of_now_is_known_as_such(bot: Bot) -> None:
    bill(bot.database)
    assert "It is the policy of now" in hand_in(bot, POLICY).note


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is missing, or empty"),
        ("  \n", "is missing, or empty"),
        ("a: b: c", "line 1, column 5: not YAML"),
        ("- just\n- a list\n", "must be a mapping"),
        (OTHER + "flod: 4\n", "flod: is not a key here"),
        (OTHER + "budgets: [{name: x}]\n", "budgets[0]"),
        ("version: 1\0", "not YAML"),
        ("version: \ud800", "not YAML"),
        ("[" * 600, "nested far deeper"),
        (BOMB, "far more than a policy"),
        (WRONG_BUDGETS, "hardly is a policy"),
        (OTHER + "#" * LARGEST_FILE, "larger than 512 kB"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_field(bot: Bot, text: str, said: str) -> None:
    bill(bot.database)
    reply = hand_in(bot, text)
    assert isinstance(reply, FieldErrors)
    assert list(reply.errors) == ["policy"]
    assert said in reply.errors["policy"]
    assert len(reply.errors["policy"]) < 1500
    assert replays(bot.database) == []
    assert audited(bot.database) == []


def test_the_first_errors_and_how_many_more(bot: Bot) -> None:
    bill(bot.database)
    text = OTHER + "".join(f"k{n}: 1\n" for n in range(7))
    said = hand_in(bot, text).errors["policy"]
    first = OTHER.count("\n") + 1
    assert f"line {first}, column 1: k0: is not a key here" in said
    assert said.endswith("and 3 more; sandrail check shows them all")


def test_a_surface_that_could_not_read_the_file_says_why(bot: Bot) -> None:
    bill(bot.database)
    reply = hand_in(bot, "", faults={"policy": "The file is not text.", "other": "x"}, days="31")
    assert reply.errors == {
        "policy": "The file is not text.",
        "days": "Choose 30, 90 or 180 days.",
    }


def test_who_may_not_hears_nothing_about_the_file(bot: Bot) -> None:
    bill(bot.database)
    for who in ("lead@example.com", "nobody@example.net"):
        reply = hand_in(bot, "nonsense", who)
        assert isinstance(reply, Refused)
        assert reply.reason == "not-allowed"


def test_without_a_bill_there_is_nothing_to_replay(bot: Bot) -> None:
    assert "No bill has been read" in hand_in(bot).sentence


def test_one_waits_at_a_time_and_a_redelivery_is_no_second(bot: Bot) -> None:
    bill(bot.database)
    first = hand_in(bot, delivery="one")
    assert hand_in(bot, delivery="one") == first
    assert hand_in(bot).reason == "stale"
    assert len(replays(bot.database)) == len(audited(bot.database)) == 1
    with bot.database.write() as connection:
        claimed = policy_replays.claim(connection, bot.clock())
    assert claimed is not None
    assert hand_in(bot).reason == "stale"
    with bot.database.write() as connection:
        assert policy_replays.end(connection, claimed, bot.clock())
    assert isinstance(hand_in(bot), Done)


def test_of_two_at_once_one_is_taken(bot: Bot) -> None:
    """Two clicks at the same time, in two transactions: a unique index would not know who is open."""
    bill(bot.database)
    read(OTHER)
    start = threading.Barrier(2)

    def one() -> Any:
        start.wait()
        return hand_in(bot)

    with ThreadPoolExecutor(2) as threads:
        replies = [f.result() for f in [threads.submit(one), threads.submit(one)]]
    assert sorted(r.kind for r in replies) == ["done", "refused"]
    assert len(replays(bot.database)) == 1
    with bot.database.read() as connection:
        assert audit.verify(connection) == 1


def test_show_says_since_when_these_rules_are_in_force(bot: Bot) -> None:
    def shown() -> str:
        reply = bot.act("command", "policy", who="lead@example.com", text="show")
        assert isinstance(reply, Private)
        return reply.message.model_dump_json()

    assert "no decision yet" in shown()
    for hashed in ("old", bot.loaded.hash, "older", bot.loaded.hash, bot.loaded.hash):
        with bot.database.write() as connection:
            at = bot.clock()
            audit.append(connection, at=at, actor="x", action="x", subject="x", policy_hash=hashed)
        bot.clock.now = at.replace(hour=at.hour + 1)
    assert "2026-11-23T12:00:00" in shown()
    assert bot.loaded.hash[:12] in shown()


def test_check_tells_the_doubts(bot: Bot, loaded: LoadedPolicy) -> None:
    assert "Nothing in the policy looks like a mistake." in str(_checked(bot))
    policy = parse_policy(POLICY + "budgets: [{name: x, scope: {team: serch}, limit: 5}]\n")
    bot.loaded = replace(loaded, policy=policy)
    doubts = list(bot.loaded.doubtful())
    assert doubts
    said = str(_checked(bot))
    assert "Allowed by the policy, but probably a mistake" in said
    assert all(doubt in said for doubt in doubts)


def _checked(bot: Bot) -> Any:
    return bot.act("command", "policy", who="lead@example.com", text="check")
