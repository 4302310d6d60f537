"""A changed policy beside the policy of now, on the stored history of some days."""

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import Connection

from guardrails.policy.model import Policy
from guardrails.replay import (
    Change,
    Decided,
    Report,
    Section,
    compare_alerts,
    compare_events,
    section,
    typical_waits,
)
from handlers.replay import budgets, gates, redlines, zones
from handlers.replay.alerts import Progress, alerts_of, replay_alerts
from handlers.replay.approvals import recorded, routing
from handlers.replay.rounds import rounds_of
from handlers.replay.side import side_under
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
    rounds = rounds_of(connection, first, last)
    books = budgets.read_books(connection, rounds)
    them = redlines.read_sandboxes(books, now.policy)
    both = (now, new)
    rows = recorded(books, now.policy, first, last + timedelta(days=1))
    waits = typical_waits([one for _, one in rows])
    sides = [side_under(books, them, p, rows, waits, now.policy) for p in both]
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


def _left_out(now: Policy, new: Policy) -> tuple[str, ...]:
    return tuple(n for n in NOT_REPLAYED if getattr(now, n) != getattr(new, n))
