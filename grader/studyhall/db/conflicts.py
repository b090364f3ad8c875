"""Transactions that the database has ended in favour of others: they did not happen, and may be done once more."""

GAVE_WAY = frozenset({"40001", "40P01"})
"""What PostgreSQL calls a serialization failure and a deadlock."""


def gave_way(error: BaseException) -> bool:
    """Say whether an error, or its cause, is PostgreSQL ending one of two transactions that hindered each other.

    Locks are taken in one order everywhere (:mod:`studyhall.submissions.counting`), so this is a net and not a habit.
    """
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "sqlstate", None) in GAVE_WAY:
            return True
        cause = cause.__cause__
    return False
