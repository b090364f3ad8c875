"""Gradebook"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import append_only, protect

revision = "0004_gradebook"
down_revision = "0003_regrades"
branch_labels = None
depends_on = None

LEARNER_TABLES = (
    "assignment_policies",
    "audit_entries",
    "counting_attempts",
    "extensions",
    "grades",
    "grading_claims",
    "manual_grades",
    "notifications",
    "penalty_overrides",
    "rubric_items",
    "rubric_marks",
)

# The owner of the tables is stopped too, who could otherwise still change rows.
NOTHING_IS_CHANGED = """
CREATE FUNCTION studyhall_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are never changed or deleted.', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$
"""

# What was graded before there was a gradebook: no manual work, no penalties, nothing released.
FIRST_GRADES = """
DO $$
DECLARE
    cohort uuid;
BEGIN
    FOR cohort IN SELECT id FROM cohorts LOOP
        PERFORM set_config('studyhall.cohort_id', cohort::text, true);
        CREATE TEMPORARY TABLE first_counting ON COMMIT DROP AS
        SELECT DISTINCT ON (a.user_id, a.lesson_id)
            a.id, a.cohort_id, a.offering_id, a.lesson_id, a.user_id, a.late,
            coalesce(a.score, 0) AS score, coalesce(a.max_score, 0) AS max_score
        FROM attempts a
        JOIN course_offerings o ON o.id = a.offering_id
        LEFT JOIN lesson_releases l ON l.release_id = o.release_id AND l.lesson_id = a.lesson_id
        WHERE a.status IN ('graded', 'needs_manual')
        ORDER BY a.user_id, a.lesson_id,
            CASE WHEN l.tests @> '[{"manual": true}]' THEN -a.number END,
            coalesce(a.score / nullif(a.max_score, 0), 0) DESC,
            a.number;
        INSERT INTO counting_attempts (id, cohort_id, user_id, lesson_id, attempt_id)
        SELECT gen_random_uuid(), cohort_id, user_id, lesson_id, id FROM first_counting;
        INSERT INTO grades (id, cohort_id, offering_id, lesson_id, user_id, attempt_id, raw_score, score, max_score,
            waiting, needs_grading, late, changed_at)
        SELECT gen_random_uuid(), c.cohort_id, c.offering_id, c.lesson_id, c.user_id, c.id, c.score, c.score,
            c.max_score, coalesce(w.waiting, '[]'), w.waiting IS NOT NULL, c.late, now()
        FROM first_counting c
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(test -> 'id') AS waiting
            FROM reports r, jsonb_array_elements(r.for_learner -> 'tests') test
            WHERE r.attempt_id = c.id AND test ->> 'status' = 'needs_manual'
        ) w ON true;
        DROP TABLE first_counting;
    END LOOP;
    PERFORM set_config('studyhall.cohort_id', '', true);
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_user_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("course", sa.String(), nullable=True),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["actor_user_id"], ["users.id"], name=op.f("fk_audit_entries_actor_user_id")),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_audit_entries_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_actor_user_id"), "audit_entries", ["actor_user_id"], unique=False)
    op.create_index(op.f("ix_audit_entries_cohort_id"), "audit_entries", ["cohort_id"], unique=False)
    op.create_index(
        "ix_audit_entries_course_at", "audit_entries", ["cohort_id", "course", "at"], unique=False
    )
    op.create_table(
        "counting_attempts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("final", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_counting_attempts_cohort_id")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_counting_attempts_lesson_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_counting_attempts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counting_attempts")),
        sa.UniqueConstraint("user_id", "lesson_id", name=op.f("uq_counting_attempts_user_id_lesson_id")),
    )
    op.create_index(
        op.f("ix_counting_attempts_attempt_id"), "counting_attempts", ["attempt_id"], unique=False
    )
    op.create_index(op.f("ix_counting_attempts_cohort_id"), "counting_attempts", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_counting_attempts_lesson_id"), "counting_attempts", ["lesson_id"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("link", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_notifications_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index(op.f("ix_notifications_cohort_id"), "notifications", ["cohort_id"], unique=False)
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["user_id"],
        unique=False,
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_index("ix_notifications_user_noticed", "notifications", ["user_id", "noticed_at"], unique=False)
    op.create_table(
        "assignment_policies",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("counting", sa.String(), nullable=True),
        sa.Column("late_policy", sa.String(), server_default="none", nullable=False),
        sa.Column("late_percent_per_day", sa.Double(), server_default="10", nullable=False),
        sa.Column("late_max_percent", sa.Double(), server_default="100", nullable=False),
        sa.Column("grace_minutes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grades_released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("feedback_released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("anonymous", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_assignment_policies_cohort_id")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_assignment_policies_lesson_id")),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_assignment_policies_offering_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment_policies")),
        sa.UniqueConstraint(
            "offering_id", "lesson_id", name=op.f("uq_assignment_policies_offering_id_lesson_id")
        ),
    )
    op.create_index(
        op.f("ix_assignment_policies_cohort_id"), "assignment_policies", ["cohort_id"], unique=False
    )
    op.create_index(
        op.f("ix_assignment_policies_lesson_id"), "assignment_policies", ["lesson_id"], unique=False
    )
    op.create_table(
        "extensions",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_extensions_cohort_id")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_extensions_lesson_id")),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_extensions_offering_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_extensions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extensions")),
        sa.UniqueConstraint(
            "offering_id", "lesson_id", "user_id", name=op.f("uq_extensions_offering_id_lesson_id_user_id")
        ),
    )
    op.create_index(op.f("ix_extensions_cohort_id"), "extensions", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_extensions_lesson_id"), "extensions", ["lesson_id"], unique=False)
    op.create_index(op.f("ix_extensions_user_id"), "extensions", ["user_id"], unique=False)
    op.create_table(
        "grades",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("raw_score", sa.Double(), server_default="0", nullable=False),
        sa.Column("extra_credit", sa.Double(), server_default="0", nullable=False),
        sa.Column("penalty", sa.Double(), server_default="0", nullable=False),
        sa.Column("score", sa.Double(), server_default="0", nullable=False),
        sa.Column("max_score", sa.Double(), server_default="0", nullable=False),
        sa.Column("waiting", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("needs_grading", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("manual", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("late", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_grades_cohort_id")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_grades_lesson_id")),
        sa.ForeignKeyConstraint(["offering_id"], ["course_offerings.id"], name=op.f("fk_grades_offering_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_grades_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grades")),
        sa.UniqueConstraint(
            "offering_id", "lesson_id", "user_id", name=op.f("uq_grades_offering_id_lesson_id_user_id")
        ),
    )
    op.create_index(op.f("ix_grades_attempt_id"), "grades", ["attempt_id"], unique=False)
    op.create_index(op.f("ix_grades_cohort_id"), "grades", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_grades_lesson_id"), "grades", ["lesson_id"], unique=False)
    op.create_index(
        "ix_grades_needs_grading",
        "grades",
        ["offering_id", "lesson_id"],
        unique=False,
        postgresql_where=sa.text("needs_grading"),
    )
    op.create_index(op.f("ix_grades_user_id"), "grades", ["user_id"], unique=False)
    op.create_table(
        "rubric_items",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("test_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_rubric_items_cohort_id")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_rubric_items_lesson_id")),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_rubric_items_offering_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rubric_items")),
    )
    op.create_index(op.f("ix_rubric_items_cohort_id"), "rubric_items", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_rubric_items_lesson_id"), "rubric_items", ["lesson_id"], unique=False)
    op.create_index(
        "ix_rubric_items_place",
        "rubric_items",
        ["offering_id", "lesson_id", "test_id", "position"],
        unique=False,
    )
    op.create_table(
        "grading_claims",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("test_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_grading_claims_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_grading_claims_cohort_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_grading_claims_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grading_claims")),
        sa.UniqueConstraint("attempt_id", "test_id", name=op.f("uq_grading_claims_attempt_id_test_id")),
    )
    op.create_index(op.f("ix_grading_claims_cohort_id"), "grading_claims", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_grading_claims_user_id"), "grading_claims", ["user_id"], unique=False)
    op.create_table(
        "manual_grades",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("test_id", sa.String(), nullable=False),
        sa.Column("manual_score", sa.Double(), nullable=True),
        sa.Column("extra_credit", sa.Double(), nullable=True),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("graded_by", sa.String(), nullable=False),
        sa.Column("graded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carried_from", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_manual_grades_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_manual_grades_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manual_grades")),
        sa.UniqueConstraint("attempt_id", "test_id", name=op.f("uq_manual_grades_attempt_id_test_id")),
    )
    op.create_index(op.f("ix_manual_grades_cohort_id"), "manual_grades", ["cohort_id"], unique=False)
    op.create_table(
        "penalty_overrides",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("notebook", sa.String(), nullable=False),
        sa.Column("penalty", sa.Double(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_penalty_overrides_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_penalty_overrides_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_penalty_overrides")),
        sa.UniqueConstraint("attempt_id", "notebook", name=op.f("uq_penalty_overrides_attempt_id_notebook")),
    )
    op.create_index(op.f("ix_penalty_overrides_cohort_id"), "penalty_overrides", ["cohort_id"], unique=False)
    op.create_table(
        "rubric_marks",
        sa.Column("manual_grade_id", sa.Uuid(), nullable=False),
        sa.Column("rubric_item_id", sa.Uuid(), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_rubric_marks_cohort_id")),
        sa.ForeignKeyConstraint(
            ["manual_grade_id"],
            ["manual_grades.id"],
            name=op.f("fk_rubric_marks_manual_grade_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["rubric_item_id"], ["rubric_items.id"], name=op.f("fk_rubric_marks_rubric_item_id")
        ),
        sa.PrimaryKeyConstraint("manual_grade_id", "rubric_item_id", name=op.f("pk_rubric_marks")),
    )
    op.create_index(op.f("ix_rubric_marks_cohort_id"), "rubric_marks", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_rubric_marks_rubric_item_id"), "rubric_marks", ["rubric_item_id"], unique=False)
    protect(*LEARNER_TABLES)
    append_only("audit_entries")
    op.execute(NOTHING_IS_CHANGED)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION studyhall_refuse_change()"
    )
    op.execute(FIRST_GRADES)
