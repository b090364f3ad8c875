"""Where a change came from"""

import sqlalchemy as sa
from alembic import op

revision = "0010_audit"
down_revision = "0009_members"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("audit_entries", "organization_entries"):
        op.add_column(table, sa.Column("address", sa.String(), nullable=True))
        op.add_column(table, sa.Column("agent", sa.String(), nullable=True))
    op.create_index("ix_audit_entries_at", "audit_entries", ["cohort_id", "at"], unique=False)
    # Not even the tables' owner changes an entry by mistake; the service's role never could.
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON organization_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION studyhall_refuse_change()"
    )
