"""How an overrun ends: granted into the ledger, closed without, or over because its time or its budget is."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from guardrails.budgets import EntryKind, span_of
from guardrails.money import Money
from guardrails.sandboxes.budget import PREFIX
from handlers.alerts.message import in_words, mention_of
from handlers.budgets.standing import find_budget
from handlers.conversation import Span
from handlers.conversation import said as one_sentence
from handlers.overruns.clocks import unwatch
from handlers.overruns.message import called, currency_of, key_of, state_line
from handlers.overruns.review import conclude
from handlers.overruns.showing import show, tell
from handlers.refusals import AlreadyDecided
from handlers.runbooks import close_runbooks, ends
from handlers.turn import Turn
from storage import budgets, overruns
from storage.overruns import WAITING, OverrunRow

REQUEST = "request"  # what a sandbox's row is for: a new one
BUDGETS = "budgets"  # who does what happens by itself

Outcome = Callable[[Turn, OverrunRow], None]
#: What follows from the end of an overrun of a kind, in the same transaction.
outcomes: dict[str, Outcome] = {}


def outcome(kind: str) -> Callable[[Outcome], Outcome]:
    """Has a function called with each overrun of a kind that ends, as it then is: granted (``granted_micros``),
    declined, halted, expired or withdrawn."""

    def register(function: Outcome) -> Outcome:
        outcomes[kind] = function
        return function

    return register


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
        # A sandbox's first money is its limit, which shares are taken of.
        kind="set" if row.facts.get("purpose") == REQUEST else kind,
        amount=money,
        # What a sandbox may spend ends with the sandbox, which may be extended.
        until=None if row.budget.startswith(PREFIX) else last,
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
    """The outcome: clocks stop, the card shows it to all, whoever asked is told, a review is concluded, and what
    follows from it for its kind is done."""
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
        own = f"What you asked for {called(row)}: {in_words(turn.policy, said)}"
        turn.tell(row.asked_by, f"{key_of(row.id)}:told", one_sentence(own))
    conclude(turn, row)
    close_runbooks(turn, key_of(row.id))
    follows = outcomes.get(row.kind)
    if follows is not None:
        follows(turn, row)
    return row


@ends("overrun")
def is_over(turn: Turn, subject: str) -> bool:
    """Whether the overrun of a message key is decided."""
    row = overruns.get(turn.connection, subject.partition(":")[2])
    return row is not None and row.state not in WAITING


def gone(turn: Turn, row: OverrunRow) -> tuple[str, str] | None:
    """Why nothing can be decided any more about an overrun that waits: (its end, a sentence); None when it can."""
    now = turn.policy.workspace.currency
    if currency_of(turn.policy, row) != now:
        return (
            "withdrawn",
            f"Its amount is in {row.currency}, and the workspace counts in {now} now: it has to begin anew.",
        )
    if row.kind != "sandbox":
        found = _budget_gone(turn, row)
        if found is not None:
            return found
    if (
        row.until < turn.today and row.facts.get("purpose") != REQUEST
    ):  # whose days begin when it is granted
        return "expired", f"It was for the time until {row.until:%d %b}, which is over."
    return None


def _budget_gone(turn: Turn, row: OverrunRow) -> tuple[str, str] | None:
    budget = find_budget(turn, row.budget)
    if budget is None:
        return "withdrawn", f"The policy no longer has the budget {row.budget}."
    span = span_of(budget, turn.today)
    if span is None or span.key != row.period:
        return (
            "expired",
            f"The period {row.period} is over; nothing can be granted for it any more.",
        )
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
