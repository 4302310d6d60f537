"""What the bill and the policy do to an overrun while it waits: another amount, another rung, no need any more."""

from decimal import Decimal

from guardrails.budgets import Standing
from guardrails.ladder import Placed
from guardrails.money import MICROS, Money
from guardrails.overruns import is_another, kind_of, rounded
from handlers.budgets.standing import allocation
from handlers.overruns.deciders import agreed, step_of
from handlers.overruns.ending import BUDGETS, close
from handlers.overruns.facts import facts_of, over_of
from handlers.overruns.message import key_of, money_of, state_line
from handlers.overruns.placing import case_of, placed
from handlers.overruns.review import show_case
from handlers.overruns.showing import read, show, tell
from handlers.overruns.watch import watch
from handlers.turn import Turn
from storage import overruns
from storage.overruns import OverrunRow


def follow(turn: Turn, row: OverrunRow, s: Standing) -> None:
    """Withdraws what is no longer needed, asks for what it has become, and moves it to the rung of now.

    What somebody asked for stays what they asked for. A smaller amount that was proposed stays proposed until the
    overrun itself becomes another one.
    """
    if row.kind == "sandbox":  # no budget's course decides about it
        follow_ladder(turn, row)
        return
    if row.kind != "asked" and not s.is_over:
        reason = "The forecast is inside the budget again."
        turn.audit(BUDGETS, "overrun.withdrawn", key_of(row.id), reason)
        close(turn, row, "withdrawn", actor=BUDGETS, name="", reason=reason)
        return
    before, now = over_of(row), rounded(s.over)
    another = row.kind != "asked" and is_another(before, now)
    amount = now if another else Decimal(row.amount_micros) / MICROS
    where = placed(turn, case_of(row, amount), step_of(turn.policy, row))
    moved = where.rung.name != row.rung_name or (where.rung.review and row.state != "review")
    facts = facts_of(turn, s, allocation(turn, s.budget), row.facts.get("placed", ""))
    if moved or another:
        facts["placed"] = where.why or facts["placed"]
    if not another and row.kind != "asked":
        facts["over"] = row.facts.get("over", "0")  # small steps add up
    facts["asked"] = str(amount) if another else row.facts.get("asked", str(amount))
    kind = row.kind if row.kind == "asked" else kind_of(s)
    if not (another or moved) and facts == row.facts and kind == row.kind:
        return
    overruns.change(
        turn.connection,
        row,
        amount_micros=Money(amount, turn.policy.workspace.currency).micros,
        revision=row.revision + another,
        kind=kind,
        rung=where.index,
        rung_name=where.rung.name,
        facts=facts,
        policy_hash=turn.loaded.hash,
    )
    _tell(turn, row, read(turn, row.id), where, moved=moved, another=another)


def follow_ladder(turn: Turn, row: OverrunRow) -> None:
    """Moves a request for a sandbox to the rung of now: the policy or what was granted may have changed."""
    where = placed(turn, case_of(row), step_of(turn.policy, row))
    if where.rung.name == row.rung_name and (not where.rung.review or row.state == "review"):
        return
    overruns.change(
        turn.connection,
        row,
        rung=where.index,
        rung_name=where.rung.name,
        facts={**row.facts, "placed": where.why or row.facts.get("placed", "")},
        policy_hash=turn.loaded.hash,
    )
    _tell(turn, row, read(turn, row.id), where, moved=True, another=False)


def _tell(
    turn: Turn, old: OverrunRow, row: OverrunRow, where: Placed, *, moved: bool, another: bool
) -> None:
    """Shows what has changed; a rung that it came to has its own time."""
    currency = turn.policy.workspace.currency
    said = ""
    if another:
        grew = row.amount_micros > old.amount_micros
        turn.audit(
            BUDGETS,
            "overrun.grew" if grew else "overrun.shrank",
            key_of(row.id),
            before=str(Decimal(old.amount_micros) / MICROS),
            amount=str(Decimal(row.amount_micros) / MICROS),
            currency=currency,
            rung=where.rung.name,
        )
        said = (
            f"It has {'grown' if grew else 'shrunk'} from {money_of(turn.policy, old)} to "
            f"{money_of(turn.policy, row)}; what was agreed before no longer counts. "
        )
    if moved:
        if not another:
            turn.audit(BUDGETS, "overrun.moved", key_of(row.id), where.why, rung=where.rung.name)
        row = watch(turn, row, where)
    row = show(turn, row.id)
    show_case(turn, row)
    if another or moved:
        stands = state_line(turn.policy, row, agreed(turn, row))
        tell(turn, row, f"now-{row.version}", said, *stands)
