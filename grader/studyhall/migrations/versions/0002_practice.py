"""Practice"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import append_only, protect

revision = "0002_practice"
down_revision = "0001_foundation"
branch_labels = None
depends_on = None

LEARNER_TABLES = ("ai_reviews", "daily_activity", "quiz_attempts", "reward_preferences", "xp_ledger")


def upgrade() -> None:
    op.create_table(
        "quizzes",
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_quizzes_course_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quizzes")),
        sa.UniqueConstraint("course_id", "slug", name=op.f("uq_quizzes_course_id_slug")),
    )
    op.create_index(op.f("ix_quizzes_course_id"), "quizzes", ["course_id"], unique=False)
    op.create_table(
        "daily_activity",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("actions", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_daily_activity_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_daily_activity_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_activity")),
        sa.UniqueConstraint("user_id", "day", name=op.f("uq_daily_activity_user_id_day")),
    )
    op.create_index(op.f("ix_daily_activity_cohort_id"), "daily_activity", ["cohort_id"], unique=False)
    op.create_table(
        "quiz_releases",
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("quiz_id", sa.Uuid(), nullable=False),
        sa.Column("lesson", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("pass_score", sa.Integer(), nullable=False),
        sa.Column("questions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["quiz_id"], ["quizzes.id"], name=op.f("fk_quiz_releases_quiz_id")),
        sa.ForeignKeyConstraint(
            ["release_id"], ["course_releases.id"], name=op.f("fk_quiz_releases_release_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_releases")),
        sa.UniqueConstraint("release_id", "quiz_id", name=op.f("uq_quiz_releases_release_id_quiz_id")),
    )
    op.create_index(op.f("ix_quiz_releases_quiz_id"), "quiz_releases", ["quiz_id"], unique=False)
    op.create_index(op.f("ix_quiz_releases_release_id"), "quiz_releases", ["release_id"], unique=False)
    op.create_table(
        "reward_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("leaderboard_visible", sa.Boolean(), nullable=False),
        sa.Column("pseudonym", sa.String(), nullable=True),
        sa.Column("pseudonym_key", sa.String(), nullable=True),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_reward_preferences_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_reward_preferences_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_reward_preferences")),
        sa.UniqueConstraint(
            "cohort_id", "pseudonym_key", name=op.f("uq_reward_preferences_cohort_id_pseudonym_key")
        ),
    )
    op.create_index(
        op.f("ix_reward_preferences_cohort_id"), "reward_preferences", ["cohort_id"], unique=False
    )
    op.create_table(
        "xp_ledger",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_xp_ledger_amount_positive")),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_xp_ledger_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_xp_ledger_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xp_ledger")),
    )
    op.create_index(op.f("ix_xp_ledger_cohort_id"), "xp_ledger", ["cohort_id"], unique=False)
    op.create_index(
        "ix_xp_ledger_cohort_occurred",
        "xp_ledger",
        ["cohort_id", "occurred_at"],
        unique=False,
        postgresql_include=["user_id", "amount"],
    )
    op.create_index("ix_xp_ledger_user_day", "xp_ledger", ["user_id", "day"], unique=False)
    op.create_index(
        "uq_xp_ledger_gain",
        "xp_ledger",
        ["user_id", "reason", "object", "attempt_id"],
        unique=True,
        postgresql_where=sa.text("attempt_id IS NOT NULL"),
    )
    op.create_index(
        "uq_xp_ledger_once",
        "xp_ledger",
        ["user_id", "reason", "object"],
        unique=True,
        postgresql_where=sa.text("attempt_id IS NULL"),
    )
    op.create_table(
        "quiz_attempts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("quiz_id", sa.Uuid(), nullable=False),
        sa.Column("quiz_release_id", sa.Uuid(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("percent", sa.Double(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("results", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_quiz_attempts_cohort_id")),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_quiz_attempts_offering_id")
        ),
        sa.ForeignKeyConstraint(["quiz_id"], ["quizzes.id"], name=op.f("fk_quiz_attempts_quiz_id")),
        sa.ForeignKeyConstraint(
            ["quiz_release_id"], ["quiz_releases.id"], name=op.f("fk_quiz_attempts_quiz_release_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_quiz_attempts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_attempts")),
        sa.UniqueConstraint(
            "user_id", "quiz_id", "number", name=op.f("uq_quiz_attempts_user_id_quiz_id_number")
        ),
    )
    op.create_index(op.f("ix_quiz_attempts_cohort_id"), "quiz_attempts", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_quiz_attempts_offering_id"), "quiz_attempts", ["offering_id"], unique=False)
    op.create_index(op.f("ix_quiz_attempts_quiz_id"), "quiz_attempts", ["quiz_id"], unique=False)
    op.create_index(
        op.f("ix_quiz_attempts_quiz_release_id"), "quiz_attempts", ["quiz_release_id"], unique=False
    )
    op.create_index(
        "uq_quiz_attempts_in_progress",
        "quiz_attempts",
        ["user_id", "quiz_id"],
        unique=True,
        postgresql_where=sa.text("submitted_at IS NULL"),
    )
    op.create_table(
        "ai_reviews",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("speaker", sa.String(), nullable=False),
        sa.Column("focus_areas", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("generated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("processing_ms", sa.Double(), nullable=True),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_ai_reviews_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_ai_reviews_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_ai_reviews_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_reviews")),
    )
    op.create_index(op.f("ix_ai_reviews_attempt_id"), "ai_reviews", ["attempt_id"], unique=False)
    op.create_index(op.f("ix_ai_reviews_cohort_id"), "ai_reviews", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_ai_reviews_user_id"), "ai_reviews", ["user_id"], unique=False)
    op.create_index(
        "uq_ai_reviews_current",
        "ai_reviews",
        ["attempt_id"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.add_column("users", sa.Column("previous_timezone", sa.String(), nullable=True))
    op.add_column("users", sa.Column("timezone_since", sa.DateTime(timezone=True), nullable=True))
    protect(*LEARNER_TABLES)
    append_only("quiz_releases", "xp_ledger")
