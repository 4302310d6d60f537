"""Slack's tenants: which there are, which was first, which is gone, and who exchanges a token now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update

from storage.tables.installations import SLACK_OAUTH_STATES, SlackTenant

REFRESH_LEASE = timedelta(seconds=60)

_tenants = SlackTenant.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Tenant:
    """A workspace or organisation that the app is, or was, installed in."""

    tenant: str
    enterprise_id: str | None
    team_id: str | None
    name: str
    installed_at: datetime
    gone_why: str | None


def tenants(connection: Connection) -> list[Tenant]:
    """All of them, the one that was installed first at the beginning, also those that are gone."""
    rows = connection.execute(select(_tenants).order_by(_tenants.c.first_at, _tenants.c.tenant))
    return [
        Tenant(
            r.tenant,
            r.enterprise_id,
            r.team_id,
            r.name,
            r.installed_at,
            r.gone_why if r.gone_at is not None else None,
        )
        for r in rows
    ]


def installed(
    connection: Connection,
    tenant: str,
    enterprise_id: str | None,
    team_id: str | None,
    name: str,
    now: datetime,
) -> None:
    """The app was installed, for the first time or again."""
    values = {
        "enterprise_id": enterprise_id,
        "team_id": team_id,
        "name": name,
        "installed_at": now,
        "gone_at": None,
        "gone_why": "",
        "refreshing_until": None,
    }
    again = connection.execute(
        update(_tenants)
        .where(_tenants.c.tenant == tenant)
        .values(**values)
        .returning(_tenants.c.tenant)
    ).first()
    if again is None:
        connection.execute(insert(_tenants).values(tenant=tenant, first_at=now, **values))


def gone(connection: Connection, tenant: str, why: str, told: datetime, now: datetime) -> bool:
    """The app was removed. False when that was told before it was last installed: then it is old news."""
    row = connection.execute(
        update(_tenants)
        .where(_tenants.c.tenant == tenant, _tenants.c.installed_at <= told)
        .values(gone_at=now, gone_why=why)
        .returning(_tenants.c.tenant)
    ).first()
    return row is not None


def claim_refresh(connection: Connection, tenant: str, now: datetime) -> bool:
    """True for the one caller that is to exchange the tenant's token now."""
    row = connection.execute(
        update(_tenants)
        .where(_tenants.c.tenant == tenant, _tenants.c.gone_at.is_(None))
        .where(or_(_tenants.c.refreshing_until.is_(None), _tenants.c.refreshing_until < now))
        .values(refreshing_until=now + REFRESH_LEASE)
        .returning(_tenants.c.tenant)
    ).first()
    return row is not None


def release_refresh(connection: Connection, tenant: str) -> None:
    """The exchange is over, whatever came of it."""
    connection.execute(
        update(_tenants).where(_tenants.c.tenant == tenant).values(refreshing_until=None)
    )


def take_state(connection: Connection, state: str, now: datetime) -> bool:
    """Whether the state was given out and is not expired; it is used up by asking, by one asker only."""
    naive = now.replace(tzinfo=None)  # slack_sdk keeps UTC without a zone
    states = SLACK_OAUTH_STATES.c
    taken = connection.execute(
        delete(SLACK_OAUTH_STATES).where(states.state == state).returning(states.expire_at)
    ).first()
    connection.execute(delete(SLACK_OAUTH_STATES).where(states.expire_at < naive))
    return taken is not None and taken.expire_at > naive


def give_state(connection: Connection, state: str, until: datetime) -> None:
    """Remembers a state that was given out.

    States are kept as slack_sdk's state store keeps them. That store itself is not used: it takes a state in two
    steps, so that on PostgreSQL two requests with one state could both win, and it takes the machine's clock.
    """
    connection.execute(
        insert(SLACK_OAUTH_STATES).values(state=state, expire_at=until.replace(tzinfo=None))
    )
