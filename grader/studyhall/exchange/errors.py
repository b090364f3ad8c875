"""Why the exchange refuses something."""

from studyhall.errors import Conflict, ErrorCode


class AlreadyReleased(Conflict):
    """This assignment is released already. Release it with --force to put the new version in its place."""

    code = ErrorCode.ALREADY_RELEASED
