"""Where the bot is installed: workspaces and organisations of Slack, their tokens, states of OAuth.

The three tables of the tokens and states are those of slack_sdk's SQLAlchemy stores, column by column: this floor
does not import slack_sdk, so a test compares them with what it expects.
"""

from datetime import datetime

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, String, Table, func
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class SlackTenant(SQLModel, table=True):
    """A workspace, or an organisation that the app is installed in as a whole; kept when it is removed."""

    __tablename__ = "slack_tenant"

    tenant: str = Field(primary_key=True, description="T… of a workspace, E… of an organisation")
    enterprise_id: str | None = None
    team_id: str | None = Field(default=None, description="none for an organisation")
    name: str = ""
    first_at: datetime = Field(
        sa_type=UtcDateTime, description="the first one has the policy's channels without a name"
    )
    installed_at: datetime = Field(sa_type=UtcDateTime)
    gone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    gone_why: str = ""
    refreshing_until: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="the lease of who exchanges its token"
    )


def _common() -> list[Column[object]]:
    return [
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("client_id", String(32), nullable=False),
        Column("app_id", String(32), nullable=False),
        Column("enterprise_id", String(32)),
        Column("enterprise_name", String(200)),
    ]


def _bot() -> list[Column[object]]:
    return [
        Column("team_id", String(32)),
        Column("team_name", String(200)),
        Column("bot_token", String(200)),
        Column("bot_id", String(32)),
        Column("bot_user_id", String(32)),
        Column("bot_scopes", String(1000)),
        Column("bot_refresh_token", String(200)),
        Column("bot_token_expires_at", DateTime),
    ]


def _installed() -> list[Column[object]]:
    return [
        Column("is_enterprise_install", Boolean, default=False, nullable=False),
        Column("installed_at", DateTime, nullable=False, default=func.now()),
    ]


SLACK_INSTALLATIONS = Table(
    "slack_installations",
    SQLModel.metadata,
    *_common(),
    Column("enterprise_url", String(200)),
    *_bot(),
    Column("user_id", String(32), nullable=False),
    Column("user_token", String(200)),
    Column("user_scopes", String(1000)),
    Column("user_refresh_token", String(200)),
    Column("user_token_expires_at", DateTime),
    Column("incoming_webhook_url", String(200)),
    Column("incoming_webhook_channel", String(200)),
    Column("incoming_webhook_channel_id", String(200)),
    Column("incoming_webhook_configuration_url", String(200)),
    Column("token_type", String(32)),
    *_installed(),
    Index(
        "slack_installations_idx",
        "client_id",
        "enterprise_id",
        "team_id",
        "user_id",
        "installed_at",
    ),
)

SLACK_BOTS = Table(
    "slack_bots",
    SQLModel.metadata,
    *_common(),
    *_bot(),
    *_installed(),
    Index("slack_bots_idx", "client_id", "enterprise_id", "team_id", "installed_at"),
)

SLACK_OAUTH_STATES = Table(
    "slack_oauth_states",
    SQLModel.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("state", String(200), nullable=False),
    Column("expire_at", DateTime, nullable=False),
)
