"""What a person reads when Jupyter itself finds no room for a file."""

from __future__ import annotations

import errno
import os

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager, LargeFileManager
from jupyter_server.utils import ensure_async
from studyhall_extension.full_disk import say_when_disk_is_full
from tornado.web import HTTPError

FILE = {"type": "file", "format": "text", "content": "x"}


@pytest.mark.parametrize("manager", [AsyncLargeFileManager, LargeFileManager])
@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        (errno.ENOSPC, 507, "Your disk is full, so nothing was written."),
        (errno.EDQUOT, 507, "Your disk is full, so nothing was written."),
        (errno.EIO, 500, "Unexpected error while saving file"),
    ],
)
async def test_a_full_disk_is_said_in_words(tmp_path, monkeypatch, manager, number, status, words):
    contents = manager(root_dir=str(tmp_path))
    say_when_disk_is_full(contents)
    await ensure_async(contents.save(FILE, "a.txt"))

    def refuse(*_words: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", refuse)
    monkeypatch.setattr("shutil.copyfile", refuse)
    monkeypatch.setattr("jupyter_server.services.contents.fileio.copy2_safe", refuse)
    with pytest.raises(HTTPError) as raised:
        await ensure_async(contents.save(FILE, "a.txt"))
    assert raised.value.status_code == status
    assert words in raised.value.log_message
