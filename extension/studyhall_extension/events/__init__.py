"""Live updates: the service's event stream passed on, with the outbox's own events in it."""
