"""Membership: the service says who of those who signed in is let in, and which groups they belong to."""
