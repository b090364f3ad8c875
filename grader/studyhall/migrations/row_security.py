"""Row-level security for learner tables, as migrations switch it on."""

from alembic import op

APP_ROLE = "studyhall_app"

POLICY = "cohort_id = nullif(current_setting('studyhall.cohort_id', true), '')::uuid"
"""``nullif``: the setting is missing on a fresh connection and '' on a used one; both must show no row at all."""


def protect(*tables: str) -> None:
    """Show and accept only rows of the session's cohort, for the owner too (FORCE)."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY cohort ON {table} USING ({POLICY}) WITH CHECK ({POLICY})")


def append_only(*tables: str) -> None:
    """Take the service's right to change or delete rows: what was written stays."""
    for table in tables:
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}")
