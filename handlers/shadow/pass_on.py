"""Asking somebody else whose AI spend it is: a person in their own chat, or a team in its channel."""

from pydantic import TypeAdapter, ValidationError

from guardrails.policy.base import Email
from guardrails.suggest import did_you_mean
from handlers.conversation import (
    ChoiceField,
    Done,
    Form,
    Interaction,
    OpenForm,
    Option,
    TextField,
    text,
)
from handlers.refusals import FieldsRefused
from handlers.router import press, submission
from handlers.shadow.claim import asked_row, who
from handlers.shadow.message import key_of, question_message, what
from handlers.turn import Turn
from storage import shadow

_PERSON, _TEAM = "person:", "team:"
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)


@press("shadow.pass-on", permission="shadow.claim")
def press_pass_on(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: whom."""
    row = asked_row(turn, it)
    teams = [Option(value=f"{_TEAM}{name}", label=f"Team {name}") for name in turn.policy.teams]
    people = [Option(value=f"{_PERSON}{p.email}", label=p.name) for p in turn.policy.people]
    options = (*teams, *people)
    whom = (
        (ChoiceField(name="whom", label="Whom", options=options, required=False),)
        if options
        else ()
    )
    email = TextField(
        name="email",
        label="Or by e-mail address",
        hint="of somebody whom the policy knows",
        required=False,
        max_length=200,
    )
    return OpenForm(
        form=Form(
            action="shadow.pass-on",
            subject=row.id,
            title="Ask someone else",
            intro=text(
                f"Who may know whose {what(row.account, row.service)} is? They get the same message, with "
                "the same buttons: a person in their own chat, a team in its channel."
            ),
            fields=(*whom, email),
            submit="Ask",
        )
    )


@submission("shadow.pass-on", permission="shadow.claim")
def pass_on(turn: Turn, it: Interaction) -> Done:
    """Sends the question there; whoever was asked before may still answer."""
    row = asked_row(turn, it)
    field, person, team = _whom(turn, it)
    asked = list(row.facts.get("asked") or [])
    if any((a.get("person"), a.get("team", "")) == (person, team) for a in asked):
        raise FieldsRefused({field: "They are asked already; choose somebody else."})
    name = f"team {team}" if team else _name(turn, person)
    asked.append({"person": person, "team": team, "name": name, "by": it.actor.name})
    row = shadow.change(turn.connection, row, asked=person, facts={**row.facts, "asked": asked})
    message = question_message(turn.policy, row)
    turn.edit(key_of(row), message)
    before = len(turn.said)
    if team:
        turn.post(turn.policy.teams[team].channel, key_of(row), message)
    else:
        turn.tell(person, key_of(row), message)
    if len(turn.said) == before:
        why = "has the question in its channel already" if team else "cannot be reached in chat"
        raise FieldsRefused({field: f"{name} {why}; choose somebody else."})
    turn.audit(
        who(it),
        "shadow.passed-on",
        f"shadow:{row.id}",
        account=row.account,
        service=row.service,
        person=person,
        team=team,
    )
    return Done(note=f"{name} is asked now; whoever answers first decides it.")


def _whom(turn: Turn, it: Interaction) -> tuple[str, str, str]:
    """(field, e-mail or nothing, team or nothing). Raises FieldsRefused."""
    chosen, written = it.inputs.get("whom", "").strip(), it.inputs.get("email", "").strip()
    if chosen and written:
        raise FieldsRefused(
            {"email": "Choose somebody from the list or write an address, not both."}
        )
    if chosen.startswith(_TEAM):
        name = chosen.removeprefix(_TEAM)
        if name in turn.policy.teams:
            return "whom", "", name
    address = chosen.removeprefix(_PERSON) if chosen else written
    field = "whom" if chosen else "email"
    if not address:
        raise FieldsRefused({"email": "Choose somebody, or write an e-mail address."})
    try:
        address = _EMAIL.validate_python(address)
    except ValidationError:
        said = "Write an e-mail address such as name@example.com."
        raise FieldsRefused({field: said}) from None
    known = [p.email for p in turn.policy.people]
    if address not in known:
        hint = did_you_mean(address, known) or "; ask the FinOps owner to add them."
        raise FieldsRefused({field: f"The policy knows nobody with {address}{hint}"})
    return field, address, ""


def _name(turn: Turn, person: str) -> str:
    return next((p.name for p in turn.policy.people if p.email == person), person)
