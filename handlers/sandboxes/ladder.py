"""What no zone takes goes up the same ladder as overruns: as one of them, decided with the same buttons."""

import secrets
from datetime import date
from decimal import Decimal

from guardrails.alerts import words
from guardrails.budgets import Standing, applies, tightest
from guardrails.money import Money
from guardrails.orders import Resources
from guardrails.policy.bills import Dimension
from guardrails.policy.people import Role
from guardrails.sandboxes.bias import Bias, bias_of
from guardrails.sandboxes.budget import budget_name
from guardrails.sandboxes.life import LIVING
from handlers.budgets.standing import standing
from handlers.overruns import backups
from handlers.overruns.deciders import decided_by
from handlers.overruns.ending import outcome
from handlers.overruns.message import key_of as overrun_key
from handlers.overruns.message import overrun_message
from handlers.overruns.placing import case_of, placed
from handlers.overruns.showing import read as read_overrun
from handlers.overruns.watch import announce, start_clock
from handlers.refusals import Stale
from handlers.runbooks import post_runbook
from handlers.sandboxes import control, money
from handlers.sandboxes.allocate import allocate
from handlers.sandboxes.message import key_of, resources_line, target
from handlers.sandboxes.showing import read, tell
from handlers.turn import Turn
from storage import overruns, sandboxes
from storage.overruns import OverrunRow
from storage.sandboxes import SandboxRow

REQUEST, EXTEND = "request", "extend"


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
) -> str:
    """Puts it on the ladder; returns who decides and until when, in words. Raises Stale when one waits already."""
    overrun_id = secrets.token_urlsafe(9)
    currency = turn.policy.workspace.currency
    what = "asks for" if purpose == REQUEST else "asks to be extended by"
    around = tightest(_around(turn, row))
    facts = {
        "title": f"Sandbox {row.name} {what} {money.money(turn, amount)} until {words.day(until)}",
        "lines": _lines(turn, row, around, outside),
        "purpose": purpose,
        "sandbox": row.id,
        "scope": f"experiment {row.name}",
        "stage": row.stage,
        "workload": row.workload,
        "team": row.team,
        "limit": str(around.limit) if around else "",
        "reviewers": list(reviewers),
        "placed": outside,
        "asked": str(amount),
    }
    added = overruns.add(
        turn.connection,
        id=overrun_id,
        budget=budget_name(row.name),
        period=money.period_of(row),
        kind="sandbox",
        state="open",
        version=1,
        revision=1,
        amount_micros=Money(amount, currency).micros,
        currency=currency,
        until=until,
        why=why,
        value="",
        asked_by=asked_by,
        asked_name=asked_name,
        owner=row.owner,
        channel=row.channel,
        rung=0,
        rung_name="",
        facts=facts,
        anomaly_id=None,
        opened_at=turn.now,
        placed_at=turn.now,
        due_at=turn.now,
        decided_by="",
        decided_name="",
        granted_micros=0,
        reason="",
        policy_hash=turn.loaded.hash,
    )
    if not added:
        raise Stale(
            f"A request of {row.name} waits for its decision already; decide that one first."
        )
    waiting = read_overrun(turn, overrun_id)
    where = placed(turn, case_of(waiting))
    because = f"{outside}; {where.why}" if where.why else outside
    overruns.change(
        turn.connection,
        waiting,
        rung=where.index,
        rung_name=where.rung.name,
        facts={**facts, "placed": because},
    )
    sandboxes.change(turn.connection, row, overrun_id=overrun_id)
    turn.audit(
        asked_by,
        f"sandbox.{purpose}-asked",
        key_of(row.id),
        outside,
        overrun=overrun_key(overrun_id),
        amount=str(amount),
        currency=currency,
        rung=where.rung.name,
    )
    waiting = start_clock(turn, read_overrun(turn, overrun_id), where)
    turn.post(waiting.channel, overrun_key(overrun_id), overrun_message(turn.policy, waiting, ()))
    announce(turn, waiting)
    post_runbook(turn, "overrun", overrun_key(overrun_id), overrun_key(overrun_id))
    backups.arm(turn, waiting)
    until_when = waiting.due_at.astimezone(turn.policy.workspace.zone)
    return f"{decided_by(turn.policy, waiting)} by {until_when:%a %d %b %H:%M}"


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


def bias(turn: Turn, team: str) -> Bias | None:
    """How good the team's estimates were, by its sandboxes that have ended."""
    rows = sandboxes.ended(turn.connection, team)
    currency = turn.policy.workspace.currency
    return bias_of(
        [(money.estimate(r), money.spent(turn, r)) for r in rows if r.currency == currency]
    )


def _lines(turn: Turn, row: SandboxRow, around: Standing | None, outside: str) -> list[list[str]]:
    """What whoever decides has to know."""
    found = [
        ["What for", row.hypothesis],
        ["Success is", f"{row.metric} {target(row)}"],
        ["For", f"{row.feature} · {row.workload} · {row.stage}"],
        ["Team", row.team],
        ["Estimate", money.money(turn, money.estimate(row))],
        ["Days", str(row.days)],
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
