"""Alembic's entry point; the connection is always handed in by :mod:`studyhall.migrations.upgrade`."""

from alembic import context

from studyhall.migrations.env_filter import include_name
from studyhall.migrations.models import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    include_name=include_name,
    compare_type=True,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
