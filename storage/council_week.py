"""What happened between two councils, as rows: read only, in an order that does not depend on chance."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from guardrails.money import MICROS
from guardrails.periods import Period
from guardrails.policy.bills import Dimension
from guardrails.policy.model import Policy
from guardrails.sandboxes.life import ENDED, LIVING
from storage.spend import rate
from storage.tables.alerts import Anomaly
from storage.tables.budgets import Overrun
from storage.tables.sandboxes import GateCase, RedlineCase, Sandbox
from storage.tables.spend import CostRollup

_anomalies = Anomaly.__table__  # type: ignore[attr-defined]
_overruns = Overrun.__table__  # type: ignore[attr-defined]
_sandboxes = Sandbox.__table__  # type: ignore[attr-defined]
_gates = GateCase.__table__  # type: ignore[attr-defined]
_redlines = RedlineCase.__table__  # type: ignore[attr-defined]
_rollup = CostRollup.__table__  # type: ignore[attr-defined]

Rows = Sequence[Row[Any]]
_GRANTED = (*LIVING, *ENDED)


def parts_of(
    connection: Connection, policy: Policy, dimension: Dimension, value: str, period: Period
) -> dict[tuple[str, str], Decimal]:
    """Spend of a name in a period by (service, SKU), in the workspace's currency."""
    rows = connection.execute(
        select(
            _rollup.c.service,
            _rollup.c.sku,
            _rollup.c.currency,
            func.sum(_rollup.c.cost_micros).label("micros"),
        )
        .where(_rollup.c.day.between(period.first, period.last), _rollup.c[dimension] == value)
        .group_by(_rollup.c.service, _rollup.c.sku, _rollup.c.currency)
    )
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        amount = Decimal(int(row.micros)) / MICROS * rate(policy, row.currency)
        found[row.service, row.sku] += amount
    return dict(found)


def sandboxes_waiting(connection: Connection, until: datetime) -> Rows:
    """Requests that wait for a decision, the oldest first."""
    return connection.execute(
        select(_sandboxes)
        .where(_sandboxes.c.state == "requested", _sandboxes.c.asked_at < until)
        .order_by(_sandboxes.c.asked_at, _sandboxes.c.name)
    ).all()


def sandboxes_granted(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Those that were given room in the time, by a zone as they were asked for or by the ladder's decision; each
    with ``granted_name`` and ``granted_at`` of that decision."""
    by_zone = and_(
        _sandboxes.c.overrun_id == "",
        _sandboxes.c.asked_at >= since,
        _sandboxes.c.asked_at < until,
    )
    by_ladder = and_(
        _sandboxes.c.overrun_id != "",
        _overruns.c.decided_at >= since,
        _overruns.c.decided_at < until,
    )
    return connection.execute(
        select(
            _sandboxes,
            _overruns.c.decided_name.label("granted_name"),
            _overruns.c.decided_at.label("granted_at"),
        )
        .select_from(_sandboxes)
        .outerjoin(_overruns, _overruns.c.id == _sandboxes.c.overrun_id)
        .where(_sandboxes.c.state.in_(_GRANTED), or_(by_zone, by_ladder))
        .order_by(_sandboxes.c.asked_at, _sandboxes.c.name)
    ).all()


def sandboxes_ended(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Those that ended in the time, the first first."""
    return connection.execute(
        select(_sandboxes)
        .where(_sandboxes.c.ended_at >= since, _sandboxes.c.ended_at < until)
        .where(_sandboxes.c.state.in_(ENDED))
        .order_by(_sandboxes.c.ended_at, _sandboxes.c.name)
    ).all()


def without_outcome(connection: Connection, until: datetime) -> Rows:
    """Sandboxes that have ended and of which nobody has said what came of it, by name."""
    rows = connection.execute(
        select(_sandboxes)
        .where(_sandboxes.c.state.in_(ENDED), _sandboxes.c.ended_at < until)
        .order_by(_sandboxes.c.name, _sandboxes.c.id)
    ).all()
    return [r for r in rows if not r.outcome]


def overruns_decided(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Overruns that were decided in the time, the first first; what was withdrawn was not."""
    return connection.execute(
        select(_overruns)
        .where(_overruns.c.decided_at >= since, _overruns.c.decided_at < until)
        .where(_overruns.c.state.in_(("granted", "declined", "halted", "expired")))
        .order_by(_overruns.c.decided_at, _overruns.c.id)
    ).all()


def overruns_waiting(connection: Connection, until: datetime) -> Rows:
    """Overruns that waited for a decision then, the earliest due first."""
    return connection.execute(
        select(_overruns)
        .where(_overruns.c.opened_at < until)
        .where(or_(_overruns.c.decided_at.is_(None), _overruns.c.decided_at >= until))
        .where(_overruns.c.state != "withdrawn")
        .order_by(_overruns.c.due_at, _overruns.c.id)
    ).all()


def anomalies_opened(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Anomalies that were found in the time, the most money first."""
    return connection.execute(
        select(_anomalies)
        .where(_anomalies.c.created_at >= since, _anomalies.c.created_at < until)
        .order_by(func.abs(_anomalies.c.impact_micros).desc(), _anomalies.c.id)
    ).all()


def anomalies_closed(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Anomalies that somebody decided in the time, the first first."""
    return connection.execute(
        select(_anomalies)
        .where(_anomalies.c.decided_at >= since, _anomalies.c.decided_at < until)
        .where(_anomalies.c.state.in_(("resolved", "expected", "false-alarm")))
        .order_by(_anomalies.c.decided_at, _anomalies.c.id)
    ).all()


def anomalies_open(connection: Connection, until: datetime) -> Rows:
    """Anomalies that nobody has decided and that go on, the most money first."""
    return connection.execute(
        select(_anomalies)
        .where(_anomalies.c.state.in_(("open", "investigating")), _anomalies.c.ended_on.is_(None))
        .where(_anomalies.c.created_at < until)
        .order_by(func.abs(_anomalies.c.impact_micros).desc(), _anomalies.c.id)
    ).all()


def gates_ready(connection: Connection, until: datetime) -> Rows:
    """Promotions, and lower caps, that are proposed and wait, with ``sandbox_name``; the oldest first."""
    return connection.execute(
        select(_gates, _sandboxes.c.name.label("sandbox_name"))
        .join(_sandboxes, _sandboxes.c.id == _gates.c.sandbox_id)
        .where(_gates.c.state == "proposed", _gates.c.proposed_at < until)
        .order_by(_gates.c.proposed_at, _gates.c.id)
    ).all()


def gates_decided(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Proposals of gates that people decided in the time, with ``sandbox_name``; the first first."""
    return connection.execute(
        select(_gates, _sandboxes.c.name.label("sandbox_name"))
        .join(_sandboxes, _sandboxes.c.id == _gates.c.sandbox_id)
        .where(_gates.c.decided_at >= since, _gates.c.decided_at < until)
        .where(_gates.c.state.in_(("done", "declined")))
        .order_by(_gates.c.decided_at, _gates.c.id)
    ).all()


def redlines_crossed(connection: Connection, since: datetime, until: datetime) -> Rows:
    """Redlines that were open in the time, with ``sandbox_name``; the oldest first."""
    return connection.execute(
        select(_redlines, _sandboxes.c.name.label("sandbox_name"))
        .join(_sandboxes, _sandboxes.c.id == _redlines.c.sandbox_id)
        .where(_redlines.c.opened_at < until)
        .where(or_(_redlines.c.closed_at.is_(None), _redlines.c.closed_at >= since))
        .order_by(_redlines.c.opened_at, _redlines.c.id)
    ).all()
