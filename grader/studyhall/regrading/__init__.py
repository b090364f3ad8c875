"""Regrading: what a mended test would change is shown first, and applied only when staff say so."""
