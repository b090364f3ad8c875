"""Learning platforms: registrations, keys, their courses and people, grades on their way"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from studyhall.migrations.row_security import protect

revision = "0011_lti"
down_revision = "0010_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lti_keys",
        sa.Column("public", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lti_keys_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_keys")),
    )
    op.create_index(op.f("ix_lti_keys_cohort_id"), "lti_keys", ["cohort_id"], unique=False)
    op.create_table(
        "lti_platforms",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("token_url", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("courses", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lti_platforms_cohort_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_platforms")),
        sa.UniqueConstraint(
            "cohort_id", "issuer", "client_id", name=op.f("uq_lti_platforms_cohort_id_issuer_client_id")
        ),
        sa.UniqueConstraint("cohort_id", "name", name=op.f("uq_lti_platforms_cohort_id_name")),
    )
    op.create_index(op.f("ix_lti_platforms_cohort_id"), "lti_platforms", ["cohort_id"], unique=False)
    op.create_table(
        "lti_contexts",
        sa.Column("platform_id", sa.Uuid(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=True),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("lineitems_url", sa.String(), nullable=True),
        sa.Column("memberships_url", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lti_contexts_cohort_id")),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["course_offerings.id"], name=op.f("fk_lti_contexts_offering_id")
        ),
        sa.ForeignKeyConstraint(
            ["platform_id"],
            ["lti_platforms.id"],
            name=op.f("fk_lti_contexts_platform_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_contexts")),
        sa.UniqueConstraint(
            "platform_id",
            "deployment",
            "reference",
            name=op.f("uq_lti_contexts_platform_id_deployment_reference"),
        ),
    )
    op.create_index(op.f("ix_lti_contexts_cohort_id"), "lti_contexts", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_lti_contexts_offering_id"), "lti_contexts", ["offering_id"], unique=False)
    op.create_index(op.f("ix_lti_contexts_platform_id"), "lti_contexts", ["platform_id"], unique=False)
    op.create_table(
        "lti_choices",
        sa.Column("context_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("launch_url", sa.String(), nullable=False),
        sa.Column("deep_linking", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lti_choices_cohort_id")),
        sa.ForeignKeyConstraint(
            ["context_id"], ["lti_contexts.id"], name=op.f("fk_lti_choices_context_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lti_choices_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_choices")),
    )
    op.create_index(op.f("ix_lti_choices_cohort_id"), "lti_choices", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_lti_choices_context_id"), "lti_choices", ["context_id"], unique=False)
    op.create_index(op.f("ix_lti_choices_user_id"), "lti_choices", ["user_id"], unique=False)
    op.create_table(
        "lti_columns",
        sa.Column("context_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lti_columns_cohort_id")),
        sa.ForeignKeyConstraint(
            ["context_id"], ["lti_contexts.id"], name=op.f("fk_lti_columns_context_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_lti_columns_lesson_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_columns")),
        sa.UniqueConstraint("context_id", "lesson_id", name=op.f("uq_lti_columns_context_id_lesson_id")),
    )
    op.create_index(op.f("ix_lti_columns_cohort_id"), "lti_columns", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_lti_columns_context_id"), "lti_columns", ["context_id"], unique=False)
    op.create_index(op.f("ix_lti_columns_lesson_id"), "lti_columns", ["lesson_id"], unique=False)
    op.create_table(
        "lti_links",
        sa.Column("context_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lti_links_cohort_id")),
        sa.ForeignKeyConstraint(
            ["context_id"], ["lti_contexts.id"], name=op.f("fk_lti_links_context_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_lti_links_lesson_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_links")),
        sa.UniqueConstraint("context_id", "reference", name=op.f("uq_lti_links_context_id_reference")),
    )
    op.create_index(op.f("ix_lti_links_cohort_id"), "lti_links", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_lti_links_context_id"), "lti_links", ["context_id"], unique=False)
    op.create_index(op.f("ix_lti_links_lesson_id"), "lti_links", ["lesson_id"], unique=False)
    op.create_table(
        "lti_memberships",
        sa.Column("context_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lti_memberships_cohort_id")),
        sa.ForeignKeyConstraint(
            ["context_id"],
            ["lti_contexts.id"],
            name=op.f("fk_lti_memberships_context_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lti_memberships_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_memberships")),
        sa.UniqueConstraint("context_id", "user_id", name=op.f("uq_lti_memberships_context_id_user_id")),
    )
    op.create_index(op.f("ix_lti_memberships_cohort_id"), "lti_memberships", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_lti_memberships_context_id"), "lti_memberships", ["context_id"], unique=False)
    op.create_index(op.f("ix_lti_memberships_user_id"), "lti_memberships", ["user_id"], unique=False)
    op.create_table(
        "lti_passbacks",
        sa.Column("context_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("wanted", sa.Integer(), server_default="1", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("sent_score", sa.Double(), nullable=True),
        sa.Column("sent_max_score", sa.Double(), nullable=True),
        sa.Column("last_timestamp", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_lti_passbacks_cohort_id")),
        sa.ForeignKeyConstraint(
            ["context_id"], ["lti_contexts.id"], name=op.f("fk_lti_passbacks_context_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name=op.f("fk_lti_passbacks_lesson_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lti_passbacks_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_passbacks")),
        sa.UniqueConstraint(
            "context_id", "user_id", "lesson_id", name=op.f("uq_lti_passbacks_context_id_user_id_lesson_id")
        ),
    )
    op.create_index(op.f("ix_lti_passbacks_cohort_id"), "lti_passbacks", ["cohort_id"], unique=False)
    op.create_index(op.f("ix_lti_passbacks_context_id"), "lti_passbacks", ["context_id"], unique=False)
    op.create_index(op.f("ix_lti_passbacks_lesson_id"), "lti_passbacks", ["lesson_id"], unique=False)
    op.create_index(
        "ix_lti_passbacks_state",
        "lti_passbacks",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state <> 'sent'"),
    )
    op.create_index(op.f("ix_lti_passbacks_user_id"), "lti_passbacks", ["user_id"], unique=False)
    protect(
        "lti_choices",
        "lti_columns",
        "lti_contexts",
        "lti_keys",
        "lti_links",
        "lti_memberships",
        "lti_passbacks",
        "lti_platforms",
    )
