"""Anomalies as rows: read under lock, change only from the state that was read."""

import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, case, delete, insert, select, update

from guardrails.policy.alerts import SEVERITIES
from storage.tables.alerts import AlertGroup, AlertGroupMember, Anomaly, Feedback

_anomalies = Anomaly.__table__  # type: ignore[attr-defined]
_feedback = Feedback.__table__  # type: ignore[attr-defined]
_groups = AlertGroup.__table__  # type: ignore[attr-defined]
_members = AlertGroupMember.__table__  # type: ignore[attr-defined]

AnomalyRow = Row[Any]

_SEVERE = case({name: n for n, name in enumerate(SEVERITIES)}, value=_anomalies.c.severity, else_=0)


def new_id() -> str:
    """An id that nobody can guess and that says nothing."""
    return secrets.token_urlsafe(9)


def get(connection: Connection, anomaly_id: str, *, lock: bool = False) -> AnomalyRow | None:
    """The anomaly, locked until the transaction ends when asked for."""
    query = select(_anomalies).where(_anomalies.c.id == anomaly_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def unfinished(connection: Connection) -> list[AnomalyRow]:
    """All that has not ended, locked, in a stable order."""
    query = select(_anomalies).where(_anomalies.c.ended_on.is_(None)).order_by(_anomalies.c.id)
    return list(connection.execute(query.with_for_update()))


def overlapping(
    connection: Connection, signal: str, scope: str, direction: str, start: date, last: date
) -> AnomalyRow | None:
    """The newest recorded anomaly of the series that shares a day with start…last, ended or not."""
    return connection.execute(
        select(_anomalies)
        .where(
            _anomalies.c.signal == signal,
            _anomalies.c.scope == scope,
            _anomalies.c.direction == direction,
            _anomalies.c.started_on <= last,
            _anomalies.c.last_on >= start,
        )
        .order_by(_anomalies.c.last_on.desc(), _anomalies.c.created_at.desc())
        .limit(1)
        .with_for_update()
    ).first()


def add(connection: Connection, **values: Any) -> None:
    """Records a new anomaly."""
    connection.execute(insert(_anomalies).values(**values))


def change(connection: Connection, row: AnomalyRow, **values: Any) -> bool:
    """Changes an anomaly if it is still as it was read. False: somebody was faster."""
    won = connection.execute(
        update(_anomalies)
        .where(_anomalies.c.id == row.id, _anomalies.c.version == row.version)
        .values(version=row.version + 1, **values)
        .returning(_anomalies.c.id)
    ).first()
    return won is not None


def shown(connection: Connection, limit: int = 50) -> Sequence[AnomalyRow]:
    """What is open or being looked into and was posted, worst first."""
    return connection.execute(
        select(_anomalies)
        .where(_anomalies.c.state.in_(("open", "investigating")), _anomalies.c.ended_on.is_(None))
        .order_by(_SEVERE.desc(), _anomalies.c.impact_micros.desc(), _anomalies.c.id)
        .limit(limit)
    ).all()


def during(connection: Connection, first: date, last: date) -> Sequence[AnomalyRow]:
    """Those that share a day with these days, worst first."""
    return connection.execute(
        select(_anomalies)
        .where(_anomalies.c.started_on <= last, _anomalies.c.last_on >= first)
        .order_by(_SEVERE.desc(), _anomalies.c.impact_micros.desc(), _anomalies.c.id)
    ).all()


def waiting_for(connection: Connection, owner: str, teams: Sequence[str]) -> Sequence[AnomalyRow]:
    """What is open or being looked into and is the owner's, or of one of the teams; worst first."""
    rows = connection.execute(
        select(_anomalies)
        .where(_anomalies.c.state.in_(("open", "investigating")), _anomalies.c.ended_on.is_(None))
        .order_by(_SEVERE.desc(), _anomalies.c.impact_micros.desc(), _anomalies.c.id)
    ).all()
    return [
        r
        for r in rows
        if r.owner == owner or (r.found.get("allocation") or {}).get("team") in teams
    ]


def in_group(connection: Connection, group_id: str) -> Sequence[AnomalyRow]:
    """The anomalies of a grouped message, worst first."""
    return connection.execute(
        select(_anomalies)
        .join(_members, _members.c.anomaly_id == _anomalies.c.id)
        .where(_members.c.group_id == group_id)
        .order_by(_SEVERE.desc(), _anomalies.c.impact_micros.desc(), _anomalies.c.id)
    ).all()


def add_group(connection: Connection, **values: Any) -> None:
    """Records a grouped message."""
    connection.execute(insert(_groups).values(**values))


def join_group(connection: Connection, group_id: str, anomaly_id: str) -> None:
    """Puts an anomaly into a grouped message."""
    connection.execute(insert(_members).values(group_id=group_id, anomaly_id=anomaly_id))


def groups_of(connection: Connection, anomaly_id: str) -> Sequence[Row[Any]]:
    """The grouped messages that name an anomaly, locked: two who decide at once render one after the other."""
    return connection.execute(
        select(_groups)
        .where(
            _groups.c.id.in_(select(_members.c.group_id).where(_members.c.anomaly_id == anomaly_id))
        )
        .order_by(_groups.c.id)
        .with_for_update()
    ).all()


def add_feedback(connection: Connection, **values: Any) -> None:
    """Records what somebody said of a pattern."""
    connection.execute(insert(_feedback).values(**values))


def forget_feedback(connection: Connection, anomaly_id: str) -> None:
    """Takes back what was said when an anomaly is reopened."""
    connection.execute(delete(_feedback).where(_feedback.c.anomaly_id == anomaly_id))


def feedback(connection: Connection) -> Sequence[Row[Any]]:
    """All that people have said of patterns."""
    return connection.execute(select(_feedback).order_by(_feedback.c.id)).all()
