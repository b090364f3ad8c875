"""Members of a cohort: who may join, who runs it, and the hub's groups kept in step with that."""
