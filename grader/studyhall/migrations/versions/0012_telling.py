"""What people were told, whose sessions at the hub were ended, and rosters of learning platforms as staff see them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_telling"
down_revision = "0011_lti"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("users", sa.Column("sessions_ended_at", MOMENT, nullable=True))
    op.add_column("cohorts", sa.Column("hub_sends_mail", sa.Boolean(), nullable=True))
    # Whoever was decided before, and whoever waits, has found out otherwise: only what comes now is told by mail. A
    # default fills the rows that there are whatever row-level security lets this role see.
    op.add_column(
        "join_requests", sa.Column("told_of", MOMENT, nullable=True, server_default=sa.text("now()"))
    )
    op.alter_column("join_requests", "told_of", server_default=None)
    op.add_column(
        "cohorts", sa.Column("waiting_told_at", MOMENT, nullable=True, server_default=sa.text("now()"))
    )
    op.alter_column("cohorts", "waiting_told_at", server_default=None)
    op.add_column("lti_contexts", sa.Column("roster_state", sa.String(), nullable=True))
    op.add_column("lti_contexts", sa.Column("roster_asked_at", MOMENT, nullable=True))
    op.add_column("lti_contexts", sa.Column("roster_asked_by", sa.String(), nullable=True))
    op.add_column("lti_contexts", sa.Column("roster_at", MOMENT, nullable=True))
    op.add_column("lti_contexts", sa.Column("roster_trouble", sa.String(), nullable=True))
    op.add_column("lti_contexts", sa.Column("roster_outcome", postgresql.JSONB(), nullable=True))
