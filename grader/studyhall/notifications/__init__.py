"""Notifications: what a learner should know and may have missed, kept until it is read."""
