"""Overruns as rows: read under lock, change only from the version that was read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from guardrails.ladder import Agreement
from storage.rows import add_row, change_row, insert_into
from storage.tables.budgets import Overrun, OverrunAgreement

_overruns = Overrun.__table__  # type: ignore[attr-defined]
_agreements = OverrunAgreement.__table__  # type: ignore[attr-defined]

OverrunRow = Row[Any]
WAITING = ("open", "review")


def get(connection: Connection, overrun_id: str, *, lock: bool = False) -> OverrunRow | None:
    """The overrun, locked until the transaction ends when asked for."""
    query = select(_overruns).where(_overruns.c.id == overrun_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def waiting_of(
    connection: Connection, budget: str, period: str, *, lock: bool = True
) -> OverrunRow | None:
    """The overrun of a budget's period that waits for a decision, locked unless asked otherwise."""
    query = (
        select(_overruns)
        .where(_overruns.c.budget == budget, _overruns.c.period == period)
        .where(_overruns.c.state.in_(WAITING))
    )
    return connection.execute(query.with_for_update() if lock else query).first()


def last_of(connection: Connection, budget: str, period: str) -> OverrunRow | None:
    """The newest overrun of a budget's period that was decided; what was withdrawn was not."""
    return connection.execute(
        select(_overruns)
        .where(_overruns.c.budget == budget, _overruns.c.period == period)
        .where(_overruns.c.state.not_in((*WAITING, "withdrawn")))
        .order_by(_overruns.c.decided_at.desc(), _overruns.c.opened_at.desc())
        .limit(1)
    ).first()


def waiting(connection: Connection, *, lock: bool = False) -> Sequence[OverrunRow]:
    """All that wait for a decision, the earliest due first; locked when asked for."""
    query = (
        select(_overruns)
        .where(_overruns.c.state.in_(WAITING))
        .order_by(_overruns.c.due_at, _overruns.c.id)
    )
    return connection.execute(query.with_for_update() if lock else query).all()


def times(connection: Connection, budget: str, rung: str, since: datetime) -> int:
    """How often a budget was granted something on a rung since then."""
    return int(
        connection.execute(
            select(func.count())
            .where(_overruns.c.budget == budget, _overruns.c.rung_name == rung)
            .where(_overruns.c.state == "granted", _overruns.c.decided_at >= since)
        ).scalar_one()
    )


def times_of_person(
    connection: Connection, person: str, kind: str, rung: str, since: datetime
) -> int:
    """How often somebody was granted something of a kind on a rung since then."""
    return int(
        connection.execute(
            select(func.count())
            .where(_overruns.c.asked_by == person, _overruns.c.kind == kind)
            .where(_overruns.c.rung_name == rung)
            .where(_overruns.c.state == "granted", _overruns.c.decided_at >= since)
        ).scalar_one()
    )


def granted_to(
    connection: Connection, person: str, kind: str, since: datetime
) -> list[tuple[str, int]]:
    """What somebody was granted for what they asked of a kind since then: (currency, millionths) a currency."""
    rows = connection.execute(
        select(_overruns.c.currency, func.sum(_overruns.c.granted_micros).label("micros"))
        .where(_overruns.c.asked_by == person, _overruns.c.kind == kind)
        .where(_overruns.c.decided_at >= since, _overruns.c.granted_micros != 0)
        .group_by(_overruns.c.currency)
    )
    return [(r.currency, int(r.micros)) for r in rows]


def add(connection: Connection, **values: Any) -> bool:
    """Records a new overrun. False: the budget's period has one that waits."""
    return add_row(connection, _overruns, **values)


def change(connection: Connection, row: OverrunRow, **values: Any) -> None:
    """Changes an overrun that is still as it was read. Raises Lost when it is not."""
    change_row(connection, _overruns, row, **values)


def agree(
    connection: Connection,
    row: OverrunRow,
    person: str,
    name: str,
    roles: Sequence[str],
    now: datetime,
) -> None:
    """Records that someone agrees to the amount as it is now. Who agreed before, with roles that no longer count,
    agrees with those of now."""
    said = {"name": name, "roles": sorted(roles), "at": now}
    connection.execute(
        insert_into(connection, _agreements)
        .values(overrun_id=row.id, revision=row.revision, person=person, **said)
        .on_conflict_do_update(index_elements=["overrun_id", "revision", "person"], set_=said)
    )


def agreements(connection: Connection, row: OverrunRow) -> list[tuple[Agreement, str]]:
    """Who has agreed to the amount as it is now, with their names, in the order in which they did."""
    rows = connection.execute(
        select(_agreements)
        .where(_agreements.c.overrun_id == row.id, _agreements.c.revision == row.revision)
        .order_by(_agreements.c.id)
    )
    return [(Agreement(r.person, frozenset(r.roles)), r.name) for r in rows]
