"""Sandboxes, actuators' orders, redlines, gates, claims; the currency of ledgers"""

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "actuation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sandbox_id", sa.String(), nullable=False),
        sa.Column("actuator", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("leased_until", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("done_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("actuation", schema=None) as batch_op:
        batch_op.create_index("ix_actuation_sandbox", ["sandbox_id", "id"], unique=False)
        batch_op.create_index("ix_actuation_waiting", ["state", "not_before"], unique=False)

    op.create_table(
        "claim",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("question_id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("sets", sa.JSON(), nullable=False),
        sa.Column("not_ai", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "gate_case",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sandbox_id", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("proposed_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("policy_hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("gate_case", schema=None) as batch_op:
        batch_op.create_index(
            "ix_gate_case_open",
            ["sandbox_id"],
            unique=True,
            sqlite_where=sa.text("state = 'proposed'"),
            postgresql_where=sa.text("state = 'proposed'"),
        )

    op.create_table(
        "gate_sign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sandbox_id", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sandbox_id", "gate", "role"),
    )
    op.create_table(
        "redline_case",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sandbox_id", sa.String(), nullable=False),
        sa.Column("redline", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("taken", sa.JSON(), nullable=False),
        sa.Column("act_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("kept_until", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("kept_times", sa.Integer(), nullable=False),
        sa.Column("doubted", sa.String(), nullable=False),
        sa.Column("stopped_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("resumed_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("verified_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("opened_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("closed_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("policy_hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("redline_case", schema=None) as batch_op:
        batch_op.create_index(
            "ix_redline_case_open",
            ["sandbox_id", "redline"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "sandbox",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hypothesis", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("workload", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("estimate_micros", sa.BigInteger(), nullable=False),
        sa.Column("asked_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("data_class", sa.String(), nullable=False),
        sa.Column("risk_class", sa.String(), nullable=False),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_name", sa.String(), nullable=False),
        sa.Column("asked_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("overrun_id", sa.String(), nullable=False),
        sa.Column("actuators", sa.JSON(), nullable=False),
        sa.Column("handles", sa.JSON(), nullable=False),
        sa.Column("active_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("halted_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("halted_by", sa.String(), nullable=False),
        sa.Column("ended_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.Column("policy_hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("sandbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sandbox_name",
            ["name"],
            unique=True,
            sqlite_where=sa.text("state NOT IN ('declined', 'withdrawn')"),
            postgresql_where=sa.text("state NOT IN ('declined', 'withdrawn')"),
        )
        batch_op.create_index("ix_sandbox_state", ["state"], unique=False)

    op.create_table(
        "shadow_question",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_name", sa.String(), nullable=False),
        sa.Column("decided_at", storage.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("asked_at", storage.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "service"),
    )
    with op.batch_alter_table("budget_entry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("currency", sa.String(), nullable=False, server_default=""))

    with op.batch_alter_table("overrun", schema=None) as batch_op:
        batch_op.add_column(sa.Column("currency", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:

    with op.batch_alter_table("overrun", schema=None) as batch_op:
        batch_op.drop_column("currency")

    with op.batch_alter_table("budget_entry", schema=None) as batch_op:
        batch_op.drop_column("currency")

    op.drop_table("shadow_question")
    with op.batch_alter_table("sandbox", schema=None) as batch_op:
        batch_op.drop_index("ix_sandbox_state")
        batch_op.drop_index(
            "ix_sandbox_name",
            sqlite_where=sa.text("state NOT IN ('declined', 'withdrawn')"),
            postgresql_where=sa.text("state NOT IN ('declined', 'withdrawn')"),
        )

    op.drop_table("sandbox")
    with op.batch_alter_table("redline_case", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_redline_case_open",
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.drop_table("redline_case")
    op.drop_table("gate_sign")
    with op.batch_alter_table("gate_case", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_gate_case_open",
            sqlite_where=sa.text("state = 'proposed'"),
            postgresql_where=sa.text("state = 'proposed'"),
        )

    op.drop_table("gate_case")
    op.drop_table("claim")
    with op.batch_alter_table("actuation", schema=None) as batch_op:
        batch_op.drop_index("ix_actuation_waiting")
        batch_op.drop_index("ix_actuation_sandbox")

    op.drop_table("actuation")
