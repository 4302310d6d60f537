"""What people say in the council, what comes of it, the closing. Person, role and rules are those of the click."""

from collections.abc import Sequence
from typing import Any

from guardrails.alerts import words
from guardrails.authority import may
from guardrails.council import Outcome, Said, Vote, Week, outcome
from guardrails.lists import every
from guardrails.sandboxes.life import after
from handlers.alerts.message import mention_of
from handlers.conversation import (
    Done,
    Form,
    Heading,
    Interaction,
    Items,
    Message,
    OpenForm,
    Strong,
    TextField,
    text,
)
from handlers.council import clocks
from handlers.council.agenda import is_asked, item_id, item_of
from handlers.council.asking import asked
from handlers.council.follow import begin_follow_up
from handlers.council.frame import coming_week, key_of, rules_of
from handlers.council.happened import WORDS, decided_as
from handlers.council.message import LABELS, item_key, item_message
from handlers.council.voices import votes_of
from handlers.deadlines import due
from handlers.policy_rules.words import role_words
from handlers.refusals import AlreadyDecided, NotAllowed, NotFound, Refusal
from handlers.router import press, submission
from handlers.sandboxes import control
from handlers.sandboxes.authority import may_stop
from handlers.turn import Turn
from storage import council, sandboxes
from storage.council import ItemRow
from storage.sandboxes import SandboxRow

COUNCIL = "council"
WHY = 300  # characters of a reason


# Who has a voice is the policy's council's business: the permission only says that anybody may press.
@press("council.continue", permission="read")
def say_continue(turn: Turn, it: Interaction) -> Done:
    """It goes on as it is."""
    return _say(turn, it, "continue")


@press("council.scale", permission="read")
def ask_scale(turn: Turn, it: Interaction) -> OpenForm:
    """Asks why it gets more room."""
    return _ask(turn, it, "scale")


@submission("council.scale", permission="read")
def say_scale(turn: Turn, it: Interaction) -> Done:
    """It gets more room: its owner asks for it."""
    return _say(turn, it, "scale")


@press("council.kill", permission="read")
def ask_kill(turn: Turn, it: Interaction) -> OpenForm:
    """Asks whether it is to end, says what follows, and asks why."""
    return _ask(turn, it, "kill")


@submission("council.kill", permission="read")
def say_kill(turn: Turn, it: Interaction) -> Done:
    """It ends: a sandbox is halted when the one who presses may halt it; its owner closes it."""
    return _say(turn, it, "kill")


@press("council.defer", permission="read")
def ask_defer(turn: Turn, it: Interaction) -> OpenForm:
    """Asks why it waits."""
    return _ask(turn, it, "defer")


@submission("council.defer", permission="read")
def say_defer(turn: Turn, it: Interaction) -> Done:
    """It is asked again next week."""
    return _say(turn, it, "defer")


@press("council.object", permission="read")
def ask_object(turn: Turn, it: Interaction) -> OpenForm:
    """Asks why somebody objects."""
    return _ask(turn, it, "object")


@submission("council.object", permission="read")
def say_object(turn: Turn, it: Interaction) -> Done:
    """What stands does not: the votes decide at the closing."""
    return _say(turn, it, "object")


def _ask(turn: Turn, it: Interaction, said: Said) -> OpenForm:
    row = _heard(turn, it)
    question, follows = asked(rules_of(turn.policy), row.kind, row.title, said)
    why = TextField(
        name="why",
        label="Why",
        hint="stands in the minutes",
        required=False,
        multiline=True,
        max_length=WHY,
    )
    return OpenForm(
        form=Form(
            action=it.name,
            subject=row.id,
            title=f"{LABELS[said]}?",
            intro=text(Strong(text=question), f" {follows}"),
            fields=(why,),
            submit=LABELS[said],
        )
    )


def _heard(turn: Turn, it: Interaction) -> ItemRow:
    """The item that is pressed, locked. Raises where it is closed, or whoever presses has no voice."""
    row, rules = _open(turn, it), rules_of(turn.policy)
    if it.actor.roles.isdisjoint(rules.voices):
        named = every(role_words(rules.voices))
        raise NotAllowed(f"In the council the roles {named} decide. Ask one of them.")
    return row


def _say(turn: Turn, it: Interaction, said: Said) -> Done:
    row = _heard(turn, it)
    rules, person = rules_of(turn.policy), it.actor.person.strip().lower()
    why = " ".join(it.inputs.get("why", "").split())[:WHY]
    # Its lock before the audit's: whoever presses its card has it and waits for that one.
    box = sandboxes.get(turn.connection, row.subject, lock=True) if row.kind == "sandbox" else None
    before = votes_of(turn, row.id)
    if any(v.person == person and v.said == said and why in ("", v.why) for v in before):
        raise AlreadyDecided(f"You said {said} before; it counts. Say something else to change it.")
    council.vote(
        turn.connection,
        row.id,
        person=person,
        name=it.actor.name,
        roles=it.actor.roles,
        said=said,
        why=why,
        at=turn.now,
    )
    turn.audit(
        person,
        f"council.{said}",
        key_of(row.week),
        why,
        item=row.id,
        title=row.title,
        roles=sorted(it.actor.roles),
    )
    votes = votes_of(turn, row.id)
    now = outcome(rules, votes, closed=False)
    row = _settle(turn, row, now)
    note = _halt(turn, it, row, box) if now.choice == "kill" and said == "kill" else ""
    if row.state == "decided":
        begin_follow_up(turn, row)
    _show(turn, row, votes, now)
    return Done(note=note)


def _open(turn: Turn, it: Interaction) -> ItemRow:
    """The item that is pressed, locked. Raises when it is decided or its council is closed."""
    found = council.item(turn.connection, it.subject)
    digest = council.digest(turn.connection, found.week, lock=True) if found is not None else None
    row = council.item(turn.connection, it.subject, lock=True)
    if row is None or digest is None:
        raise NotFound("This decision is not known here (any more). Nothing was changed.")
    if row.state == "decided" or digest.closed_at is not None or digest.closes_at <= turn.now:
        said = f": it {WORDS[row.decision]}" if row.decision else ""
        raise AlreadyDecided(f"This is closed{said}. Bring it up again with /council add.")
    return row


def _settle(turn: Turn, row: ItemRow, now: Outcome) -> ItemRow:
    """Writes what stands now; the same again changes nothing."""
    state = "open" if now.choice is None else "decided" if now.final else "standing"
    decision = now.choice or ""
    kept = (row.state, row.decision, list(row.decided_names), row.reason)
    if kept == (state, decision, list(now.by), now.why):
        return row
    same = row.decision == decision and row.decided_at is not None
    row = council.change_item(
        turn.connection,
        row,
        state=state,
        decision=decision,
        decided_at=(row.decided_at if same else turn.now) if decision else None,
        decided_names=list(now.by),
        reason=now.why,
    )
    if state == "decided":
        turn.audit(
            COUNCIL,
            "council.decided",
            key_of(row.week),
            now.why,
            item=row.id,
            kind=row.kind,
            thing=row.subject,
            decision=decision,
            by=list(now.by),
        )
    return row


def _halt(turn: Turn, it: Interaction, row: ItemRow, box: SandboxRow | None) -> str:
    """Halts a sandbox that ends, by the authority of the one who presses; what is said when they have none."""
    if box is None or after(box.state, "halt") is None:
        return ""
    try:
        may_stop(turn, box, it)
    except Refusal as refusal:
        return f"It counts. {box.name} runs until somebody halts it. {refusal.sentence}"
    if not may(turn.policy, "sandbox.halt", it.actor.roles):
        return f"It counts. {box.name} runs until somebody who may halts it on its card."
    why = f"The council of {row.week} said that it ends."
    control.halt(turn, box, actor=it.actor.person.strip().lower(), name=it.actor.name, why=why)
    return f"{box.name} is halted; its data stays. Resume on its card lets it run again."


def _show(turn: Turn, row: ItemRow, votes: Sequence[Vote], now: Outcome) -> None:
    digest = council.digest(turn.connection, row.week)
    until = digest.closes_at if digest is not None else turn.now
    item = item_of(row)
    turn.edit(item_key(item), item_message(turn, item, votes, now, until))


@due(clocks.CLOSE)
def close(turn: Turn, week: str, inputs: dict[str, Any]) -> None:
    """Counts the votes, asks what was not decided again next week, and says what was decided in the thread."""
    council.lock_agenda(turn.connection)
    digest = council.digest(turn.connection, week, lock=True)
    if digest is None or digest.closed_at is not None:
        return
    rules = rules_of(turn.policy)
    rows = council.items(turn.connection, week, lock=True)
    council.close(turn.connection, week, turn.now)
    closed = []
    for row in rows:
        if row.state != "decided":
            votes = votes_of(turn, row.id)
            now = outcome(rules, votes, closed=True)
            row = _settle(turn, row, now)
            begin_follow_up(turn, row)
            _show(turn, row, votes, now)
        if row.decision == "defer":
            _again(turn, row)
        closed.append(row)
    if closed:  # everything may have been taken off
        said = minutes(turn, Week.parse(week), closed)
        turn.reply(key_of(week), f"{key_of(week)}:minutes", said)
    turn.audit(COUNCIL, "council.closed", key_of(week), items=[r.id for r in closed])


def _again(turn: Turn, row: ItemRow) -> None:
    """What people have added and what was deferred is asked of the next council."""
    if row.kind != "topic":
        return  # the numbers ask it again while there is a reason
    week = str(coming_week(turn))
    if is_asked(turn, week, row.kind, row.subject, row.title):
        return  # somebody has brought it up again
    council.add_item(
        turn.connection,
        id=item_id(week, row.kind, row.subject),
        week=week,
        kind=row.kind,
        subject=row.subject,
        title=row.title,
        why=f"Deferred by the council of {row.week}.",
        owner=row.owner,
        asked_by=row.asked_by,
        asked_name=row.asked_name,
        created_at=turn.now,
    )


def minutes(turn: Turn, week: Week, rows: Sequence[ItemRow]) -> Message:
    """What was decided, by whom, what follows, and the reasons of those who have a voice now."""
    follow = {f.item_id: f for f in council.follow_ups(turn.connection, str(week))}
    voices = rules_of(turn.policy).voices
    lines = []
    for row in rows:
        line = text(Strong(text=row.title), f" {decided_as(row)}. {row.reason}")
        found = follow.get(row.id)
        if found is not None:  # before the reasons: a surface cuts the end of a long line
            who = mention_of(turn.policy, found.owner)
            does = found.what.removesuffix(f": {row.title}")  # the line begins with it
            line = (*line, *text(f" To do by {words.day(found.due_on)}: ", who, f", {does}."))
        for v in votes_of(turn, row.id):
            if v.why and not v.roles.isdisjoint(voices):
                line = (*line, *text(f" {v.name}, {v.said}: “{words.ended(v.why)}”"))
        lines.append(line)
    title = f"Minutes of the council {week}"
    count = "1 decision" if len(rows) == 1 else f"{len(rows)} decisions"
    return Message(
        summary=f"{title}: {count}.", blocks=(Heading(text=title), Items(items=tuple(lines)))
    )
