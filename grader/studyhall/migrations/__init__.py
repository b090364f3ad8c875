"""The database's history: one line of Alembic revisions, run by the tables' owner under an advisory lock."""
