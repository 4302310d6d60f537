"""Requests for sandboxes as they were recorded, and the zones in which policies put them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from guardrails.authority import roles_of
from guardrails.orders import Resources
from guardrails.policy.model import Policy
from guardrails.replay.events import Event
from guardrails.replay.ladder import Recorded
from guardrails.replay.zones import Asked, place_all
from guardrails.sandboxes.asking import estimate_of
from guardrails.sandboxes.budget import budget_name
from guardrails.sandboxes.zones import Placement, Wanted, with_headroom
from handlers.replay.budgets import Books
from storage.budgets import in_workspace

#: A sandbox's row, its request, and where a policy puts it.
Placed = tuple[Any, Asked, Placement]


def asked_of(books: Books, policy: Policy) -> list[tuple[Any, Asked]]:
    """Every request for a sandbox up to the last day of the replay, the oldest first: earlier ones fill zones.

    What the resources cost counts by the price list of the policy. Raises storage.budgets.NoRate.
    """
    zone = policy.workspace.zone
    found = []
    for row in books.sandboxes:
        day = row.asked_at.astimezone(zone).date()
        if day > books.rounds.last:
            continue
        resources = Resources.model_validate(row.resources)
        estimate = in_workspace(policy, row.estimate_micros, row.currency, row.name)
        listed = estimate_of(resources, policy.sandboxes.prices)
        wanted = Wanted(
            team=row.team,
            feature=row.feature,
            workload=row.workload,
            stage=row.stage,
            estimate=max(estimate, listed or estimate),
            days=row.days,
            data_class=row.data_class,
            risk_class=row.risk_class,
            gpus=resources.gpus,
        )
        first = next((e for e in books.entries[budget_name(row.name)] if e.kind == "set"), None)
        cap = Decimal(0)
        if first is not None and row.zone:
            cap = in_workspace(policy, first.amount_micros, first.currency, row.name)
        asked = Asked(
            row.name,
            row.asked_at,
            day,
            row.ended_at,
            wanted,
            zone=row.zone,
            cap=cap,
            halted=_halted(books, policy, row),
        )
        found.append((row, asked))
    return found


def place(books: Books, policy: Policy) -> list[Placed]:
    """Where a policy puts each request of the days of the replay. Roles are those that e-mails have in it."""
    every = asked_of(books, policy)
    roles = {row.name: roles_of(policy, row.asked_by) for row, _ in every}
    of_team = {row.name: _is_of(policy, row.asked_by, row.team) for row, _ in every}
    placed = place_all(
        policy.sandboxes, [a for _, a in every], roles, of_team, policy.workspace.currency
    )
    return [
        (row, asked, where)
        for (row, asked), where in zip(every, placed, strict=True)
        if asked.day >= books.rounds.first
    ]


def zone_events(placed: list[Placed]) -> list[Event]:
    """The requests that a zone takes at once."""
    return [
        Event(asked.name, "allocated at once", asked.day, f"zone {where.zone.name}")
        for _, asked, where in placed
        if where.zone is not None
    ]


def recorded_zones(placed: list[Placed]) -> list[Event]:
    """Those that a zone took then."""
    return [
        Event(asked.name, "allocated at once", asked.day, f"zone {asked.zone}")
        for _, asked, _ in placed
        if asked.zone
    ]


def request_of(row: Any, asked: Asked, policy: Policy, where: Placement) -> Recorded:
    """A request that a zone took, as the ladder would see it: without the budgets around it, which were not read
    then."""
    return Recorded(
        subject=f"{budget_name(row.name)} from {row.starts_on}",
        day=asked.day,
        amount=with_headroom(asked.wanted.estimate, policy.sandboxes.headroom_percent),
        limit=None,
        granted=asked.cap,
        was_granted=True,
        group=f"by {row.asked_by}",
        stage=row.stage,
        workload=row.workload,
        reviewers=where.reviewers,
        rung=f"zone {asked.zone}",
    )


def _is_of(policy: Policy, email: str, team: str) -> bool:
    lead = policy.teams[team].lead if team in policy.teams else None
    return email == lead or any(p.email == email and p.team == team for p in policy.people)


def _halted(books: Books, policy: Policy, row: Any) -> str:
    """Why the ladder decides: a sandbox of the same people had been halted in the window before."""
    since = row.asked_at - timedelta(days=policy.ladder.window_days)
    people = {row.asked_by, row.owner}
    for other in books.sandboxes:
        halted = other.halted_at
        if halted is None or other.id == row.id or not since <= halted <= row.asked_at:
            continue
        if people & {other.owner, other.asked_by}:
            return f"{other.name} was halted"
    return ""
