"""The database: the models' base, sessions that know their cohort, and encryption at rest."""
