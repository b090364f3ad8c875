"""Rosters: who is in a cohort and which part they have in its courses, as a CSV file says it."""
