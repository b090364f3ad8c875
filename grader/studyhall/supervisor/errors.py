"""What can go wrong while parts are started, each said in one sentence for the person at the terminal."""


class SupervisorError(Exception):
    """Studyhall could not be started."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class MissingPackageError(SupervisorError):
    """A Python package that brings a program is not installed."""


class DataFolderError(SupervisorError):
    """The data folder cannot be used."""


class AlreadyRunningError(SupervisorError):
    """Another Studyhall is already running on this data folder."""


class PortTakenError(SupervisorError):
    """The port is taken by another program."""


class SandboxError(SupervisorError):
    """This machine lacks something that the sandbox for student code needs."""


class StartError(SupervisorError):
    """A part did not start."""
