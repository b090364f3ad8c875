"""Members: roles in the cohort, joining with approval, the hub's groups"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import protect

revision = "0009_members"
down_revision = "0008_email"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "cohorts",
        sa.Column("mail_domains", postgresql.ARRAY(sa.String()), server_default="{}", nullable=False),
    )
    op.add_column(
        "cohorts", sa.Column("allow_public_join", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column(
        "cohorts", sa.Column("require_approval", sa.Boolean(), server_default="true", nullable=False)
    )
    op.add_column("cohorts", sa.Column("roster_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("removed_because", sa.String(), nullable=True))
    op.create_table(
        "cohort_roles",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_cohort_roles_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_cohort_roles_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohort_roles")),
        sa.UniqueConstraint("user_id", "role", name=op.f("uq_cohort_roles_user_id_role")),
    )
    op.create_index(op.f("ix_cohort_roles_cohort_id"), "cohort_roles", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_cohort_roles_user_id"), "cohort_roles", ["user_id"], unique=False)
    op.create_table(
        "join_requests",
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_join_requests_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_join_requests")),
        sa.UniqueConstraint("cohort_id", "username", name=op.f("uq_join_requests_cohort_id_username")),
    )
    op.create_index(op.f("ix_join_requests_cohort_id"), "join_requests", ["cohort_id"], unique=False)
    op.create_index(
        "ix_join_requests_cohort_id_state_asked_at",
        "join_requests",
        ["cohort_id", "state", "asked_at"],
        unique=False,
    )
    op.create_table(
        "hub_groups",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_hub_groups_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_hub_groups_user_id")),
        sa.PrimaryKeyConstraint("user_id", "name", name=op.f("pk_hub_groups")),
    )
    op.create_index(op.f("ix_hub_groups_cohort_id"), "hub_groups", ["cohort_id"], unique=False)
    protect("cohort_roles", "hub_groups", "join_requests")
