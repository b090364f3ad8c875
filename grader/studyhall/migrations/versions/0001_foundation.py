"""Foundation"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import APP_ROLE, append_only, protect

revision = "0001_foundation"
down_revision = None
branch_labels = None
depends_on = None


# The job queue's own schema, frozen as version 3.10.0 ships it; its later migrations become revisions of ours.
JOB_QUEUE = Path(__file__).parents[1] / "sql" / "procrastinate_3_10_0.sql"

LEARNER_TABLES = (
    "users",
    "course_offerings",
    "enrolments",
    "lesson_progress",
    "attempts",
    "snapshots",
    "reports",
    "events",
    "event_deliveries",
    "dead_letters",
)


def upgrade() -> None:
    # The service's role works with rows only: it makes no tables and owns none.
    op.execute(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}")
    op.execute(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE}"
    )
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {APP_ROLE}")
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("Migrations run on a live connection.")
    connection.execute(JOB_QUEUE.read_text(encoding="utf-8"))
    op.create_table(
        "organizations",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("slug", name=op.f("uq_organizations_slug")),
    )
    op.create_table(
        "cohorts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), server_default="UTC", nullable=False),
        sa.Column("rewards_enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_cohorts_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohorts")),
        sa.UniqueConstraint("slug", name=op.f("uq_cohorts_slug")),
    )
    op.create_index(op.f("ix_cohorts_organization_id"), "cohorts", ["organization_id"], unique=False)
    op.create_table(
        "courses",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_courses_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courses")),
        sa.UniqueConstraint("organization_id", "slug", name=op.f("uq_courses_organization_id_slug")),
    )
    op.create_index(op.f("ix_courses_organization_id"), "courses", ["organization_id"], unique=False)
    op.create_table(
        "course_releases",
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("outline", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_by", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_course_releases_course_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_releases")),
        sa.UniqueConstraint(
            "course_id", "content_hash", name=op.f("uq_course_releases_course_id_content_hash")
        ),
        sa.UniqueConstraint("course_id", "number", name=op.f("uq_course_releases_course_id_number")),
    )
    op.create_index(op.f("ix_course_releases_course_id"), "course_releases", ["course_id"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requeued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("requeued_by", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_dead_letters_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint("job_id", name=op.f("uq_dead_letters_job_id")),
    )
    op.create_index(op.f("ix_dead_letters_cohort_id"), "dead_letters", ["cohort_id"], unique=False)
    op.create_table(
        "lessons",
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_lessons_course_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lessons")),
        sa.UniqueConstraint("course_id", "slug", name=op.f("uq_lessons_course_id_slug")),
    )
    op.create_index(op.f("ix_lessons_course_id"), "lessons", ["course_id"], unique=False)
    op.create_table(
        "users",
        sa.Column("hub_username", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("next_timezone", sa.String(), nullable=True),
        sa.Column("next_timezone_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_users_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("cohort_id", "hub_username", name=op.f("uq_users_cohort_id_hub_username")),
    )
    op.create_index(op.f("ix_users_cohort_id"), "users", ["cohort_id"], unique=False)
    op.create_table(
        "course_offerings",
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_course_offerings_cohort_id")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_course_offerings_course_id")),
        sa.ForeignKeyConstraint(
            ["release_id"], ["course_releases.id"], name=op.f("fk_course_offerings_release_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_offerings")),
        sa.UniqueConstraint("cohort_id", "course_id", name=op.f("uq_course_offerings_cohort_id_course_id")),
    )
    op.create_index(op.f("ix_course_offerings_cohort_id"), "course_offerings", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_course_offerings_course_id"), "course_offerings", ["course_id"], unique=False)
    op.create_index(op.f("ix_course_offerings_release_id"), "course_offerings", ["release_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_events_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_events_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_cohort_id"), "events", ["cohort_id"], unique=False)
    op.create_index("ix_events_cohort_occurred", "events", ["cohort_id", "occurred_at"], unique=False)
    op.create_index(op.f("ix_events_user_id"), "events", ["user_id"], unique=False)
    op.create_table(
        "lesson_progress",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("fetched_release", sa.Integer(), nullable=True),
        sa.Column("fetched_hash", sa.String(), nullable=True),
        sa.Column("best_score", sa.Double(), nullable=True),
        sa.Column("best_max_score", sa.Double(), nullable=True),
        sa.Column("attempts_used", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("passed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lesson_progress_cohort_id")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_lesson_progress_lesson_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lesson_progress_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_progress")),
        sa.UniqueConstraint("user_id", "lesson_id", name=op.f("uq_lesson_progress_user_id_lesson_id")),
    )
    op.create_index(op.f("ix_lesson_progress_cohort_id"), "lesson_progress", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_lesson_progress_lesson_id"), "lesson_progress", ["lesson_id"], unique=False)
    op.create_index(op.f("ix_lesson_progress_user_id"), "lesson_progress", ["user_id"], unique=False)
    op.create_table(
        "lesson_releases",
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("pass_score", sa.Double(), nullable=False),
        sa.Column("prerequisite", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("scoring", sa.String(), nullable=False),
        sa.Column("reveal", sa.String(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ai_review", sa.Boolean(), nullable=False),
        sa.Column("tests", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("notebooks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("quizzes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("graded_hash", sa.String(), nullable=False),
        sa.Column("graded", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_lesson_releases_lesson_id")),
        sa.ForeignKeyConstraint(
            ["release_id"], ["course_releases.id"], name=op.f("fk_lesson_releases_release_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_releases")),
        sa.UniqueConstraint("release_id", "lesson_id", name=op.f("uq_lesson_releases_release_id_lesson_id")),
    )
    op.create_index(op.f("ix_lesson_releases_lesson_id"), "lesson_releases", ["lesson_id"], unique=False)
    op.create_index(op.f("ix_lesson_releases_release_id"), "lesson_releases", ["release_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_release_id", sa.Uuid(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("graded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("max_score", sa.Double(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_attempts_cohort_id")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_attempts_lesson_id")),
        sa.ForeignKeyConstraint(
            ["lesson_release_id"], ["lesson_releases.id"], name=op.f("fk_attempts_lesson_release_id")
        ),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_attempts_offering_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_attempts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("user_id", "idempotency_key", name=op.f("uq_attempts_user_id_idempotency_key")),
        sa.UniqueConstraint(
            "user_id", "lesson_id", "number", name=op.f("uq_attempts_user_id_lesson_id_number")
        ),
    )
    op.create_index(op.f("ix_attempts_cohort_id"), "attempts", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_attempts_lesson_id"), "attempts", ["lesson_id"], unique=False)
    op.create_index(op.f("ix_attempts_lesson_release_id"), "attempts", ["lesson_release_id"], unique=False)
    op.create_index(
        "ix_attempts_lesson_submitted", "attempts", ["cohort_id", "lesson_id", "submitted_at"], unique=False
    )
    op.create_index(op.f("ix_attempts_offering_id"), "attempts", ["offering_id"], unique=False)
    op.create_index(op.f("ix_attempts_status"), "attempts", ["status"], unique=False)
    op.create_index("ix_attempts_user_submitted", "attempts", ["user_id", "submitted_at"], unique=False)
    op.create_table(
        "enrolments",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_enrolments_cohort_id")),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_enrolments_offering_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_enrolments_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint("offering_id", "user_id", name=op.f("uq_enrolments_offering_id_user_id")),
    )
    op.create_index(op.f("ix_enrolments_cohort_id"), "enrolments", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_enrolments_offering_id"), "enrolments", ["offering_id"], unique=False)
    op.create_index(op.f("ix_enrolments_user_id"), "enrolments", ["user_id"], unique=False)
    op.create_table(
        "event_deliveries",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subscriber", sa.String(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_event_deliveries_cohort_id")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_deliveries_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_id", "subscriber", name=op.f("pk_event_deliveries")),
    )
    op.create_index(op.f("ix_event_deliveries_cohort_id"), "event_deliveries", ["cohort_id"], unique=False)
    op.create_table(
        "lesson_files",
        sa.Column("lesson_release_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("is_notebook", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["lesson_release_id"], ["lesson_releases.id"], name=op.f("fk_lesson_files_lesson_release_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_files")),
        sa.UniqueConstraint("lesson_release_id", "path", name=op.f("uq_lesson_files_lesson_release_id_path")),
    )
    op.create_index(
        op.f("ix_lesson_files_lesson_release_id"), "lesson_files", ["lesson_release_id"], unique=False
    )
    op.create_table(
        "reports",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("for_learner", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("judge_version", sa.String(), nullable=False),
        sa.Column("graded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_reports_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_reports_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_reports_attempt_id")),
    )
    op.create_index(op.f("ix_reports_cohort_id"), "reports", ["cohort_id"], unique=False)
    op.create_table(
        "snapshots",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("notebooks", sa.LargeBinary(), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_snapshots_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_snapshots_cohort_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_cohort_id"), "snapshots", ["cohort_id"], unique=False)
    protect(*LEARNER_TABLES)
    append_only("events", "snapshots")
