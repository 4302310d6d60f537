"""Checklists in threads: ticks that all see, runbooks that change, escalation; on both databases."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from guardrails.runbooks import token
from handlers.alerts.publish import publish
from handlers.conversation import Done, Mention, Menu, Message, Refused, mentioned, said
from handlers.deadlines import run_due
from handlers.runbooks import people_of, post_runbook, runbook_message
from storage import audit
from storage.tables.alerts import Anomaly
from storage.tables.audit import AuditEntry
from storage.tables.delivery import Outbox
from storage.tables.runbooks import RunbookShown, RunbookTick
from storage.tables.timing import Deadline
from tests.conftest import runbook
from tests.handlers.alerting import Bot, finding, places
from tests.stored import rows_of

STEPS = ("Look at the drivers.", "Stop what runs away.")
LATE = """escalation:
  - { role: lead, after_minutes: 30 }
  - { role: finops, after_minutes: 600 }
  - { role: product, after_minutes: 660 }
"""


def rows(bot: Bot, table: Any) -> list[Any]:
    return rows_of(bot.database, table)


def sent(bot: Bot, kind: str, ending: str) -> list[Message]:
    there = [r for r in rows(bot, Outbox) if r.kind == kind and r.key.endswith(ending)]
    return [Message.model_validate(r.content) for r in sorted(there, key=lambda r: r.id)]


def text_of(message: Message) -> str:
    """All words of a message, the spans of a text joined."""
    lines = []
    for block in message.blocks:
        texts = list(getattr(block, "items", ())) or [getattr(block, "text", ())]
        lines.append(getattr(block, "title", ""))
        for one in texts:
            if isinstance(one, str):
                lines.append(one)
            else:
                spans = [getattr(s, "text", getattr(s, "name", "@")) for s in one]
                lines.append("".join(spans))
    return "\n".join(lines)


def menus(message: Message) -> dict[str, Menu]:
    controls = [c for b in message.blocks if b.kind == "controls" for c in b.controls]
    return {c.label: c for c in controls if isinstance(c, Menu)}


@pytest.fixture
def anomaly(bot: Bot) -> str:
    bot.turn(lambda turn: publish(turn, [finding()]))
    return str(rows(bot, Anomaly)[0].id)


def shown(bot: Bot) -> str:
    return str(rows(bot, RunbookShown)[0].id)


def tick(bot: Bot, step: str = STEPS[0], **more: Any) -> Any:
    return bot.act("press", "runbook.tick", shown(bot), choice=token(step), **more)


def change(bot: Bot, *steps: str, more: str = "") -> None:
    """Another runbook for spend, as after a restart with a changed file."""
    runbooks = {**bot.loaded.runbooks, "spend": runbook("spend", "Spend spike", steps, more)}
    bot.loaded = replace(bot.loaded, runbooks=runbooks)


def test_an_alert_has_its_checklist_in_each_thread(bot: Bot, anomaly: str) -> None:
    first, second = sent(bot, "post", ":runbook")
    assert first == second
    for wanted in ("Runbook: Spend spike", "○ Look at the drivers.", "0 of 2 steps ticked."):
        assert wanted in text_of(first)
    assert [o.label for o in menus(first)["Tick off"].options] == [
        "1. Look at the drivers.",
        "2. Stop what runs away.",
    ]
    assert "Open again" not in menus(first)


def test_a_tick_is_seen_by_all_recorded_and_audited(bot: Bot, anomaly: str) -> None:
    assert isinstance(tick(bot), Done)
    edits = sent(bot, "edit", ":runbook")
    assert len(edits) == 2  # in both channels
    assert "✓ Look at the drivers. — ML engineer, search, @" in text_of(edits[0])
    assert "○ Stop what runs away." in text_of(edits[0])
    assert [o.label for o in menus(edits[0])["Tick off"].options] == ["2. Stop what runs away."]
    (kept,) = rows(bot, RunbookTick)
    assert (kept.subject, kept.event, kept.step) == (f"anomaly:{anomaly}", "spend", 1)
    assert (kept.person, kept.text) == ("engineer@example.com", STEPS[0])
    (entry,) = [e for e in rows(bot, AuditEntry) if e.action == "runbook.ticked"]
    assert (entry.subject, entry.reason) == (f"anomaly:{anomaly}", STEPS[0])
    assert entry.policy_hash == bot.loaded.hash


def test_the_second_learns_who_was_first(bot: Bot, anomaly: str) -> None:
    tick(bot)
    second = tick(bot, who="lead@example.com")
    assert isinstance(second, Refused)
    assert "ML engineer, search has ticked this step already" in second.sentence
    assert "Look at the drivers." in second.sentence
    again = tick(bot)
    assert isinstance(again, Refused)
    assert again.sentence.startswith("You have ticked this step already")
    assert len(rows(bot, RunbookTick)) == 1


def test_a_wrong_tick_is_taken_back(bot: Bot, anomaly: str) -> None:
    tick(bot)
    (option,) = menus(sent(bot, "edit", ":runbook")[-1])["Open again"].options
    assert option.label == "1. Look at the drivers."
    undo: dict[str, Any] = {
        "subject": shown(bot),
        "who": "lead@example.com",
        "choice": option.value,
    }
    assert isinstance(bot.act("press", "runbook.untick", **undo), Done)
    assert rows(bot, RunbookTick) == []
    assert "○ Look at the drivers." in text_of(sent(bot, "edit", ":runbook")[-1])
    (entry,) = [e for e in rows(bot, AuditEntry) if e.action == "runbook.unticked"]
    assert (entry.actor, entry.detail["ticked_by"]) == ("lead@example.com", "engineer@example.com")
    again = bot.act("press", "runbook.untick", **undo)
    assert isinstance(again, Refused)
    assert "open already" in again.sentence


def test_it_says_when_everything_is_ticked(bot: Bot, anomaly: str) -> None:
    for step in STEPS:
        tick(bot, step)
    last = sent(bot, "edit", ":runbook")[-1]
    assert "Every step is ticked." in text_of(last)
    assert last.tone == "good"
    assert set(menus(last)) == {"Open again"}


def test_who_may_not_triage_may_not_tick(bot: Bot, anomaly: str) -> None:
    refused = tick(bot, who="executive@example.com")
    assert isinstance(refused, Refused)
    assert refused.reason == "not-allowed"
    assert rows(bot, RunbookTick) == []


@pytest.mark.parametrize("name", ["runbook.tick", "runbook.untick"])
def test_a_forged_checklist_or_step_changes_nothing(bot: Bot, anomaly: str, name: str) -> None:
    refused = bot.act("press", name, "anomaly:forged", choice=token(STEPS[0]))
    assert isinstance(refused, Refused)
    assert refused.reason == "not-found"
    bot.act("press", name, shown(bot), choice="<!channel>")
    bot.act("press", name, shown(bot))
    assert rows(bot, RunbookTick) == []


def test_a_changed_runbook_keeps_the_ticks_of_its_words(bot: Bot, anomaly: str) -> None:
    tick(bot, STEPS[0])
    tick(bot, STEPS[1])
    change(bot, "Stop what runs away.", "Tell the owner.")
    tick(bot, "Tell the owner.")
    last = text_of(sent(bot, "edit", ":runbook")[-1])
    assert "✓ Stop what runs away. — ML engineer, search" in last
    assert "✓ Tell the owner. — ML engineer, search" in last
    assert "Ticked before the runbook was changed\n✓ Look at the drivers. — ML" in last
    # someone presses a step of the old message
    stale = bot.act("press", "runbook.tick", shown(bot), choice=token("Gone."))
    assert isinstance(stale, Done)
    assert "no longer in it" in stale.note
    assert len(rows(bot, RunbookTick)) == 3


def test_a_runbook_that_is_gone_leaves_what_was_done(bot: Bot, anomaly: str) -> None:
    tick(bot)
    bot.loaded = replace(bot.loaded, runbooks={})
    tick(bot, STEPS[1])
    last = sent(bot, "edit", ":runbook")[-1]
    assert "✓ Look at the drivers." in text_of(last)
    assert "This runbook is no longer in the policy." in text_of(last)


def test_of_many_ticks_at_once_each_step_is_ticked_once_and_shown(bot: Bot, anomaly: str) -> None:
    steps = tuple(f"Step {n}." for n in range(4))
    change(bot, *steps)
    answers: list[Any] = []
    barrier = threading.Barrier(8)

    def press(n: int) -> None:
        barrier.wait()
        who = ("engineer@example.com", "lead@example.com")[n // 4]
        answers.append(tick(bot, steps[n % 4], who=who))

    threads = [threading.Thread(target=press, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(a, Done) for a in answers) == 4
    assert all("ticked this step already" in a.sentence for a in answers if isinstance(a, Refused))
    assert "Every step is ticked." in text_of(sent(bot, "edit", ":runbook")[-1])
    with bot.database.read() as connection:
        assert audit.verify(connection)


def test_a_menu_offers_the_next_five(bot: Bot, anomaly: str) -> None:
    steps = tuple(f"Step `{n}`, **well**." for n in range(8))
    message = runbook_message(runbook("spend", "T", steps), (), shown_id="x")
    labels = [o.label for o in menus(message)["Tick off"].options]
    assert labels == [f"{n + 1}. Step {n}, well." for n in range(5)]


def test_one_of_a_group_has_its_checklist_when_somebody_wants_it(bot: Bot) -> None:
    found = [finding(f"exp-{n}", impact=Decimal(100 + n)) for n in range(6)]
    bot.turn(lambda turn: publish(turn, found))
    assert sent(bot, "post", ":runbook") == []
    one = next(r.id for r in rows(bot, Anomaly) if r.scope == "experiment:exp-5")
    assert isinstance(bot.act("press", "anomaly.runbook", one, who="executive@example.com"), Done)
    assert len(sent(bot, "post", ":runbook")) == 1
    again = bot.act("press", "anomaly.runbook", one)
    assert isinstance(again, Refused)
    assert "in the thread already" in again.sentence
    assert isinstance(tick(bot), Done)


def test_any_message_can_have_a_checklist_once(bot: Bot) -> None:
    """As an overrun uses it: its key is its subject."""
    overrun = runbook("overrun", "Overrun", ("Decide.",))
    review = runbook("joint-review", "Review", ("Meet.",))
    more = {"overrun": overrun, "joint-review": review}
    bot.loaded = replace(bot.loaded, runbooks={**bot.loaded.runbooks, **more})  # type: ignore[dict-item]
    assert not bot.turn(lambda turn: post_runbook(turn, "overrun", "overrun:1", "overrun:1"))
    bot.turn(lambda turn: turn.post("finops", "overrun:1", said("Too much")))
    asked = (Mention(person="lead@example.com", name="Lead"),)
    assert bot.turn(lambda t: post_runbook(t, "overrun", "overrun:1", "overrun:1", asked))
    assert not bot.turn(lambda t: post_runbook(t, "overrun", "overrun:1", "overrun:1", asked))
    assert bot.turn(lambda turn: post_runbook(turn, "joint-review", "overrun:1", "overrun:1"))
    assert not bot.turn(lambda turn: post_runbook(turn, "gate", "overrun:1", "overrun:1"))
    (posted,) = sent(bot, "post", "overrun:1:runbook")
    assert mentioned(posted) == {"lead@example.com"}
    assert len(sent(bot, "post", "overrun:1:runbook:joint-review")) == 1
    tick(bot, "Decide.")
    (edited,) = sent(bot, "edit", "overrun:1:runbook")
    assert mentioned(edited) == {"lead@example.com"}
    assert "Every step is ticked." in text_of(edited)


def test_the_path_is_promised_only_where_it_is_gone() -> None:
    """The checklist of a medium alert promised the lead after an hour, who was never asked."""
    path = "lead after 30 minutes, FinOps owner after 10 hours, product owner after 11 hours."
    for event, when in (
        ("spend", "High or critical, and nobody takes it"),
        ("overrun", "If nobody decides"),
    ):
        message = runbook_message(runbook(event, "T", STEPS, LATE), ())
        assert f"0 of 2 steps ticked. {when}: {path}" in text_of(message)


# --- escalation -----------------------------------------------------------------------------------


def due(bot: Bot) -> int:
    return run_due(bot.database, bot.loaded, places, bot.clock)


def escalated(bot: Bot) -> Sequence[Message]:
    there = [
        r for r in rows(bot, Outbox) if ":escalated:" in r.key and "ml-search" in r.message_key
    ]
    return [Message.model_validate(r.content) for r in sorted(there, key=lambda r: r.id)]


def armed(bot: Bot) -> list[datetime]:
    return [d.due_at for d in rows(bot, Deadline) if d.kind == "anomaly.escalate"]


def post(bot: Bot, **values: Any) -> str:
    change(bot, *STEPS, more=LATE)
    bot.turn(lambda turn: publish(turn, [finding(**values)]))
    return str(rows(bot, Anomaly)[-1].id)


def test_what_nobody_takes_goes_up_the_path_each_step_once(bot: Bot) -> None:
    post(bot)
    bot.clock.now += timedelta(minutes=29)
    assert due(bot) == 0
    bot.clock.now += timedelta(minutes=1)
    assert due(bot) == 1
    (first,) = escalated(bot)
    assert mentioned(first) == {"lead@example.com"}
    assert "Nobody has taken this for 30 minutes. ML lead, search (lead), please press" in text_of(
        first
    )
    bot.clock.now += timedelta(hours=9, minutes=30)  # a critical one does not wait for the morning
    assert due(bot) == 1
    assert mentioned(escalated(bot)[1]) == {"finops@example.com"}
    bot.clock.now += timedelta(hours=1)
    assert due(bot) == 1
    assert "Whoever has the role product owner: please" in text_of(escalated(bot)[2])
    assert rows(bot, Deadline) == []
    actions = [e.action for e in rows(bot, AuditEntry)]
    assert actions.count("anomaly.escalated") == 3


def test_whoever_takes_it_ends_the_escalation(bot: Bot) -> None:
    one = post(bot)
    assert len(armed(bot)) == 1
    bot.act("press", "anomaly.investigate", one)
    assert armed(bot) == []
    bot.clock.now += timedelta(hours=1)
    bot.act("press", "anomaly.release", one)
    bot.clock.now += timedelta(minutes=30)
    assert due(bot) == 1
    assert len(escalated(bot)) == 1
    # taken and released again: the lead was asked already, so FinOps comes next
    bot.act("press", "anomaly.investigate", one)
    bot.act("press", "anomaly.release", one)
    bot.clock.now += timedelta(minutes=60)
    assert due(bot) == 0
    bot.clock.now += timedelta(minutes=540)
    assert due(bot) == 1
    assert mentioned(escalated(bot)[1]) == {"finops@example.com"}


def test_a_high_one_counts_working_time_only(bot: Bot) -> None:
    bot.clock.now = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)  # Monday, 16:45 in Berlin
    post(bot, severity="high")
    assert armed(bot) == [datetime(2026, 11, 24, 8, 15, tzinfo=UTC)]
    bot.clock.now = armed(bot)[0]
    assert due(bot) == 1
    assert "for 30 minutes of working time." in text_of(escalated(bot)[0])


@pytest.mark.parametrize("severity", ["low", "medium"])
def test_small_ones_are_not_escalated(bot: Bot, severity: str) -> None:
    post(bot, severity=severity)
    assert armed(bot) == []


def test_one_that_grows_is_escalated_and_one_that_ends_is_not(bot: Bot) -> None:
    post(bot, severity="medium")
    bot.turn(lambda turn: publish(turn, [finding(severity="critical")]))
    assert armed(bot) == [bot.clock.now + timedelta(minutes=30)]
    bot.clock.now += timedelta(minutes=10)
    bot.turn(lambda turn: publish(turn, [finding(severity="critical", impact=Decimal(50000))]))
    assert armed(bot) == [bot.clock.now + timedelta(minutes=20)]
    bot.turn(lambda turn: publish(turn, [finding(severity="critical", ongoing=False)]))
    assert armed(bot) == []


def test_one_that_a_restated_bill_takes_away_is_not_escalated(bot: Bot) -> None:
    post(bot)
    bot.clock.now += timedelta(minutes=1)
    bot.turn(lambda turn: publish(turn, []))
    assert armed(bot) == []


def test_a_snooze_that_ends_begins_it_again(bot: Bot) -> None:
    one = post(bot)
    bot.act("press", "anomaly.snooze", one, choice="1")
    assert armed(bot) == []
    bot.clock.now += timedelta(days=1)
    assert due(bot) == 1
    assert armed(bot) == [bot.clock.now + timedelta(minutes=30)]


def test_the_team_of_the_anomaly_comes_first(bot: Bot) -> None:
    policy = bot.loaded.policy
    everyone = tuple(f"p{n}@example.com" for n in range(5))
    lead = policy.roles["lead"].model_copy(update={"emails": (*everyone, "lead@example.com")})
    policy = policy.model_copy(update={"roles": {**policy.roles, "lead": lead}})
    assert [m.person for m in people_of(policy, "lead", "search")] == ["lead@example.com"]
    assert [m.person for m in people_of(policy, "lead", "")] == list(everyone[:3])
    assert people_of(policy, "product", "search") == ()
