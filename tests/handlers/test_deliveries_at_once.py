"""One delivery that is handled by several at once has one effect, and one answer for all of them."""

import threading
from typing import Any

from handlers.conversation import Done, Interaction
from handlers.router import press
from handlers.turn import Turn
from storage import audit
from storage.tables.alerts import Anomaly
from tests.handlers.alerting import Bot, finding
from tests.handlers.test_alerts import post, rows

_meeting: list[threading.Barrier] = []


@press("test.met", permission="read")
def meet(turn: Turn, it: Interaction) -> Done:
    """Takes effect when all the others that handle it are as far (on PostgreSQL)."""
    for barrier in _meeting:
        barrier.wait(10)
    turn.audit(it.actor.person, "test.met", "test:met")
    return Done(note=threading.current_thread().name)


def _all_at_once(bot: Bot, name: str, subject: str = "x") -> list[Any]:
    answers: list[Any] = []

    def one() -> None:
        answers.append(bot.act("press", name, subject, delivery="d1", version=1))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def _entries(bot: Bot) -> int:
    with bot.database.read() as connection:
        entries = audit.verify(connection)
    assert isinstance(entries, int)
    return entries


def test_all_of_them_get_the_answer_of_the_one_that_took_effect(bot: Bot) -> None:
    if not bot.database.is_sqlite:  # there one transaction writes at a time
        _meeting.append(threading.Barrier(4))
    before = _entries(bot)
    try:
        answers = _all_at_once(bot, "test.met")
    finally:
        _meeting.clear()
    assert len(answers) == 4
    assert all(a == answers[0] and isinstance(a, Done) for a in answers)
    assert _entries(bot) == before + 1


def test_who_is_refused_because_of_the_first_gets_the_answer_of_the_first(
    bot: Bot,
) -> None:
    post(bot, finding())
    anomaly = str(rows(bot, Anomaly)[0].id)
    before = _entries(bot)
    answers = _all_at_once(bot, "anomaly.investigate", anomaly)
    assert len(answers) == 4
    assert all(a == answers[0] and isinstance(a, Done) for a in answers)
    assert _entries(bot) == before + 1


def test_what_failed_may_be_tried_again(bot: Bot) -> None:
    unknown = bot.act("press", "test.met", "x", delivery="d2", version=1, standing="unknown")
    assert unknown.reason == "not-checked"
    assert isinstance(bot.act("press", "test.met", "x", delivery="d2", version=1), Done)
