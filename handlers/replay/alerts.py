"""Alerts of a policy on stored history: the daily round's own code, day by day, on a copy of the bills."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from guardrails.detection.found import Found
from guardrails.replay import Alert
from handlers.alerts.publish import publish
from handlers.find_anomalies import find_anomalies
from handlers.turn import Turn
from storage import history
from storage.anomalies import AnomalyRow
from storage.database import Database
from storage.migrate import upgrade
from storage.policy_file import LoadedPolicy

Progress = Callable[[str, float], None]
_HOUR = time(12)  # rounds of other hours see the same days


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
    """What each policy would have posted from ``first`` to ``last``. Raises MissingRateError."""
    with TemporaryDirectory(prefix="sandrail-replay-") as folder:
        copies = [Database(f"sqlite:///{Path(folder) / name}.db") for name in ("now", "new")]
        try:
            return _run(database, copies, policies, first, last, progress)
        finally:
            for copy in copies:
                copy.close()


def _run(
    database: Database,
    copies: list[Database],
    policies: tuple[LoadedPolicy, LoadedPolicy],
    first: date,
    last: date,
    progress: Progress,
) -> tuple[list[Alert], list[Alert]]:
    zone = policies[0].policy.workspace.zone
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    with database.read() as source:
        periods = history.periods_of(source)
        for copy in copies:
            upgrade(copy)
            with copy.write() as target:
                history.copy_bills(source, target)
                history.copy_told(source, target, begin)
                history.copy_feedback(source, target, datetime(1970, 1, 1, tzinfo=UTC), begin)
        days = (last - first).days + 1
        for n in range(days):
            day = first + timedelta(days=n)
            since = datetime.combine(day, time(), zone).astimezone(UTC)
            until = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
            shared: list[Found] | None = None
            for copy, loaded in zip(copies, policies, strict=True):
                now = datetime.combine(day, _HOUR, zone).astimezone(UTC)
                late = {b.name: b.complete_after_days for b in loaded.policy.bills}
                with copy.write() as target:
                    history.grow_to(target, periods, day, late)
                    if shared is None or not _detect_alike(policies):
                        shared = find_anomalies(target, loaded.policy, day)
                    publish(Turn(target, loaded, now, lambda channel: ()), shared)
                    history.copy_feedback(source, target, since, until)
            progress("Replaying alerts", (n + 1) / days)
    results = []
    for copy, loaded in zip(copies, policies, strict=True):
        with copy.read() as target:
            results.append(alerts_of(list(history.told(target)), loaded, first, last))
    return results[0], results[1]


def _detect_alike(policies: tuple[LoadedPolicy, LoadedPolicy]) -> bool:
    a, b = (p.policy for p in policies)
    return (a.detection, a.watch, a.workspace, a.bills) == (
        b.detection,
        b.watch,
        b.workspace,
        b.bills,
    )
