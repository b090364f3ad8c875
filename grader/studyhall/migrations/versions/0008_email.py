"""Mail addresses of people"""

import sqlalchemy as sa
from alembic import op

revision = "0008_email"
down_revision = "0007_organizations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("email", sa.String(), nullable=True))
