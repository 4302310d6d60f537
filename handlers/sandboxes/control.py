"""What changes a living sandbox: throttled, halted, resumed, extended, lifted, ended.

Each checks the state that is, writes row, orders, audit and messages in one transaction, and refuses with a
sentence when it means nothing.
"""

from datetime import date, timedelta
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import EntryKind
from guardrails.money import Money
from guardrails.orders import Operation
from guardrails.sandboxes.budget import budget_name
from guardrails.sandboxes.life import LIVING, Event, after
from handlers.alerts.message import mention_of
from handlers.overruns.ending import BUDGETS, close
from handlers.overruns.message import key_of as overrun_key
from handlers.refusals import AlreadyDecided, Stale
from handlers.sandboxes import clocks, money
from handlers.sandboxes.by_hand import ask_people
from handlers.sandboxes.message import STATES, key_of
from handlers.sandboxes.orders import activate_if_ready, write
from handlers.sandboxes.outcome import ask_outcome
from handlers.sandboxes.showing import read, show, tell
from handlers.turn import Turn
from storage import budgets, overruns, sandboxes
from storage.overruns import OverrunRow
from storage.sandboxes import SandboxRow

_SAID: dict[Event, str] = {
    "throttle": "throttled it",
    "halt": "halted it",
    "resume": "lets it run again",
}


def send(turn: Turn, row: SandboxRow, operation: Operation, why: str) -> None:
    """Orders its actuators, and asks the people who are some of them."""
    write(turn, row, operation, why)
    ask_people(turn, row)


def throttle(turn: Turn, row: SandboxRow, *, actor: str, name: str, why: str) -> SandboxRow:
    """Reduces what it may use."""
    return _move(turn, row, "throttle", actor, name, why)


def halt(turn: Turn, row: SandboxRow, *, actor: str, name: str, why: str) -> SandboxRow:
    """Stops what it runs; data stays, and Resume lets it run again."""
    return _move(turn, row, "halt", actor, name, why)


def resume(turn: Turn, row: SandboxRow, *, actor: str, name: str, why: str) -> SandboxRow:
    """Lets it run again as before."""
    return _move(turn, row, "resume", actor, name, why)


def _move(turn: Turn, row: SandboxRow, event: Event, actor: str, name: str, why: str) -> SandboxRow:
    has = {"was_active": row.active_at is not None, "graduated": row.ended_at is not None}
    state = after(row.state, event, **has)
    if state is None:
        raise _refused(row)
    halted: dict[str, object] = {}
    if event == "halt":
        halted = {"halted_at": turn.now, "halted_by": actor}
    elif row.state == "halted":
        halted = {"halted_at": None, "halted_by": ""}
    sandboxes.change(turn.connection, row, state=state, why=_by(why, name), **halted)
    turn.audit(actor, f"sandbox.{event}", key_of(row.id), why, before=row.state, state=state)
    row = read(turn, row.id)
    send(turn, row, event, why)  # type: ignore[arg-type]  # the three are operations too
    row = show(turn, row.id)
    said = f"{name} {_SAID[event]}. {why}".strip()
    tell(turn, row, f"{event}-{row.version}", mention_of(turn.policy, row.owner), ", ", said)
    return activate_if_ready(turn, row) if state == "allocated" else row


def extend(
    turn: Turn,
    row: SandboxRow,
    *,
    amount: Decimal,
    ends_on: date,
    key: str,
    actor: str,
    name: str,
    why: str,
    granted: bool = False,
) -> SandboxRow:
    """More time, more money, or both. ``granted``: the ladder's decision has moved the ledger already."""
    if row.state not in LIVING:
        raise _refused(row)
    if amount and not granted:
        move(turn, row, "set", amount, key, actor, why)
    ends_on = max(ends_on, row.ends_on)
    sandboxes.change(turn.connection, row, ends_on=ends_on)
    turn.audit(
        actor, "sandbox.extended", key_of(row.id), why, amount=str(amount), until=str(ends_on)
    )
    row = read(turn, row.id)
    clocks.wind(turn, row)
    send(turn, row, "change", why)
    row = show(turn, row.id)
    cap = money.money(turn, money.cap(turn, row))
    said = f"{name} extended it: {cap} until {words.day(row.ends_on)}. {why}".strip()
    tell(turn, row, f"extended-{row.version}", said)
    return row


def lift(
    turn: Turn,
    row: SandboxRow,
    *,
    stage: str,
    amount: Decimal,
    ends_on: date,
    key: str,
    actor: str,
    name: str,
    why: str,
) -> SandboxRow:
    """Moves the ledger by ``amount`` (below zero to lower it) as a gate says, and the stage; a sandbox whose stage
    is then scaled or production has graduated: it goes on, and is no sandbox any more."""
    graduates = stage != row.stage and stage in ("scaled", "production")
    if row.state not in ("active", "throttled") or (graduates and row.state != "active"):
        raise _refused(row)
    if amount and not move(turn, row, "gate", amount, key, actor, why):
        raise AlreadyDecided("This gate has moved the budget already.")
    ends_on = max(ends_on, row.ends_on)
    sandboxes.change(turn.connection, row, stage=stage, ends_on=ends_on, why=_by(why, name))
    turn.audit(
        actor,
        "sandbox.lifted" if amount >= 0 else "sandbox.lowered",
        key_of(row.id),
        why,
        amount=str(amount),
        stage=stage,
        until=str(ends_on),
    )
    row = read(turn, row.id)
    if graduates:
        return end(turn, row, "graduate", actor=actor, name=name, why=why)
    clocks.wind(turn, row)
    send(turn, row, "change", why)
    row = show(turn, row.id)
    cap = money.money(turn, money.cap(turn, row))
    what = "lifted" if amount >= 0 else "lowered"
    said = f"{name} {what} it: stage {stage}, {cap} until {words.day(row.ends_on)}. {why}".strip()
    tell(turn, row, f"lifted-{row.version}", said)
    return row


def end(
    turn: Turn, row: SandboxRow, event: Event, *, actor: str, name: str, why: str
) -> SandboxRow:
    """Ends it: closed, expired or graduated. What was set up is removed; what graduated keeps it, goes on, and is
    closed or halted by people only."""
    state = after(row.state, event)
    if state is None:
        raise _refused(row)
    # Its lock before the audit's: whoever decides it has it and waits for that one.
    waits = overruns.waiting_of(turn.connection, budget_name(row.name), money.period_of(row))
    sandboxes.change(
        turn.connection, row, state=state, ended_at=turn.now, why=_by(why, name) if why else ""
    )
    turn.audit(actor, f"sandbox.{state}", key_of(row.id), why, before=row.state)
    row = read(turn, row.id)
    if state == "graduated":
        clocks.wind(turn, row)
        send(turn, row, "change", why)
    else:
        clocks.stop(turn, row)
        send(turn, row, "close", why)
    if waits is not None and (state != "graduated" or waits.kind == "sandbox"):
        _withdraw(turn, row, waits)
    row = show(turn, row.id)
    tell(turn, row, f"ended-{row.version}", f"{STATES[state]}. {row.why}".strip())
    if not row.outcome:
        ask_outcome(turn, row)
    return row


def _withdraw(turn: Turn, row: SandboxRow, waits: OverrunRow) -> None:
    """What waits for a decision about its budget ends with it: granted later it would be nobody's money."""
    reason = f"The sandbox has ended: {STATES[row.state].lower()}."
    turn.audit(BUDGETS, "overrun.withdrawn", overrun_key(waits.id), reason)
    close(turn, waits, "withdrawn", actor=BUDGETS, name="", reason=reason)


def move(
    turn: Turn, row: SandboxRow, kind: EntryKind, amount: Decimal, key: str, actor: str, why: str
) -> bool:
    """One entry of the ledger, in the workspace's currency. False: the same key has moved it before."""
    return budgets.move(
        turn.connection,
        budget=budget_name(row.name),
        period=money.period_of(row),
        key=key,
        kind=kind,
        amount=Money(amount, turn.policy.workspace.currency),
        until=None,
        actor=actor,
        reason=why,
        policy_hash=turn.loaded.hash,
        now=turn.now,
    )


def last_day(turn: Turn, days: int) -> date:
    """The last of so many days, today included."""
    return turn.today + timedelta(days=days - 1)


def _by(why: str, name: str) -> str:
    return f"{why} — {name}" if why and name else why


def _refused(row: SandboxRow) -> AlreadyDecided | Stale:
    said = STATES[row.state]
    why = f" {row.why}" if row.why else ""
    if row.state in LIVING:
        return Stale(f"The sandbox is {said.lower()} now, so this is not possible.{why}")
    return AlreadyDecided(f"The sandbox has ended: {said.lower()}.{why}")
