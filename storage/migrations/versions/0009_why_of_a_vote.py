"""Why somebody says what they say in the council"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("council_vote", schema=None) as batch_op:
        batch_op.add_column(sa.Column("why", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("council_vote", schema=None) as batch_op:
        batch_op.drop_column("why")
