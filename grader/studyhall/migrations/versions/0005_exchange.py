"""Exchange"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import protect

revision = "0005_exchange"
down_revision = "0004_gradebook"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exchange_assignments",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"], ["cohorts.id"], name=op.f("fk_exchange_assignments_cohort_id")
        ),
        sa.ForeignKeyConstraint(
            ["lesson_id"], ["lessons.id"], name=op.f("fk_exchange_assignments_lesson_id")
        ),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_exchange_assignments_offering_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_assignments")),
        sa.UniqueConstraint(
            "offering_id", "lesson_id", name=op.f("uq_exchange_assignments_offering_id_lesson_id")
        ),
        sa.UniqueConstraint("offering_id", "name", name=op.f("uq_exchange_assignments_offering_id_name")),
    )
    op.create_index(
        op.f("ix_exchange_assignments_cohort_id"), "exchange_assignments", ["cohort_id"], unique=False
    )
    op.create_index(
        op.f("ix_exchange_assignments_lesson_id"), "exchange_assignments", ["lesson_id"], unique=False
    )
    op.create_table(
        "exchange_feedback",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("notebook", sa.String(), nullable=False),
        sa.Column("html", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("feedback_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by", sa.String(), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_exchange_feedback_attempt_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_exchange_feedback_cohort_id")),
        sa.PrimaryKeyConstraint("attempt_id", "notebook", name=op.f("pk_exchange_feedback")),
    )
    op.create_index(op.f("ix_exchange_feedback_cohort_id"), "exchange_feedback", ["cohort_id"], unique=False)
    op.create_table(
        "exchange_hidden_submissions",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hidden_by", sa.String(), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["attempts.id"],
            name=op.f("fk_exchange_hidden_submissions_attempt_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["cohort_id"], ["cohorts.id"], name=op.f("fk_exchange_hidden_submissions_cohort_id")
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_exchange_hidden_submissions")),
    )
    op.create_index(
        op.f("ix_exchange_hidden_submissions_cohort_id"),
        "exchange_hidden_submissions",
        ["cohort_id"],
        unique=False,
    )
    op.add_column("snapshots", sa.Column("files", sa.LargeBinary(), nullable=True))
    op.add_column(
        "course_offerings",
        sa.Column(
            "withdrawn",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
    )
    protect("exchange_assignments", "exchange_feedback", "exchange_hidden_submissions")
