"""What can stop the grading of a folder as a whole; one bad submission never does."""


class OfflineGradingError(Exception):
    """The folder could not be graded. The message says why and what to do."""


class Interrupted(Exception):
    """Somebody asked for the end before it was reached. ``signal_number`` is the signal that said so."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number
