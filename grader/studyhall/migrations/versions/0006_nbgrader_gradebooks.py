"""Gradebooks of nbgrader"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import APP_ROLE, protect

revision = "0006_nbgrader_gradebooks"
down_revision = "0005_exchange"
branch_labels = None
depends_on = None

LEARNER_TABLES = (
    "nbgrader_executions",
    "nbgrader_projections",
    "nbgrader_schemas",
    "nbgrader_terminals",
)

# The three functions run with the owner's rights, so that service and workers need none: they can make, open and close
# the gradebooks of offerings of their own cohort (row-level security holds inside, too) and nothing else. Passwords
# come as SCRAM verifiers, so that none is ever in a statement or a log.
MAKE = """
CREATE FUNCTION studyhall_make_gradebook(offering uuid, verifier text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    course text := 'nbgrader_' || replace(offering::text, '-', '');
BEGIN
    IF NOT EXISTS (SELECT FROM public.course_offerings WHERE id = offering) THEN
        RAISE EXCEPTION 'There is no such course offering.' USING ERRCODE = 'no_data_found';
    END IF;
    IF verifier !~ '^SCRAM-SHA-256\\$[0-9]+:[A-Za-z0-9+/=]+\\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' THEN
        RAISE EXCEPTION 'A gradebook''s password has to come as a SCRAM verifier.' USING ERRCODE = 'invalid_password';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(course, 0));
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = course) THEN
        EXECUTE format('ALTER ROLE %I PASSWORD %L', course, verifier);
    ELSE
        EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT 40 PASSWORD %L', course, verifier);
        EXECUTE format('GRANT %I TO %I', course, current_user);
    END IF;
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', course, course);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), course);
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', course, current_database(), course);
    RETURN course;
END
$$
"""

OPEN = """
CREATE FUNCTION studyhall_open_gradebook(offering uuid, terminal text, verifier text, until timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    course text := 'nbgrader_' || replace(offering::text, '-', '');
BEGIN
    IF NOT EXISTS (SELECT FROM public.nbgrader_schemas WHERE offering_id = offering) THEN
        RAISE EXCEPTION 'This course has no gradebook.' USING ERRCODE = 'no_data_found';
    END IF;
    IF terminal !~ '^nbgrader_terminal_[0-9a-f]{32}$' THEN
        RAISE EXCEPTION 'This is not the name of a terminal''s role.' USING ERRCODE = 'invalid_name';
    END IF;
    IF verifier !~ '^SCRAM-SHA-256\\$[0-9]+:[A-Za-z0-9+/=]+\\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' THEN
        RAISE EXCEPTION 'A gradebook''s password has to come as a SCRAM verifier.' USING ERRCODE = 'invalid_password';
    END IF;
    EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT 20 PASSWORD %L VALID UNTIL %L', terminal, verifier, until);
    EXECUTE format('GRANT %I TO %I', course, terminal);
    EXECUTE format('GRANT %I TO %I', terminal, current_user);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), terminal);
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', terminal, current_database(), course);
END
$$
"""

CLOSE = """
CREATE FUNCTION studyhall_close_gradebook(terminal text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    course text;
BEGIN
    SELECT 'nbgrader_' || replace(offering_id::text, '-', '') INTO course
      FROM public.nbgrader_terminals WHERE role_name = terminal;
    IF course IS NULL OR terminal !~ '^nbgrader_terminal_[0-9a-f]{32}$' THEN
        RAISE EXCEPTION 'There is no such terminal.' USING ERRCODE = 'no_data_found';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = terminal) THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER ROLE %I NOLOGIN', terminal);
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = terminal;
    -- What it has made outlives it.
    EXECUTE format('REASSIGN OWNED BY %I TO %I', terminal, course);
    EXECUTE format('DROP OWNED BY %I', terminal);
    EXECUTE format('DROP ROLE %I', terminal);
END
$$
"""

FUNCTIONS = (
    "studyhall_make_gradebook(uuid, text)",
    "studyhall_open_gradebook(uuid, text, text, timestamptz)",
    "studyhall_close_gradebook(text)",
)


def upgrade() -> None:
    op.create_table(
        "nbgrader_schemas",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("schema_name", sa.String(), nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=False),
        sa.Column("nbgrader_version", sa.String(), nullable=True),
        sa.Column("assignments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("learners", sa.Integer(), server_default="0", nullable=False),
        *_owned("nbgrader_schemas"),
        _foreign("nbgrader_schemas", "offering_id", "course_offerings"),
        sa.UniqueConstraint("offering_id", name=op.f("uq_nbgrader_schemas_offering_id")),
    )
    op.create_table(
        "nbgrader_projections",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("written", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("wanted", sa.Integer(), server_default="1", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("projected_at", sa.DateTime(timezone=True), nullable=True),
        *_owned("nbgrader_projections"),
        _foreign("nbgrader_projections", "offering_id", "course_offerings"),
        _foreign("nbgrader_projections", "lesson_id", "lessons"),
        _foreign("nbgrader_projections", "user_id", "users"),
        sa.UniqueConstraint(
            "offering_id",
            "lesson_id",
            "user_id",
            name=op.f("uq_nbgrader_projections_offering_id_lesson_id_user_id"),
        ),
    )
    op.create_index(
        "ix_nbgrader_projections_wanted",
        "nbgrader_projections",
        ["offering_id"],
        unique=False,
        postgresql_where=sa.text("wanted > done"),
    )
    op.create_table(
        "nbgrader_terminals",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role_name", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        *_owned("nbgrader_terminals"),
        _foreign("nbgrader_terminals", "offering_id", "course_offerings"),
        _foreign("nbgrader_terminals", "user_id", "users"),
        sa.UniqueConstraint("role_name", name=op.f("uq_nbgrader_terminals_role_name")),
    )
    op.create_table(
        "nbgrader_executions",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        *_owned("nbgrader_executions"),
        _foreign("nbgrader_executions", "offering_id", "course_offerings"),
        _foreign("nbgrader_executions", "user_id", "users"),
    )
    op.create_index(
        "ix_nbgrader_executions_created", "nbgrader_executions", ["cohort_id", "created_at"], unique=False
    )
    for table, columns in {
        "nbgrader_schemas": ("cohort_id",),
        "nbgrader_projections": ("cohort_id", "lesson_id", "user_id"),
        "nbgrader_terminals": ("cohort_id", "offering_id", "user_id"),
        "nbgrader_executions": ("cohort_id", "offering_id", "user_id"),
    }.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    protect(*LEARNER_TABLES)
    for function in (MAKE, OPEN, CLOSE):
        op.execute(function)
    for name in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {APP_ROLE}")
    # A gradebook's role has no business where the platform's own tables, types and functions are.
    op.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")


def _owned(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        _foreign(table, "cohort_id", "cohorts"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _foreign(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))
