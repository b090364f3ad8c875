"""Errors of a whole command in words: what an operator set wrongly is no fault of the program."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def configuration_told() -> Iterator[None]:
    """End the process with exit code 1 and the sentence, where a setting is missing or wrong."""
    try:
        yield
    except Exception as error:
        # Imported only now: a command that goes well and needs nothing of it starts faster.
        from studyhall.errors import ConfigurationError  # noqa: PLC0415 - as above

        if not isinstance(error, ConfigurationError):
            raise
        raise SystemExit(str(error)) from error
