"""Asking for an overrun: how much, until when, why, and what is expected of it."""

from datetime import date

from guardrails.sandboxes.budget import PREFIX, is_sandbox
from guardrails.suggest import did_you_mean
from handlers.budgets.standing import find_budget, standing, uncounted
from handlers.conversation import (
    ChoiceField,
    DateField,
    Done,
    Form,
    FormField,
    Interaction,
    OpenForm,
    Option,
    TextField,
    text,
)
from handlers.overruns.begin import begin
from handlers.overruns.decide import LONGEST, read_amount
from handlers.overruns.deciders import decided_by
from handlers.overruns.message import money_of
from handlers.refusals import FieldsRefused, NotFound, Stale
from handlers.router import command, press, submission
from handlers.turn import Turn
from storage import overruns

_MOST = 100  # options of a menu
NOT_HERE = "More for a sandbox is asked for with Extend, on its card or by /sandbox extend."


@command(
    "spend overrun",
    permission="overrun.ask",
    does="asks for more than a budget has",
    usage="[budget]",
    example="/spend overrun {budget}",
)
def command_overrun(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form, for one budget when it is named."""
    name = it.inputs.get("text", "").strip()
    return _form(turn, name)


@press("overrun.ask", permission="overrun.ask")
def press_ask(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form for the budget of a message."""
    return _form(turn, it.subject)


@submission("overrun.ask", permission="overrun.ask")
def ask(turn: Turn, it: Interaction) -> Done:
    """Records the request, places it on the ladder and posts it."""
    name = it.subject or it.inputs.get("budget", "")
    budget = find_budget(turn, name)
    if budget is None:
        raise FieldsRefused({"budget": "Choose a budget from the list."})
    if is_sandbox(budget):
        raise Stale(NOT_HERE)
    s = standing(turn, budget)
    if s is None:
        raise Stale(
            uncounted(turn, budget)
            or f"The budget {name} has no period now, or no bill has been read yet."
        )
    errors: dict[str, str] = {}
    try:
        amount = read_amount(it.inputs.get("amount", ""), turn.policy.workspace.currency)
    except FieldsRefused as refused:
        errors |= refused.errors
    until = s.span.last
    try:
        until = date.fromisoformat(it.inputs.get("until", "").strip() or until.isoformat())
        if not turn.today <= until <= s.span.last:
            errors["until"] = f"Choose a day from today to {s.span.last}, when the period ends."
    except ValueError:
        errors["until"] = "Choose a day, such as 2026-11-30."
    why = it.inputs.get("why", "").strip()
    if len(why) > LONGEST:
        errors["why"] = f"Say it in {LONGEST} characters at most."
    if not why:
        errors["why"] = "Say in a few words what it is for."
    if errors:
        raise FieldsRefused(errors)
    row = begin(
        turn,
        s,
        kind="asked",
        amount=amount.amount,
        until=until,
        why=why,
        value=it.inputs.get("value", "").strip()[:LONGEST],
        asked_by=it.actor.person.strip().lower(),
        asked_name=it.actor.name,
    )
    if row is None:
        raise _waits(turn, name, s.span.key)
    decides = decided_by(turn.policy, row)
    return Done(
        note=f"Asked for {money_of(turn.policy, row)}. It is decided by {decides}; see #{row.channel}."
    )


def _form(turn: Turn, name: str) -> OpenForm:
    if name.startswith(PREFIX):
        raise Stale(NOT_HERE)
    known = [b.name for b in turn.policy.budgets]
    if not known:
        raise NotFound("No budget is set. The FinOps owner adds budgets to the policy.")
    fields: list[FormField] = []
    intro = text(
        "Whoever decides sees the budget, its burn and its forecast beside what you write."
    )
    last: date | None = None  # which budget's period ends when is not known before one is chosen
    if name:
        budget = find_budget(turn, name)
        if budget is None:
            raise NotFound(f"No budget is called “{name}”{did_you_mean(name, known)}")
        s = standing(turn, budget)
        if s is not None:
            if overruns.waiting_of(turn.connection, name, s.span.key) is not None:
                raise _waits(turn, name, s.span.key)
            last = s.span.last
        intro = text(f"More for {name} ({budget.scope}). ", *intro)
    else:
        options = tuple(Option(value=n, label=n) for n in known[:_MOST])
        fields.append(ChoiceField(name="budget", label="Budget", options=options))
    fields += [
        TextField(name="amount", label="How much more", hint="such as 1,200", max_length=30),
        DateField(
            name="until",
            label="Until",
            initial=last,
            hint="at most, and without a day, the period's end",
            required=False,
        ),
        TextField(name="why", label="What for", multiline=True, max_length=500),
        TextField(name="value", label="What is expected of it", required=False, max_length=300),
    ]
    return OpenForm(
        form=Form(
            action="overrun.ask",
            subject=name,
            title="Ask for an overrun",
            intro=intro,
            fields=tuple(fields),
            submit="Ask",
        )
    )


def _waits(turn: Turn, name: str, period: str) -> Stale:
    row = overruns.waiting_of(turn.connection, name, period)
    where = f" in #{row.channel}" if row is not None else ""
    return Stale(f"An overrun of {name} waits for its decision{where}; decide that one first.")
