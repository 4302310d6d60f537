"""What people added to the agenda is taken off it again: by whom, until when."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from storage.database import Database
from storage.tables.council import CouncilItem
from tests.conftest import Clock
from tests.handlers.councils import Hall, at, council_policy
from tests.handlers.sandboxing import labels, refused

TOPIC = "Which model serves search next year?"


@pytest.fixture
def hall(database: Database, clock: Clock) -> Hall:
    made = Hall(database, council_policy(), clock)
    typed(made, f"add {TOPIC}", "product")
    return made


def typed(hall: Hall, words: str, who: str) -> Any:
    return hall.act("command", "council", text=words, who=who)


def test_the_agenda_says_who_added_what(hall: Hall) -> None:
    assert "(added by Product owner)" in str(typed(hall, "next", "engineer"))


@pytest.mark.parametrize("who", ["product", "finops"])
def test_who_added_it_and_finops_take_it_off(hall: Hall, who: str) -> None:
    said = typed(hall, f"remove  {TOPIC.upper()}", who)
    assert said.message.summary == f"“{TOPIC}” is off the agenda."
    assert hall.rows(CouncilItem) == []
    (entry,) = hall.audited("council.removed")
    assert (entry.actor, entry.reason) == (f"{who}@example.com", TOPIC)
    assert entry.detail["added_by"] == "product@example.com"
    assert typed(hall, f"add {TOPIC}", "lead").kind == "private"  # and may come again
    assert hall.chain_holds()


def test_nobody_else_does(hall: Hall) -> None:
    said = refused(typed(hall, f"remove {TOPIC}", "lead"))
    assert said == (
        "not-allowed: Product owner added this. They can take it off, or a FinOps owner."
    )
    assert len(hall.rows(CouncilItem)) == 1


def test_what_is_not_there_is_said_with_what_may_be_meant(hall: Hall) -> None:
    said = refused(typed(hall, "remove which model", "product"))
    assert said == f"not-found: “which model” is not on the agenda; did you mean {TOPIC}?"
    said = refused(typed(hall, "remove nothing of it", "product"))
    assert said == "not-found: “nothing of it” is not on the agenda: see /council next."
    assert refused(typed(hall, "remove", "product")).startswith("unreadable")


def test_what_stands_in_the_thread_says_that_it_was_removed(hall: Hall) -> None:
    hall.clock.now = at(24)
    hall.post()
    row = hall.item(TOPIC)
    assert typed(hall, f"remove {TOPIC}", "product").kind == "private"
    card = hall.shown(f"council:2026-W48:item:{row.id}")
    assert labels(card) == []
    assert card.summary == f"Product owner took off: {TOPIC}"
    pressed = hall.act("press", "council.continue", row.id, who="lead")
    assert refused(pressed).startswith("not-found")
    hall.clock.now = at(25, 14)
    hall.due()
    assert hall.audited("council.closed")
    assert not hall.posts("council:2026-W48:minutes")  # nothing was left to decide


def test_the_root_says_how_many_decisions_are_left_and_its_numbers_stay(hall: Hall) -> None:
    hall.busy()
    typed(hall, "add Which tests are worth it?", "lead")
    hall.clock.now = at(24)
    typed(hall, f"remove {TOPIC}", "product")  # before the digest: nothing to edit
    hall.clock.now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    hall.post()
    root = "council:2026-W49"
    posted = hall.words_of(root)
    assert "2 decisions are asked of " in posted
    hall.bill(500, date(2026, 11, 23), date(2026, 11, 29))  # the bill of its week is restated
    typed(hall, "remove Which tests are worth it?", "lead")
    assert hall.words_of(root) == posted.replace("2 decisions are", "1 decision is")


def test_a_root_of_which_all_was_taken_off_asks_nothing(hall: Hall) -> None:
    hall.clock.now = at(24)
    hall.post()
    before = hall.shown("council:2026-W48")
    typed(hall, f"remove {TOPIC}", "finops")
    after = hall.shown("council:2026-W48")
    assert (before.tone, after.tone) == ("warning", "neutral")
    assert hall.words_of("council:2026-W48").endswith("· Nothing is asked any more.")


def test_after_a_word_on_it_the_council_decides(hall: Hall) -> None:
    hall.clock.now = at(24)
    hall.post()
    hall.say("continue", TOPIC, "finance")
    said = refused(typed(hall, f"remove {TOPIC}", "product"))
    assert said.startswith("already-decided: People have spoken on this already")
    hall.say("object", TOPIC, "lead")  # open again, but not unspoken
    assert refused(typed(hall, f"remove {TOPIC}", "finops")).startswith("already-decided")


def test_what_the_numbers_ask_is_theirs(hall: Hall) -> None:
    hall.busy()
    hall.post()
    said = refused(typed(hall, "remove try-lora", "finops"))
    assert said.startswith("not-allowed: The numbers ask this")


def test_what_waits_since_a_council_that_was_not_held(hall: Hall) -> None:
    hall.clock.now = at(27)
    assert typed(hall, f"remove {TOPIC}", "product").kind == "private"
    hall.clock.now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    hall.post()
    assert hall.rows(CouncilItem) == []


def test_what_somebody_added_and_the_numbers_ask_stays_theirs(hall: Hall) -> None:
    """Whoever added what the numbers ask had it without their reason, and could take it off the posted digest."""
    hall.busy()
    hall.clock.now = at(23)
    assert typed(hall, "add try-lora", "engineer").kind == "private"
    why = "90 % of $1,200 is spent, and it has to last until Fri 4 Dec"
    shown = str(typed(hall, "next", "lead"))
    assert why in shown
    assert "(added by ML engineer, search)" in shown
    hall.clock.now = at(24)
    before = hall.words(hall.digest())
    hall.post()
    assert hall.words(hall.digest()) == before
    assert (hall.item("try-lora").why, hall.item("try-lora").asked_by) == (why, "")
    assert f"{why}.\nAdded by ML engineer, search." in hall.item_words("try-lora")
    for who in ("engineer", "finops"):
        said = refused(typed(hall, "remove try-lora", who))
        assert said == "not-allowed: The numbers ask this: it goes when their reason does."
    assert hall.item("try-lora").state == "open"


def test_what_somebody_said_of_it_stands_behind_what_the_numbers_say(hall: Hall) -> None:
    hall.busy()
    hall.clock.now = at(23)
    box = hall.sandbox("try-lora").id
    hall.act("submission", "council.add", f"sandbox:{box}", who="engineer", why="Is it worth it?")
    hall.clock.now = at(24)
    hall.post()
    assert hall.item("try-lora").why == (
        "90 % of $1,200 is spent, and it has to last until Fri 4 Dec. Is it worth it?"
    )


def test_before_the_digest_it_is_said_that_the_numbers_ask_it_too(hall: Hall) -> None:
    hall.busy()
    hall.clock.now = at(23)
    typed(hall, "add try-lora", "product")
    said = typed(hall, "remove try-lora", "product").message.summary
    assert said == (
        "What Product owner added is taken off. "
        "The numbers ask “try-lora” too, so it stays on the agenda while their reason does."
    )
    assert str(typed(hall, "next", "lead")).count("(added by Product owner)") == 1  # the topic
    assert refused(typed(hall, "remove try-lora", "product")).startswith("not-allowed: The numbers")
