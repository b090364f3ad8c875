"""Organisations and cohorts that open and close"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import APP_ROLE, append_only

revision = "0007_organizations"
down_revision = "0006_nbgrader_gradebooks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("organizations", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("cohorts", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("cohorts", sa.Column("plan", sa.String(), server_default="organization", nullable=False))
    op.create_table(
        "organization_entries",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_organization_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization_entries")),
    )
    op.create_index(
        op.f("ix_organization_entries_organization_id"),
        "organization_entries",
        ["organization_id"],
        unique=False,
    )
    # Closed, never deleted; and what was written down stays as it is.
    append_only("organization_entries")
    op.execute(f"REVOKE DELETE, TRUNCATE ON organizations, cohorts FROM {APP_ROLE}")
