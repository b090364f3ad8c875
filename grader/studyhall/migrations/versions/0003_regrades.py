"""Regrades"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import append_only, protect

revision = "0003_regrades"
down_revision = "0002_practice"
branch_labels = None
depends_on = None

LEARNER_TABLES = ("regrade_runs", "regrade_results", "report_history")


def upgrade() -> None:
    op.add_column("attempts", sa.Column("job_id", sa.BigInteger(), nullable=True))
    op.add_column("attempts", sa.Column("turn", sa.DateTime(timezone=True), nullable=True))
    op.add_column("attempts", sa.Column("course_turn", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_attempts_waiting_user",
        "attempts",
        ["user_id", "turn"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "ix_attempts_waiting_course",
        "attempts",
        ["offering_id", "course_turn"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_table(
        "regrade_runs",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_release_id", sa.Uuid(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_regrade_runs_cohort_id")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_regrade_runs_lesson_id")),
        sa.ForeignKeyConstraint(
            ["lesson_release_id"], ["lesson_releases.id"], name=op.f("fk_regrade_runs_lesson_release_id")
        ),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_regrade_runs_offering_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regrade_runs")),
    )
    op.create_index(op.f("ix_regrade_runs_cohort_id"), "regrade_runs", ["cohort_id"], unique=False)
    op.create_index(
        "ix_regrade_runs_lesson", "regrade_runs", ["offering_id", "lesson_id", "requested_at"], unique=False
    )
    op.create_index(
        "uq_regrade_runs_undecided",
        "regrade_runs",
        ["offering_id", "lesson_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running', 'ready', 'stuck')"),
    )
    op.create_table(
        "regrade_results",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("max_score", sa.Double(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("old_status", sa.String(), nullable=False),
        sa.Column("old_score", sa.Double(), nullable=True),
        sa.Column("old_max_score", sa.Double(), nullable=True),
        sa.Column("old_passed", sa.Boolean(), nullable=True),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.Column("change", sa.Double(), nullable=False),
        sa.Column("for_learner", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("judge_version", sa.String(), nullable=False),
        sa.Column("graded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_regrade_results_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_regrade_results_cohort_id")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["regrade_runs.id"], name=op.f("fk_regrade_results_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regrade_results")),
        sa.UniqueConstraint("run_id", "attempt_id", name=op.f("uq_regrade_results_run_id_attempt_id")),
    )
    op.create_index(op.f("ix_regrade_results_attempt_id"), "regrade_results", ["attempt_id"], unique=False)
    op.create_index(op.f("ix_regrade_results_cohort_id"), "regrade_results", ["cohort_id"], unique=False)
    op.create_table(
        "report_history",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_release_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_status", sa.String(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("for_learner", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("judge_version", sa.String(), nullable=False),
        sa.Column("graded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_report_history_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_report_history_cohort_id")),
        sa.ForeignKeyConstraint(
            ["lesson_release_id"], ["lesson_releases.id"], name=op.f("fk_report_history_lesson_release_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["regrade_runs.id"], name=op.f("fk_report_history_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_history")),
    )
    op.create_index(op.f("ix_report_history_attempt_id"), "report_history", ["attempt_id"], unique=False)
    op.create_index(op.f("ix_report_history_cohort_id"), "report_history", ["cohort_id"], unique=False)
    protect(*LEARNER_TABLES)
    append_only("report_history")
