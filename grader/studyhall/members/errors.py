"""What can go wrong with members."""

from studyhall.errors import Conflict, ErrorCode, Forbidden, NotFound


class NotAMember(Forbidden):
    """You are not a member of this cohort. Ask the people who run it to add you, then sign in again."""

    code = ErrorCode.NOT_A_MEMBER


class UnknownMember(NotFound):
    """Nobody of this name is a member of the cohort."""

    code = ErrorCode.UNKNOWN_MEMBER


class RoleRefused(Forbidden):
    """Your own role does not let you give or take this one."""

    code = ErrorCode.ROLE_REFUSED


class MemberChanged(Conflict):
    """Somebody else changed this member meanwhile. Look at what they hold now, then decide again."""

    code = ErrorCode.CHANGED_MEANWHILE


class CohortFull(Conflict):
    """The cohort has as many members as its plan allows. Remove somebody, or ask for another plan."""

    code = ErrorCode.COHORT_FULL
