"""Feedback on an attempt: passed on from the service."""
