"""How an overrun ends: granted into the ledger, closed without, or over because its time or its budget is."""

from datetime import date
from decimal import Decimal

from guardrails.budgets import EntryKind, span_of
from guardrails.money import Money
from handlers.alerts.message import in_words, mention_of
from handlers.budgets.standing import find_budget
from handlers.conversation import Span
from handlers.conversation import said as one_sentence
from handlers.overruns.clocks import unwatch
from handlers.overruns.message import key_of, state_line
from handlers.overruns.review import conclude
from handlers.overruns.showing import show, tell
from handlers.refusals import AlreadyDecided
from handlers.turn import Turn
from storage import budgets, overruns
from storage.overruns import WAITING, OverrunRow

BUDGETS = "budgets"  # who does what happens by itself


def grant(
    turn: Turn,
    row: OverrunRow,
    amount: Decimal,
    *,
    actor: str,
    name: str,
    reason: str,
    rung: str,
    state: str = "granted",
    kind: EntryKind = "overrun",
    until: date | None = None,
) -> OverrunRow:
    """Moves the ledger and closes the overrun: one entry for one overrun, whatever comes twice.

    ``rung``: the name of the one that it was granted on; how often that one grants is counted.
    """
    money = Money(amount, turn.policy.workspace.currency)
    last = until or row.until
    moved = budgets.move(
        turn.connection,
        budget=row.budget,
        period=row.period,
        key=key_of(row.id),
        kind=kind,
        amount=money,
        until=last,
        actor=actor,
        reason=reason,
        policy_hash=turn.loaded.hash,
        now=turn.now,
    )
    if not moved:
        raise AlreadyDecided("This was decided before.")
    return close(
        turn,
        row,
        state,
        actor=actor,
        name=name,
        reason=reason,
        granted_micros=money.micros,
        until=last,
        rung_name=rung,
    )


def close(
    turn: Turn,
    row: OverrunRow,
    state: str,
    *,
    actor: str,
    name: str,
    reason: str,
    **values: object,
) -> OverrunRow:
    """The outcome: clocks stop, the card shows it to all, whoever asked is told, a review is concluded."""
    overruns.change(
        turn.connection,
        row,
        state=state,
        decided_at=turn.now,
        decided_by=actor,
        decided_name=name,
        reason=reason,
        policy_hash=turn.loaded.hash,
        **values,
    )
    unwatch(turn, row.id)
    row = show(turn, row.id)
    people = [p for p in dict.fromkeys((row.asked_by, row.owner)) if p and p != row.decided_by]
    parts: list[str | Span] = []
    for person in people:
        parts += [mention_of(turn.policy, person), " "]
    said = state_line(turn.policy, row, ())
    stop = ". Stop what spends it, keep the checkpoints, and say here when it is done."
    tell(turn, row, "outcome", *parts, *said, stop if row.state == "halted" else "")
    if row.asked_by and row.asked_by != row.decided_by:
        own = f"What you asked for {row.budget}: {in_words(turn.policy, said)}"
        turn.tell(row.asked_by, f"{key_of(row.id)}:told", one_sentence(own))
    conclude(turn, row)
    return row


def gone(turn: Turn, row: OverrunRow) -> tuple[str, str] | None:
    """Why nothing can be decided any more about an overrun that waits: (its end, a sentence); None when it can."""
    budget = find_budget(turn, row.budget)
    if budget is None:
        return "withdrawn", f"The policy no longer has the budget {row.budget}."
    span = span_of(budget, turn.today)
    if span is None or span.key != row.period:
        return (
            "expired",
            f"The period {row.period} is over; nothing can be granted for it any more.",
        )
    if row.until < turn.today:
        return "expired", f"It was for the time until {row.until:%d %b}, which is over."
    return None


def end_if_gone(turn: Turn, row: OverrunRow) -> bool:
    """Ends an overrun that is locked and waits when nothing can be decided about it any more."""
    found = gone(turn, row) if row.state in WAITING else None
    if found is None:
        return False
    state, reason = found
    turn.audit(BUDGETS, f"overrun.{state}", key_of(row.id), reason)
    close(turn, row, state, actor=BUDGETS, name="", reason=reason)
    return True
