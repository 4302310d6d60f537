"""Decisions of the council: by consent, votes, roles; a kill halts by the authority of who presses; follow-ups."""

import contextlib
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from guardrails.policy.council import Council
from handlers.conversation import Done, Message, Private, Refused
from handlers.council import from_message as _from_message  # noqa: F401  (registers the form)
from handlers.council import remove as _remove  # noqa: F401  (registers the command)
from handlers.council.asking import asked
from handlers.council.post import post_digest
from handlers.turn import Turn
from storage import council
from storage.database import Database
from storage.tables.council import CouncilFollowUp, CouncilItem, CouncilVote
from storage.tables.delivery import Outbox
from tests.conftest import Clock
from tests.handlers.councils import Hall, at, council_policy
from tests.handlers.sandboxing import labels

TOPIC = "Which model serves search next year?"


def hall_with(database: Database, clock: Clock, **rules: Any) -> Hall:
    hall = Hall(database, council_policy(**rules), clock)
    hall.busy()
    assert hall.post().startswith("posted")
    return hall


@pytest.fixture
def hall(database: Database, clock: Clock) -> Hall:
    return hall_with(database, clock)


def close(hall: Hall) -> str:
    """The closing time comes; what the minutes say."""
    hall.clock.now = at(25, 14)
    hall.due()
    return hall.words_of("council:2026-W48:minutes")


def refusal(answer: Any) -> str:
    assert isinstance(answer, Refused), answer
    return f"{answer.reason}: {answer.sentence}"


def test_by_consent_the_first_decision_stands_and_closes(hall: Hall) -> None:
    assert hall.say("continue", TOPIC, "finance") == Done()
    row = hall.item(TOPIC)
    assert (row.state, row.decision, row.decided_names) == (
        "standing",
        "continue",
        ["Finance partner"],
    )
    assert "It continues, decided by Finance partner, " in hall.item_words(TOPIC)
    assert "[Object…]" in hall.item_words(TOPIC)
    assert "already-decided" in refusal(hall.say("continue", TOPIC, "finance"))
    said = close(hall)
    assert (
        f"· {TOPIC} continues, decided by Finance partner. Nobody objected. To do by Wed 2 Dec: "
        in said
    )
    assert "· try-lora was deferred. Nobody decided." in said
    assert labels(hall.shown(f"council:2026-W48:item:{row.id}")) == []
    assert "already-decided: This is closed" in refusal(hall.say("kill", TOPIC, "lead"))
    (audited,) = [e for e in hall.audited("council.decided") if e.detail["item"] == row.id]
    assert (audited.detail["decision"], audited.detail["by"]) == ("continue", ["Finance partner"])
    assert len(hall.posts("council:2026-W48:minutes")) == 1
    assert hall.chain_holds()


def test_an_objection_lets_the_votes_decide(hall: Hall) -> None:
    hall.say("continue", TOPIC, "finance")
    hall.say("object", TOPIC, "lead")
    assert hall.item(TOPIC).state == "open"
    assert "ML lead, search objected" in hall.item_words(TOPIC)
    hall.say("kill", TOPIC, "lead")  # who objected says what instead
    hall.say("kill", TOPIC, "product")
    assert len(hall.rows(CouncilVote)) == 3
    assert f"{TOPIC} ends, decided by ML lead, search and Product owner. 2 of 3 votes." in close(
        hall
    )


def test_a_kill_halts_the_sandbox_when_who_presses_may(hall: Hall) -> None:
    said = hall.say("kill", "try-lora", "product")  # has a voice, may not halt
    assert "runs until somebody" in said.note
    assert hall.sandbox("try-lora").state == "active"
    assert "not-allowed" in refusal(hall.say("kill", "try-lora", "engineer"))
    assert "[Halt it…]" in hall.item_words("try-lora")
    said = hall.say("kill", "try-lora", "lead")
    assert "try-lora is halted" in said.note
    assert "[Halt it…]" not in hall.item_words("try-lora")
    assert hall.sandbox("try-lora").state == "halted"
    assert hall.orders("try-lora")[-1].operation == "halt"
    minutes = close(hall)
    assert "close the sandbox try-lora and say what came of it" in minutes
    (row,) = hall.rows(CouncilFollowUp)
    assert row.owner == "engineer@example.com"
    assert row.due_on.isoformat() == "2026-12-02"


def test_who_has_no_voice_and_what_is_not_known(hall: Hall) -> None:
    answer = refusal(hall.say("continue", TOPIC, "operator"))
    assert answer.endswith(
        "roles lead, product owner, finance partner, executive and FinOps owner decide. Ask one of them."
    )
    for choice in ("kill", "object"):  # told before a form is filled in
        pressed = hall.act("press", f"council.{choice}", hall.item(TOPIC).id, who="operator")
        assert refusal(pressed) == answer
    gone = hall.act("press", "council.kill", "nothing", who="lead")
    assert refusal(gone).startswith("not-found")
    assert hall.rows(CouncilVote) == []


def test_votes_are_counted_at_the_closing(database: Database, clock: Clock) -> None:
    hall = hall_with(database, clock, decide_by="votes")
    for who, choice in (("lead", "scale"), ("finance", "kill"), ("product", "scale")):
        assert hall.say(choice, "try-lora", who).kind == "done"
    assert hall.item("try-lora").state == "open"
    assert hall.sandbox("try-lora").state == "active"  # a kill that is no majority halts nothing
    hall.say("scale", TOPIC, "lead")
    hall.say("kill", TOPIC, "finance")
    said = close(hall)
    assert "try-lora is scaled, decided by ML lead, search and Product owner. 2 of 3 votes." in said
    assert f"{TOPIC} was deferred. No majority: 1 scale, 1 kill." in said


def test_what_ends_by_votes_is_halted_by_somebody_who_may(database: Database, clock: Clock) -> None:
    hall = hall_with(database, clock, decide_by="votes")
    hall.say("kill", "try-lora", "lead")
    hall.say("kill", "try-lora", "product")
    close(hall)
    assert hall.sandbox("try-lora").state == "active"
    row = hall.item("try-lora")
    card = hall.shown(f"council:2026-W48:item:{row.id}")
    assert labels(card) == ["Halt it…"]
    assert hall.act("press", "sandbox.halt", row.subject, who="lead").kind == "form"
    assert "not-allowed" in refusal(hall.act("press", "sandbox.halt", row.subject, who="executive"))


def test_a_vote_counts_only_with_a_role_that_one_has_at_the_closing(
    database: Database, clock: Clock
) -> None:
    hall = hall_with(database, clock, decide_by="votes")
    hall.say("scale", TOPIC, "lead")
    hall.loaded = council_policy(decide_by="votes", voices=("finance", "product"))
    assert f"{TOPIC} was deferred. Nobody decided." in close(hall)


def test_by_roles_each_must_say_the_same(database: Database, clock: Clock) -> None:
    hall = hall_with(database, clock, decide_by="roles")
    hall.say("scale", TOPIC, "finance")
    hall.say("scale", TOPIC, "lead")
    assert hall.item(TOPIC).state == "open"
    hall.say("scale", TOPIC, "product")
    assert hall.item(TOPIC).state == "decided"
    assert "already-decided" in refusal(hall.say("kill", TOPIC, "lead"))
    assert "finance and product agree." in hall.item_words(TOPIC)


def test_what_was_deferred_and_what_came_of_it_is_read_next_week(hall: Hall) -> None:
    hall.say("kill", "try-lora", "lead")
    hall.say("defer", TOPIC, "finance")
    close(hall)
    (again,) = [r for r in hall.rows(CouncilItem) if r.week == "2026-W49"]
    assert (again.title, again.why) == (TOPIC, "Deferred by the council of 2026-W48.")
    hall.clock.now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    hall.post()
    said = hall.words_of("council:2026-W49:last")
    assert (
        "· try-lora ends, decided by ML lead, search. Open: ML engineer, search by Wed 2 Dec."
        in said
    )
    assert f"· {TOPIC} was deferred, decided by Finance partner." in said
    root = hall.words_of("council:2026-W49")
    assert "Last council: 2 decided, 1 follow-up is open." in root


def test_a_follow_up_is_reminded_and_done_once(hall: Hall) -> None:
    hall.say("kill", "try-lora", "lead")
    close(hall)
    (row,) = hall.rows(CouncilFollowUp)
    reminders = lambda: [k for k in hall.posted() if ":reminder:" in k]  # noqa: E731
    hall.clock.now = datetime(2026, 12, 1, 8, tzinfo=UTC)  # the morning before the due day
    hall.due()
    assert len(reminders()) == 1
    for day in (2, 3, 4, 7, 8):
        hall.clock.now = datetime(2026, 12, day, 8, tzinfo=UTC)
        hall.due()
    assert len(reminders()) == 3
    late = Message.model_validate(hall.posts("council:")[-1].content)
    assert "It is late" in str(late.blocks)
    assert refusal(hall.act("press", "council.done", row.id, who="operator")).startswith(
        "not-allowed"
    )
    assert hall.act("press", "council.done", row.id, who="engineer") == Done()
    assert refusal(hall.act("press", "council.done", row.id, who="lead")).startswith("already")
    key = f"council:2026-W48:follow-up:{row.id}"
    assert labels(hall.shown(key)) == []
    assert "Done by ML engineer, search" in hall.words_of(key)


def test_two_who_press_at_once_are_both_counted(hall: Hall) -> None:
    people = [
        ("continue", "finance"),
        ("kill", "lead"),
        ("kill", "product"),
        ("scale", "executive"),
    ]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda p: hall.say(p[0], TOPIC, p[1]), people))
    assert {s.kind for s in said} == {"done"}
    assert len(hall.rows(CouncilVote)) == 4
    assert hall.chain_holds()
    edits = [r for r in hall.rows(Outbox) if r.kind == "edit"]
    assert edits


def test_the_commands(database: Database, clock: Clock) -> None:
    hall = Hall(database, council_policy(), clock)
    hall.active()
    nothing = hall.act("command", "council", text="next")
    assert "Nothing is on the agenda" in str(nothing)
    for text, who in (("add try-lora", "lead"), (f"add {TOPIC}", "product")):
        answer = hall.act("command", "council", text=text, who=who)
        assert answer.message.summary == (
            "It is on the agenda of the council on Tue 24 Nov (2026-W48)."
        )
        assert refusal(hall.act("command", "council", text=text, who=who)).startswith("already")
    shown = hall.act("command", "council", text="next")
    assert isinstance(shown, Private)
    assert "try-lora" in str(shown)
    assert TOPIC in str(shown)
    assert hall.item("try-lora").kind == "sandbox"
    digest = hall.act("command", "council", text="digest 2026-W48", who="finance")
    assert "2 decisions are asked" in str(digest)
    assert not labels(digest.message)
    assert refusal(hall.act("command", "council", text="digest soon")).startswith("unreadable")
    assert refusal(hall.act("command", "council", text="add")).startswith("unreadable")
    assert refusal(hall.act("command", "council", text=f"add {'x' * 400}")).startswith("unreadable")
    helped = hall.act("command", "council", text="help")
    assert "council add" in str(helped)


def test_the_agenda_of_a_council_that_was_not_held_is_the_next_ones(
    database: Database, clock: Clock
) -> None:
    hall = Hall(database, council_policy(), clock)
    hall.act("command", "council", text=f"add {TOPIC}", who="product")
    clock.now = datetime(2026, 12, 1, 9, tzinfo=UTC)  # the bot was down for a week
    hall.post()
    (asked,) = [r for r in hall.rows(CouncilItem) if r.week == "2026-W49"]
    assert asked.title == TOPIC
    assert f"council:2026-W49:item:{asked.id}" in hall.posted()
    assert hall.act("press", "council.continue", asked.id, who="finance") == Done()
    clock.now = datetime(2026, 12, 8, 9, tzinfo=UTC)
    hall.due()
    hall.post()  # what that council decided is not asked a second time
    assert not [r for r in hall.rows(CouncilItem) if r.week == "2026-W50"]


def test_two_who_add_the_same_words_at_once_add_one_topic(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked at the agenda before either had added to it, and the topic stood there twice."""
    hall = Hall(database, council_policy(), clock)
    looked, both = council.items, threading.Barrier(2)

    def look_together(*given: Any, **more: Any) -> Any:
        found = looked(*given, **more)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(1)  # until the other has looked too, where nothing keeps it from that
        return found

    monkeypatch.setattr(council, "items", look_together)
    with ThreadPoolExecutor(2) as pool:
        typed = (f"add {TOPIC}", f"add {TOPIC.upper()}")
        said = list(pool.map(lambda t: hall.act("command", "council", text=t, who="lead"), typed))
    assert sorted(s.kind for s in said) == ["private", "refused"]
    assert len(hall.rows(CouncilItem)) == 1
    assert len(hall.audited("council.added")) == 1


def test_a_topic_of_a_council_that_was_not_held_is_not_added_again(
    database: Database, clock: Clock
) -> None:
    hall = Hall(database, council_policy(), clock)
    hall.act("command", "council", text=f"add {TOPIC}", who="product")
    clock.now = at(26)  # the bot was down
    again = hall.act("command", "council", text=f"add {TOPIC.lower()}", who="lead")
    assert refusal(again) == "already-decided: This is on the agenda already."


def test_a_sandbox_of_a_council_that_was_not_held_is_not_added_again(
    database: Database, clock: Clock
) -> None:
    """It stood there twice: taken off, it came back."""
    hall = Hall(database, council_policy(), clock)
    hall.active()
    hall.act("command", "council", text="add try-lora", who="engineer")
    clock.now = at(26)  # the bot was down
    again = hall.act("command", "council", text="add try-lora", who="lead")
    assert refusal(again) == "already-decided: This is on the agenda already."
    removed = hall.act("command", "council", text="remove try-lora", who="engineer")
    assert removed.message.summary == "“try-lora” is off the agenda."
    assert "Nothing is on the agenda" in str(hall.act("command", "council", text="next"))


def test_a_message_of_a_council_that_was_not_held_is_not_added_in_other_words(
    database: Database, clock: Clock
) -> None:
    hall = Hall(database, council_policy(), clock)
    link = "https://acme.slack.com/archives/C1/p1"

    def bring(topic: str) -> Any:
        given = {"topic": topic, "why": "", "owner": "engineer@example.com"}
        return hall.act("submission", "council.add", link, who="engineer", **given)

    assert bring(TOPIC).kind == "private"
    clock.now = at(26)  # the bot was down
    assert refusal(bring("The model of next year")).startswith("already-decided: This is on the")
    assert [r.title for r in hall.rows(CouncilItem)] == [TOPIC]


def test_what_was_deferred_and_brought_up_again_is_asked_once(hall: Hall) -> None:
    hall.say("defer", TOPIC, "finance")
    hall.clock.now = at(25)
    hall.act("command", "council", text=f"add {TOPIC}", who="product")
    close(hall)
    assert [r.title for r in hall.rows(CouncilItem) if r.week == "2026-W49"] == [TOPIC]


def test_a_reason_stands_on_the_card_in_the_minutes_and_in_the_audit(hall: Hall) -> None:
    form = hall.act("press", "council.kill", hall.item(TOPIC).id, who="finance").form
    assert (form.action, [f.name for f in form.fields]) == ("council.kill", ["why"])
    assert not form.fields[0].required
    said = "".join(s.text for s in form.intro)
    assert said == f"Stop “{TOPIC}” for good? Its owner is asked to end it."
    hall.say("kill", TOPIC, "finance", why="  It costs more\nthan it brings. ")
    assert "kill, because “It costs more than it brings.”" in hall.item_words(TOPIC)
    (entry,) = hall.audited("council.kill")
    assert entry.reason == "It costs more than it brings."
    hall.say("defer", "try-lora", "lead")
    minutes = close(hall)
    assert "end it. Finance partner, kill: “It costs more than it brings.”" in minutes
    assert minutes.count(TOPIC) == 1
    assert "try-lora was deferred, decided by ML lead, search. Nobody objected.\n" in f"{minutes}\n"


def test_the_reason_of_whoever_objected_or_lost_stands_in_the_minutes(hall: Hall) -> None:
    """Its form says that it does; only reasons of what was decided stood there."""
    hall.say("scale", TOPIC, "lead", why="We need it")
    hall.say("object", TOPIC, "finance", why="No money is left this quarter.")
    hall.say("scale", TOPIC, "product")
    hall.say("kill", TOPIC, "executive", why="It is nobody's")
    hall.loaded = council_policy(voices=("lead", "product", "finance"))
    said = close(hall)
    assert (
        "2 of 3 votes. To do by Wed 2 Dec: Product owner, carry it out, and ask for more. "
        "ML lead, search, scale: “We need it.” "
        "Finance partner, object: “No money is left this quarter.”\n"
    ) in said
    assert "nobody's" not in said  # who has no voice at the closing is not counted


def test_the_same_word_again_may_say_why(hall: Hall) -> None:
    hall.say("kill", TOPIC, "finance")
    assert hall.say("kill", TOPIC, "finance", why="It is too dear.") == Done()
    assert "already-decided" in refusal(hall.say("kill", TOPIC, "finance", why="It is too dear."))
    assert "already-decided" in refusal(hall.say("kill", TOPIC, "finance"))
    (vote,) = hall.rows(CouncilVote)
    assert vote.why == "It is too dear."


@pytest.mark.parametrize(
    ("rules", "follows"),
    [
        ({}, "Once that stands it is halted, if you may halt it; its data stays."),
        ({"decide_by": "votes"}, "Nothing is halted before the votes are counted."),
    ],
)
def test_a_kill_says_what_follows(
    database: Database, clock: Clock, rules: dict[str, str], follows: str
) -> None:
    hall = hall_with(database, clock, **rules)
    form = hall.act("press", "council.kill", hall.item("try-lora").id, who="lead").form
    said = "".join(s.text for s in form.intro)
    assert said == f"Stop try-lora for good? {follows} " + (
        "Then its owner is asked to close it." if rules else "Its owner is asked to close it."
    )


@pytest.mark.parametrize("choice", ["scale", "kill", "defer", "object"])
@pytest.mark.parametrize("kind", ["sandbox", "budget", "topic"])
def test_every_question_is_one_and_says_what_follows(choice: Any, kind: str) -> None:
    question, follows = asked(Council(channel="x"), kind, "recs-v2", choice)
    assert question.endswith("?")
    assert "recs-v2" in question
    assert follows.endswith(".")


def test_a_council_that_is_moved_when_its_digest_is_posted_loses_no_topic(
    database: Database, clock: Clock
) -> None:
    """Its week was still to come once more: what was added to it, or deferred to it, was never posted."""
    hall = Hall(database, council_policy(), clock)
    hall.act("command", "council", text=f"add {TOPIC}", who="product")
    clock.now = at(24)
    hall.post()
    hall.say("defer", TOPIC, "finance")
    hall.loaded = council_policy(at="Thursday 10:00")
    clock.now = at(24, 12)
    assert "The next council is 2026-W49" in str(hall.act("command", "council", text="next"))
    newest = hall.act("command", "council", text="digest", who="finance").message
    assert newest.summary.startswith("Experiment council 2026-W48")
    said = hall.act("command", "council", text="add Which tests are worth it?", who="lead")
    assert said.message.summary == ("It is on the agenda of the council on Thu 3 Dec (2026-W49).")
    close(hall)
    clock.now = at(26)
    assert hall.post() == "the digest of 2026-W48 was posted before"
    clock.now = datetime(2026, 12, 3, 9, tzinfo=UTC)
    hall.post()
    asked = [r.title for r in hall.rows(CouncilItem) if r.week == "2026-W49"]
    assert sorted(asked) == ["Which model serves search next year?", "Which tests are worth it?"]
    assert len([k for k in hall.posted() if k.startswith("council:2026-W49:item:")]) == 2


def test_what_is_added_while_the_digest_is_posted_is_asked_of_the_next(
    database: Database, clock: Clock
) -> None:
    """It looked which council comes next before it waited for the digest, and stood in a week that was posted."""
    hall = Hall(database, council_policy(), clock)
    clock.now = at(24)

    def post_meanwhile(turn: Turn) -> Future[Any]:
        post_digest(turn)
        clock.now = at(24, 8, 59)
        adding = pool.submit(hall.act, "command", "council", text=f"add {TOPIC}", who="lead")
        time.sleep(0.3)  # until it waits
        return adding

    with ThreadPoolExecutor(1) as pool:
        said = hall.turn(post_meanwhile).result()
    assert said.message.summary == "It is on the agenda of the council on Tue 1 Dec (2026-W49)."
