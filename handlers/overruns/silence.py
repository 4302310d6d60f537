"""When nobody decides: reminders, the next rung, and at last what the policy says."""

from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Any

from guardrails.money import MICROS, Money
from handlers.alerts.message import mention_of
from handlers.conversation import Mention
from handlers.deadlines import due
from handlers.overruns.clocks import DUE, OPEN, REMIND, remind
from handlers.overruns.deciders import (
    agreed,
    decided_by,
    interested,
    roles_here,
    rung_of,
    step_of,
)
from handlers.overruns.ending import BUDGETS, close, end_if_gone, grant
from handlers.overruns.message import currency_of, key_of, money_of
from handlers.overruns.placing import case_of, placed
from handlers.overruns.review import extend, post_case, show_case
from handlers.overruns.showing import read, show, tell
from handlers.overruns.watch import watch
from handlers.turn import Turn
from storage import budgets, overruns, reviews
from storage.overruns import WAITING, OverrunRow

NOBODY = "Nobody decided in time."


@due(REMIND)
def reminder(turn: Turn, overrun_id: str, inputs: dict[str, Any]) -> None:
    """Reminds those who may decide, by name where the policy names them."""
    row = overruns.get(turn.connection, overrun_id, lock=True)
    if row is None or row.state not in WAITING or end_if_gone(turn, row):
        return
    later = list(inputs.get("later") or [])
    parts: list[str | Mention] = ["Still waits for "]
    for person in _some(turn, row):
        parts += [mention_of(turn.policy, person), ", "]
    parts.append(f"{decided_by(turn.policy, row)}.")
    tell(turn, row, f"remind-{row.version}-{len(later)}", *parts)
    remind(turn, row.id, later)


@due(OPEN)
def review_opens(turn: Turn, overrun_id: str, inputs: dict[str, Any]) -> None:
    """The morning on which a review begins."""
    row = overruns.get(turn.connection, overrun_id, lock=True)
    if row is not None and row.state == "review" and not end_if_gone(turn, row):
        post_case(turn, row)


@due(DUE)
def not_decided(turn: Turn, overrun_id: str, inputs: dict[str, Any]) -> None:
    """The time is over: the next rung, one more day for a review, and then the policy's end."""
    row = overruns.get(turn.connection, overrun_id, lock=True)
    if row is None or row.state not in WAITING or end_if_gone(turn, row):
        return
    last = len(turn.policy.ladder.rungs) - 1
    if turn.policy.ladder.silence.then == "escalate" and step_of(turn.policy, row) < last:
        _escalate(turn, row)
        return
    review = reviews.get(turn.connection, row.id)
    if review is not None and review.late < 1:
        _late(turn, row)
        return
    _end(turn, row)


def _escalate(turn: Turn, row: OverrunRow) -> None:
    where = placed(turn, case_of(row), step_of(turn.policy, row) + 1)
    overruns.change(turn.connection, row, rung=where.index, rung_name=where.rung.name)
    turn.audit(BUDGETS, "overrun.escalated", key_of(row.id), NOBODY, rung=where.rung.name)
    row = watch(turn, read(turn, row.id), where)
    said = f"{NOBODY} It goes to the rung {where.rung.name}: {decided_by(turn.policy, row)}."
    people: list[str | Mention] = []
    for person in _some(turn, row):
        people += [mention_of(turn.policy, person), " "]
    tell(turn, row, f"escalated-{row.version}", *people, said)


def _late(turn: Turn, row: OverrunRow) -> None:
    when = extend(turn, row)
    row = show(turn, row.id)
    show_case(turn, row)
    turn.audit(BUDGETS, "review.late", key_of(row.id), NOBODY, due_at=when.isoformat())
    members = turn.policy.roles.get("executive")
    parts: list[str | Mention] = []
    for person in (members.emails if members else ())[:2]:
        parts += [mention_of(turn.policy, person), " "]
    zone = turn.policy.workspace.zone
    said = f"The joint review is late; it has until {when.astimezone(zone):%a %d %b %H:%M}."
    tell(turn, row, "late", *parts, said)


def _end(turn: Turn, row: OverrunRow) -> None:
    silence = turn.policy.ladder.silence
    asked = Decimal(row.amount_micros) / MICROS
    limit = Decimal(row.facts.get("limit") or 0)
    bridge = min(asked, limit * silence.bridge_percent / 100).quantize(Decimal("0.01"), ROUND_DOWN)
    if row.kind == "sandbox" or budgets.bridged(turn.connection, row.budget, row.period):
        bridge = Decimal(0)  # one a period: silence must not grant again and again
    if silence.at_end == "bridge" and bridge > 0:
        until = max(turn.today, min(row.until, _checkpoint(row, turn)))
        money = money_of(turn.policy, row, Money(bridge, currency_of(turn.policy, row)).micros)
        turn.audit(BUDGETS, "overrun.bridged", key_of(row.id), NOBODY, amount=str(bridge))
        grant(
            turn,
            row,
            bridge,
            actor=BUDGETS,
            name="the policy",
            reason=f"{NOBODY} {money} bridge it until then.",
            rung=row.rung_name,
            state="expired",
            kind="bridge",
            until=until,
        )
        return
    reason = f"{NOBODY} Nothing was granted; it can be asked for again."
    turn.audit(BUDGETS, "overrun.expired", key_of(row.id), NOBODY)
    close(turn, row, "expired", actor=BUDGETS, name="the policy", reason=reason)


def _checkpoint(row: OverrunRow, turn: Turn) -> date:
    return date.fromisoformat(row.facts.get("checkpoint") or turn.today.isoformat())


def _some(turn: Turn, row: OverrunRow) -> list[str]:
    """Whom the policy names for the rung and who can still say something: a review's participants, else two."""
    rung = rung_of(turn.policy, row)
    done = {a.person for a, _ in agreed(turn, row)}
    if not rung.self_approval:
        done |= interested(turn, row)
    review = reviews.get(turn.connection, row.id)
    if review is not None:
        return [
            p for role, p in review.participants.items() if p not in done and role != "owner" and p
        ][:3]
    people: list[str] = []
    for role in rung.roles:
        members = turn.policy.roles.get(role)
        mine = frozenset({role})
        people += [
            p
            for p in (members.emails if members else ())
            if p not in people and roles_here(turn.policy, row, p, mine)
        ]
    return [p for p in people if p not in done][:2]
