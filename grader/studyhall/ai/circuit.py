"""A circuit breaker: after several failures in a row, leave the other side alone for a while."""

from collections.abc import Callable


class Circuit:
    """Counts failures in a row; open means: do not even try."""

    def __init__(
        self, *, monotonic: Callable[[], float], failures: int = 5, rest_seconds: float = 60.0
    ) -> None:
        """Start closed.

        Args:
            monotonic: the clock, in seconds.
            failures: how many in a row open the circuit.
            rest_seconds: how long it stays open; then one try decides.
        """
        self._monotonic = monotonic
        self._limit = failures
        self._rest = rest_seconds
        self._failed = 0
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Say whether trying is pointless now. When the rest is over, the one who asks may try, the others wait."""
        if self._open_until is None:
            return False
        now = self._monotonic()
        if now < self._open_until:
            return True
        self._open_until = now + self._rest
        return False

    def succeeded(self) -> None:
        """Close the circuit."""
        self._failed = 0
        self._open_until = None

    def failed(self) -> None:
        """Count a failure, and open the circuit when there were too many."""
        self._failed += 1
        if self._failed >= self._limit:
            self._open_until = self._monotonic() + self._rest
