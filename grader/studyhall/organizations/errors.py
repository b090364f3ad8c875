"""What can go wrong with organisations and cohorts."""

from enum import StrEnum

from studyhall.errors import Conflict, ErrorCode


class CohortClosed(Conflict):
    """Your cohort takes no more submissions. Your notebooks, submissions and results stay."""

    code = ErrorCode.COHORT_CLOSED


def require_open_cohort(closed_because: str | None) -> None:
    """Refuse what a closed cohort does not take.

    Args:
        closed_because: why it is closed, in words for a learner; None while it is open.

    Raises:
        CohortClosed: with these words.
    """
    if closed_because is not None:
        raise CohortClosed(closed_because)


class Reason(StrEnum):
    """Why an operator's command changed nothing; scripts may rely on these words."""

    INVALID_SLUG = "invalid_slug"
    INVALID_NAME = "invalid_name"
    UNKNOWN_TIMEZONE = "unknown_timezone"
    INVALID_DATES = "invalid_dates"
    UNKNOWN_ORGANIZATION = "unknown_organization"
    UNKNOWN_COHORT = "unknown_cohort"
    ORGANIZATION_CLOSED = "organization_closed"
    EXISTS_ALREADY = "exists_already"
    ROSTER_INVALID = "roster_invalid"
    UNREADABLE_FILE = "unreadable_file"
    REMOVED_MEMBER = "removed_member"
    UNKNOWN_REQUEST = "unknown_request"
    INVALID_DOMAIN = "invalid_domain"
    INVALID_MAIL = "invalid_mail"
    CHANGED_MEANWHILE = "changed_meanwhile"
    LTI_REFUSED = "lti_refused"
    NOT_CONFIGURED = "not_configured"
    DATABASE_UNREACHABLE = "database_unreachable"
    DATABASE_OUTDATED = "database_outdated"


class Refused(Exception):
    """Nothing was changed; the message says why and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        super().__init__(message)
