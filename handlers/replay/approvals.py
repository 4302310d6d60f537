"""Requests and overruns as they were recorded, for placing them on two ladders."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

from sqlalchemy import Connection

from guardrails.policy.model import Policy
from guardrails.policy.people import ROLES
from guardrails.replay import Recorded
from storage import history
from storage.budgets import in_workspace
from storage.overruns import OverrunRow


def recorded(connection: Connection, policy: Policy, first: date, last: date) -> list[Recorded]:
    """What was put on the ladder in these days, the oldest first.

    The limit is that of the day as the row kept it. Raises storage.budgets.NoRate.
    """
    zone = policy.workspace.zone
    since = datetime.combine(first, time(), zone).astimezone(UTC)
    ledger = history.grants(connection)
    asked = history.granted_requests(connection)
    found = []
    for row in history.overruns_since(connection, since):
        day = row.opened_at.astimezone(zone).date()
        if day > last:
            continue
        by_person = row.kind == "sandbox" and bool(row.asked_by)
        mine = [
            (
                e.at.astimezone(zone).date(),
                in_workspace(policy, e.amount_micros, e.currency, row.budget),
            )
            for e in ledger
            if e.budget == row.budget and e.at < row.opened_at
        ]
        own = [
            (
                r.decided_at.astimezone(zone).date(),
                in_workspace(policy, r.granted_micros, r.currency, r.budget),
            )
            for r in asked
            if by_person and r.asked_by == row.asked_by and r.decided_at < row.opened_at
        ]
        reviewers = row.facts.get("reviewers") or ()
        found.append(
            Recorded(
                subject=f"{row.budget} {row.period}",
                day=day,
                amount=in_workspace(policy, row.amount_micros, row.currency, row.budget),
                limit=_limit(row),
                granted=in_workspace(policy, row.granted_micros, row.currency, row.budget),
                was_granted=row.state == "granted",
                group=f"by {row.asked_by}" if by_person else row.budget,
                stage=row.facts.get("stage", ""),
                workload=row.facts.get("workload", ""),
                reviewers=tuple(r for r in ROLES if r in reviewers),
                before=tuple(max(mine, own, key=lambda pairs: sum(m for _, m in pairs))),
            )
        )
    return found


def _limit(row: OverrunRow) -> Decimal | None:
    kept = str(row.facts.get("limit") or "")
    if row.kind == "sandbox":
        return Decimal(kept) if kept else None
    return Decimal(kept or 0)
