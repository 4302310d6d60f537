"""A changed policy beside the policy of now, on the stored history of some days."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from guardrails.policy.model import Policy
from guardrails.replay import (
    Change,
    Decided,
    Event,
    Recorded,
    Report,
    Section,
    compare_alerts,
    compare_events,
    given_again,
    typical_waits,
)
from handlers.replay import budgets, gates, redlines, zones
from handlers.replay.alerts import alerts_of, replay_alerts
from handlers.replay.approvals import recorded, routing
from handlers.replay.rounds import rounds_of
from handlers.replay.side import OneSide, side_under
from storage import audit, history
from storage.budgets import NoRate
from storage.database import Database
from storage.policy_file import LoadedPolicy
from storage.progress import Progress
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
    the day after ``last``, which may have no round yet. Raises NoReplay, also when the two policies count in
    different currencies.
    """
    mine, theirs = now.policy.workspace.currency, new.policy.workspace.currency
    if mine != theirs:
        raise NoReplay(
            f"The policy of now counts in {mine} and the changed one in {theirs}, so their amounts cannot be "
            "compared."
        )
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


@dataclass(frozen=True)
class _Days:
    """What was recorded on some days, read once for both policies."""

    books: budgets.Books
    them: redlines.Sandboxes
    rows: list[tuple[Any, Recorded]]

    @classmethod
    def read(cls, connection: Connection, now: Policy, first: date, last: date) -> "_Days":
        books = budgets.read_books(connection, rounds_of(connection, first, last))
        rows = recorded(books, now, first, last + timedelta(days=1))
        return cls(books, redlines.read_sandboxes(books, now), rows)

    def under(self, loaded: LoadedPolicy, now: Policy) -> OneSide:
        waits = typical_waits([one for _, one in self.rows])
        return side_under(self.books, self.them, loaded, self.rows, waits, now)


def _by_rules(
    connection: Connection, now: LoadedPolicy, new: LoadedPolicy, first: date, last: date
) -> Report:
    """Everything but the alerts."""
    days = _Days.read(connection, now.policy, first, last)
    sides = [days.under(loaded, now.policy) for loaded in (now, new)]
    a, b = sides
    born = audit.born(connection)
    begin = None if born is None else born.astimezone(now.policy.workspace.zone).date()
    again: dict[str, Change[Event] | None] = {}
    if begin is not None and begin <= first:
        again = _given_again(days, a, now)
    elif begin is not None and begin <= last:  # a bot that was not there yet has missed nothing
        known = _Days.read(connection, now.policy, begin, last)
        again = _given_again(known, known.under(now, now.policy), now)
    nudged = [budgets.nudge_events(s.ran) for s in sides]
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
        recorded_from=begin,
        routed=again.get("routed"),
        nudges=Section(compare_events(*nudged), again.get("nudges")),
        overruns=Section(compare_events(a.overruns, b.overruns), again.get("overruns")),
        zones=Section(compare_events(a.zones, b.zones), again.get("zones")),
        redlines=Section(compare_events(a.lines, b.lines), again.get("redlines")),
        gates=Section(compare_events(a.gates, b.gates), again.get("gates")),
        sums_before=a.sums,
        sums_after=b.sums,
    )


def _given_again(days: _Days, side: OneSide, now: LoadedPolicy) -> dict[str, Change[Event] | None]:
    """What was recorded on these days against what the policy of now does on them, by the report's parts."""
    books, them = days.books, days.them
    laddered = [
        (one.recorded, put.rung)
        for one, put in zip(side.base, side.recorded, strict=True)
        if one.recorded.rung and not one.in_zone
    ]
    mine = [one for one, _ in laddered]
    then = routing(mine, [one.rung for one in mine])
    return {
        "routed": given_again(then, routing(mine, [rung for _, rung in laddered])),
        "nudges": given_again(
            budgets.recorded_nudges(books, now.policy), budgets.nudge_events(side.ran, bare=True)
        ),
        "overruns": given_again(budgets.recorded_overruns(books, now.policy), side.overruns),
        "zones": given_again(zones.recorded_zones(side.placed), side.zones),
        "redlines": given_again(redlines.recorded_redlines(them, now.policy), side.lines),
        "gates": given_again(gates.recorded_gates(them, now), side.gates),
    }


def _left_out(now: Policy, new: Policy) -> tuple[str, ...]:
    return tuple(n for n in NOT_REPLAYED if getattr(now, n) != getattr(new, n))
