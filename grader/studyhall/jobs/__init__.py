"""Jobs: rows in the same PostgreSQL, deferred in the same transaction as what they are about."""
