"""Which pages of memory every notebook writes to, so that a copy can have them as its own before anybody waits for it.

A copy of a process shares its memory with the original until it writes, and then gets its own page, one at a time, for
one interruption each: a thousand of them in any notebook, four thousand in one that draws. Asked for together they
cost half. Which ones it will be is found out once, by a copy that runs what notebooks run and looks at itself.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import struct
from array import array
from collections.abc import Callable, Iterator
from itertools import starmap

from studyhall_judge.sandbox import copying, linux

LONGEST_SECONDS = 20
"""How long the copy may take. What it has not said by then is not known, and pages come one by one."""

_OWN = 1 << 56
_PRESENT = 1 << 63
_RANGE = struct.Struct("@QQ")
_FAULT = 70


class HotPages:
    """Ranges of this process's memory that its copies will write to."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self._ranges = [
            (linux.MemoryRange * len(some))(*starmap(linux.MemoryRange, some))
            for some in (
                ranges[start : start + linux.MOST_RANGES]
                for start in range(0, len(ranges), linux.MOST_RANGES)
            )
        ]
        self.bytes = sum(length for _start, length in ranges)

    def take(self) -> None:
        """In a copy: get pages of its own, many at once. What the kernel cannot do comes one by one, as always."""
        for some in self._ranges:
            linux.populate(some)


def find_hot_pages(work: Callable[[], None]) -> HotPages:
    """Let a copy of this process do some work, and return which of this process's pages it wrote to."""
    known = _writable()
    shared = [page for page, _entry in _present(known)]
    read, write = os.pipe()
    pid = copying.fork()
    if pid == 0:
        signal.alarm(LONGEST_SECONDS)  # whatever hangs in there, nobody waits for it for ever
        with contextlib.suppress(BaseException):
            work()
            own = {page for page, entry in _present(known) if entry & _OWN}
            _send(write, joined([page for page in shared if page in own]))
        os._exit(_FAULT)
    os.close(write)
    with open(read, "rb") as answer:
        found = answer.read()
    os.waitpid(pid, 0)
    whole = len(found) // _RANGE.size * _RANGE.size
    return HotPages(list(_RANGE.iter_unpack(found[:whole])))


def _writable() -> list[tuple[int, int]]:
    """Return the ranges of this process's private memory, its stack apart: that one is written to at once."""
    with open("/proc/self/maps", encoding="ascii") as file:
        lines = [line.split() for line in file]
    kept = [fields for fields in lines if fields[1] == "rw-p" and fields[-1] != "[stack]"]
    pairs = [fields[0].split("-") for fields in kept]
    return [(int(start, 16), int(end, 16)) for start, end in pairs]


def _present(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield number and entry of every page in memory, ascending, as the kernel's page map has them."""
    with open("/proc/self/pagemap", "rb", buffering=0) as file:
        for start, end in ranges:
            first, count = start // mmap.PAGESIZE, (end - start) // mmap.PAGESIZE
            entries = array("Q", os.pread(file.fileno(), count * 8, first * 8))
            yield from ((first + number, entry) for number, entry in enumerate(entries) if entry & _PRESENT)


def _send(write: int, ranges: list[tuple[int, int]]) -> None:
    data = b"".join(_RANGE.pack(*one) for one in ranges)
    while data:
        data = data[os.write(write, data) :]


def joined(pages: list[int]) -> list[tuple[int, int]]:
    """Return ascending page numbers as ranges of bytes, (start, length): neighbours are one range."""
    ranges: list[list[int]] = []
    for page in pages:
        if ranges and page == ranges[-1][1] + 1:
            ranges[-1][1] = page
        else:
            ranges.append([page, page])
    size = mmap.PAGESIZE
    return [(first * size, (last - first + 1) * size) for first, last in ranges]
