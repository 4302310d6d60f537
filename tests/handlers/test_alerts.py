"""Alerts through publish, buttons and deadlines, on both databases."""

import threading
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from handlers.alerts.publish import Published, publish
from handlers.conversation import (
    Done,
    FieldErrors,
    Message,
    OpenForm,
    Place,
    Private,
    Refused,
)
from handlers.deadlines import run_due
from handlers.turn import Turn
from storage import audit
from storage.tables.alerts import Anomaly, Feedback
from storage.tables.audit import AuditEntry
from storage.tables.delivery import Outbox
from storage.tables.timing import Deadline
from tests.handlers.alerting import Bot, finding, places
from tests.stored import rows_of


def rows(bot: Bot, table: Any) -> list[Any]:
    return rows_of(bot.database, table)


def sent(bot: Bot, kind: str, prefix: str = "") -> list[Any]:
    return sorted(
        (r for r in rows(bot, Outbox) if r.kind == kind and r.key.startswith(prefix)),
        key=lambda r: r.id,
    )


def post(bot: Bot, *found: Any) -> Published:
    return bot.turn(lambda turn: publish(turn, list(found)))


def words_of(row: Any) -> str:
    return Message.model_validate(row.content).model_dump_json()


@pytest.fixture
def anomaly(bot: Bot) -> str:
    post(bot, finding())
    return str(rows(bot, Anomaly)[0].id)


def state(bot: Bot, anomaly_id: str) -> Any:
    return next(r for r in rows(bot, Anomaly) if r.id == anomaly_id)


def test_a_finding_becomes_one_message_in_each_channel_of_its_routes(bot: Bot) -> None:
    assert post(bot, finding()).posted == 1
    roots = [r for r in sent(bot, "post", "anomaly:") if not r.thread_key]
    assert {r.place["channel"] for r in roots} == {"ml-search", "finops"}
    said = words_of(roots[0])
    for wanted in (
        "$31,240 on Sun 22 Nov, $1,020 expected",
        "31 × the expected value",
        "Sat 21 Nov (2 days)",
        "$30,220",
        "$240,000",
        "SKU: p5.48xlarge GPU hours +$28,400 a day (94 % of the change, more volume)",
        "ML engineer, search",
        "Runbook “Spend spike”",
    ):
        assert wanted in said, wanted
    replies = [r for r in sent(bot, "post") if r.thread_key]
    assert len(replies) == 2
    assert "Look at the drivers." in words_of(replies[0])


def test_the_same_finding_again_says_nothing_new(bot: Bot) -> None:
    post(bot, finding())
    before = len(rows(bot, Outbox))
    assert post(bot, finding()) == Published()
    assert len(rows(bot, Outbox)) == before


def test_a_day_more_edits_the_message_and_tells_the_thread(bot: Bot, anomaly: str) -> None:
    bot.clock.now += timedelta(days=1)
    grown = finding(last=date(2026, 11, 23), days=3, impact=Decimal(60000))
    assert post(bot, grown).went_on == 1
    assert len(rows(bot, Anomaly)) == 1
    assert len(sent(bot, "edit", f"anomaly:{anomaly}")) == 2
    news = sent(bot, "post", f"anomaly:{anomaly}:news")
    assert "Day 3: $31,240, $1,020 expected. $60,000 so far." in words_of(news[0])
    assert all(r.thread_key.startswith(f"anomaly:{anomaly}@") for r in news)


def test_it_ends_when_it_is_back_inside_its_band(bot: Bot, anomaly: str) -> None:
    assert post(bot, finding(ongoing=False)).went_on == 1
    assert state(bot, anomaly).ended_on == date(2026, 11, 23)
    assert "Back inside its band since Mon 23 Nov" in words_of(
        sent(bot, "post", f"anomaly:{anomaly}:news")[-1]
    )
    # a later one of the same series is a new anomaly, not the old one
    bot.clock.now += timedelta(days=9)
    assert post(bot, finding(last=date(2026, 12, 1), days=1)).posted == 1


def test_an_anomaly_that_a_restated_bill_takes_away_is_closed_with_a_word(
    bot: Bot, anomaly: str
) -> None:
    bot.clock.now += timedelta(hours=1)
    assert post(bot).ended == 1
    assert state(bot, anomaly).ended_on is not None
    assert "restated or corrected" in words_of(sent(bot, "post", f"anomaly:{anomaly}:news")[-1])


def test_what_ended_long_ago_is_recorded_not_posted(bot: Bot) -> None:
    old = finding(last=date(2026, 10, 1), ongoing=False)
    assert post(bot, old).recorded == 1
    assert rows(bot, Outbox) == []
    assert post(bot, old) == Published()


def test_a_flood_becomes_one_grouped_message_with_the_worst(bot: Bot) -> None:
    found = [finding(f"exp-{n}", impact=Decimal(100 + n), severity="low") for n in range(6)]
    assert post(bot, *found).posted == 6
    roots = [r for r in sent(bot, "post") if not r.thread_key]
    assert [r.key.split(":")[0] for r in roots] == ["group"]
    said = words_of(roots[0])
    assert "6 anomalies at once" in said
    assert "exp-5" in said
    assert "exp-1" not in said  # the worst three of six
    in_thread = [r for r in sent(bot, "post") if r.thread_key]
    assert len(in_thread) == 3
    group_id = roots[0].key.partition(":")[2]
    assert bot.act("press", "anomaly.group-rest", group_id).kind == "done"
    assert len([r for r in sent(bot, "post") if r.thread_key]) == 6
    bot.act("press", "anomaly.group-rest", group_id)
    assert len([r for r in sent(bot, "post") if r.thread_key]) == 6


def test_a_decision_in_a_group_shows_in_the_group(bot: Bot) -> None:
    post(bot, *[finding(f"exp-{n}", impact=Decimal(100 + n)) for n in range(6)])
    worst = next(r for r in rows(bot, Anomaly) if r.scope == "experiment:exp-5")
    bot.act("press", "anomaly.investigate", worst.id)
    assert "Investigating" in words_of(sent(bot, "edit", "group:")[-1])


def test_investigating_is_shown_to_all_and_audited(bot: Bot, anomaly: str) -> None:
    assert isinstance(bot.act("press", "anomaly.investigate", anomaly), Done)
    edit = words_of(sent(bot, "edit", f"anomaly:{anomaly}")[-1])
    assert "Investigating" in edit
    assert "ML engineer, search" in edit
    entry = next(e for e in rows(bot, AuditEntry) if e.action == "anomaly.investigating")
    assert entry.actor == "engineer@example.com"
    assert entry.policy_hash == bot.loaded.hash
    assert entry.detail["roles"] == ["engineer"]
    second = bot.act("press", "anomaly.investigate", anomaly, who="lead@example.com")
    assert isinstance(second, Refused)
    assert "ML engineer, search" in second.sentence


def test_expected_asks_why_and_until_and_keeps_the_pattern_quiet(bot: Bot, anomaly: str) -> None:
    form = bot.act("press", "anomaly.expect", anomaly)
    assert isinstance(form, OpenForm)
    assert [f.name for f in form.form.fields] == ["why", "until"]
    for inputs, field in (
        ({"why": "", "until": "2026-12-01"}, "why"),
        ({"why": "launch", "until": "soon"}, "until"),
        ({"why": "launch", "until": "2026-11-22"}, "until"),
        ({"why": "launch", "until": "2028-01-01"}, "until"),
    ):
        refused = bot.act("submission", "anomaly.expect", anomaly, **inputs)
        assert isinstance(refused, FieldErrors)
        assert set(refused.errors) == {field}
    assert state(bot, anomaly).state == "open"
    done = bot.act("submission", "anomaly.expect", anomaly, why="launch", until="2026-12-01")
    assert isinstance(done, Done)
    assert state(bot, anomaly).quiet_until == date(2026, 12, 1)
    assert "until Tue 1 Dec — launch" in words_of(sent(bot, "edit")[-1]).replace('"},{"', "")
    post(bot, finding(ongoing=False))
    # the same pattern a few days later is quiet, twice as much is not
    bot.clock.now += timedelta(days=5)
    again = finding(last=date(2026, 11, 27), days=1)
    assert post(bot, again).quiet == 1
    assert post(bot, replace(again, observed=70000.0)).posted == 1


def test_more_than_was_called_expected_opens_it_again(bot: Bot, anomaly: str) -> None:
    bot.act("submission", "anomaly.expect", anomaly, why="launch", until="2026-12-01")
    bot.clock.now += timedelta(days=1)
    post(bot, finding(last=date(2026, 11, 23), days=3))
    assert state(bot, anomaly).state == "expected"
    bot.clock.now += timedelta(days=1)
    post(bot, finding(last=date(2026, 11, 24), days=4, observed=90000.0))
    assert state(bot, anomaly).state == "open"
    assert "beyond what was called expected" in words_of(
        sent(bot, "post", f"anomaly:{anomaly}:news")[-1]
    )


def test_what_was_resolved_and_goes_on_is_opened_again(bot: Bot, anomaly: str) -> None:
    bot.act("submission", "anomaly.resolve", anomaly, cause="1", words="stopped the job")
    assert state(bot, anomaly).state == "resolved"
    bot.clock.now += timedelta(days=1)
    post(
        bot, finding(last=date(2026, 11, 23), days=3)
    )  # the day of the decision: may still run out
    assert state(bot, anomaly).state == "resolved"
    bot.clock.now += timedelta(days=2)
    post(bot, finding(last=date(2026, 11, 25), days=5))
    assert state(bot, anomaly).state == "open"


def test_the_scheduler_honours_a_snooze(bot: Bot, anomaly: str) -> None:
    assert isinstance(bot.act("press", "anomaly.snooze", anomaly, choice="2"), Refused)
    bot.act("press", "anomaly.snooze", anomaly, choice="3")
    assert state(bot, anomaly).state == "snoozed"

    def run() -> int:
        return run_due(bot.database, bot.loaded, places, bot.clock)

    bot.clock.now += timedelta(days=2, hours=23)
    assert run() == 0
    bot.clock.now += timedelta(hours=1)
    assert run() == 1
    assert state(bot, anomaly).state == "open"
    assert "still goes on" in words_of(sent(bot, "post", f"anomaly:{anomaly}:news")[-1])
    assert run() == 0


def test_a_decision_before_the_snooze_ends_takes_its_deadline_away(bot: Bot, anomaly: str) -> None:
    bot.act("press", "anomaly.snooze", anomaly, choice="1")
    bot.act("press", "anomaly.reopen", anomaly)
    assert rows(bot, Deadline) == []


def test_a_false_alarm_makes_the_detector_less_sensitive(bot: Bot, anomaly: str) -> None:
    bot.act("press", "anomaly.false-alarm", anomaly)
    post(bot, finding(ongoing=False))
    bot.clock.now += timedelta(days=5)
    again = finding(last=date(2026, 11, 27), days=1)
    assert post(bot, again).quiet == 1
    assert post(bot, replace(again, score=60.0)).posted == 1


def test_reopening_takes_back_what_was_learned(bot: Bot, anomaly: str) -> None:
    bot.act("press", "anomaly.false-alarm", anomaly)
    assert len(rows(bot, Feedback)) == 1
    assert isinstance(bot.act("press", "anomaly.reopen", anomaly, who="lead@example.com"), Done)
    assert rows(bot, Feedback) == []
    again = bot.act("press", "anomaly.reopen", anomaly)
    assert isinstance(again, Refused)
    assert "open already" in again.sentence


def test_resolving_keeps_cause_and_words(bot: Bot, anomaly: str) -> None:
    assert isinstance(bot.act("press", "anomaly.resolve", anomaly), OpenForm)
    errors = bot.act("submission", "anomaly.resolve", anomaly, cause="99", words=" ")
    assert isinstance(errors, FieldErrors)
    assert set(errors.errors) == {"cause", "words"}
    bot.act("submission", "anomaly.resolve", anomaly, cause="1", words="a retry loop, now capped")
    row = state(bot, anomaly)
    assert (row.state, row.cause) == ("resolved", "Runaway job or loop")
    late = bot.act("press", "anomaly.snooze", anomaly, who="lead@example.com", choice="1")
    assert isinstance(late, Refused)
    assert "Resolved by ML engineer, search" in late.sentence
    assert "Reopen" in late.sentence


def test_who_may_not_is_told_who_may(bot: Bot, anomaly: str) -> None:
    refused = bot.act("press", "anomaly.investigate", anomaly, who="executive@example.com")
    assert isinstance(refused, Refused)
    assert refused.reason == "not-allowed"
    assert "lead" in refused.sentence
    stranger = bot.act("press", "anomaly.investigate", anomaly, who="someone@example.net")
    assert isinstance(stranger, Refused)
    assert state(bot, anomaly).state == "open"
    assert not [e for e in rows(bot, AuditEntry) if e.action != "anomaly.opened"]


@pytest.mark.parametrize("standing", ["guest", "stranger", "deactivated", "unknown"])
def test_traps_18_and_19_only_members_decide(bot: Bot, anomaly: str, standing: str) -> None:
    assert isinstance(bot.act("press", "anomaly.investigate", anomaly, standing=standing), Refused)
    assert state(bot, anomaly).state == "open"


def test_trap_20_an_unknown_id_changes_nothing(bot: Bot) -> None:
    refused = bot.act("press", "anomaly.investigate", "forged")
    assert isinstance(refused, Refused)
    assert refused.reason == "not-found"
    unknown = bot.act("press", "anomaly.investigat", "x")
    assert isinstance(unknown, Refused)


def test_a_redelivery_gets_the_same_answer_and_has_no_second_effect(bot: Bot, anomaly: str) -> None:
    first = bot.act("press", "anomaly.investigate", anomaly, delivery="d1")
    count = len(rows(bot, Outbox))
    assert bot.act("press", "anomaly.investigate", anomaly, delivery="d1") == first
    assert len(rows(bot, Outbox)) == count


def test_trap_15_of_many_at_once_one_wins_and_the_others_learn_who(bot: Bot, anomaly: str) -> None:
    answers: list[Any] = []
    barrier = threading.Barrier(8)

    def press(n: int) -> None:
        barrier.wait()
        who = ("engineer@example.com", "lead@example.com", "finops@example.com")[n % 3]
        answers.append(bot.act("press", "anomaly.false-alarm", anomaly, who=who))

    threads = [threading.Thread(target=press, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(a, Done) for a in answers) == 1
    assert all(
        "by" in a.sentence or "already" in a.sentence for a in answers if isinstance(a, Refused)
    )
    assert len([e for e in rows(bot, AuditEntry) if e.action == "anomaly.false-alarm"]) == 1
    assert len(rows(bot, Feedback)) == 1
    with bot.database.read() as connection:
        assert audit.verify(connection) == 2


def test_a_crash_in_a_handler_changes_nothing_and_names_a_reference(
    bot: Bot, anomaly: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit of the message is the last step; dying there must take back the state too."""

    def die(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr("handlers.alerts.presses.tell", die)
    refused = bot.act("press", "anomaly.investigate", anomaly, delivery="d9")
    assert isinstance(refused, Refused)
    assert refused.reason == "failed"
    assert state(bot, anomaly).state == "open"
    monkeypatch.undo()
    # trap 10: the same delivery again is not taken for one that was handled
    assert isinstance(bot.act("press", "anomaly.investigate", anomaly, delivery="d9"), Done)


def test_a_deadline_whose_handler_fails_is_tried_again_later(
    bot: Bot, anomaly: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot.act("press", "anomaly.snooze", anomaly, choice="1")
    bot.clock.now += timedelta(days=1)

    def die(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr("handlers.alerts.presses.tell", die)
    assert run_due(bot.database, bot.loaded, places, bot.clock) == 0
    assert state(bot, anomaly).state == "snoozed"
    monkeypatch.undo()
    bot.clock.now += timedelta(minutes=1)
    assert run_due(bot.database, bot.loaded, places, bot.clock) == 1
    assert state(bot, anomaly).state == "open"


def test_help_and_wrong_commands(bot: Bot) -> None:
    assert isinstance(bot.act("command", "help", text=""), Private)
    shown = bot.act("command", "spend", text="help")
    assert "unclaimed" in shown.message.model_dump_json()
    wrong = bot.act("command", "spnd", text="")
    assert isinstance(wrong, Refused)
    assert "/spend" in wrong.sentence


def test_a_gap_in_the_bill_does_not_silence_what_goes_on(bot: Bot, anomaly: str) -> None:
    """The bill was half written for one round: the anomaly was closed as restated, and when the bill was
    whole again the same spike was taken for the closed one and never told, up to $240,000."""
    bot.clock.now += timedelta(hours=1)
    assert post(bot).ended == 1
    bot.clock.now += timedelta(days=1)
    assert post(bot, finding(last=date(2026, 11, 23), days=3, impact=Decimal(60000))).went_on == 1
    row = state(bot, anomaly)
    assert row.ended_on is None
    assert row.state == "open"
    assert "now it goes on" in words_of(sent(bot, "post", f"anomaly:{anomaly}:news")[-1])


def test_what_was_only_recorded_is_posted_when_it_goes_on_after_all(bot: Bot) -> None:
    old = finding(last=date(2026, 10, 1), ongoing=False)
    post(bot, old)
    assert rows(bot, Outbox) == []
    post(bot, finding(last=date(2026, 11, 22), days=60))
    assert [r for r in sent(bot, "post", "anomaly:") if not r.thread_key]
    assert len(rows(bot, Anomaly)) == 1


def test_a_form_about_a_level_that_nobody_saw_is_refused(bot: Bot, anomaly: str) -> None:
    """The form was opened at $1,500 and sent after the bill had grown to $31,240: that became expected."""
    form = bot.act("press", "anomaly.expect", anomaly).form
    bot.clock.now += timedelta(days=1)
    post(bot, finding(last=date(2026, 11, 23), days=3, observed=90000.0))
    late = bot.act(
        "submission", "anomaly.expect", anomaly, version=form.version, why="x", until="2026-12-01"
    )
    assert isinstance(late, Refused)
    assert late.reason == "stale"
    assert rows(bot, Feedback) == []


def test_a_colleague_who_was_faster_is_not_overruled_by_an_open_form(
    bot: Bot, anomaly: str
) -> None:
    form = bot.act("press", "anomaly.resolve", anomaly).form
    bot.act("press", "anomaly.investigate", anomaly, who="lead@example.com")
    late = bot.act(
        "submission", "anomaly.resolve", anomaly, version=form.version, cause="1", words="done"
    )
    assert isinstance(late, Refused)
    assert "ML lead, search" in late.sentence
    assert state(bot, anomaly).state == "investigating"


def test_investigating_can_be_given_back(bot: Bot, anomaly: str) -> None:
    bot.act("press", "anomaly.investigate", anomaly)
    assert isinstance(bot.act("press", "anomaly.release", anomaly, who="lead@example.com"), Done)
    assert state(bot, anomaly).state == "open"
    assert "Released by ML lead, search." in words_of(
        sent(bot, "post", f"anomaly:{anomaly}:news")[-1]
    )
    assert isinstance(bot.act("press", "anomaly.release", anomaly), Refused)


def test_a_snooze_of_what_has_ended_leaves_it_open_with_news_of_its_own(
    bot: Bot, anomaly: str
) -> None:
    """The news had the key of the next decision's news, which then was never sent."""
    bot.act("press", "anomaly.snooze", anomaly, choice="1")
    post(bot, finding(ongoing=False))
    bot.clock.now += timedelta(days=1)
    assert run_due(bot.database, bot.loaded, places, bot.clock) == 1
    assert state(bot, anomaly).state == "open"
    bot.act("submission", "anomaly.resolve", anomaly, cause="1", words="it was a test")
    keys = [r.message_key for r in sent(bot, "post", f"anomaly:{anomaly}:news")]
    assert len(keys) == len(set(keys))


def test_a_grouped_anomaly_that_climbs_can_still_be_shown(bot: Bot) -> None:
    found = [finding(f"exp-{n}", impact=Decimal(100 + n), severity="low") for n in range(6)]
    post(bot, *found)
    group_id = next(r for r in sent(bot, "post") if r.key.startswith("group:")).key.partition(":")[
        2
    ]
    bot.clock.now += timedelta(days=1)
    grown = [replace(f, impact=Decimal(900000)) if n == 0 else f for n, f in enumerate(found)]
    post(bot, *grown)
    bot.act("press", "anomaly.group-rest", group_id)
    climbed = next(r for r in rows(bot, Anomaly) if r.scope == "experiment:exp-0")
    assert sent(bot, "post", f"anomaly:{climbed.id}")


def test_two_channels_that_are_one_place_hear_of_it_once(bot: Bot) -> None:
    """The team's channel was not in Slack: both of its routes fell to the default, which got it twice."""

    def one_place(channel: str) -> tuple[Place, ...]:
        return (Place(surface="slack", tenant="T1", channel="C0FINOPS1"),)

    with bot.database.write() as connection:
        publish(Turn(connection, bot.loaded, bot.clock(), one_place), [finding()])
    assert len([r for r in sent(bot, "post", "anomaly:") if not r.thread_key]) == 1


def test_a_refused_delivery_that_comes_again_is_refused_again(bot: Bot, anomaly: str) -> None:
    """Reopen was refused because nothing was decided; the same bytes, replayed after somebody had
    decided, once reopened it."""
    first = bot.act("press", "anomaly.reopen", anomaly, delivery="r1")
    assert isinstance(first, Refused)
    bot.act("press", "anomaly.false-alarm", anomaly, who="lead@example.com")
    assert bot.act("press", "anomaly.reopen", anomaly, delivery="r1") == first
    assert state(bot, anomaly).state == "false-alarm"
