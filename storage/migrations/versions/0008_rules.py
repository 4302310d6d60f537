"""The rules themselves: replays that were asked for in chat, retrospectives"""

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_replay",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_name", sa.String(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("policy_text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("not_before", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("leased_until", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("policy_replay", schema=None) as batch_op:
        batch_op.create_index("ix_policy_replay_state", ["state"], unique=False)

    op.create_table(
        "retrospective",
        sa.Column("quarter", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("posted_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("policy_hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("quarter"),
    )


def downgrade() -> None:
    op.drop_table("retrospective")
    with op.batch_alter_table("policy_replay", schema=None) as batch_op:
        batch_op.drop_index("ix_policy_replay_state")

    op.drop_table("policy_replay")
