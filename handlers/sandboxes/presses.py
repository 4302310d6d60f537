"""The buttons of a sandbox's card: extend, halt, resume, close, try again, show the key."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.money import Money
from guardrails.orders import Resources
from guardrails.sandboxes.budget import PREFIX
from guardrails.sandboxes.life import LIVING
from guardrails.sandboxes.zones import CENT, Wanted, put
from handlers.conversation import (
    DateField,
    Done,
    Form,
    Interaction,
    Message,
    OpenForm,
    Paragraph,
    Private,
    Secret,
    TextField,
    text,
)
from handlers.redlines.cases import stopped_by
from handlers.refusals import AlreadyDecided, FieldsRefused, NotAllowed, Stale
from handlers.router import AnyReply, command, press, submission
from handlers.sandboxes import control, ladder, money
from handlers.sandboxes.authority import may_resume, may_run, may_see_key, may_stop
from handlers.sandboxes.listing import find_named
from handlers.sandboxes.message import STATES
from handlers.sandboxes.orders import send_again
from handlers.sandboxes.request import is_of, uses
from handlers.sandboxes.showing import locked, show, tell
from handlers.turn import Turn
from storage import redlines
from storage.sandboxes import SandboxRow

LONGEST = 500
_Check = Callable[[Turn, SandboxRow, Interaction], None]


@command("sandbox extend", permission="sandbox.run", does="asks for more", usage="NAME")
def command_extend(turn: Turn, it: Interaction) -> AnyReply:
    """Opens the form of the card's button."""
    return press_extend(turn, _meant(turn, it))


@command("sandbox close", permission="sandbox.run", does="ends it before its time", usage="NAME")
def command_close(turn: Turn, it: Interaction) -> AnyReply:
    """Opens the form of the card's button."""
    return press_close(turn, _meant(turn, it))


@command("sandbox halt", permission="sandbox.halt", does="stops what it runs", usage="NAME")
def command_halt(turn: Turn, it: Interaction) -> AnyReply:
    """Opens the form of the card's button."""
    return press_halt(turn, _meant(turn, it))


def _meant(turn: Turn, it: Interaction) -> Interaction:
    """The interaction with the sandbox that its words name. Raises NotFound."""
    row = find_named(turn, it.inputs.get("text", "").strip())
    return it.model_copy(update={"subject": row.id})


@press("sandbox.halt", permission="sandbox.halt")
def press_halt(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: why."""
    return _why_form(turn, it, may_stop, "sandbox.halt", "Halt the sandbox", "Halt")


@submission("sandbox.halt", permission="sandbox.halt")
def halt(turn: Turn, it: Interaction) -> Done:
    """Stops what it runs."""
    row = _row(turn, it, may_stop)
    control.halt(turn, row, actor=_who(it), name=it.actor.name, why=_why(it))
    return Done()


@press("sandbox.resume", permission="sandbox.run")
def press_resume(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: why."""
    return _why_form(turn, it, may_resume, "sandbox.resume", "Resume the sandbox", "Resume")


@submission("sandbox.resume", permission="sandbox.run")
def resume(turn: Turn, it: Interaction) -> Done:
    """Lets it run again; what a redline halted is resumed on the redline's own message, by its roles."""
    row = _row(turn, it, may_resume)
    _fresh(row, it)
    if row.state == "halted" and _by_redline(turn, row):
        raise NotAllowed(
            "A redline halted it: press Resume on the redline's message in its thread."
        )
    control.resume(turn, row, actor=_who(it), name=it.actor.name, why=_why(it))
    return Done()


@press("sandbox.close", permission="sandbox.run")
def press_close(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: why."""
    return _why_form(turn, it, may_run, "sandbox.close", "Close the sandbox", "Close")


@submission("sandbox.close", permission="sandbox.run")
def close(turn: Turn, it: Interaction) -> Done:
    """Ends it before its time; what was set up is removed."""
    row = _row(turn, it, may_run)
    control.end(turn, row, "close", actor=_who(it), name=it.actor.name, why=_why(it))
    return Done()


@press("sandbox.again", permission="sandbox.run")
def again(turn: Turn, it: Interaction) -> Done:
    """Orders again what was given up."""
    row = _row(turn, it, may_run)
    count = send_again(turn, row)
    if not count:
        raise AlreadyDecided("Nothing waits to be tried again.")
    row = show(turn, row.id)
    tell(turn, row, f"again-{turn.now.isoformat()}", f"{it.actor.name} has it tried again.")
    return Done()


@press("sandbox.key", permission="sandbox.run")
def show_key(turn: Turn, it: Interaction) -> Private:
    """The key of the sandbox's models, to its owner and whoever asked; it is stored nowhere."""
    row = locked(turn, it.subject)
    may_see_key(row, it)
    if row.state not in ("active", "throttled", "graduated"):
        raise Stale(f"The sandbox is {STATES[row.state].lower()}, so its key does not work.")
    turn.audit(_who(it), "sandbox.key-shown", f"sandbox:{row.id}")
    said = f"The key of {row.name}. Keep it out of code and chats; it stops with the sandbox."
    message = Message(summary=f"The key of {row.name}", blocks=(Paragraph(text=text(said)),))
    return Private(
        message=message, secret=Secret(of="key", subject=row.id, holders=tuple(row.actuators))
    )


@press("sandbox.extend", permission="sandbox.run")
def press_extend(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: until when, how much more, why."""
    row = _row(turn, it, may_run)
    _lives(row)
    return OpenForm(
        form=Form(
            action="sandbox.extend",
            subject=row.id,
            version=row.version,
            title="Extend the sandbox",
            intro=text(
                f"{row.name} has {money.money(turn, money.cap(turn, row))} until {words.day(row.ends_on)}. "
                "What stays inside its zone is granted at once; more is decided as a new one would be."
            ),
            fields=(
                DateField(name="until", label="Last day", initial=row.ends_on),
                TextField(
                    name="amount",
                    label="How much more",
                    hint="such as 500; nothing for more time only",
                    required=False,
                    max_length=30,
                ),
                TextField(name="why", label="Why", max_length=LONGEST),
            ),
            submit="Extend",
        )
    )


@press("sandbox.more", permission="sandbox.run")
def press_more(turn: Turn, it: Interaction) -> AnyReply:
    """The same form, from a message about its budget."""
    row = find_named(turn, it.subject.removeprefix(PREFIX))
    return press_extend(turn, it.model_copy(update={"subject": row.id}))


@submission("sandbox.extend", permission="sandbox.run")
def extend(turn: Turn, it: Interaction) -> Done:
    """Inside its zone at once, else up the ladder."""
    row = _row(turn, it, may_run)
    _lives(row)
    _fresh(row, it)
    until, amount, why = _asked(turn, it, row)
    rules, currency = turn.policy.sandboxes, turn.policy.workspace.currency
    has = money.cap(turn, row)
    days = (until - row.starts_on).days + 1
    wanted = Wanted(
        team=row.team,
        feature=row.feature,
        workload=row.workload,
        stage=row.stage,
        estimate=has + amount,
        days=days,
        data_class=row.data_class,
        risk_class=row.risk_class,
        before=has if row.zone else Decimal(0),
        new=False,
        gpus=Resources.model_validate(row.resources).gpus,
        of_team=is_of(turn, it, row.team),
    )
    own = [z for z in rules.zones if z.name == row.zone]
    # Another zone's room is another sandbox's.
    rules = rules.model_copy(update={"zones": tuple(own)})
    where = put(rules, wanted, it.actor.roles, uses(turn), currency)
    if where.zone is not None:
        row = control.extend(
            turn,
            row,
            amount=amount,
            ends_on=until,
            key=f"sandbox:{row.id}:extended:{row.version}",
            actor=_who(it),
            name=it.actor.name,
            why=f"{why} (inside the zone {row.zone})",
        )
        return Done(
            note=f"{row.name} is extended: {_cap(turn, row)} until {words.day(row.ends_on)}."
        )
    gone = f"its zone {row.zone} is no longer in the policy" if row.zone else "it is in no zone"
    outside = where.why if own or where.reviewers else gone
    decides = ladder.ask(
        turn,
        row,
        purpose=ladder.EXTEND,
        amount=amount,
        until=until,
        why=why,
        outside=outside,
        reviewers=where.reviewers,
        asked_by=_who(it),
        asked_name=it.actor.name,
        # More time is more of what it has: else a year would be decided as nothing.
        counts=has * (until - row.ends_on).days / ((row.ends_on - row.starts_on).days + 1),
    )
    return Done(note=f"That is decided by {decides}, because {outside}. See #{row.channel}.")


def _asked(turn: Turn, it: Interaction, row: SandboxRow) -> tuple[date, Decimal, str]:
    errors: dict[str, str] = {}
    why, until, amount = it.inputs.get("why", "").strip(), row.ends_on, Decimal(0)
    if not why or len(why) > LONGEST:
        errors["why"] = f"Say why, in {LONGEST} characters at most."
    longest = row.starts_on + timedelta(days=turn.policy.sandboxes.longest_days - 1)
    try:
        until = date.fromisoformat(it.inputs.get("until", "").strip() or row.ends_on.isoformat())
        if not row.ends_on <= until <= longest:
            errors["until"] = f"Choose a day from {row.ends_on} to {longest}."
    except ValueError:
        errors["until"] = "Choose a day, such as 2026-12-11."
    said = it.inputs.get("amount", "").strip()
    if said:
        try:
            amount = Money.parse(said, turn.policy.workspace.currency).rounded().amount
            if amount <= 0:
                errors["amount"] = "Say an amount above zero, or nothing."
        except ValueError as error:
            errors["amount"] = str(error)
    if not errors and until == row.ends_on and amount < CENT:
        errors["until"] = "Choose a later day, or say how much more."
    if errors:
        raise FieldsRefused(errors)
    return until, amount, why


def _fresh(row: SandboxRow, it: Interaction) -> None:
    """Raises Stale when the form was opened on another state of the sandbox: two that extend add up otherwise."""
    if it.version != row.version:
        raise Stale(
            "The sandbox has changed since the form was opened; look at its card and try again."
        )


def _by_redline(turn: Turn, row: SandboxRow) -> bool:
    case = stopped_by(redlines.of_sandbox(turn.connection, row.id))
    return case is not None and bool(case.facts.get("stopped") == "halt")


def _lives(row: SandboxRow) -> None:
    if row.state not in LIVING:
        raise AlreadyDecided(f"The sandbox has ended: {STATES[row.state].lower()}.")
    if row.state == "halted":
        raise Stale("The sandbox is halted; let it run again first.")


def _row(turn: Turn, it: Interaction, allowed: _Check) -> SandboxRow:
    row = locked(turn, it.subject)
    allowed(turn, row, it)
    return row


def _why_form(
    turn: Turn, it: Interaction, allowed: _Check, action: str, title: str, submit: str
) -> OpenForm:
    row = _row(turn, it, allowed)
    why = TextField(name="why", label="Why", hint="Its owner reads it", max_length=LONGEST)
    form = Form(
        action=action,
        subject=row.id,
        version=row.version,
        title=title,
        fields=(why,),
        submit=submit,
    )
    return OpenForm(form=form)


def _why(it: Interaction) -> str:
    why = it.inputs.get("why", "").strip()
    if not why or len(why) > LONGEST:
        raise FieldsRefused({"why": f"Say why, in {LONGEST} characters at most."})
    return why


def _who(it: Interaction) -> str:
    return it.actor.person.strip().lower()


def _cap(turn: Turn, row: SandboxRow) -> str:
    return money.money(turn, money.cap(turn, row))
