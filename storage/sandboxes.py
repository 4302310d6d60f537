"""Sandboxes as rows: read under lock, change only from the version that was read."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from guardrails.money import MICROS
from guardrails.policy.budgets import Budget
from guardrails.sandboxes.budget import PREFIX, budget_name, budget_of
from guardrails.sandboxes.life import ENDED, LIVING
from storage.rows import add_row, change_row
from storage.tables.budgets import BudgetEntry
from storage.tables.sandboxes import Sandbox
from storage.tables.spend import CostRollup

_sandboxes = Sandbox.__table__  # type: ignore[attr-defined]
_entries = BudgetEntry.__table__  # type: ignore[attr-defined]
_rollup = CostRollup.__table__  # type: ignore[attr-defined]

SandboxRow = Row[Any]
IN_ZONE = tuple(state for state in LIVING if state != "graduated")


def get(connection: Connection, sandbox_id: str, *, lock: bool = False) -> SandboxRow | None:
    """The sandbox, locked until the transaction ends when asked for."""
    query = select(_sandboxes).where(_sandboxes.c.id == sandbox_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def named(connection: Connection, name: str) -> SandboxRow | None:
    """The sandbox that has or had this name; of those that never began, the newest."""
    return connection.execute(
        select(_sandboxes)
        .where(_sandboxes.c.name == name.lower())
        .order_by(_sandboxes.c.state.in_(("declined", "withdrawn")), _sandboxes.c.asked_at.desc())
        .limit(1)
    ).first()


def living(connection: Connection) -> Sequence[SandboxRow]:
    """Those that may spend, by name."""
    return _in(connection, LIVING)


def requested(connection: Connection) -> Sequence[SandboxRow]:
    """Those that wait for a decision, by name."""
    return _in(connection, ("requested",))


def ended(connection: Connection, team: str = "", newest: int = 10) -> Sequence[SandboxRow]:
    """Those that have ended, the newest first; of one team when it is given."""
    query = select(_sandboxes).where(_sandboxes.c.state.in_(ENDED))
    if team:
        query = query.where(_sandboxes.c.team == team)
    return connection.execute(
        query.order_by(_sandboxes.c.ended_at.desc(), _sandboxes.c.id).limit(newest)
    ).all()


def names(connection: Connection) -> list[str]:
    """The names of all that were ever given room."""
    never = ("requested", "declined", "withdrawn")
    query = select(_sandboxes.c.name).where(_sandboxes.c.state.not_in(never))
    return sorted(connection.execute(query).scalars())


def just_ended(connection: Connection, since: datetime) -> list[str]:
    """The ids of those that ended since then."""
    query = select(_sandboxes.c.id).where(_sandboxes.c.ended_at >= since)
    return list(connection.execute(query).scalars())


def _in(connection: Connection, states: Iterable[str]) -> Sequence[SandboxRow]:
    return connection.execute(
        select(_sandboxes)
        .where(_sandboxes.c.state.in_(tuple(states)))
        .order_by(_sandboxes.c.name, _sandboxes.c.id)
    ).all()


def halted_of(connection: Connection, people: Sequence[str], since: datetime) -> SandboxRow | None:
    """The sandbox of one of these people that is halted, or ended so, since then; the newest."""
    mine = or_(_sandboxes.c.owner.in_(people), _sandboxes.c.asked_by.in_(people))
    return connection.execute(
        select(_sandboxes)
        .where(mine, _sandboxes.c.halted_at >= since)
        .order_by(_sandboxes.c.halted_at.desc())
        .limit(1)
    ).first()


def add(connection: Connection, **values: Any) -> bool:
    """Records a new sandbox. False: another has or had its name."""
    return add_row(connection, _sandboxes, **values)


def change(connection: Connection, row: SandboxRow, **values: Any) -> None:
    """Changes a sandbox that is still as it was read. Raises Lost when it is not."""
    change_row(connection, _sandboxes, row, **values)


def budget(row: SandboxRow) -> Budget:
    """The budget of a sandbox: the term from its beginning to its last day."""
    return budget_of(row.name, row.starts_on, row.ends_on, row.owner, row.channel)


def find_budget(connection: Connection, name: str) -> Budget | None:
    """The budget of that name when it is a sandbox's."""
    if not name.startswith(PREFIX):
        return None
    row = named(connection, name.removeprefix(PREFIX))
    return budget(row) if row is not None else None


def in_zone(connection: Connection, zone: str) -> int:
    """How many sandboxes of a zone live."""
    return int(
        connection.execute(
            select(func.count()).where(_sandboxes.c.zone == zone, _sandboxes.c.state.in_(IN_ZONE))
        ).scalar_one()
    )


def allocated_in(connection: Connection, zone: str, since: datetime) -> list[tuple[int, str]]:
    """What was allocated in a zone since then, also to those that were extended: (micros, currency)."""
    rows = connection.execute(
        select(func.sum(_entries.c.amount_micros), _entries.c.currency)
        .select_from(_sandboxes)
        .join(_entries, _entries.c.budget == PREFIX + _sandboxes.c.name)
        .where(_sandboxes.c.zone == zone, _entries.c.kind == "set")
        .where(_entries.c.at >= since)
        .group_by(_entries.c.currency)
    )
    return [(int(micros), currency) for micros, currency in rows]


def lock_zone(connection: Connection, zone: str) -> None:
    """Lets one request at a time count what a zone holds; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(7227246, func.hashtext(zone))))


def spends(connection: Connection, name: str) -> bool:
    """Whether the bill has an experiment of that name, whatever its case, hyphens for spaces and underscores."""
    query = select(_rollup.c.experiment).where(_rollup.c.experiment != "").distinct().subquery()
    folded = func.lower(func.replace(func.replace(query.c.experiment, "_", "-"), " ", "-"))
    return connection.execute(select(query.c.experiment).where(folded == name)).first() is not None


def ledger_name(row: SandboxRow) -> str:
    """The name of its budget."""
    return budget_name(row.name)


def money_of(micros: int) -> Decimal:
    """Stored millionths as an amount."""
    return Decimal(int(micros)) / MICROS
