"""What the buttons of a gate do. Person, role, state, policy and evidence are those of the click."""

from datetime import date
from decimal import Decimal

from guardrails.gates import may_not_decide, sign
from guardrails.money import MICROS
from guardrails.policy.people import Role
from handlers.conversation import Done, Form, Interaction, OpenForm, TextField, text
from handlers.gates.evidence import Shown
from handlers.gates.look import close, detail, follow, shown_of
from handlers.gates.message import outcome, title_of
from handlers.gates.people import asked, interested_in, roles_here
from handlers.refusals import AlreadyDecided, FieldsRefused, NotAllowed, NotFound, Stale
from handlers.router import press, submission
from handlers.sandboxes import control
from handlers.sandboxes.message import key_of
from handlers.sandboxes.showing import tell
from handlers.turn import Turn
from storage import gates, sandboxes
from storage.gates import CaseRow
from storage.sandboxes import SandboxRow

LONGEST = 500  # characters of a reason


@press("gate.promote", permission="gate.promote")
def promote(turn: Turn, it: Interaction) -> Done:
    """Lifts stage and budget in one click, by the evidence of now."""
    row, case, shown = _waiting(turn, it, "promote")
    _allowed(turn, it, row, shown, lifts=True)
    now, done = _in_line(turn, row, case, shown)
    if now is None or shown is None:
        return done
    judged = shown.judged
    if judged.unknown:
        why = "; ".join(dict.fromkeys(i.why for i in judged.unknown))
        raise Stale(f"Not all of the evidence is known now ({why}). Nothing was changed.")
    if not judged.met:
        raise Stale(f"{' and '.join(judged.unsigned)} must sign first. Nothing was changed.")
    why = f"Gate {case.gate}: {judged.count} of {len(judged.items)} met."
    _decide(turn, it, row, now, why)
    return Done()


@press("gate.lower", permission="gate.promote")
def lower(turn: Turn, it: Interaction) -> Done:
    """Lowers the cap as it was proposed; never below what is spent."""
    row, case, shown = _waiting(turn, it, "lower")
    _allowed(turn, it, row, shown, lifts=False)
    now, done = _in_line(turn, row, case, shown)
    if now is None or shown is None:
        return done
    if not shown.judged.failing:
        raise Stale("The evidence is not known now, so nothing is lowered. Try again tomorrow.")
    judged = shown.judged
    why = f"Gate {case.gate}: {judged.count} of {len(judged.items)} met."
    _decide(turn, it, row, now, why)
    return Done()


@press("gate.decline", permission="gate.promote")
def press_decline(turn: Turn, it: Interaction) -> OpenForm | Done:
    """Opens the form: why not."""
    return _asks_why(turn, it, "promote", "gate.decline", "Decline the promotion", "Decline")


@submission("gate.decline", permission="gate.promote")
def decline(turn: Turn, it: Interaction) -> Done:
    """The sandbox stays in its stage; it is proposed again when the evidence is better, or in a week."""
    return _no(turn, it, "promote", "declined")


@press("gate.keep", permission="gate.promote")
def press_keep(turn: Turn, it: Interaction) -> OpenForm | Done:
    """Opens the form: why the cap is kept."""
    return _asks_why(turn, it, "lower", "gate.keep", "Keep the cap", "Keep it")


@submission("gate.keep", permission="gate.promote")
def keep(turn: Turn, it: Interaction) -> Done:
    """The cap stays although the evidence is missing; everybody sees who said so and why."""
    return _no(turn, it, "lower", "kept")


@press("gate.sign", permission="gate.sign")
def press_sign(turn: Turn, it: Interaction) -> Done:
    """Signs in the one role that is left, or in the one that was chosen. One person, one role."""
    row, case, shown = _waiting(turn, it, "promote")
    now, done = _in_line(turn, row, case, shown)
    if now is None or shown is None:
        return done
    person = _who(it)
    answer = sign(
        shown.gate,
        person,
        roles_here(turn.policy, row, person, it.actor.roles),
        interested_in(row),
        _signed(shown),
        it.inputs.get("choice", ""),
    )
    if answer.role is None:
        raise (AlreadyDecided if answer.before else NotAllowed)(answer.sentence)
    gates.sign(
        turn.connection,
        sandbox_id=row.id,
        gate=case.gate,
        role=answer.role,
        person=person,
        name=it.actor.name,
        at=turn.now,
    )
    turn.audit(
        person,
        "gate.signed",
        key_of(row.id),
        case=case.id,
        gate=case.gate,
        role=answer.role,
        roles=sorted(it.actor.roles),
        evidence=now.facts["items"],
    )
    after = shown_of(turn, row)
    followed = follow(turn, row, now, after)
    left = followed.case.facts["unsigned"] if followed.case is not None else []
    said = f"{it.actor.name} signed the gate {case.gate} as {answer.role}"
    if left:
        tell(
            turn,
            row,
            f"gate-{case.id}-{answer.role}",
            f"{said}; {' and '.join(left)} must sign too.",
        )
        return Done()
    parts = [p for m in asked(turn.policy, row, list(shown.gate.by)) for p in (m, " ")]
    tell(turn, row, f"gate-{case.id}-{answer.role}", *parts, f"{said}. It can be decided now.")
    return Done()


# --- what presses share ---------------------------------------------------------------------------


def _stands(turn: Turn, it: Interaction, kind: str) -> tuple[SandboxRow, CaseRow | None, Done]:
    """What somebody who may says no to, and the proposal in line with the evidence of now: None when it is no
    longer proposed, which the answer says."""
    row, case, shown = _waiting(turn, it, kind)
    _allowed(turn, it, row, shown, lifts=kind == "lower")
    now, done = _in_line(turn, row, case, shown)
    return row, now, done


def _asks_why(
    turn: Turn, it: Interaction, kind: str, action: str, title: str, submit: str
) -> OpenForm | Done:
    row, now, done = _stands(turn, it, kind)
    return done if now is None else _form(turn, row, now, action, title, submit)


def _no(turn: Turn, it: Interaction, kind: str, state: str) -> Done:
    row, now, done = _stands(turn, it, kind)
    return done if now is None else _close(turn, it, row, now, state)


def _waiting(turn: Turn, it: Interaction, kind: str) -> tuple[SandboxRow, CaseRow, Shown | None]:
    """The proposal that is pressed and its sandbox, locked, with the evidence of now. Raises when it is decided or
    another one now."""
    found = gates.get(turn.connection, it.subject)
    row = sandboxes.get(turn.connection, found.sandbox_id, lock=True) if found is not None else None
    case = gates.get(turn.connection, it.subject, lock=True)
    if row is None or case is None or case.kind != kind:
        raise NotFound("This proposal is not known here (any more). Nothing was changed.")
    if case.state != "proposed":
        raise AlreadyDecided(f"This was decided before: {outcome(case)}")
    if case.version != it.version and not it.inputs.get("choice"):  # what is chosen says what it is
        raise Stale("What is proposed has changed; look at the message again and decide.")
    return row, case, shown_of(turn, row)


def _in_line(
    turn: Turn, row: SandboxRow, case: CaseRow, shown: Shown | None
) -> tuple[CaseRow | None, Done]:
    """The proposal by the evidence of now; or None with what to say when that is no longer what was pressed."""
    followed = follow(turn, row, case, shown)
    if followed.case is None:
        return None, Done(note=f"Nothing was decided: the proposal is withdrawn. {followed.why}")
    if followed.case.version != case.version:
        said = "Nothing was decided: what is proposed has changed. Look at the message and decide."
        return None, Done(note=said)
    return followed.case, Done()


def _allowed(
    turn: Turn, it: Interaction, row: SandboxRow, shown: Shown | None, *, lifts: bool
) -> None:
    """Raises NotAllowed when this person may not decide at the gate. Without a gate nobody decides anything."""
    if shown is None:
        return
    roles = roles_here(turn.policy, row, _who(it), it.actor.roles)
    sentence = may_not_decide(
        shown.gate, _who(it), roles, interested_in(row), _signed(shown), lifts=lifts
    )
    if sentence:
        raise NotAllowed(sentence)


def _decide(turn: Turn, it: Interaction, row: SandboxRow, case: CaseRow, why: str) -> None:
    """Writes the decision, then lets the ledger and the sandbox follow it."""
    f = case.facts
    did = "promoted" if case.kind == "promote" else "lowered"
    turn.audit(
        _who(it),
        f"gate.{did}",
        key_of(row.id),
        why,
        roles=sorted(it.actor.roles),
        until=f["ends_on"],
        **detail(turn, case),
    )
    close(turn, row, case, "done", actor=_who(it), name=it.actor.name, why="")
    control.lift(
        turn,
        row,
        stage=f["to"],
        amount=Decimal(case.amount_micros) / MICROS,
        ends_on=date.fromisoformat(f["ends_on"]) if f["ends_on"] else turn.today,
        key=f"gate:{case.id}",
        actor=_who(it),
        name=it.actor.name,
        why=why,
    )


def _close(turn: Turn, it: Interaction, row: SandboxRow, case: CaseRow, did: str) -> Done:
    why = _why(it)
    turn.audit(
        _who(it),
        f"gate.{did}",
        key_of(row.id),
        why,
        roles=sorted(it.actor.roles),
        **detail(turn, case),
    )
    close(turn, row, case, "declined", actor=_who(it), name=it.actor.name, why=why)
    title = title_of(turn.policy, row, case)
    said = f"{title}: {'declined' if did == 'declined' else 'the cap is kept'} by {it.actor.name}. {why}"
    tell(turn, row, f"gate-{case.id}-{did}", said)
    return Done()


def _form(
    turn: Turn, row: SandboxRow, case: CaseRow, action: str, title: str, submit: str
) -> OpenForm:
    why = TextField(
        name="why", label="Why", hint="Everybody in the thread reads it", multiline=True
    )
    return OpenForm(
        form=Form(
            action=action,
            subject=case.id,
            version=case.version,
            title=title,
            intro=text(f"{title_of(turn.policy, row, case)}."),
            fields=(why,),
            submit=submit,
        )
    )


def _why(it: Interaction) -> str:
    why = it.inputs.get("why", "").strip()
    if not why:
        raise FieldsRefused({"why": "Say why in a few words; the owner reads it."})
    if len(why) > LONGEST:
        raise FieldsRefused({"why": f"Say it in {LONGEST} characters at most."})
    return why


def _signed(shown: Shown) -> dict[Role, str]:
    """Who signed as what."""
    return {s.role: s.person for s in shown.signs}


def _who(it: Interaction) -> str:
    return it.actor.person.strip().lower()
