"""What the buttons of a redline do. Person, roles, state, level and policy are those of the click."""

from dataclasses import replace
from datetime import datetime

from guardrails.alerts import words
from guardrails.authority import role_word
from guardrails.lists import either
from guardrails.policy.people import Role
from guardrails.policy.redlines import Redline
from guardrails.redlines.step import Taken, keep, may_keep
from handlers.conversation import At, Done, Interaction
from handlers.redlines.carry import STOPPABLE, stop
from handlers.redlines.cases import has_stopped, kept, so_far
from handlers.redlines.clocks import wind
from handlers.redlines.message import key_of, next_stop
from handlers.redlines.reading import line_of
from handlers.redlines.showing import show
from handlers.refusals import AlreadyDecided, NotAllowed, NotFound, Stale
from handlers.router import press
from handlers.sandboxes import control
from handlers.sandboxes import showing as sandbox_showing
from handlers.sandboxes.authority import may_stop
from handlers.sandboxes.message import STATES
from handlers.sandboxes.message import key_of as sandbox_key
from handlers.turn import Turn
from storage import redlines, sandboxes
from storage.redlines import CaseRow
from storage.sandboxes import SandboxRow


@press("redline.keep", permission="redline.keep")
def keep_running(turn: Turn, it: Interaction) -> Done:
    """The countdown waits as long as the line says; who may say so, and how often, is the line's too."""
    row, case = _locked(turn, it)
    _still_open(turn, row, case)
    line = _line(turn, case)
    before = so_far(case)
    refusal = may_keep(line, before, it.actor.roles)
    if refusal == "role":
        raise NotAllowed(_needs(line.keep_running.roles, "keep it running"))
    if case.version != it.version and before.kept_until and turn.now < before.kept_until:
        until = _at(turn, before.kept_until)
        raise AlreadyDecided(f"{case.facts['kept_by']} keeps it running already, until {until}.")
    if refusal == "no-countdown":
        raise Stale("No stop is announced any more, so there is nothing to keep off.")
    if refusal == "used-up":
        raise AlreadyDecided(
            "It was kept running as often as the redline allows. Reduce what it does, or ask who may change "
            "the policy."
        )
    _same(case, it)
    then = keep(line, before, turn.now)
    facts = {**case.facts, "kept_by": it.actor.name}
    case = redlines.change(turn.connection, case, **kept(then), facts=facts)
    if then.act_at is None or then.kept_until is None:
        raise LookupError(f"case {case.id} is kept without a countdown")
    wind(turn, case.id, then.act_at, remind=True)
    turn.audit(
        _who(it),
        "redline.kept",
        key_of(case.id),
        until=then.kept_until.isoformat(),
        times=then.kept_times,
        redline=case.redline,
        sandbox=sandbox_key(row.id),
        roles=sorted(it.actor.roles),
    )
    show(turn, row, case)
    what = "throttles" if next_stop(line, case) == "throttle" else "halts"
    sandbox_showing.tell(
        turn,
        row,
        f"redline-{case.id}-kept-{then.kept_times}",
        f"{it.actor.name} keeps it running until ",
        At(time=then.kept_until),
        f". If the redline {case.redline} is still crossed then, it {what} ",
        At(time=then.act_at),
        ".",
    )
    return Done()


@press("redline.halt", permission="sandbox.halt")
def halt_now(turn: Turn, it: Interaction) -> Done:
    """Halts at once what the redline would only halt later."""
    row, case = _locked(turn, it)
    _still_open(turn, row, case)
    may_stop(turn, row, it)  # whatever the numbers are by now: an older button stops as well
    before = so_far(case)
    then = replace(before, taken=(*before.taken, Taken("halt", turn.now)))
    case = redlines.change(turn.connection, case, **kept(then))
    stop(turn, row, case, actor=_who(it), name=it.actor.name)
    return Done()


@press("redline.resume", permission="redline.resume")
def resume(turn: Turn, it: Interaction) -> Done:
    """Lets run again what the redline has stopped: by the roles that the line names."""
    row, case = _locked(turn, it)
    if case.resumed_at is not None:
        by = case.facts.get("resumed_by")
        raise AlreadyDecided(f"It runs again already{f': {by} pressed Resume' if by else ''}.")
    if not has_stopped(case) or row.state not in ("halted", "throttled"):
        raise AlreadyDecided(f"The sandbox is {STATES[row.state].lower()}; nothing to resume here.")
    line = line_of(turn.policy, case.redline)
    roles: tuple[Role, ...] = line.resume if line else tuple(case.facts["resume"])
    if it.actor.roles.isdisjoint(roles):
        raise NotAllowed(_needs(roles, "resume it"))
    _same(case, it)
    why = f"It was stopped by the redline {case.redline}, which now counts from tomorrow on."
    row = control.resume(turn, row, actor=_who(it), name=it.actor.name, why=why)
    case = redlines.change(
        turn.connection,
        case,
        act_at=None,
        resumed_at=turn.now,
        closed_at=case.closed_at or turn.now,
        facts={**case.facts, "resumed_by": it.actor.name},
    )
    wind(turn, case.id, None)
    turn.audit(
        _who(it),
        "redline.resumed",
        key_of(case.id),
        redline=case.redline,
        sandbox=sandbox_key(row.id),
        roles=sorted(it.actor.roles),
    )
    show(turn, row, case)
    return Done()


def _locked(turn: Turn, it: Interaction) -> tuple[SandboxRow, CaseRow]:
    """The case that is pressed and its sandbox, under the sandbox's lock. Raises NotFound."""
    case = redlines.get(turn.connection, it.subject)
    row = sandboxes.get(turn.connection, case.sandbox_id, lock=True) if case else None
    case = redlines.get(turn.connection, it.subject)  # as it is under the lock
    if row is None or case is None:
        raise NotFound("This redline's case is not known here (any more). Nothing was changed.")
    return row, case


def _still_open(turn: Turn, row: SandboxRow, case: CaseRow) -> None:
    if row.state not in STOPPABLE:
        why = f" {row.why}" if row.why else ""
        raise AlreadyDecided(f"The sandbox is {STATES[row.state].lower()} already.{why}")
    if case.closed_at is not None:
        raise AlreadyDecided(f"This is over. {case.facts.get('end', '')}".rstrip())


def _line(turn: Turn, case: CaseRow) -> Redline:
    line = line_of(turn.policy, case.redline)
    if line is None:
        raise Stale(f"The policy no longer has the redline {case.redline}; nothing is stopped.")
    return line


def _same(case: CaseRow, it: Interaction) -> None:
    if case.version != it.version:
        raise Stale("The numbers have changed since; look at the message again and decide.")


def _needs(roles: tuple[Role, ...], what: str) -> str:
    return f"Only {either([role_word(r) for r in roles])} may {what}. Ask one of them."


def _at(turn: Turn, when: datetime) -> str:
    local = when.astimezone(turn.policy.workspace.zone)
    return f"{words.day(local.date())}, {local:%H:%M}"


def _who(it: Interaction) -> str:
    return it.actor.person.strip().lower()
