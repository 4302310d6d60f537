"""Whether a halt has worked, by the bill: said once, when complete days after it are in."""

from guardrails.money import Money
from guardrails.redlines.reading import Verified, verify
from handlers.alerts.message import mention_of
from handlers.redlines.cases import REDLINES, has_stopped
from handlers.redlines.message import key_of
from handlers.redlines.reading import bill_of, spent_by_day
from handlers.redlines.showing import show, tell_owner
from handlers.sandboxes import showing as sandbox_showing
from handlers.sandboxes.message import key_of as sandbox_key
from handlers.turn import Turn
from storage import redlines
from storage.redlines import CaseRow
from storage.sandboxes import SandboxRow

CHECK = (
    "Check that each step of the halt is done on the sandbox's card, what runs outside of what the bot set up, "
    "and which resources the bill names."
)


def verify_halts(turn: Turn, row: SandboxRow) -> int:
    """Says of each halt of a sandbox that is still halted whether its spend stopped; returns of how many."""
    told = 0
    for case in redlines.of_sandbox(turn.connection, row.id):
        halted = has_stopped(case) and case.facts.get("stopped") == "halt"
        if halted and case.verified_at is None and row.state == "halted":
            told += _verify(turn, row, case)
    return told


def _verify(turn: Turn, row: SandboxRow, case: CaseRow) -> int:
    halted_on = case.stopped_at.astimezone(turn.policy.workspace.zone).date()
    found = verify(spent_by_day(turn, row), halted_on, bill_of(turn, row), turn.today)
    if found is None:
        return 0
    said = _said(turn, found)
    case = redlines.change(
        turn.connection, case, verified_at=turn.now, facts={**case.facts, "verified": said}
    )
    turn.audit(
        REDLINES,
        "redline.verified",
        key_of(case.id),
        said,
        sandbox=sandbox_key(row.id),
        stopped=found.stopped,
        before=str(found.before),
        after=str(found.after),
        through=found.through.isoformat(),
    )
    show(turn, row, case)
    stamp = f"redline-{case.id}-verified"
    if found.stopped:
        sandbox_showing.tell(turn, row, stamp, said)
    else:
        owner = mention_of(turn.policy, row.owner)
        sandbox_showing.tell(turn, row, stamp, owner, f" {said}")
        tell_owner(turn, row, case, "still-spends", f"Sandbox {row.name} is halted. {said}")
    return 1


def _said(turn: Turn, found: Verified) -> str:
    currency = turn.policy.workspace.currency
    before, now = Money(found.before, currency), Money(found.after, currency)
    if found.stopped:
        left = f"; {now} a day are left, such as for stored data" if found.after > 0 else ""
        return f"The bill says that the halt has worked: the spend stopped, {before} a day before{left}."
    return f"After the halt it still spends {now} a day, {before} before. {CHECK}"
