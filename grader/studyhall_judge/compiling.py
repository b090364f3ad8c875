"""Compiled tests, made once per release and environment and kept in memory.

Code objects belong to a version of Python. For the judge's own interpreter compiling is a function call; for another
environment its interpreter is asked, as a process of its own that sees the author's tests and no submission.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections import OrderedDict
from dataclasses import fields
from pathlib import Path

from studyhall_judge.sandbox.compiler import NAMES, CompiledTest, Lesson, compile_test

KEPT = 5_000
"""Compiled tests kept in memory: some kilobytes each."""

_LAUNCH = (
    "import sys; sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True; "
    "from studyhall_judge.sandbox.compiler import main; main()"
)
_PACKAGE_PARENT = str(Path(__file__).resolve().parent.parent)


class UnusableTest(Exception):
    """The author's test cannot be compiled: whatever the learner did, it was not this."""


class TestCompiler:
    """Compiles tests for the interpreter ``python``."""

    __test__ = False  # pytest must not take the name for a test class

    def __init__(self, python: str) -> None:
        self._python = python
        self._kept: OrderedDict[tuple[str, Lesson], CompiledTest] = OrderedDict()

    async def compile(self, source: str, lesson: Lesson) -> CompiledTest:
        """Return the compiled test.

        Raises:
            UnusableTest: the test is not Python, or too deeply nested, or cannot be compiled for another reason.
        """
        key = (source, lesson)
        test = self._kept.get(key)
        if test is None:
            own = self._python == sys.executable
            test = _compile(source, lesson) if own else await self._ask(source, lesson)
            self._kept[key] = test
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return test

    async def _ask(self, source: str, lesson: Lesson) -> CompiledTest:
        names = {one.name: sorted(getattr(lesson, one.name)) for one in fields(lesson)}
        question = {"source": source, "lesson": names}
        process = await asyncio.create_subprocess_exec(
            self._python,
            "-I",
            "-c",
            _LAUNCH,
            _PACKAGE_PARENT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate(json.dumps(question).encode() + b"\n")
        try:
            answer = json.loads(output)
        except ValueError as error:
            raise UnusableTest("the environment's interpreter could not compile the test") from error
        if "error" in answer:
            raise UnusableTest(str(answer["error"]))
        return CompiledTest(base64.b64decode(answer["code"]), *(frozenset(answer[name]) for name in NAMES))


def _compile(source: str, lesson: Lesson) -> CompiledTest:
    try:
        return compile_test(source, lesson)
    except Exception as error:  # what a strange text makes of a compiler is not known beforehand
        raise UnusableTest(f"{type(error).__name__}: {error}") from error
