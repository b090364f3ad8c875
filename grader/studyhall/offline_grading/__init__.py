"""Grading a folder of submissions in nbgrader's layout, with a judge of its own and no service or database."""
