"""Alerts of a policy on stored history: the daily round's own code, day by day, on a copy of what was told."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from guardrails.detection.collapse import collapse
from guardrails.detection.find import find
from guardrails.detection.found import Found
from guardrails.replay import Alert
from handlers.alerts.publish import publish
from handlers.replay.rounds import DAY, Rounds, begin_of, rounds_of
from handlers.turn import Turn
from storage import history
from storage.anomalies import AnomalyRow
from storage.database import Database
from storage.history_series import Mornings
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy
from storage.progress import Progress

_HOUR = time(12)  # rounds of other hours see the same days
#: What findings depend on, and what else their alerts do.
_FINDINGS = ("detection", "watch", "workspace", "bills")
_ALERTS = (*_FINDINGS, "alerts", "teams")


def alerts_of(rows: list[AnomalyRow], loaded: LoadedPolicy, first: date, last: date) -> list[Alert]:
    """The rows that were posted on these days of the workspace."""
    zone = loaded.policy.workspace.zone
    found = []
    for row in rows:
        told_on = row.created_at.astimezone(zone).date()
        if row.channels and first <= told_on <= last:
            found.append(
                Alert(
                    row.signal,
                    row.scope,
                    row.direction,
                    told_on,
                    row.started_on,
                    row.last_on,
                    row.severity,
                    tuple(row.channels),
                    row.owner,
                )
            )
    return found


def replay_alerts(
    database: Database,
    policies: tuple[LoadedPolicy, LoadedPolicy],
    first: date,
    last: date,
    progress: Progress,
) -> tuple[list[Alert], list[Alert]]:
    """What each policy would have posted from ``first`` to ``last``; once for both where they agree on all that
    alerts depend on. Raises MissingRateError."""
    if first > last:
        return [], []
    sides = policies[:1] if _alike(policies, _ALERTS) else policies
    with TemporaryDirectory(prefix="sandrail-replay-") as folder:
        copies = [Database(f"sqlite:///{Path(folder) / str(n)}.db") for n in range(len(sides))]
        try:
            found = _run(database, copies, sides, first, last, progress)
        finally:
            for copy in copies:
                copy.close()
    return found[0], found[-1]


def _run(
    database: Database,
    copies: list[Database],
    policies: tuple[LoadedPolicy, ...],
    first: date,
    last: date,
    progress: Progress,
) -> list[list[Alert]]:
    begin = begin_of(policies[0].policy, first)
    with database.read() as source:
        rounds = rounds_of(source, first, last)
        for copy in copies:
            upgrade(copy)
            with copy.write() as target:
                history.copy_told(source, target, begin)
                history.copy_feedback(source, target, datetime(1970, 1, 1, tzinfo=UTC), begin)
        readings = [_Reading(source, policies[0], rounds)]
        if not _alike(policies, _FINDINGS):
            readings.append(_Reading(source, policies[-1], rounds))
        for n, day in enumerate(rounds.days, 1):
            found = [reading.found(day) for reading in readings]
            for side, (copy, loaded) in enumerate(zip(copies, policies, strict=True)):
                zone = loaded.policy.workspace.zone
                now = datetime.combine(day, _HOUR, zone).astimezone(UTC)
                since, until = (begin_of(loaded.policy, d) for d in (day, day + DAY))
                with copy.write() as target:
                    mine = found[min(side, len(found) - 1)]
                    publish(Turn(target, loaded, now, lambda channel: ()), mine)
                    history.copy_feedback(source, target, since, until)
            progress("Replaying alerts", n / len(rounds.days))
    results = []
    for copy, loaded in zip(copies, policies, strict=True):
        with copy.read() as target:
            results.append(alerts_of(list(history.told(target)), loaded, first, last))
    return results


class _Reading:
    """The findings of each day by one policy: those of handlers.find_anomalies, without what drives them."""

    def __init__(self, source: Connection, loaded: LoadedPolicy, rounds: Rounds) -> None:
        self._policy = loaded.policy
        self._rounds = rounds
        self._periods = history.periods_of(source)
        self._late = {b.name: b.complete_after_days for b in loaded.policy.bills}
        self._mornings = Mornings(source, loaded.policy, rounds.first, rounds.last)

    def found(self, day: date) -> list[Found]:
        settings = self._policy.detection
        since = day - timedelta(days=settings.history_days)
        seen = self._rounds.seen(day)
        complete: Mapping[str, date] = history.complete_then(self._periods, day, self._late)
        return collapse(
            [
                one
                for matrix in self._mornings.series(day, seen, complete)
                for one in find(matrix, settings, day)
                if one.last_on >= since
            ]
        )


def _alike(policies: tuple[LoadedPolicy, ...], sections: tuple[str, ...]) -> bool:
    a, b = policies[0].policy, policies[-1].policy
    return all(getattr(a, name) == getattr(b, name) for name in sections)
