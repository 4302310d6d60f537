"""The conversations of Microsoft Teams that the bot may write to, as the platform told of them."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from storage.rows import insert_into
from storage.tables.teams import TeamsConversation

_conversations = TeamsConversation.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Conversation:
    """A channel or a personal chat. ``gone_why`` is empty while the bot is there."""

    tenant: str
    conversation: str
    kind: str
    service_url: str
    team: str = ""
    name: str = ""
    user_id: str = ""
    gone_why: str = ""


def remember(connection: Connection, found: Conversation, now: datetime) -> None:
    """Keeps a conversation with what is known of it now; a name or team that is not known stays."""
    values = asdict(found)
    known = {k: v for k, v in values.items() if v or k == "gone_why"}
    connection.execute(
        insert_into(connection, _conversations)
        .values(**values, seen_at=now)
        .on_conflict_do_update(
            index_elements=["tenant", "conversation"], set_={**known, "seen_at": now}
        )
    )


def lost(
    connection: Connection, tenant: str, why: str, *, conversation: str = "", team: str = ""
) -> None:
    """The bot was removed from a conversation, or from a team with all its channels."""
    one = _conversations.c.team == team if team else _conversations.c.conversation == conversation
    connection.execute(
        update(_conversations).where(_conversations.c.tenant == tenant, one).values(gone_why=why)
    )


def all_of(connection: Connection, tenant: str) -> list[Conversation]:
    """Every conversation of a tenant, those that are gone too, the last seen first."""
    rows = connection.execute(
        select(_conversations)
        .where(_conversations.c.tenant == tenant)
        .order_by(_conversations.c.seen_at.desc(), _conversations.c.id.desc())
    )
    names = Conversation.__dataclass_fields__
    return [Conversation(**{name: getattr(row, name) for name in names}) for row in rows]
