"""What one policy makes of the stored history, for setting it beside another's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from guardrails.policy.model import Policy
from guardrails.replay import Event, Overspend, Put, Recorded, Side, Sums, put_all, side_of
from guardrails.replay import redlines as redline_rules
from guardrails.replay.budgets import Ran
from handlers.overruns.ending import REQUEST
from handlers.replay import budgets, gates, redlines, zones
from handlers.replay.approvals import on_policy
from storage.policy_file import LoadedPolicy


@dataclass(frozen=True)
class Base:
    """A recorded request, and as one policy sees it. ``zone`` takes it; ``in_zone``: one did then."""

    at: datetime
    recorded: Recorded
    asked: Recorded
    zone: str
    in_zone: bool = False


@dataclass(frozen=True)
class OneSide:
    """What one policy makes of the history. ``recorded``: where it puts each of ``base``, what was recorded;
    ``side``: the sums of what its ladder would have had to decide, with the overruns that it would have begun."""

    ran: dict[str, Ran]
    base: list[Base]
    recorded: list[Put]
    side: Side
    overruns: list[Event]
    placed: list[zones.Placed]
    zones: list[Event]
    lines: list[Event]
    gates: list[Event]
    sums: Sums


@dataclass(frozen=True)
class _Wanted:
    """Something for the ladder; ``opened``: the overrun that it is, None of what people asked for."""

    request: Recorded
    zone: str = ""
    opened: budgets.Opened | None = None


def side_under(
    books: budgets.Books,
    them: redlines.Sandboxes,
    loaded: LoadedPolicy,
    rows: Sequence[tuple[Any, Recorded]],
    waits: Mapping[str, Decimal],
    now: Policy,
) -> OneSide:
    """The history under a policy. ``rows`` are what was put on the ladder then, ``waits`` how long requests waited
    on its rungs usually, ``now`` the policy with which they are read. Raises storage.budgets.NoRate."""
    policy = loaded.policy
    ran = budgets.run_budgets(books, policy)
    placed = zones.place(books, policy)
    base = _base(rows, placed, policy, now)
    puts = _put(policy, [_Wanted(b.asked, b.zone) for b in base], waits)
    wanted = _wanted(base, _overruns(books, policy, rows, ran))
    would = _put(policy, wanted, waits)
    lined = redlines.run_redlines(them, loaded)
    return OneSide(
        ran=ran,
        base=base,
        recorded=puts,
        side=side_of([w.request for w in wanted], would),
        overruns=[
            budgets.overrun_event(*w.opened, put.rung)
            for w, put in zip(wanted, would, strict=True)
            if w.opened is not None
        ],
        placed=placed,
        zones=zones.zone_events(placed),
        lines=redlines.redline_events(them, lined),
        gates=gates.gate_events(them, loaded),
        sums=_sums(them, policy, ran, lined),
    )


def _base(
    rows: Sequence[tuple[Any, Recorded]],
    placed: Sequence[zones.Placed],
    policy: Policy,
    now: Policy,
) -> list[Base]:
    """What people and budgets asked for then, on the ladder or of a zone, the oldest first."""
    zone_of = {row.id: p.zone.name for row, _, p in placed if p.zone is not None}
    base = [
        Base(row.opened_at, one, on_policy(one, row, policy, now), zone_of.get(_sandbox(row), ""))
        for row, one in rows
    ]
    for row, asked, where in placed:
        if asked.zone:
            one = zones.request_of(row, asked, now, where)
            base.append(Base(row.asked_at, one, one, zone_of.get(row.id, ""), in_zone=True))
    return sorted(base, key=lambda b: (b.at, b.recorded.subject))


def _overruns(
    books: budgets.Books,
    policy: Policy,
    rows: Sequence[tuple[Any, Recorded]],
    ran: dict[str, Ran],
) -> list[_Wanted]:
    """The overruns that the policy would have begun. One that was recorded has the rung of then, and its wait."""
    known = {row.id: one for row, one in rows}
    began = budgets.opened(ran)
    found = []
    for opened, one in zip(began, budgets.as_requests(books, policy, began), strict=True):
        then = known.get(opened[1].of)
        request = one if then is None else replace(one, rung=then.rung, waited=then.waited)
        found.append(_Wanted(request, opened=opened))
    return found


def _wanted(base: Sequence[Base], overruns: Sequence[_Wanted]) -> list[_Wanted]:
    """All that the policy's ladder would have had to decide, day by day: what people asked for then, and its own
    overruns in place of the recorded ones."""
    people = [_Wanted(b.asked, b.zone) for b in base if not b.asked.auto]
    return sorted([*people, *overruns], key=lambda w: w.request.day)


def _put(policy: Policy, wanted: Sequence[_Wanted], waits: Mapping[str, Decimal]) -> list[Put]:
    requests, in_zones = [w.request for w in wanted], [w.zone for w in wanted]
    return put_all(policy.ladder, policy.staffed(), requests, in_zones, waits)


def _sums(
    them: redlines.Sandboxes,
    policy: Policy,
    ran: dict[str, Ran],
    lined: dict[str, redline_rules.Ran],
) -> Sums:
    through = tuple(
        Overspend(name, t.period, t.overspend, t.unasked)
        for name, one in sorted(ran.items())
        for t in one.through
        if t.overspend
    )
    return Sums(
        overspend=sum((t.overspend for t in through), Decimal(0)),
        unasked=sum((t.unasked for t in through), Decimal(0)),
        halts=redlines.halts(lined),
        after_halts=redlines.after_halts(them, policy, lined),
        by_budget=through,
    )


def _sandbox(row: Any) -> str:
    """The id of the sandbox that a row asks for; empty when it asks for something else."""
    return str(row.facts.get("sandbox", "")) if row.facts.get("purpose") == REQUEST else ""
