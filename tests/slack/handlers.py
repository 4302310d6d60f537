"""Small handlers that the tests of the surface press: registered under names that begin with ``test``."""

import time
from datetime import date
from typing import Any

from sqlalchemy import Column, MetaData, String, Table, insert, select, update

from handlers.conversation import (
    Button,
    ChoiceField,
    Controls,
    DateField,
    Done,
    Form,
    Heading,
    Interaction,
    Menu,
    Message,
    OpenForm,
    Option,
    Paragraph,
    Private,
    Small,
    TextField,
    said,
    text,
)
from handlers.refusals import AlreadyDecided, Expired, FieldsRefused, NotAllowed, NotFound
from handlers.router import AnyReply, command, press, submission
from handlers.turn import Turn

#: What is decided about in these tests; :func:`tests.slack.conftest.world` makes it.
THINGS = Table(
    "test_thing",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("state", String, default="open"),
    Column("owner", String, default=""),
    Column("decided_by", String, default=""),
    Column("reason", String, default=""),
)


def thing(turn: Turn, subject: str, owner: str = "", channel: str = "alerts") -> None:
    """Something to decide, with its message in a channel."""
    turn.connection.execute(insert(THINGS).values(id=subject, owner=owner))
    turn.post(channel, subject, shown(subject))


def shown(subject: str, note: str = "", decided: bool = False) -> Message:
    """The message of a thing: its buttons until it is decided."""
    buttons = Controls(
        controls=(
            Button(label="Take", action="test.slack.take", subject=subject, style="primary"),
            Button(label="Expected", action="test.slack.form", subject=subject, opens_form=True),
            Menu(
                label="Snooze",
                action="test.slack.snooze",
                subject=subject,
                options=tuple(Option(value=str(n), label=f"{n} days") for n in (1, 3, 7)),
            ),
            Button(label="Approve", action="test.slack.approve", subject=subject),
            Button(label="Slow", action="test.slack.slow", subject=subject),
            Button(label="Crash", action="test.slack.crash", subject=subject),
            Button(label="Who am I", action="test.slack.who", subject=subject),
        )
    )
    blocks: tuple[Any, ...] = (
        Heading(text=f"Spend of {subject}"),
        Paragraph(text=text("It costs more than expected.")),
    )
    if note:
        blocks += (Small(text=text(note)),)
    summary = f"Spend of {subject}: {note or 'more than expected'}"
    return Message(summary=summary, blocks=blocks if decided else (*blocks, buttons))


def _decide(turn: Turn, ask: Interaction, state: str, reason: str) -> str:
    """One winner: the state changes only if it is still open."""
    if ask.version != 1:
        raise Expired("This button is from an older version of the message. Use the newest one.")
    won = turn.connection.execute(
        update(THINGS)
        .where(THINGS.c.id == ask.subject, THINGS.c.state == "open")
        .values(state=state, decided_by=ask.actor.name, reason=reason)
        .returning(THINGS.c.owner)
    ).first()
    if won is None:
        row = turn.connection.execute(select(THINGS).where(THINGS.c.id == ask.subject)).first()
        if row is None:
            raise NotFound("This is not known here (any more). Nothing was changed.")
        raise AlreadyDecided(f"{row.decided_by} has already decided this: {row.state}.")
    turn.audit(ask.actor.person, f"test.{state}", ask.subject, reason)
    turn.edit(
        ask.subject, shown(ask.subject, f"{state} by {ask.actor.name}: {reason}", decided=True)
    )
    return str(won.owner)


@press("test.slack.take", permission="anomaly.triage")
def take(turn: Turn, ask: Interaction) -> AnyReply:
    _decide(turn, ask, "investigating", "")
    return Done()


@press("test.slack.approve", permission="anomaly.triage")
def approve(turn: Turn, ask: Interaction) -> AnyReply:
    if _decide(turn, ask, "expected", "approved") == ask.actor.person:
        raise NotAllowed("You asked for this yourself, so someone else must approve it.")
    return Done(note="You approved it.")


@press("test.slack.snooze", permission="anomaly.triage")
def snooze(turn: Turn, ask: Interaction) -> AnyReply:
    _decide(turn, ask, "snoozed", f"for {ask.inputs['choice']} days")
    return Done(note="Snoozed.")


@press("test.slack.form", permission="anomaly.expect")
def form(turn: Turn, ask: Interaction) -> AnyReply:
    fields = (
        TextField(name="why", label="Why is this expected?", multiline=True),
        DateField(name="until", label="Until when?", initial=turn.today),
        ChoiceField(
            name="cause",
            label="Root cause",
            options=(Option(value="launch", label="Launch"), Option(value="bug", label="Bug")),
            required=False,
        ),
    )
    return OpenForm(
        form=Form(action="test.slack.form", subject=ask.subject, title="Expected", fields=fields)
    )


@submission("test.slack.form", permission="anomaly.expect")
def reason(turn: Turn, ask: Interaction) -> AnyReply:
    errors = {}
    if not ask.inputs["why"]:
        errors["why"] = "Say why, so that others understand."
    if date.fromisoformat(ask.inputs["until"]) < turn.today:
        errors["until"] = "This day is over; choose a later one."
    if errors:
        raise FieldsRefused(errors)
    _decide(turn, ask, "expected", ask.inputs["why"])
    turn.reply(ask.subject, f"{ask.subject}-news", said(ask.inputs["why"]))
    return Done(note="Quiet until then.") if ask.inputs["cause"] else Done()


@press("test.slack.slow", permission="read")
def slow(turn: Turn, ask: Interaction) -> AnyReply:
    time.sleep(2.8)
    return Done(note="It took a while.")


@press("test.slack.crash", permission="read")
def crash(turn: Turn, ask: Interaction) -> AnyReply:
    _decide(turn, ask, "investigating", "")
    raise RuntimeError("a bug nobody foresaw")


@press("test.slack.who", permission="read")
def who(turn: Turn, ask: Interaction) -> AnyReply:
    actor = ask.actor
    return Done(note=f"{actor.person} {actor.standing} {' '.join(sorted(actor.roles))}")


@command("test echo", permission="read", does="says it again", usage="TEXT")
def echo(turn: Turn, ask: Interaction) -> AnyReply:
    turn.audit(ask.actor.person, "test.echo", ask.inputs["text"])
    return Private(message=said(f"You said {ask.inputs['text']}"))


@command("test form", permission="read", does="opens a form")
def command_form(turn: Turn, ask: Interaction) -> AnyReply:
    return form(turn, ask)
