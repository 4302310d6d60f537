"""A changed policy beside the policy of now, on the stored history of some days."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from guardrails.policy.model import Policy
from guardrails.replay import (
    Change,
    Decided,
    Event,
    Overspend,
    Put,
    Recorded,
    Report,
    Section,
    Side,
    Sums,
    compare_alerts,
    compare_events,
    put_all,
    section,
    side_of,
    typical_waits,
)
from guardrails.replay.budgets import Ran
from handlers.overruns.ending import REQUEST
from handlers.replay import budgets, gates, redlines, zones
from handlers.replay.alerts import Progress, alerts_of, replay_alerts
from handlers.replay.approvals import on_policy, recorded, routing
from handlers.replay.rounds import Rounds
from storage import history
from storage.budgets import NoRate
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.series_window import MissingRateError, read_rates

#: Sections whose change has no part in a replay: bills are not read anew.
NOT_REPLAYED = ("tags", "allocation", "ai", "metrics", "mlflow")


class NoReplay(ValueError):
    """The policies cannot be compared on this history; the message is a sentence that says why."""


def replay(
    database: Database,
    now: LoadedPolicy,
    new: LoadedPolicy,
    first: date,
    last: date,
    progress: Progress = lambda what, share: None,
    *,
    alerts: bool = True,
) -> Report:
    """What would have been different from ``first`` to ``last``; reads only. ``alerts=False`` leaves alerts out.

    Where the bot has recorded anomalies, the alerts begin no earlier than the first of them, on the day that
    ``Report.alerts_from`` names, which is after ``last`` when none was told before. Requests count to those of
    the day after ``last``, which may have no round yet. Raises NoReplay.
    """
    try:
        return _replay(database, now, new, first, last, progress, alerts=alerts)
    except (MissingRateError, NoRate) as error:
        raise NoReplay(str(error)) from error


def _replay(
    database: Database,
    now: LoadedPolicy,
    new: LoadedPolicy,
    first: date,
    last: date,
    progress: Progress,
    *,
    alerts: bool,
) -> Report:
    with database.read() as connection:
        for side in (now, new):
            read_rates(connection, side.policy)  # without a rate nothing can be compared
        found = _by_rules(connection, now, new, first, last)
        told = list(history.told(connection))
    if not alerts:
        return found
    zone = now.policy.workspace.zone
    begin = max(first, told[0].created_at.astimezone(zone).date()) if told else first
    before, after = replay_alerts(database, (now, new), begin, last, progress)
    happened = compare_alerts(alerts_of(told, now, begin, last), before) if told else None
    return replace(
        found, alerts_from=begin, alerts=compare_alerts(before, after), reproduced=happened
    )


def _by_rules(
    connection: Connection, now: LoadedPolicy, new: LoadedPolicy, first: date, last: date
) -> Report:
    """Everything but the alerts."""
    rounds = Rounds(first, last, history.newest_day(connection) or first)
    books = budgets.read_books(connection, rounds)
    them = redlines.read_sandboxes(books, now.policy)
    both = (now, new)
    rows = recorded(books, now.policy, first, last + timedelta(days=1))
    waits = typical_waits([one for _, one in rows])
    sides = [_side(books, them, p, rows, waits, now.policy) for p in both]
    a, b = sides
    laddered = [
        (one.recorded, put.rung)
        for one, put in zip(a.base, a.recorded, strict=True)
        if one.recorded.rung and not one.in_zone
    ]
    mine = [one for one, _ in laddered]
    then = routing(mine, [one.rung for one in mine])
    again = routing(mine, [rung for _, rung in laddered])
    nudged = [budgets.nudge_events(s.ran) for s in sides]
    bare = budgets.nudge_events(a.ran, bare=True)
    told = compare_events(budgets.recorded_nudges(books, now.policy), bare)
    return Report(
        first=first,
        last=last,
        alerts=Change(),
        reproduced=None,
        decided=tuple(
            Decided(one.recorded, x, y)
            for one, x, y in zip(a.base, a.recorded, b.recorded, strict=True)
        ),
        before=a.side,
        after=b.side,
        not_replayed=_left_out(now.policy, new.policy),
        routed=compare_events(then, again) if mine else None,
        nudges=Section(compare_events(*nudged), told if told.all_before or told.differs else None),
        overruns=section(a.overruns, b.overruns, budgets.recorded_overruns(books, now.policy)),
        zones=section(a.zones, b.zones, zones.recorded_zones(a.placed)),
        redlines=section(a.lines, b.lines, redlines.recorded_redlines(them, now.policy)),
        gates=section(a.gates, b.gates, gates.recorded_gates(them, now)),
        sums_before=a.sums,
        sums_after=b.sums,
    )


@dataclass(frozen=True)
class _Base:
    """A recorded request, and as one policy sees it. ``zone`` takes it; ``in_zone``: one did then."""

    at: datetime
    recorded: Recorded
    asked: Recorded
    zone: str
    in_zone: bool = False


@dataclass(frozen=True)
class _Side:
    """What one policy makes of the history. ``recorded``: where it puts each of ``base``, what was recorded."""

    ran: dict[str, Ran]
    base: list[_Base]
    recorded: list[Put]
    side: Side
    overruns: list[Event]
    placed: list[zones.Placed]
    zones: list[Event]
    lines: list[Event]
    gates: list[Event]
    sums: Sums


def _side(
    books: budgets.Books,
    them: redlines.Sandboxes,
    loaded: LoadedPolicy,
    rows: list[tuple[Any, Recorded]],
    waits: Mapping[str, Decimal],
    now: Policy,
) -> _Side:
    policy = loaded.policy
    ran = budgets.run_budgets(books, policy)
    placed = zones.place(books, policy)
    zone_of = {row.id: p.zone.name for row, _, p in placed if p.zone is not None}
    base = [
        _Base(row.opened_at, one, on_policy(one, row, policy, now), zone_of.get(_sandbox(row), ""))
        for row, one in rows
    ]
    for row, asked, where in placed:
        if asked.zone:
            one = zones.request_of(row, asked, now, where)
            base.append(_Base(row.asked_at, one, one, zone_of.get(row.id, ""), in_zone=True))
    base.sort(key=lambda b: (b.at, b.recorded.subject))
    ladder, staffed = policy.ladder, policy.staffed()
    puts = put_all(ladder, staffed, [b.asked for b in base], [b.zone for b in base], waits)
    began = budgets.opened(ran)
    known = {row.id: one for row, one in rows}
    autos = [
        replace(one, rung=known[b.of].rung, waited=known[b.of].waited) if b.of in known else one
        for (_, b), one in zip(began, budgets.as_requests(books, policy, began), strict=True)
    ]
    asked_for = [(b.asked, b.zone) for b in base if not b.asked.auto] + [(r, "") for r in autos]
    order = sorted(range(len(asked_for)), key=lambda n: (asked_for[n][0].day, n))
    in_order = [asked_for[n] for n in order]
    all_puts = put_all(ladder, staffed, [r for r, _ in in_order], [z for _, z in in_order], waits)
    rung_of = {n: put.rung for n, put in zip(order, all_puts, strict=True)}
    others = len(asked_for) - len(autos)
    lined = redlines.run_redlines(them, loaded)
    through = tuple(
        Overspend(name, t.period, t.overspend, t.unasked)
        for name, one in sorted(ran.items())
        for t in one.through
        if t.overspend
    )
    return _Side(
        ran,
        base,
        puts,
        side_of([r for r, _ in in_order], all_puts),
        [budgets.overrun_event(name, b, rung_of[others + n]) for n, (name, b) in enumerate(began)],
        placed,
        zones.zone_events(placed),
        redlines.redline_events(them, lined),
        gates.gate_events(them, loaded),
        Sums(
            overspend=sum((t.overspend for t in through), Decimal(0)),
            unasked=sum((t.unasked for t in through), Decimal(0)),
            halts=redlines.halts(lined),
            after_halts=redlines.after_halts(them, policy, lined),
            by_budget=through,
        ),
    )


def _sandbox(row: Any) -> str:
    """The id of the sandbox that a row asks for; empty when it asks for something else."""
    return str(row.facts.get("sandbox", "")) if row.facts.get("purpose") == REQUEST else ""


def _left_out(now: Policy, new: Policy) -> tuple[str, ...]:
    return tuple(n for n in NOT_REPLAYED if getattr(now, n) != getattr(new, n))
