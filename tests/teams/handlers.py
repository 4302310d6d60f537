"""Small handlers that the tests of Teams press and fill in; their names begin with ``test``."""

import time

from handlers.conversation import (
    ChoiceField,
    Done,
    Form,
    Interaction,
    Message,
    OpenForm,
    Option,
    Paragraph,
    Private,
    TextField,
    text,
)
from handlers.refusals import FieldsRefused
from handlers.router import AnyReply, command, press, submission
from handlers.turn import Turn

SLOW = 0.6  # seconds

FORM = Form(
    action="test.teams.ask",
    subject="",
    title="Ask for a sandbox",
    intro=text("Machines to try things out on."),
    fields=(
        TextField(name="why", label="What for?", multiline=True),
        TextField(name="machine", label="Which machine?", required=False),
        ChoiceField(
            name="days",
            label="For how long?",
            options=(Option(value="1", label="a day"), Option(value="7", label="a week")),
        ),
    ),
    submit="Ask",
)
LONG = Message(
    summary="A long answer",
    blocks=tuple(Paragraph(text=text(f"part {n} " + "word " * 600)) for n in range(30)),
)


@command("test sandbox", permission="read", does="opens a form")
def sandbox(turn: Turn, ask: Interaction) -> AnyReply:
    return OpenForm(form=FORM)


@submission("test.teams.ask", permission="read")
def asked(turn: Turn, ask: Interaction) -> AnyReply:
    if len(ask.inputs["why"]) < 10:
        raise FieldsRefused({"why": "Say in a sentence what it is for."})
    turn.audit(ask.actor.person, "test.asked", ask.inputs["days"], ask.inputs["why"])
    return Done(note=f"You have it for {ask.inputs['days']} days.")


@command("test slow", permission="read", does="takes its time")
def slow(turn: Turn, ask: Interaction) -> AnyReply:
    time.sleep(SLOW)
    turn.audit(ask.actor.person, "test.slow", "")
    return Done(note="It took a while.")


@press("test.teams.slow", permission="read")
def slow_press(turn: Turn, ask: Interaction) -> AnyReply:
    return slow(turn, ask)


@command("test slowform", permission="read", does="opens a form late")
def slow_form(turn: Turn, ask: Interaction) -> AnyReply:
    time.sleep(SLOW)
    return OpenForm(form=FORM)


@command("test long", permission="read", does="says a lot")
def long(turn: Turn, ask: Interaction) -> AnyReply:
    return Private(message=LONG)


@command("test said", permission="read", does="says it again")
def said_again(turn: Turn, ask: Interaction) -> AnyReply:
    turn.audit(ask.actor.person, "test.said", ask.inputs["text"])
    blocks = (Paragraph(text=text("You said")), Paragraph(text=text(ask.inputs["text"])))
    return Private(message=Message(summary=f"You said {ask.inputs['text']}", blocks=blocks))
