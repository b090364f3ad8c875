"""Attempts and their snapshots: accepted exactly once, and never lost."""
