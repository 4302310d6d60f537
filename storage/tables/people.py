"""People and the accounts they have on each surface."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import UtcDateTime


class Identity(SQLModel, table=True):
    """One account on one surface. Accounts with the same e-mail are one person."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("surface", "tenant", "user_id"),)

    id: int | None = Field(default=None, primary_key=True)
    surface: str
    tenant: str
    user_id: str
    person: str = Field(
        index=True, description="the e-mail in lower case; surface:tenant:id without one"
    )
    name: str
    seen_at: datetime = Field(sa_type=UtcDateTime)
