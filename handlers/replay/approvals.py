"""Requests and overruns as they were recorded, for placing them on two ladders."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from guardrails.budgets import GRANTS
from guardrails.business_time import Calendar, hours_between
from guardrails.policy.model import Policy
from guardrails.policy.people import ROLES
from guardrails.replay import Recorded
from guardrails.replay.events import Event
from handlers.overruns.placing import calendar
from handlers.replay.budgets import Books, opening_of
from handlers.replay.rounds import begin_of
from storage import history
from storage.budgets import in_workspace
from storage.overruns import OverrunRow
from storage.spend import rate


def recorded(books: Books, policy: Policy, first: date, last: date) -> list[tuple[Any, Recorded]]:
    """What was put on the ladder in these days, the oldest first: (row, request).

    The amount is that with which it was opened, the limit that of the day without what was granted beyond it.
    Raises storage.budgets.NoRate.
    """
    zone = policy.workspace.zone
    since, until = begin_of(policy, first), begin_of(policy, last + timedelta(days=1))
    asked = history.granted_requests(books.connection)
    working = calendar(policy)
    found = []
    for row in books.overruns:
        if not since <= row.opened_at < until:
            continue
        by_person = row.kind == "sandbox" and bool(row.asked_by)
        mine = [
            (
                e.at.astimezone(zone).date(),
                in_workspace(policy, e.amount_micros, e.currency, row.budget),
            )
            for e in books.entries[row.budget]
            if e.kind in GRANTS and e.at < row.opened_at
        ]
        own = [
            (
                r.decided_at.astimezone(zone).date(),
                in_workspace(policy, r.granted_micros, r.currency, r.budget),
            )
            for r in asked
            if by_person and r.asked_by == row.asked_by and r.decided_at < row.opened_at
        ]
        amount, rung = opening_of(books, policy, row)
        reviewers = row.facts.get("reviewers") or ()
        one = Recorded(
            subject=f"{row.budget} {row.period}",
            day=row.opened_at.astimezone(zone).date(),
            amount=max(amount, Decimal(row.facts.get("counts") or 0)),
            limit=_limit(books, policy, row),
            granted=in_workspace(policy, row.granted_micros, row.currency, row.budget),
            was_granted=row.state == "granted",
            group=f"by {row.asked_by}" if by_person else row.budget,
            stage=row.facts.get("stage", ""),
            workload=row.facts.get("workload", ""),
            reviewers=tuple(r for r in ROLES if r in reviewers),
            before=tuple(max(mine, own, key=lambda pairs: sum(m for _, m in pairs))),
            rung=rung,
            waited=_waited(working, row),
            auto=row.kind in ("actual", "forecast"),
        )
        found.append((row, one))
    return found


def routing(requests: Sequence[Recorded], rungs: Sequence[str]) -> list[Event]:
    """On which rung each request was put, as events."""
    return [
        Event(one.subject, f"request {n}", one.day, rung)
        for n, (one, rung) in enumerate(zip(requests, rungs, strict=True), 1)
    ]


def on_policy(request: Recorded, row: Any, policy: Policy, now: Policy) -> Recorded:
    """The request with the limit of its budget in another policy than that of now."""
    budget = next((b for b in policy.budgets if b.name == row.budget), None)
    before = next((b for b in now.budgets if b.name == row.budget), None)
    if row.kind == "sandbox" or budget is None or budget.limit is None or budget == before:
        return request
    worth = budget.limit * rate(policy, budget.currency or policy.workspace.currency)
    return replace(request, limit=worth)


def _waited(working: Calendar, row: OverrunRow) -> Decimal | None:
    """Working hours until people decided; None when nobody did: it waits, or ended by itself."""
    if row.decided_at is None or row.state not in ("granted", "declined", "halted"):
        return None
    hours = hours_between(working, row.opened_at, row.decided_at)
    return Decimal(str(hours)).quantize(Decimal("0.01"))


def _limit(books: Books, policy: Policy, row: OverrunRow) -> Decimal | None:
    kept = str(row.facts.get("limit") or "")
    if row.kind == "sandbox":
        return Decimal(kept) if kept else None
    day = row.opened_at.astimezone(policy.workspace.zone).date()
    entries = [
        (e.kind, in_workspace(policy, e.amount_micros, e.currency, row.budget))
        for e in books.entries[row.budget]
        if e.period == row.period and e.at <= row.opened_at and (e.until is None or e.until >= day)
    ]
    base = [amount for kind, amount in entries if kind not in GRANTS]
    by_unit = any(b.name == row.budget and b.per_unit is not None for b in policy.budgets)
    if base and not by_unit:
        return sum(base, Decimal(0))
    return Decimal(kept or 0) - sum((a for kind, a in entries if kind in GRANTS), Decimal(0))
