"""Budgets, what people were told, overruns, joint reviews"""

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budget_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("budget", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("policy_hash", sa.String(), nullable=False),
        sa.Column("at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("budget", "period", "key"),
    )
    op.create_table(
        "budget_nudge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("budget", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("budget", "period", "basis", "percent"),
    )
    op.create_table(
        "overrun",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("budget", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("rung_name", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("anomaly_id", sa.String(), nullable=True),
        sa.Column("opened_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("placed_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_name", sa.String(), nullable=False),
        sa.Column("granted_micros", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("policy_hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("overrun", schema=None) as batch_op:
        batch_op.create_index(
            "ix_overrun_open",
            ["budget", "period"],
            unique=True,
            sqlite_where=sa.text("state IN ('open', 'review')"),
            postgresql_where=sa.text("state IN ('open', 'review')"),
        )
        batch_op.create_index("ix_overrun_state", ["state", "opened_at"], unique=False)

    op.create_table(
        "overrun_agreement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("overrun_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("overrun_id", "revision", "person"),
    )
    with op.batch_alter_table("overrun_agreement", schema=None) as batch_op:
        batch_op.create_index("ix_overrun_agreement_overrun_id", ["overrun_id"], unique=False)

    op.create_table(
        "review",
        sa.Column("overrun_id", sa.String(), nullable=False),
        sa.Column("opens_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened", sa.Boolean(), nullable=False),
        sa.Column("participants", sa.JSON(), nullable=False),
        sa.Column("moved", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("overrun_id"),
    )
    op.create_table(
        "review_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("overrun_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.String(), nullable=False),
        sa.Column("at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("review_item", schema=None) as batch_op:
        batch_op.create_index("ix_review_item_overrun", ["overrun_id", "id"], unique=False)


def downgrade() -> None:
    op.execute("DELETE FROM deadline WHERE kind LIKE 'overrun.%'")
    with op.batch_alter_table("review_item", schema=None) as batch_op:
        batch_op.drop_index("ix_review_item_overrun")

    op.drop_table("review_item")
    op.drop_table("review")
    with op.batch_alter_table("overrun_agreement", schema=None) as batch_op:
        batch_op.drop_index("ix_overrun_agreement_overrun_id")

    op.drop_table("overrun_agreement")
    with op.batch_alter_table("overrun", schema=None) as batch_op:
        batch_op.drop_index("ix_overrun_state")
        batch_op.drop_index(
            "ix_overrun_open",
            sqlite_where=sa.text("state IN ('open', 'review')"),
            postgresql_where=sa.text("state IN ('open', 'review')"),
        )

    op.drop_table("overrun")
    op.drop_table("budget_nudge")
    op.drop_table("budget_entry")
