"""Small handlers, registered once, that do what real ones do: check, write, edit, answer."""

from handlers import router
from handlers.conversation import (
    ChoiceField,
    Code,
    DateField,
    Done,
    Form,
    Heading,
    Interaction,
    Message,
    OpenForm,
    Option,
    Private,
    Table,
    TextField,
    said,
    text,
)
from handlers.refusals import AlreadyDecided, FieldsRefused
from handlers.turn import Turn
from tests.console.said import alert, band, news

#: How often each press had its effect, by subject.
effects: dict[str, int] = {}

CAUSES = (
    "Launch that was planned",
    "Runaway job or loop",
    "Idle resources",
    "Price change",
    "Data",
    "Else",
)


@router.press("test.console.investigate", permission="anomaly.triage")
def investigate(turn: Turn, done: Interaction) -> Done:
    """Says who is on it, in the message and in its thread."""
    effects[done.subject] = effects.get(done.subject, 0) + 1
    line = f"{done.actor.name} is looking into it ({effects[done.subject]})."
    turn.edit(done.subject, alert(done.subject, line, taken=True))
    turn.reply(done.subject, f"{done.subject}.news.{done.delivery_id}", news(line))
    return Done(note="You are on it.")


@router.press("test.console.snooze", permission="anomaly.triage")
def snooze(turn: Turn, done: Interaction) -> Done:
    """Takes the choice of a menu."""
    turn.edit(done.subject, alert(done.subject, f"Quiet for {done.inputs['choice']} days."))
    return Done()


@router.press("test.console.false-alarm", permission="anomaly.close")
def false_alarm(turn: Turn, done: Interaction) -> Done:
    """Refuses: somebody was faster."""
    raise AlreadyDecided("ML lead resolved this a minute ago. Nothing was changed.")


@router.press("test.console.expected", permission="anomaly.expect")
def expected(turn: Turn, done: Interaction) -> OpenForm:
    """Opens a form."""
    return OpenForm(
        form=Form(
            action="test.console.expected",
            subject=done.subject,
            title="This was expected",
            intro=text("The same pattern stays quiet until the day that you choose."),
            fields=(
                TextField(
                    name="why", label="Why was it expected?", multiline=True, hint="For all to see."
                ),
                DateField(name="until", label="Quiet until"),
            ),
            submit="Save",
        )
    )


@router.submission("test.console.expected", permission="anomaly.expect")
def save_expected(turn: Turn, done: Interaction) -> Done:
    """Wants more than a word."""
    if len(done.inputs["why"].split()) < 2:
        raise FieldsRefused({"why": "Say it in a few words, so that others understand it."})
    turn.edit(done.subject, alert(done.subject, f"Expected until {done.inputs['until']}."))
    return Done(note="Saved as expected.")


@router.press("test.console.resolve", permission="anomaly.close")
def resolve(turn: Turn, done: Interaction) -> OpenForm:
    """Opens a form with choices."""
    return OpenForm(
        form=Form(
            action="test.console.resolve",
            subject=done.subject,
            title="Resolve",
            fields=(
                ChoiceField(
                    name="cause",
                    label="Root cause",
                    options=tuple(Option(value=c, label=c) for c in CAUSES),
                ),
                ChoiceField(
                    name="again",
                    label="Can it happen again?",
                    options=(Option(value="yes", label="Yes"), Option(value="no", label="No")),
                ),
                TextField(name="words", label="In words", multiline=True, required=False),
            ),
            submit="Resolve",
        )
    )


@router.submission("test.console.resolve", permission="anomaly.close")
def save_resolve(turn: Turn, done: Interaction) -> Done:
    """Always works."""
    turn.edit(done.subject, alert(done.subject, f"Resolved: {done.inputs['cause']}."))
    return Done()


@router.press("test.console.finance-only", permission="anomaly.close")
def finance_only(turn: Turn, done: Interaction) -> Done:
    """Executives may not close."""
    return Done(note="Closed.")


@router.command(
    "test report",
    permission="spend.read",
    does="what a team spent this week",
    usage="[team] [last-week]",
)
def report(turn: Turn, asked: Interaction) -> Private:
    """Answers privately with a table and a chart."""
    team = asked.inputs["text"] or "all teams"
    return Private(
        message=Message(
            summary=f"Spend of {team} this week",
            blocks=(
                Heading(text=f"Spend of {team} this week"),
                Table(
                    header=("Experiment", "Spend", "Against plan"),
                    align="lrr",
                    rows=(("recs-v2-retrain", "$31,020", "+212 %"), ("recs-v1", "$4,310", "-3 %")),
                ),
                band(),
            ),
        )
    )


@router.command(
    "test runway", permission="spend.read", does="when the budget of an experiment ends"
)
def runway(turn: Turn, asked: Interaction) -> Private:
    """Answers with what was typed."""
    return Private(message=said(f"Runway of {asked.inputs['text']}: 12 days."))


@router.command("test rename", permission="anomaly.close", does="gives an experiment another name")
def rename(turn: Turn, asked: Interaction) -> Private:
    """Only for those who may close."""
    return Private(message=Message(summary="Renamed", blocks=(Heading(text="Renamed"),)))


__all__ = ["CAUSES", "Code", "effects"]
