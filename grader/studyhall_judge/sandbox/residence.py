"""Which pages of memory every notebook writes to, so that a copy can have them as its own before anybody waits for it.

A copy of a process shares its memory with the original until it writes, and then gets its own page, one at a time, for
one interruption each: a thousand of them in any notebook, four thousand in one that draws. Asked for together they
cost less than half. Which ones it will be is found out once, by a copy that runs what notebooks run and looks at
itself.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Iterator
from itertools import starmap

from studyhall_judge.sandbox import linux

_OWN = 1 << 56
_PRESENT = 1 << 63


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


class Shared:
    """The pages that this process has now, and its copies share with it until they write to them."""

    def __init__(self) -> None:
        self._ranges = _writable()
        self._pages = [page for page, _entry in _present(self._ranges)]

    def written_to(self) -> list[tuple[int, int]]:
        """In a copy: return which of them it has written to, as (start, length) in bytes."""
        own = {page for page, entry in _present(self._ranges) if entry & _OWN}
        return joined([page for page in self._pages if page in own])


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
