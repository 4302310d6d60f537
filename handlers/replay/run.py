"""A changed policy beside the policy of now, on the stored history of some days."""

from datetime import date, timedelta

from guardrails.policy.model import Policy
from guardrails.replay import Decided, Report, compare_alerts, put_all, side_of
from handlers.replay.alerts import Progress, alerts_of, replay_alerts
from handlers.replay.approvals import recorded
from storage import history
from storage.database import Database
from storage.policy_file import LoadedPolicy

#: Sections whose change has no part in a replay: bills are not read anew, and these rules are not replayed.
NOT_REPLAYED = (
    "tags",
    "allocation",
    "ai",
    "metrics",
    "budgets",
    "nudges",
    "sandboxes",
    "redlines",
    "gates",
)


def replay(
    database: Database,
    now: LoadedPolicy,
    new: LoadedPolicy,
    first: date,
    last: date,
    progress: Progress = lambda what, share: None,
) -> Report:
    """What would have been different from ``first`` to ``last``; reads only.

    Where the bot has recorded anomalies, the alerts begin no earlier than the first of them: ``Report.first`` is
    after ``last`` when none was told before. Requests count to those of the day after, on which the bill of
    ``last`` was read. Raises MissingRateError and NoRate.
    """
    zone = now.policy.workspace.zone
    with database.read() as connection:
        told = list(history.told(connection))
        requests = recorded(connection, now.policy, first, last + timedelta(days=1))
        if told:
            first = max(first, told[0].created_at.astimezone(zone).date())
    before, after = replay_alerts(database, (now, new), first, last, progress)
    happened = compare_alerts(alerts_of(told, now, first, last), before) if told else None
    puts = [put_all(p.policy.ladder, p.policy.staffed(), requests) for p in (now, new)]
    return Report(
        first=first,
        last=last,
        alerts=compare_alerts(before, after),
        reproduced=happened,
        decided=tuple(Decided(r, a, b) for r, a, b in zip(requests, *puts, strict=True)),
        before=side_of(requests, puts[0]),
        after=side_of(requests, puts[1]),
        not_replayed=_left_out(now.policy, new.policy),
    )


def _left_out(now: Policy, new: Policy) -> tuple[str, ...]:
    return tuple(n for n in NOT_REPLAYED if getattr(now, n) != getattr(new, n))
