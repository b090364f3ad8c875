"""Courses, their releases and offerings, who is enrolled, and how far each learner has come."""
