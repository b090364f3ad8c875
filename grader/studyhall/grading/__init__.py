"""Grading: jobs that hand attempts to the judge, and the reports that come back."""
