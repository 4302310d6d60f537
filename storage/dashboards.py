"""What dashboards and the export are made of: sums of the rollup by any of its keys, metrics, decisions."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from guardrails.money import MICROS
from guardrails.periods import Period
from guardrails.policy.bills import DIMENSIONS, Dimension
from guardrails.policy.model import Policy
from guardrails.unit_economics import is_hours
from storage.spend import IS_AI, rate
from storage.tables.alerts import Anomaly
from storage.tables.audit import AuditEntry
from storage.tables.budgets import Overrun
from storage.tables.sandboxes import GateCase, Sandbox
from storage.tables.spend import CostRollup, MetricPoint
from storage.unit_costs import units_by

_rollup = CostRollup.__table__  # type: ignore[attr-defined]
_metrics = MetricPoint.__table__  # type: ignore[attr-defined]
_overruns = Overrun.__table__  # type: ignore[attr-defined]
_anomalies = Anomaly.__table__  # type: ignore[attr-defined]
_sandboxes = Sandbox.__table__  # type: ignore[attr-defined]
_gates = GateCase.__table__  # type: ignore[attr-defined]
_audit = AuditEntry.__table__  # type: ignore[attr-defined]


def means_by(
    connection: Connection, metrics: Collection[str], period: Period, by: Dimension
) -> dict[tuple[str, str], float]:
    """The means of the points of metrics in a period: (metric, value of the dimension) → mean."""
    query = (
        select(_metrics.c.metric, _metrics.c[by].label("value"), func.avg(_metrics.c.value))
        .where(_metrics.c.metric.in_(tuple(metrics)))
        .where(_metrics.c.day.between(period.first, period.last))
        .group_by(_metrics.c.metric, _metrics.c[by])
    )
    return {(m, v): float(mean) for m, v, mean in connection.execute(query) if mean is not None}


def earned_by_day(
    connection: Connection, policy: Policy, metric: str, period: Period
) -> dict[date, Decimal]:
    """A metric of money in the workspace's currency by day; units without a rate are left out."""
    query = (
        select(_metrics.c.day, _metrics.c.unit, func.sum(_metrics.c.value))
        .where(_metrics.c.metric == metric)
        .where(_metrics.c.day.between(period.first, period.last))
        .group_by(_metrics.c.day, _metrics.c.unit)
    )
    found: dict[date, Decimal] = defaultdict(Decimal)
    for day, unit, amount in connection.execute(query):
        try:
            factor = rate(policy, unit or policy.workspace.currency)
        except LookupError:
            continue
        found[day] += Decimal(str(amount or 0)) * factor
    return dict(found)


def gpu_hours(
    connection: Connection, busy_metric: str, period: Period
) -> tuple[dict[str, tuple[Decimal, Decimal]], tuple[str, ...]]:
    """Experiment → (GPU hours billed, of them busy), of those that report the metric and are billed for any. And
    the units that are no hours: what is billed in one is left out, as its hours are not known."""
    busy = {
        experiment: hours
        for (_, experiment), hours in units_by(
            connection, (busy_metric,), period, "experiment"
        ).items()
        if experiment
    }
    query = (
        select(_rollup.c.experiment, _rollup.c.unit, func.sum(_rollup.c.quantity))
        .where(
            _rollup.c.is_gpu.is_(True),
            _rollup.c.day.between(period.first, period.last),
            _rollup.c.experiment.in_(tuple(busy)),
        )
        .group_by(_rollup.c.experiment, _rollup.c.unit)
    )
    billed: dict[str, Decimal] = defaultdict(Decimal)
    others: dict[str, str] = {}
    for name, unit, quantity in connection.execute(query):
        if not is_hours(unit):
            others[name] = unit
        billed[name] += Decimal(str(quantity or 0))
    found = {n: (b, busy[n]) for n, b in billed.items() if b > 0 and n not in others}
    return found, tuple(sorted({*others.values()}))


@dataclass(frozen=True)
class Velocity:
    """What became of sandboxes in some time. ``halted`` counts halts, also of what runs again since. ``waits``:
    from a request to its decision, of those decided then."""

    asked: int
    started: int
    promoted: int
    halted: int
    ended: int
    waits: tuple[timedelta, ...]


def velocity(connection: Connection, since: datetime, until: datetime) -> Velocity:
    """Sandboxes that were asked for, began to run, were promoted, halted or ended between two times."""
    s = _sandboxes.c

    def count(*conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(_sandboxes).where(*conditions)
        return int(connection.execute(query).scalar_one())

    def within(column: Any) -> ColumnElement[bool]:
        return and_(column >= since, column < until)

    promoted = connection.execute(
        select(func.count())
        .select_from(_gates)
        .where(_gates.c.kind == "promote", _gates.c.state == "done", within(_gates.c.decided_at))
    ).scalar_one()
    # The row forgets its halt when it is resumed; the audit does not.
    halted = connection.execute(
        select(func.count())
        .select_from(_audit)
        .where(_audit.c.action == "sandbox.halt", within(_audit.c.at))
    ).scalar_one()
    decided = connection.execute(
        select(_overruns.c.opened_at, _overruns.c.decided_at)
        .where(_overruns.c.kind == "sandbox", _overruns.c.state.in_(("granted", "declined")))
        .where(within(_overruns.c.decided_at))
    )
    at_once = count(s.zone != "", s.overrun_id == "", within(s.asked_at))
    waits = [timedelta(0)] * at_once + [row.decided_at - row.opened_at for row in decided]
    return Velocity(
        asked=count(within(s.asked_at)),
        started=count(within(s.active_at)),
        promoted=int(promoted),
        halted=int(halted),
        ended=count(within(s.ended_at), s.state.in_(("closed", "expired"))),
        waits=tuple(sorted(waits)),
    )


@dataclass(frozen=True)
class Health:
    """How the policy fares: overruns decided, of them late; those that wait past their time; ``alerts`` that
    people were told of, and what they said of them; ``untold``: anomalies of days past, only recorded."""

    decided: int
    late: int
    overdue: int
    alerts: int
    false_alarms: int
    expected: int
    untold: int


def health(connection: Connection, since: datetime, until: datetime, now: datetime) -> Health:
    """The decisions between two times. Late: after the time that it had, or nobody decided at all."""
    o = _overruns.c
    decided = connection.execute(
        select(o.state, o.due_at, o.decided_at)
        .where(o.decided_at >= since, o.decided_at < until)
        .where(o.state.in_(("granted", "declined", "halted", "expired")))
    ).all()
    overdue = connection.execute(
        select(func.count()).where(o.state.in_(("open", "review")), o.due_at < now)
    ).scalar_one()
    a = _anomalies.c
    found = connection.execute(
        select(a.state, a.channels).where(a.created_at >= since, a.created_at < until)
    ).all()
    told = Counter(row.state for row in found if row.channels)
    return Health(
        decided=len(decided),
        late=sum(row.state == "expired" or row.decided_at > row.due_at for row in decided),
        overdue=int(overdue),
        alerts=told.total(),
        false_alarms=told["false-alarm"],
        expected=told["expected"],
        untold=len(found) - told.total(),
    )


@dataclass(frozen=True)
class Line:
    """One line of the export: ``keys`` are the values of ``COLUMNS``."""

    keys: tuple[str, ...]
    currency: str
    billed: Decimal
    amount: Decimal


_WRITTEN: tuple[str, ...] = ("day", *DIMENSIONS, "allocated_by", "provider", "account", "service")
#: The columns of the export before its money; ``ai`` is yes or no.
COLUMNS: tuple[str, ...] = (*_WRITTEN, "ai")


def lines(connection: Connection, policy: Policy, period: Period) -> Iterator[Line]:
    """The bill of a period, a line for each day, allocation, account, service and currency: ``billed`` in its own
    currency and ``amount`` in the workspace's; both exact, so that lines add up to the bill."""
    columns = [*(_rollup.c[name] for name in _WRITTEN), IS_AI]
    query = (
        select(*columns, _rollup.c.currency, func.sum(_rollup.c.cost_micros).label("micros"))
        .where(_rollup.c.day.between(period.first, period.last))
        .group_by(*columns, _rollup.c.currency)
        .order_by(*columns, _rollup.c.currency)
    )
    for *keys, ai, currency, micros in connection.execute(query):
        billed = Decimal(int(micros)) / MICROS
        amount = billed * rate(policy, currency)
        yield Line((*map(str, keys), "yes" if ai else "no"), currency, billed, amount)
