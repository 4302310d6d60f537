"""Orders to a sandbox's actuators: written with the change that they follow, and what comes of them."""

from datetime import timedelta

from guardrails.alerts import words
from guardrails.money import Money
from guardrails.orders import Operation, Order, Resources
from guardrails.policy.actuators import Manual
from guardrails.sandboxes.life import LIVING, after
from handlers.alerts.message import mention_of
from handlers.conversation import Span
from handlers.runbooks import people_of
from handlers.sandboxes import money
from handlers.sandboxes.message import DOING, key_of, may_try_again
from handlers.sandboxes.showing import read, show, tell
from handlers.turn import Turn
from storage import actuations, sandboxes
from storage.actuations import ClaimedOrder
from storage.sandboxes import SandboxRow

#: What an order makes useless when it has not begun.
_INSTEAD: dict[Operation, tuple[Operation, ...]] = {
    "halt": ("change", "throttle", "resume"),
    "resume": ("halt", "throttle"),
    "close": ("allocate", "change", "throttle", "halt", "resume"),
    "change": ("change",),
}
BEYOND = timedelta(days=365)
TOLD_AFTER = 3  # attempts: one that fails once is nobody's business


def write(turn: Turn, row: SandboxRow, operation: Operation, reason: str) -> None:
    """Orders every actuator of the sandbox to make it true. Orders to people wait to be asked
    (:func:`handlers.sandboxes.by_hand.ask_people`); what the policy no longer has is given up at once, and can be
    tried again."""
    useless = _INSTEAD.get(operation, ())
    actuations.drop_waiting(turn.connection, row.id, useless, f"{operation} came instead")
    known = {a.name: a for a in turn.policy.actuators}
    for name in row.actuators:
        actuator = known.get(name)
        state = "asked" if isinstance(actuator, Manual) else "waiting"
        if isinstance(actuator, Manual) and not getattr(actuator, operation):
            continue
        order_id = _add(turn, row, name, operation, reason, state)
        if actuator is None:
            gone = actuations.get(turn.connection, order_id)
            said = f"The policy no longer has the actuator {name}."
            if gone is not None:
                actuations.change(turn.connection, gone, state="failed", said=said)


def order_of(
    turn: Turn, row: SandboxRow, actuator: str, operation: Operation, reason: str
) -> Order:
    """What the actuator is told: the sandbox as it is now."""
    tags = {
        "experiment": row.name,
        "team": row.team,
        "feature": row.feature,
        "workload": row.workload,
        "stage": row.stage,
        "owner": row.owner,
        "sandbox": row.id,
    }
    already = len(actuations.of_sandbox(turn.connection, row.id))
    return Order(
        id=f"{row.id}-{already + 1}-{actuator}",
        operation=operation,
        sandbox=row.id,
        name=row.name,
        tags=tags,
        owner=row.owner,
        cap=Money(money.cap(turn, row), turn.policy.workspace.currency).rounded().amount,
        currency=turn.policy.workspace.currency,
        starts_on=row.starts_on,
        # What has graduated does not stop by the calendar: people are asked in time.
        ends_on=row.ends_on + (BEYOND if row.state == "graduated" else timedelta()),
        resources=Resources.model_validate(row.resources),
        reason=reason,
        handle=row.handles.get(actuator, {}),
    )


def _add(
    turn: Turn, row: SandboxRow, actuator: str, operation: Operation, reason: str, state: str
) -> int:
    return actuations.add(
        turn.connection,
        sandbox_id=row.id,
        actuator=actuator,
        order=order_of(turn, row, actuator, operation, reason),
        state=state,
        now=turn.now,
    )


# --- what comes of them: called by whoever carries orders out ---------------------------------------


def carried_out(turn: Turn, claimed: ClaimedOrder, said: str, handle: dict[str, str]) -> bool:
    """Records that an order is done. False: somebody else has carried it out meanwhile."""
    row = sandboxes.get(turn.connection, claimed.sandbox_id, lock=True)
    if row is None or not actuations.settle(
        turn.connection, claimed, state="done", said=said, done_at=turn.now
    ):
        return False
    if handle and handle != row.handles.get(claimed.actuator):
        handles = {
            **row.handles,
            claimed.actuator: {**row.handles.get(claimed.actuator, {}), **handle},
        }
        sandboxes.change(turn.connection, row, handles=handles)
        row = read(turn, row.id)
    finish(turn, row, claimed.actuator, claimed.order.operation, said, claimed.id)
    return True


def not_yet(turn: Turn, claimed: ClaimedOrder, reason: str, seconds: float) -> bool:
    """Puts an order back; tells whoever waits when it has failed a few times."""
    sandboxes.get(
        turn.connection, claimed.sandbox_id, lock=True
    )  # a later order may just be written
    if _overtaken(turn, claimed):
        return actuations.settle(turn.connection, claimed, state="dropped", said=reason)
    if not actuations.settle(
        turn.connection,
        claimed,
        state="waiting",
        said=reason,
        not_before=turn.now + timedelta(seconds=seconds),
    ):
        return False
    if claimed.attempts == TOLD_AFTER:
        row = show(turn, claimed.sandbox_id)
        what = DOING[claimed.order.operation]
        said = f"{claimed.actuator} {what}, and that fails so far: {reason} It is tried again."
        tell(turn, row, f"slow-{claimed.id}", *_asked(turn, row), said)
    return True


def given_up(turn: Turn, claimed: ClaimedOrder, reason: str) -> bool:
    """Records that an order cannot be carried out; whoever asked and the operators learn why."""
    sandboxes.get(turn.connection, claimed.sandbox_id, lock=True)
    if _overtaken(turn, claimed):
        return actuations.settle(turn.connection, claimed, state="dropped", said=reason)
    if not actuations.settle(turn.connection, claimed, state="failed", said=reason):
        return False
    row = show(turn, claimed.sandbox_id)
    turn.audit(
        claimed.actuator,
        "sandbox.order-failed",
        key_of(row.id),
        reason,
        operation=claimed.order.operation,
    )
    what = DOING[claimed.order.operation]
    close = ", or Close" if row.state in LIVING else ""
    said = f"{claimed.actuator} {what}: that did not work. {reason} Press Try again when it is mended{close}."
    tell(turn, row, f"failed-{claimed.id}-{claimed.attempts}", *_asked(turn, row), said)
    return True


def _asked(turn: Turn, row: SandboxRow) -> list[str | Span]:
    """Whoever asked for it, and the operators."""
    parts: list[str | Span] = [mention_of(turn.policy, row.asked_by), " "]
    for mention in people_of(turn.policy, "operator", row.team)[:2]:
        parts += [mention, " "]
    return parts


def _overtaken(turn: Turn, claimed: ClaimedOrder) -> bool:
    """Whether something later, which waits behind it, makes it useless: it need not be tried again."""
    return any(
        claimed.order.operation in _INSTEAD.get(o.operation, ())
        for o in actuations.of_sandbox(turn.connection, claimed.sandbox_id)
        if o.id > claimed.id and o.actuator == claimed.actuator and o.state != "dropped"
    )


def finish(
    turn: Turn,
    row: SandboxRow,
    actuator: str,
    operation: str,
    said: str,
    order_id: int,
    by: str = "",
) -> None:
    """What follows from an order that is done: news, and activation when it was the last of the set-up."""
    turn.audit(by or actuator, "sandbox.order-done", key_of(row.id), said, operation=operation)
    tell(turn, row, f"done-{order_id}", f"{actuator}: {said}")
    if operation == "allocate":
        activate_if_ready(turn, row)
    show(turn, row.id)


def activate_if_ready(turn: Turn, row: SandboxRow) -> SandboxRow:
    """Makes an allocated sandbox active when nothing of its set-up is left."""
    orders = [
        o
        for o in actuations.of_sandbox(turn.connection, row.id)
        if o.operation == "allocate" and o.state != "dropped"
    ]
    state = after(row.state, "activate")
    if state is None or any(o.state != "done" for o in orders):
        return row
    sandboxes.change(turn.connection, row, state=state, active_at=turn.now)
    turn.audit("sandboxes", "sandbox.active", key_of(row.id))
    row = show(turn, row.id)
    owner = mention_of(turn.policy, row.owner)
    said = (
        f", it is ready: tag everything with experiment={row.name}. "
        f"You have {money.money(turn, money.cap(turn, row))} until {words.day(row.ends_on)}."
    )
    tell(turn, row, "active", owner, said)
    return row


def send_again(turn: Turn, row: SandboxRow) -> int:
    """Orders again what was given up; returns how many."""
    again = [o for o in actuations.of_sandbox(turn.connection, row.id) if may_try_again(row, o)]
    for order in again:
        fresh = order_of(turn, row, order.actuator, order.operation, order.content["reason"])
        content = fresh.model_copy(update={"id": order.content["id"]}).model_dump(mode="json")
        actuations.change(
            turn.connection,
            order,
            state="waiting",
            not_before=turn.now,
            said="",
            content=content,
            created_at=turn.now,  # it is tried for as long as a new one
        )
        if row.state == "halted" and order.operation == "allocate":
            # It was halted before there was anything to halt.
            _add(turn, row, order.actuator, "halt", row.why, "waiting")
    return len(again)
