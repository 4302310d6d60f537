"""The installations of the app as slack_sdk's SQLAlchemy store keeps them, inside our own transactions.

The stock store opens a transaction of its own for each step, on an engine: on SQLite that would be a second writer
beside ours, and a crash between two steps would leave half an installation. Here it is given a connection that is
already in a transaction in an engine's place; nothing of it is overridden.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from slack_sdk.oauth.installation_store import Installation
from slack_sdk.oauth.installation_store.sqlalchemy import SQLAlchemyInstallationStore
from sqlalchemy import Connection, Engine

from bot.slack.workspace import Installed
from storage import installations
from storage.installations import Tenant


class _Within:
    """A connection in the place of an engine."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        yield self._connection

    connect = begin


def store(connection: Connection, client_id: str) -> SQLAlchemyInstallationStore:
    """slack_sdk's store within the connection's transaction."""
    return SQLAlchemyInstallationStore(client_id, cast("Engine", _Within(connection)))


def known(connection: Connection, client_id: str) -> list[tuple[Tenant, Installed | None]]:
    """All tenants, the first one first, each with its installation; None when it is gone."""
    kept = store(connection, client_id)
    found: list[tuple[Tenant, Installed | None]] = []
    for tenant in installations.tenants(connection):
        bot = None
        if tenant.gone_why is None:
            bot = kept.find_bot(
                enterprise_id=tenant.enterprise_id,
                team_id=tenant.team_id,
                is_enterprise_install=tenant.team_id is None,
            )
        installed = None
        if bot is not None:
            installed = Installed(
                tenant.tenant,
                bot.bot_token,
                bot.bot_user_id,
                tenant.name,
                tenant.team_id is None,
                bot.bot_token_expires_at,
            )
        found.append((tenant, installed))
    return found


def save(connection: Connection, client_id: str, installation: Installation, now: datetime) -> str:
    """Keeps an installation, the first or another one of its tenant; returns the tenant."""
    tenant = tenant_of(installation)
    org = bool(installation.is_enterprise_install)
    installation.installed_at = float(int(now.timestamp()))
    kept = store(connection, client_id)
    where = {"enterprise_id": installation.enterprise_id, "team_id": installation.team_id}
    # The former token ended with this installing; a clock that was set back must not bring it up again.
    kept.delete_installation(**where)
    kept.delete_bot(**where)
    kept.save(installation)
    installations.installed(
        connection,
        tenant,
        installation.enterprise_id,
        None if org else installation.team_id,
        (installation.enterprise_name if org else installation.team_name) or "",
        now,
    )
    return tenant


def tenant_of(installation: Installation) -> str:
    """The organisation's id when the installation covers it, else the workspace's."""
    org = installation.is_enterprise_install
    return str((installation.enterprise_id if org else installation.team_id) or "")


def remove(
    connection: Connection, client_id: str, tenant: str, why: str, told: datetime, now: datetime
) -> bool:
    """Forgets a tenant's tokens. False when that was told before the tenant was last installed."""
    if not installations.gone(connection, tenant, why, told, now):
        return False
    kept = store(connection, client_id)
    for one in installations.tenants(connection):
        if one.tenant == tenant:
            where = {"enterprise_id": one.enterprise_id, "team_id": one.team_id}
            kept.delete_installation(**where)
            kept.delete_bot(**where)
    return True


def to_exchange(
    connection: Connection, client_id: str, tenant: str, before: float, now: datetime
) -> Installation | None:
    """The installation whose token ends before the Unix time ``before``, claimed for this caller alone.

    None when it does not, or another caller is at it.
    """
    found = _current(connection, client_id, tenant)
    if found is None or found.bot_token_expires_at is None or not found.bot_refresh_token:
        return None
    if found.bot_token_expires_at > before:
        return None
    return found if installations.claim_refresh(connection, tenant, now) else None


def exchanged(
    connection: Connection,
    client_id: str,
    tenant: str,
    former: Installation,
    answer: dict[str, Any],
    now: datetime,
) -> bool:
    """Keeps the token that Slack gave for the former one. False when the app was removed, or installed
    again, meanwhile: then the answer is of no use.
    """
    current = _current(connection, client_id, tenant)
    installations.release_refresh(connection, tenant)
    if current is None or current.bot_refresh_token != former.bot_refresh_token:
        return False
    current.bot_token = str(answer["access_token"])
    current.bot_refresh_token = str(answer.get("refresh_token") or "") or None
    lives = answer.get("expires_in")
    current.bot_token_expires_at = int(now.timestamp() + float(lives)) if lives else None
    store(connection, client_id).save(current)
    return True


def _current(connection: Connection, client_id: str, tenant: str) -> Installation | None:
    for one in installations.tenants(connection):
        if one.tenant == tenant and one.gone_why is None:
            return store(connection, client_id).find_installation(
                enterprise_id=one.enterprise_id,
                team_id=one.team_id,
                is_enterprise_install=one.team_id is None,
            )
    return None


def when(seconds: float) -> datetime:
    """Slack's Unix time as ours."""
    return datetime.fromtimestamp(seconds, UTC)
