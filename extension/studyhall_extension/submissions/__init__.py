"""Submitting exactly once: snapshot into the outbox first, then send until the service has answered."""
