"""Says in words that the disk is full where Jupyter itself saves files, as it is said where we do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import Any

from tornado.web import HTTPError

from studyhall_extension.errors import DiskFullError


@contextmanager
def _full_disk_in_words() -> Iterator[None]:
    try:
        yield
    except HTTPError as error:
        if any(_says_full(one) for one in _behind(error)):
            raise HTTPError(DiskFullError.status, DiskFullError.__doc__) from error
        raise


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Yield what led to an error: Jupyter's attempt to clean up after a full disk fails too, and hides it."""
    before = error.__cause__ or error.__context__
    while before is not None:
        yield before
        before = before.__cause__ or before.__context__


def _says_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def say_when_disk_is_full(contents: Any) -> None:
    """Have a contents manager refuse with a sentence what finds no room; Lab shows it to the person."""
    save_as_usual = contents.save

    if iscoroutinefunction(save_as_usual):

        async def save(model: Any, path: str = "") -> Any:
            with _full_disk_in_words():
                return await save_as_usual(model, path)

        contents.save = save
        return

    def save_at_once(model: Any, path: str = "") -> Any:
        with _full_disk_in_words():
            return save_as_usual(model, path)

    contents.save = save_at_once
