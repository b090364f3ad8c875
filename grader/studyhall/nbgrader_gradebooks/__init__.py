"""nbgrader's own gradebook of each course: a schema in PostgreSQL that follows the platform's grades, and back."""
