"""Why a regrade is not begun or not decided."""

from studyhall.errors import Conflict, ErrorCode


class RegradeUnderWay(Conflict):
    """This lesson has a regrade already that nobody has decided on. Confirm or discard it, then start another one."""

    code = ErrorCode.REGRADE_UNDER_WAY


class RegradeNotReady(Conflict):
    """This regrade can't be decided on now: it is still running, or somebody has decided already. Load it again."""

    code = ErrorCode.REGRADE_NOT_READY


class NothingToRegrade(Conflict):
    """Nobody has submitted this lesson yet, so there is nothing to grade again."""

    code = ErrorCode.NOTHING_TO_REGRADE
