"""Which pages of memory every notebook writes to, so that a copy can have them as its own before anybody waits for it.

A copy of a process shares its memory with the original until it writes, and then gets its own page, one at a time, for
one interruption each: a thousand of them in any notebook, four thousand in one that draws. Asked for together they
cost less than half. Which ones it will be is found out once, by a copy that runs what notebooks run and looks at
itself.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from array import array
from collections.abc import Iterator

from studyhall_judge.sandbox import linux

_OWN = 1 << 56
"""In memory here and nowhere else."""
_OF_A_FILE = 1 << 61
_PRESENT = 1 << 63


class HotPages:
    """Ranges of this process's memory that its copies will write to, and of files in it that they will read.

    Each is a struct iovec after the other, as the kernel takes them. They stay bytes: numbers that are made and
    forgotten here would leave gaps behind, which copies then write to, elsewhere than the one did that was looked at.
    """

    def __init__(self, written: bytes = b"", read: bytes = b"") -> None:
        self._written = _arrays(written)
        self._read = _arrays(read)
        self.count = sum(one.length for some in self._written for one in some) // mmap.PAGESIZE
        """How many pages it will write to."""

    def take(self) -> None:
        """In a copy: get its pages, many at once. What the kernel cannot do comes one by one, as always."""
        for some in self._written:
            linux.populate(some, linux.MADV_POPULATE_WRITE)
        for some in self._read:
            linux.populate(some, linux.MADV_POPULATE_READ)


def _arrays(ranges: bytes) -> list[ctypes.Array[linux.MemoryRange]]:
    size = ctypes.sizeof(linux.MemoryRange)
    most = linux.MOST_RANGES * size
    parts = [ranges[start : start + most] for start in range(0, len(ranges), most)]
    return [(linux.MemoryRange * (len(part) // size)).from_buffer_copy(part) for part in parts]


class Shared:
    """The memory that this process has now, and its copies share with it until they write to it."""

    def __init__(self) -> None:
        with open("/proc/self/maps", encoding="ascii") as file:
            lines = [line.split() for line in file]
        # Its stack apart: that one is written to at once.
        self._writable = [
            _range(fields[0]) for fields in lines if fields[1] == "rw-p" and fields[-1] != "[stack]"
        ]
        self._files = [
            _range(fields[0]) for fields in lines if fields[1] in ("r--p", "r-xp") and fields[-1][0] == "/"
        ]

    def touched(self) -> list[list[tuple[int, int]]]:
        """In a copy: return what it has written to, and what it has read of files, as (start, length) in bytes."""
        writable, files = _entries(self._writable), _entries(self._files)
        written = [page for page, entry in _numbered(self._writable, writable) if entry & _OWN]
        read = [page for page, entry in _numbered(self._files, files) if entry & _OF_A_FILE]
        return [joined(written), joined(read)]


def _range(text: str) -> tuple[int, int]:
    start, end = text.split("-")
    return int(start, 16), int(end, 16)


def _entries(ranges: list[tuple[int, int]]) -> list[array[int]]:
    """Return the kernel's page map of some ranges, all of it before any is looked at: that takes memory, too."""
    found = []
    with open("/proc/self/pagemap", "rb", buffering=0) as file:
        for start, end in ranges:
            first, count = start // mmap.PAGESIZE, (end - start) // mmap.PAGESIZE
            found.append(array("Q", os.pread(file.fileno(), count * 8, first * 8)))
    return found


def _numbered(ranges: list[tuple[int, int]], entries: list[array[int]]) -> Iterator[tuple[int, int]]:
    """Yield number and entry of every page in memory, ascending."""
    for (start, _end), some in zip(ranges, entries, strict=True):
        first = start // mmap.PAGESIZE
        yield from ((first + number, entry) for number, entry in enumerate(some) if entry & _PRESENT)


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
