"""Who the learner is in this classroom: passed on from the service."""
