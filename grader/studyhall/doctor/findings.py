"""What a check found."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report. `way_out` says what to do; it is empty when nothing needs doing."""

    subject: str
    level: Level
    message: str
    way_out: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding for machines."""
        return {name: str(value) for name, value in asdict(self).items()}


Check = Callable[[], Iterator[Finding]]


def ok(subject: str, message: str) -> Finding:
    """All is well."""
    return Finding(subject, Level.OK, message)


def warn(subject: str, message: str, way_out: str) -> Finding:
    """It works, but somebody should know."""
    return Finding(subject, Level.WARN, message, way_out)


def fail(subject: str, message: str, way_out: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(subject, Level.FAIL, message, way_out)
