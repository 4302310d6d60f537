"""Accounts on surfaces and the people they belong to."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from storage.rows import insert_into
from storage.tables.people import Identity

_identities = Identity.__table__  # type: ignore[attr-defined]


def remember(
    connection: Connection,
    *,
    surface: str,
    tenant: str,
    user_id: str,
    person: str,
    name: str,
    now: datetime,
) -> None:
    """Keeps an account that was seen, with the person it belongs to now."""
    row = insert_into(connection, _identities).values(
        surface=surface, tenant=tenant, user_id=user_id, person=person, name=name, seen_at=now
    )
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["surface", "tenant", "user_id"],
            set_={"person": person, "name": name, "seen_at": now},
        )
    )


def forget(connection: Connection, surface: str, tenant: str, user_id: str) -> None:
    """Takes an account away from its person: it was deactivated, or is not of this organisation."""
    connection.execute(
        _identities.delete()
        .where(_identities.c.surface == surface, _identities.c.tenant == tenant)
        .where(_identities.c.user_id == user_id)
    )


def accounts_of(
    connection: Connection, surface: str, tenant: str, people: Iterable[str]
) -> dict[str, str]:
    """Person → account id, for those of the people who have an account there; the last seen of several."""
    rows = connection.execute(
        select(_identities.c.person, _identities.c.user_id)
        .where(_identities.c.surface == surface, _identities.c.tenant == tenant)
        .where(_identities.c.person.in_(list(people)))
        .order_by(_identities.c.seen_at, _identities.c.id)
    )
    return {row.person: row.user_id for row in rows}


def named_accounts(
    connection: Connection, surface: str, tenant: str, people: Iterable[str]
) -> dict[str, tuple[str, str]]:
    """Person → (account id, name) of those who have an account there; the last seen of several."""
    rows = connection.execute(
        select(_identities.c.person, _identities.c.user_id, _identities.c.name)
        .where(_identities.c.surface == surface, _identities.c.tenant == tenant)
        .where(_identities.c.person.in_(list(people)))
        .order_by(_identities.c.seen_at, _identities.c.id)
    )
    return {row.person: (row.user_id, row.name) for row in rows}


def of_tenant(
    connection: Connection, surface: str, tenant: str, limit: int
) -> list[tuple[str, str]]:
    """(person, account id) of a tenant, the last seen first."""
    rows = connection.execute(
        select(_identities.c.person, _identities.c.user_id)
        .where(_identities.c.surface == surface, _identities.c.tenant == tenant)
        .order_by(_identities.c.seen_at.desc(), _identities.c.id.desc())
        .limit(limit)
    )
    return [(row.person, row.user_id) for row in rows]
