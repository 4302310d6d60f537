"""Where the bot is in Microsoft Teams: a reference to each conversation that it may write to."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class TeamsConversation(SQLModel, table=True):
    """A channel or a personal chat; kept when the app is removed, so that it is known what is gone."""

    __tablename__ = "teams_conversation"
    __table_args__ = (UniqueConstraint("tenant", "conversation"),)

    id: int | None = Field(default=None, primary_key=True)
    tenant: str
    conversation: str = Field(description="19:…@thread.tacv2 of a channel, a:… of a personal chat")
    kind: str = Field(description="channel or personal")
    service_url: str = Field(description="where the connector of this conversation is")
    team: str = Field(default="", description="the id of the channel's team")
    name: str = Field(default="", description="team and channel, or the person's name")
    user_id: str = Field(default="", index=True, description="29:… of a personal chat's person")
    gone_why: str = Field(default="", description="empty while the bot is there")
    seen_at: datetime = Field(sa_type=UtcDateTime)
