"""What the buttons of an overrun do. Person, role, state, amount and policy are those of the click."""

from decimal import Decimal

from guardrails.authority import may
from guardrails.ladder import Placed, Verdict, approve, may_decline
from guardrails.money import MICROS, Money
from guardrails.policy.ladder import Rung
from guardrails.policy.people import Role
from handlers.conversation import Done, Form, Interaction, OpenForm, TextField, text
from handlers.overruns.deciders import (
    agreed,
    decided_by,
    interested,
    needed,
    only,
    roles_here,
    step_of,
)
from handlers.overruns.ending import close, gone, grant
from handlers.overruns.message import called, key_of, money_of, outcome
from handlers.overruns.placing import case_of, placed
from handlers.overruns.review import announce_review, call_review, show_case
from handlers.overruns.showing import read, show, tell
from handlers.overruns.watch import watch
from handlers.refusals import AlreadyDecided, FieldsRefused, NotAllowed, NotFound, Stale
from handlers.router import press, submission
from handlers.turn import Turn
from storage import overruns
from storage.overruns import WAITING, OverrunRow

LONGEST = 500  # characters of a reason


@press("overrun.approve", permission="overrun.decide")
def press_approve(turn: Turn, it: Interaction) -> Done:
    """Agrees to the whole amount; grants it when nobody else has to agree."""
    row = waiting_row(turn, it)
    return _agree(turn, it, row, Decimal(row.amount_micros) / MICROS)


@press("overrun.approve-less", permission="overrun.decide")
def press_less(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: how much."""
    row = waiting_row(turn, it)
    asked = money_of(turn.policy, row)
    return OpenForm(
        form=Form(
            action="overrun.approve-less",
            subject=row.id,
            version=row.revision,
            title="Approve less",
            intro=text(
                f"{asked} are asked for {called(row)}. Whoever decides that may grant less."
            ),
            fields=(
                TextField(name="amount", label="How much", hint="such as 1,200", max_length=30),
                TextField(name="why", label="Why", required=False, max_length=300),
            ),
            submit="Approve",
        )
    )


@submission("overrun.approve-less", permission="overrun.decide")
def approve_less(turn: Turn, it: Interaction) -> Done:
    """Agrees to a smaller amount: earlier agreements were to another one and no longer count."""
    row = waiting_row(turn, it)
    currency = turn.policy.workspace.currency
    asked = Money.from_micros(row.amount_micros, currency)
    asked = Money(max(asked.amount, Decimal(row.facts.get("asked") or 0)), currency)
    amount = read_amount(it.inputs.get("amount", ""), currency)
    if amount > asked or (amount.amount == asked.amount and amount.micros == row.amount_micros):
        said = Money(asked.amount, currency).in_full()
        sentence = f"Say less than the {said} that are asked, or press Approve."
        raise FieldsRefused({"amount": sentence})
    return _agree(turn, it, row, amount.amount, it.inputs.get("why", "").strip()[:LONGEST])


# Who asked may take it back without being one of those who decide: `_declines` says who may.
@press("overrun.decline", permission="read")
def press_decline(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: why."""
    _declines(turn, it, waiting_row(turn, it))
    return _why_form(turn, it, "overrun.decline", "Decline", "Decline")


@submission("overrun.decline", permission="read")
def decline(turn: Turn, it: Interaction) -> Done:
    """Nothing is granted; whoever asked learns why. Whoever asked takes it back the same way."""
    row = waiting_row(turn, it)
    _close(turn, it, row, _declines(turn, it, row), _why(it))
    return Done()


@press("overrun.halt", permission="overrun.halt")
def press_halt(turn: Turn, it: Interaction) -> OpenForm:
    """Opens the form: why."""
    _halts(waiting_row(turn, it))
    return _why_form(turn, it, "overrun.halt", "Halt the spend", "Halt")


@submission("overrun.halt", permission="overrun.halt")
def halt(turn: Turn, it: Interaction) -> Done:
    """Nothing is granted and the spend has to stop: the owner is told to stop it."""
    row = waiting_row(turn, it)
    _halts(row)
    _close(turn, it, row, "halted", _why(it))
    return Done()


@press("overrun.review", permission="overrun.decide")
def ask_review(turn: Turn, it: Interaction) -> Done:
    """Calls the joint review although the amount would not need one."""
    row = waiting_row(turn, it)
    if row.state == "review":
        raise AlreadyDecided("It is in joint review already; its thread says until when.")
    rungs = turn.policy.ladder.rungs
    now = step_of(turn.policy, row)
    deciding = placed(turn, case_of(row), now).rung
    if _roles(turn, it, row).isdisjoint(deciding.roles) and who(it) not in interested(turn, row):
        decides = decided_by(turn.policy, row, deciding)
        raise NotAllowed(f"This is decided by {decides}; they may call a review.")
    least = next((i for i, r in enumerate(rungs) if r.review and i >= now), len(rungs) - 1)
    where = placed(turn, case_of(row), least)
    overruns.change(
        turn.connection,
        row,
        rung=where.index,
        rung_name=where.rung.name,
        facts={**row.facts, "placed": f"{it.actor.name} asked for a joint review"},
    )
    turn.audit(who(it), "overrun.review-asked", key_of(row.id), rung=where.rung.name)
    row = watch(turn, read(turn, row.id), where)
    if row.state != "review":  # the policy has no rung with a review
        row = call_review(turn, row)
        show(turn, row.id)
        announce_review(turn, row)
    tell(turn, row, f"review-{row.version}", f"{it.actor.name} asked for a joint review.")
    return Done()


# --- what presses share ---------------------------------------------------------------------------


def waiting_row(turn: Turn, it: Interaction) -> OverrunRow:
    """The overrun that is pressed, locked. Raises when it is decided, can no longer be, or its amount is another
    one now."""
    row = overruns.get(turn.connection, it.subject, lock=True)
    if row is None:
        raise NotFound("This overrun is not known here (any more). Nothing was changed.")
    if row.state not in WAITING:
        raise AlreadyDecided(f"This was decided before: {outcome(turn.policy, row)}.")
    if row.revision != it.version:
        amount = money_of(turn.policy, row)
        raise Stale(f"The amount has changed to {amount}; look at the message again and decide.")
    found = gone(turn, row)
    if found is not None:
        raise Stale(f"{found[1]} Nothing was changed.")
    return row


def read_amount(said: str, currency: str) -> Money:
    """An amount from a form. Raises FieldsRefused with a sentence at ``amount``."""
    try:
        amount = Money.parse(said, currency).rounded()
    except ValueError as error:
        raise FieldsRefused({"amount": str(error)}) from None
    if amount.amount <= 0:
        raise FieldsRefused({"amount": "Say an amount above zero."})
    return amount


def _agree(turn: Turn, it: Interaction, row: OverrunRow, amount: Decimal, why: str = "") -> Done:
    same = Money(amount, turn.policy.workspace.currency).micros == row.amount_micros
    # Whoever decides the whole decides the part: else a rung below could close a large case with one cent.
    most = max(amount, Decimal(row.amount_micros) / MICROS)
    where = placed(turn, case_of(row, most), step_of(turn.policy, row))
    before = agreed(turn, row, where.rung) if same else []
    person = who(it)
    verdict = approve(
        where.rung,
        person,
        _roles(turn, it, row),
        interested(turn, row),
        [a for a, _ in before],
    )
    if verdict.kind == "refused":
        _refuse(turn, row, where.rung, verdict)
    detail = {
        "amount": str(amount),
        "currency": turn.policy.workspace.currency,
        "rung": where.rung.name,
        "roles": sorted(it.actor.roles),
    }
    if why:
        detail["why"] = why
    if verdict.kind == "granted":
        turn.audit(person, "overrun.granted", key_of(row.id), verdict.reason, **detail)
        alone = verdict.reason == "role-suffices"
        signed = [name for a, name in before if not alone and a.person != person]
        names = " and ".join([*signed, it.actor.name])
        grant(turn, row, amount, actor=person, name=names, reason=why, rung=where.rung.name)
        return Done()
    turn.audit(person, "overrun.agreed", key_of(row.id), verdict.reason, **detail)
    row = _moved(turn, it, row, amount, where)
    overruns.agree(turn.connection, row, person, it.actor.name, sorted(it.actor.roles), turn.now)
    row = show(turn, row.id)
    show_case(turn, row)
    left = needed(turn.policy, row, verdict.waits_for)
    money = money_of(turn.policy, row)
    stamp = f"agreed-{row.revision}-{len(before)}"
    tell(turn, row, stamp, f"{it.actor.name} agreed to {money}; {left} must agree too.")
    return Done(note=f"Your agreement counts; {left} must agree too.")


def _moved(
    turn: Turn, it: Interaction, row: OverrunRow, amount: Decimal, where: Placed
) -> OverrunRow:
    """The amount that is agreed to, and the rung that agrees to it: by the policy of now, maybe another one."""
    currency = turn.policy.workspace.currency
    money = Money(amount, currency)
    another = money.micros != row.amount_micros
    if not another and where.rung.name == row.rung_name:
        return row
    overruns.change(
        turn.connection,
        row,
        amount_micros=money.micros,
        revision=row.revision + another,
        rung=where.index,
        rung_name=where.rung.name,
    )
    row = read(turn, row.id)
    if another:
        proposed = money_of(turn.policy, row)
        said = f"{it.actor.name} proposes {proposed}; what was agreed before no longer counts."
        tell(turn, row, f"amount-{row.revision}", said)
    return row


def _declines(turn: Turn, it: Interaction, row: OverrunRow) -> str:
    """What it is when this person declines: ``withdrawn`` or ``declined``. Raises NotAllowed when they may not."""
    if row.asked_by and who(it) == row.asked_by.lower():
        return "withdrawn"
    where = placed(turn, case_of(row), step_of(turn.policy, row))
    allowed = may(turn.policy, "overrun.decide", it.actor.roles)
    if not (allowed and may_decline(where.rung, _roles(turn, it, row))):
        raise NotAllowed(f"This is decided by {decided_by(turn.policy, row, where.rung)}.")
    return "declined"


def _halts(row: OverrunRow) -> None:
    if row.kind == "sandbox":
        raise NotAllowed("Nothing of this sandbox runs yet, so nothing can be halted: decline it.")


def _close(turn: Turn, it: Interaction, row: OverrunRow, state: str, why: str) -> None:
    turn.audit(
        who(it),
        f"overrun.{state}",
        key_of(row.id),
        why,
        amount=str(Decimal(row.amount_micros) / MICROS),
        rung=row.rung_name,
        roles=sorted(it.actor.roles),
    )
    close(turn, row, state, actor=who(it), name=it.actor.name, reason=why)


def _why_form(turn: Turn, it: Interaction, action: str, title: str, submit: str) -> OpenForm:
    row = waiting_row(turn, it)
    why = TextField(name="why", label="Why", hint="Whoever asked reads it", max_length=500)
    return OpenForm(
        form=Form(
            action=action,
            subject=row.id,
            version=row.revision,
            title=title,
            fields=(why,),
            submit=submit,
        )
    )


def _why(it: Interaction) -> str:
    why = it.inputs.get("why", "").strip()
    if not why:
        raise FieldsRefused({"why": "Say why in a few words; whoever asked reads it."})
    if len(why) > LONGEST:
        raise FieldsRefused({"why": f"Say it in {LONGEST} characters at most."})
    return why


def who(it: Interaction) -> str:
    """Who presses, the same on every surface however the address is written there."""
    return it.actor.person.strip().lower()


def _roles(turn: Turn, it: Interaction, row: OverrunRow) -> frozenset[Role]:
    """The roles of now, as far as they count for this one."""
    return roles_here(turn.policy, row, who(it), it.actor.roles)


def _refuse(turn: Turn, row: OverrunRow, rung: Rung, verdict: Verdict) -> None:
    if verdict.reason == "role":
        raise NotAllowed(only(turn, row, rung))
    if verdict.reason in ("agreed-before", "role-spoken"):
        raise AlreadyDecided(verdict.sentence)
    raise NotAllowed(verdict.sentence)
