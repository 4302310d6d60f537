"""How an overrun begins: when a budget is beyond its limit, or when somebody asks; placed, posted, watched."""

import secrets
from datetime import date
from decimal import Decimal
from typing import Any

from guardrails.budgets import Standing
from guardrails.money import MICROS, Money
from guardrails.overruns import is_enough, is_worse, kind_of, rounded, still_refused
from guardrails.sandboxes.budget import PREFIX, is_sandbox
from guardrails.sandboxes.zones import reviewers_of
from handlers.budgets.standing import allocation, channel_of
from handlers.overruns import backups
from handlers.overruns.ending import BUDGETS, close, end_if_gone
from handlers.overruns.facts import facts_of, over_of
from handlers.overruns.follow import follow
from handlers.overruns.message import key_of, overrun_message
from handlers.overruns.placing import Case, placed
from handlers.overruns.showing import read
from handlers.overruns.watch import announce, start_clock
from handlers.runbooks import post_runbook
from handlers.turn import Turn
from storage import overruns, sandboxes
from storage.budgets import in_workspace
from storage.overruns import OverrunRow


def begin_or_follow(turn: Turn, s: Standing) -> int:
    """Begins an overrun of a budget that is beyond its limit, or follows the one that waits. Returns 1 for a
    new one."""
    row = overruns.waiting_of(turn.connection, s.budget.name, s.span.key)
    if row is not None and end_if_gone(turn, row):
        row = None
    enough, amount = is_enough(s, turn.policy.ladder.least_percent), rounded(s.over)
    asked = row is not None and row.kind == "asked" and enough
    if row is not None and asked and is_worse(amount, Decimal(row.amount_micros) / MICROS):
        money = Money(amount, turn.policy.workspace.currency).in_full()
        reason = f"The budget is beyond its limit by {money}, more than was asked: that is decided instead."
        turn.audit(BUDGETS, "overrun.withdrawn", key_of(row.id), reason)
        close(turn, row, "withdrawn", actor=BUDGETS, name="", reason=reason)
        begin(turn, s, kind=kind_of(s), amount=amount, until=s.span.last)
        return 1
    if row is not None:
        follow(turn, row, s)
        return 0
    if not enough or not is_worse(amount, _refused(turn, s)):
        return 0
    begin(turn, s, kind=kind_of(s), amount=amount, until=s.span.last)
    return 1


def _refused(turn: Turn, s: Standing) -> Decimal:
    """How much beyond the limit has been decided not to be granted in this period, as far as that still holds."""
    last = overruns.last_of(turn.connection, s.budget.name, s.span.key)
    if last is None:
        return Decimal(0)
    asked, granted = (Decimal(m) / MICROS for m in (last.amount_micros, last.granted_micros))
    left = still_refused(over_of(last), last.kind, asked, granted, last.until, turn.today)
    what = f"What was decided about {s.budget.name}"
    return in_workspace(turn.policy, int(left * MICROS), last.currency, what)


def _owner(turn: Turn, s: Standing, tagged: str) -> str:
    """Who owns the budget: as the policy says, else whom the bill's tags name, when the policy knows them.

    Anybody may write a tag, and an owner may not decide: a stranger's name must not decide who may.
    """
    known = {p.email for p in turn.policy.people}
    return s.budget.owner or (tagged.lower() if tagged.lower() in known else "")


def begin(
    turn: Turn,
    s: Standing,
    *,
    kind: str,
    amount: Decimal,
    until: date,
    why: str = "",
    value: str = "",
    asked_by: str = "",
    asked_name: str = "",
    anomaly_id: str | None = None,
) -> OverrunRow | None:
    """Records, places and posts an overrun. None when the budget's period has one that waits."""
    mine = allocation(turn, s.budget)
    return record(
        turn,
        budget=s.budget.name,
        period=s.span.key,
        kind=kind,
        amount=amount,
        until=until,
        why=why,
        value=value,
        asked_by=asked_by,
        asked_name=asked_name,
        owner=_owner(turn, s, mine.get("owner", "")),
        channel=channel_of(turn, s.budget),
        facts={**facts_of(turn, s, mine, ""), **_of_sandbox(turn, s)},
        anomaly_id=anomaly_id,
    )


def _of_sandbox(turn: Turn, s: Standing) -> dict[str, Any]:
    """Who has to agree to more money of a sandbox, and whose it is: the same as for its first."""
    if not is_sandbox(s.budget):
        return {}
    row = sandboxes.named(turn.connection, s.budget.name.removeprefix(PREFIX))
    if row is None:
        return {}
    reviewers = reviewers_of(turn.policy.sandboxes, row.data_class, row.risk_class)
    return {"reviewers": list(reviewers), "team": row.team, "asker": row.asked_by}


def record(
    turn: Turn,
    *,
    budget: str,
    period: str,
    kind: str,
    amount: Decimal,
    until: date,
    owner: str,
    channel: str,
    facts: dict[str, Any],
    why: str = "",
    value: str = "",
    asked_by: str = "",
    asked_name: str = "",
    anomaly_id: str | None = None,
) -> OverrunRow | None:
    """Places something on the ladder and posts it. None when the budget's period has one that waits.

    ``facts`` are what its card shows and what the ladder has to know (``stage``, ``workload``; of a sandbox also
    ``title``, ``lines``, ``limit``, ``reviewers``, ``team``, and ``counts`` when more than the amount is decided);
    why it is on its rung is added.
    """
    case = Case(
        budget,
        period,
        max(amount, Decimal(facts.get("counts") or 0)),
        facts.get("stage", ""),
        facts.get("workload", ""),
        kind,
        asked_by,
        str(facts.get("limit") or ""),
        tuple(facts.get("reviewers") or ()),
    )
    where = placed(turn, case)
    currency = turn.policy.workspace.currency
    overrun_id = secrets.token_urlsafe(9)
    added = overruns.add(
        turn.connection,
        id=overrun_id,
        budget=budget,
        period=period,
        kind=kind,
        state="open",
        version=1,
        revision=1,
        amount_micros=Money(amount, currency).micros,
        currency=currency,
        until=until,
        why=why,
        value=value,
        asked_by=asked_by,
        asked_name=asked_name,
        owner=owner,
        channel=channel,
        rung=where.index,
        rung_name=where.rung.name,
        facts={**facts, "placed": where.why or facts.get("placed", ""), "asked": str(amount)},
        anomaly_id=anomaly_id,
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
        return None
    turn.audit(
        asked_by or BUDGETS,
        "overrun.opened",
        key_of(overrun_id),
        why or kind,
        budget=budget,
        period=period,
        amount=str(amount),
        currency=currency,
        rung=where.rung.name,
    )
    row = start_clock(turn, read(turn, overrun_id), where)
    turn.post(row.channel, key_of(row.id), overrun_message(turn.policy, row, ()))
    announce(turn, row)
    if kind != "sandbox":  # that runbook is about money that runs out
        post_runbook(turn, "overrun", key_of(row.id), key_of(row.id))
    backups.arm(turn, row)
    return row
