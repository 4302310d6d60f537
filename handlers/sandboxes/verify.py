"""Whether what was stopped has stopped, by the next bills: a halt that nobody carried out must not stay silent."""

from datetime import date, timedelta
from decimal import Decimal

from guardrails.periods import Period
from handlers.alerts.message import mention_of
from handlers.budgets.standing import last_day
from handlers.conversation import Span
from handlers.redlines.cases import REDLINES
from handlers.runbooks import people_of
from handlers.sandboxes import money
from handlers.sandboxes.message import STATES, key_of
from handlers.sandboxes.showing import tell
from handlers.turn import Turn
from storage import budgets, sandboxes
from storage.sandboxes import SandboxRow

LOOKED_AT = timedelta(days=30)  # after it was stopped
LEAST = Decimal(
    1
)  # of the workspace's currency a day: rounding and a volume that is kept are no news


def still_spends(turn: Turn, row: SandboxRow) -> bool:
    """Says that a sandbox that is halted or has ended spends on, once for each day of the bill that shows it.

    The day on which it was stopped and the day after may still have something of before; only complete days count.
    What a redline halted is verified on the redline's own card.
    """
    stopped = row.halted_at if row.state == "halted" else row.ended_at
    by_redline = row.state == "halted" and row.halted_by == REDLINES
    if row.state not in ("halted", "closed", "expired") or stopped is None or by_redline:
        return False
    day = stopped.astimezone(turn.policy.workspace.zone).date()
    through = last_day(turn, sandboxes.budget(row).scope.parts)
    if through is None or turn.today - day > LOOKED_AT or through < day + timedelta(days=2):
        return False
    days = Period(day + timedelta(days=2), through)
    spent = sum(
        budgets.spend_of(turn.connection, turn.policy, {"experiment": row.name}, days).days,
        Decimal(0),
    )
    if spent < LEAST * days.days:
        return False
    return _say(turn, row, spent, days, day)


def _say(turn: Turn, row: SandboxRow, spent: Decimal, days: Period, since: date) -> bool:
    parts: list[str | Span] = [mention_of(turn.policy, row.owner), " "]
    for mention in people_of(turn.policy, "operator", row.team)[:2]:
        parts += [mention, " "]
    said = (
        f"{row.name} is {STATES[row.state].lower()} since {since:%d %b}, and the bill still has "
        f"{money.money(turn, spent)} of it from {days.first:%d %b} to {days.last:%d %b}. Look for what "
        "carries its experiment tag, and at the steps on its card."
    )
    stamp = f"still-{row.state}-{days.last}"
    before = len(turn.said)
    tell(turn, row, stamp, *parts, said)
    if len(turn.said) == before:
        return False
    turn.audit("sandboxes", "sandbox.still-spends", key_of(row.id), said, spent=str(spent))
    return True
