"""Conversations of Microsoft Teams"""

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "teams_conversation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("service_url", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("gone_why", sa.String(), nullable=False),
        sa.Column("seen_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "conversation"),
    )
    with op.batch_alter_table("teams_conversation", schema=None) as batch_op:
        batch_op.create_index("ix_teams_conversation_user_id", ["user_id"], unique=False)
    with op.batch_alter_table("message_ref", schema=None) as batch_op:
        batch_op.create_index("ix_message_ref_message", ["message_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("message_ref", schema=None) as batch_op:
        batch_op.drop_index("ix_message_ref_message")
    with op.batch_alter_table("teams_conversation", schema=None) as batch_op:
        batch_op.drop_index("ix_teams_conversation_user_id")
    op.drop_table("teams_conversation")
