"""Whom we ask for advice: Claude, automatic checks, or nobody; chosen by settings, one interface for all."""
