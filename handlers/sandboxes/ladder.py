"""What no zone takes goes up the same ladder as overruns: as one of them, decided with the same buttons."""

from datetime import date
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Standing, applies, tightest
from guardrails.orders import Resources
from guardrails.policy.bills import Dimension
from guardrails.policy.people import Role
from guardrails.sandboxes.asking import estimate_of
from guardrails.sandboxes.bias import Bias, bias_of
from guardrails.sandboxes.budget import PREFIX, budget_name
from guardrails.sandboxes.life import LIVING, after
from handlers.budgets.standing import standing
from handlers.overruns.begin import record
from handlers.overruns.deciders import decided_by
from handlers.overruns.ending import REQUEST, outcome
from handlers.overruns.message import key_of as overrun_key
from handlers.refusals import Stale
from handlers.sandboxes import control, money
from handlers.sandboxes.allocate import allocate
from handlers.sandboxes.message import key_of, resources_line, spent_line, target
from handlers.sandboxes.showing import read, show, tell
from handlers.turn import Turn
from storage import sandboxes
from storage.overruns import OverrunRow
from storage.sandboxes import SandboxRow

EXTEND = "extend"


def ask(
    turn: Turn,
    row: SandboxRow,
    *,
    purpose: str,
    amount: Decimal,
    until: date,
    why: str,
    outside: str,
    reviewers: tuple[Role, ...],
    asked_by: str,
    asked_name: str,
    counts: Decimal | None = None,
) -> str:
    """Puts it on the ladder; returns who decides and until when, in words.

    ``counts``: what is decided when that is more than the money. Raises Stale when one waits already.
    """
    around = tightest(_around(turn, row))
    waiting = record(
        turn,
        budget=budget_name(row.name),
        period=money.period_of(row),
        kind="sandbox",
        amount=amount,
        until=until,
        why=why,
        asked_by=asked_by,
        asked_name=asked_name,
        owner=row.owner,
        channel=row.channel,
        facts={
            "title": _title(turn, row, purpose, amount, until),
            "lines": _lines(turn, row, purpose, around, outside),
            "purpose": purpose,
            "sandbox": row.id,
            "asker": row.asked_by,
            "scope": f"experiment {row.name}",
            "stage": row.stage,
            "workload": row.workload,
            "team": row.team,
            "limit": str(around.limit) if around else "",
            "reviewers": list(reviewers),
            "placed": outside,
            "counts": str(counts or ""),
        },
    )
    if waiting is None:
        raise Stale(
            f"A request of {row.name} waits for its decision already; decide that one first."
        )
    sandboxes.change(turn.connection, row, overrun_id=waiting.id)
    turn.audit(
        asked_by,
        f"sandbox.{purpose}-asked",
        key_of(row.id),
        outside,
        overrun=overrun_key(waiting.id),
        amount=str(amount),
        currency=turn.policy.workspace.currency,
        rung=waiting.rung_name,
    )
    until_when = waiting.due_at.astimezone(turn.policy.workspace.zone)
    return f"{decided_by(turn.policy, waiting)} by {until_when:%a %d %b %H:%M}"


def _title(turn: Turn, row: SandboxRow, purpose: str, amount: Decimal, until: date) -> str:
    what = "asks for" if purpose == REQUEST else "asks to be extended by"
    if not amount:
        return f"Sandbox {row.name} asks for more time, until {words.day(until)}"
    return f"Sandbox {row.name} {what} {money.money(turn, amount)} until {words.day(until)}"


@outcome("sandbox")
def decided(turn: Turn, overrun: OverrunRow) -> None:
    """What the ladder's decision does to the sandbox, in the transaction of the decision."""
    row = sandboxes.get(turn.connection, overrun.facts["sandbox"], lock=True)
    if row is None:
        return
    granted, by = overrun.state == "granted", overrun.decided_by or "ladder"
    name = overrun.decided_name or "the ladder"
    why = f"Granted by {name}." + (f" {overrun.reason}" if overrun.reason else "")
    if overrun.facts["purpose"] == REQUEST:
        if granted:
            allocate(turn, row, cap=None, actor=by, name=name, why=why)
            return
        state = "withdrawn" if overrun.state == "withdrawn" else "declined"
        sandboxes.change(turn.connection, row, state=state, why=overrun.reason, ended_at=turn.now)
        turn.audit(by, f"sandbox.{state}", key_of(row.id), overrun.reason)
        return
    if granted and row.state in LIVING:
        amount = sandboxes.money_of(overrun.granted_micros)
        control.extend(
            turn,
            row,
            amount=amount,
            ends_on=overrun.until,
            key=overrun_key(overrun.id),
            actor=by,
            name=name,
            why=overrun.reason,
            granted=True,
        )
        return
    said = f"The extension was not granted ({overrun.state}). {overrun.reason}".strip()
    tell(turn, read(turn, row.id), f"not-extended-{overrun.id}", said)


@outcome("actual")
@outcome("forecast")
@outcome("asked")
def overran(turn: Turn, overrun: OverrunRow) -> None:
    """An overrun of a sandbox's budget that began by itself: what is granted reaches its actuators, and Halt halts
    the sandbox, because there is something that can stop it."""
    if not overrun.budget.startswith(PREFIX):
        return
    named = sandboxes.named(turn.connection, overrun.budget.removeprefix(PREFIX))
    row = sandboxes.get(turn.connection, named.id, lock=True) if named is not None else None
    if row is None:
        return
    if overrun.granted_micros and row.state in LIVING:
        control.send(turn, row, "change", f"Granted by {overrun.decided_name}.")
        show(turn, row.id)
    if overrun.state == "halted" and after(row.state, "halt") is not None:
        control.halt(
            turn, row, actor=overrun.decided_by, name=overrun.decided_name, why=overrun.reason
        )


def _asked(turn: Turn, row: SandboxRow, purpose: str) -> list[list[str]]:
    """What a new one is estimated at; what one that is extended has and has spent."""
    if purpose != REQUEST:
        has = f"{money.money(turn, money.cap(turn, row))} until {words.day(row.ends_on)}"
        return [["Has now", has], ["Spent", spent_line(turn, row)]]
    headroom = turn.policy.sandboxes.headroom_percent
    return [
        ["Estimate", f"{_estimate(turn, row)}, and {headroom} % headroom"],
        ["Days", str(row.days)],
    ]


def _estimate(turn: Turn, row: SandboxRow) -> str:
    """What was estimated, and what the price list makes of the resources when that is something else."""
    own = money.estimate(row)
    listed = estimate_of(Resources.model_validate(row.resources), turn.policy.sandboxes.prices)
    said = money.money(turn, own)
    return (
        said if listed in (None, own) else f"{said}; by the price list {money.money(turn, listed)}"
    )


def bias(turn: Turn, team: str) -> Bias | None:
    """How good the team's estimates were, by its sandboxes that have ended."""
    rows = [r for r in sandboxes.ended(turn.connection, team) if r.state != "graduated"]
    currency = turn.policy.workspace.currency
    known = [(money.estimate(r), money.spent(turn, r)) for r in rows if r.currency == currency]
    return bias_of([(e, s) for e, s in known if s > 0])  # what never ran says nothing


def _lines(
    turn: Turn, row: SandboxRow, purpose: str, around: Standing | None, outside: str
) -> list[list[str]]:
    """What whoever decides has to know."""
    found = [
        ["What for", row.hypothesis],
        ["Success is", f"{row.metric} {target(row)}"],
        ["For", f"{row.feature} · {row.workload} · {row.stage}"],
        ["Team", row.team],
        *_asked(turn, row, purpose),
        ["Data and risk", f"{row.data_class} · {row.risk_class}"],
        ["Not in a zone", outside],
    ]
    resources = resources_line(Resources.model_validate(row.resources))
    if resources:
        found.append(["Resources", resources])
    if row.notes:
        found.append(["Notes", row.notes])
    if around is not None:
        room = money.about(turn, abs(around.room))
        inside = around.room >= 0
        said = (
            f"{room} of it are left by its forecast"
            if inside
            else f"its forecast is {room} beyond it"
        )
        found.append(["Tightest budget", f"{around.budget.name}: {said}"])
    others = [
        r.name
        for r in sandboxes.living(turn.connection)
        if (r.feature, r.workload) == (row.feature, row.workload) and r.id != row.id
    ]
    if others:
        found.append(["Lives for the same", ", ".join(others[:5])])
    known = bias(turn, row.team)
    if known is not None:
        found.append(["Estimates so far", f"{row.team}: {known}"])
    return found


def _around(turn: Turn, row: SandboxRow) -> list[Standing]:
    mine: dict[Dimension, str] = {
        "experiment": row.name,
        "feature": row.feature,
        "team": row.team,
        "workload": row.workload,
        "stage": row.stage,
    }
    return [
        s
        for b in turn.policy.budgets
        if applies(b.scope, mine) and (s := standing(turn, b)) is not None
    ]
