"""Runs learners' cells, on the process's main thread.

A cell can walk from its own frame down to the ones here and change whatever it finds. So there is nothing to be found:
this module is a copy of its own over builtins of its own, knows no secret, and decides nothing. All it could do is to
lie about the learner's own cell.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import Callable
from types import CodeType
from typing import Any

from studyhall_judge.sandbox import driving, pools
from studyhall_judge.sandbox.describing import describe_error, plain_outputs
from studyhall_judge.sandbox.shell import JudgeShell, Outputs, OutputStream, run_cell

# The C functions behind the module: student code can patch the module's own.
_signal: Any = importlib.import_module("_signal")
_clock = time.perf_counter
_eval = eval


class Front:
    """Runs cells in one shell."""

    def __init__(self, shell: JudgeShell, outputs: Outputs) -> None:
        self._shell = shell
        self._outputs = outputs

    def take_streams(self) -> None:
        """Catch what is printed."""
        sys.stdout = OutputStream("stdout", 1, self._outputs)
        sys.stderr = OutputStream("stderr", 2, self._outputs)

    def run(self, source: str, store: bool) -> dict[str, Any]:  # noqa: FBT001 - called through a C function
        """Run a cell as a notebook does; returns its error, outputs and seconds."""
        outputs = self._outputs.start()
        self.take_streams()
        began = _clock()
        error = self._run_in_shell(source, store=store)
        seconds = _clock() - began
        described = None if error is None else describe_error(error)
        return {"error": described, "outputs": plain_outputs(outputs), "seconds": seconds}

    def _run_in_shell(self, source: str, *, store: bool) -> BaseException | None:
        try:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
            try:
                result = run_cell(self._shell, source, store=store)
            finally:
                _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        except BaseException as error:  # noqa: BLE001 - whatever the shell lets through is the cell's error
            self._outputs.items.append(
                {"output_type": "error", "ename": type(error).__name__, "evalue": "", "traceback": []}
            )
            return error
        found: BaseException | None = result.error_before_exec or result.error_in_exec
        return found

    def examine(
        self,
        take: Callable[[], CodeType],
        awaited: bool,  # noqa: FBT001 - called through a C function
    ) -> tuple[BaseException | None, Any, float]:
        """Run a part of a test that ``take`` hands over once; returns its error, value and seconds.

        ``awaited`` says that the code has a top-level ``await`` and so only makes what is to be run.
        """
        began = _clock()
        try:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
            try:
                value = _eval(take(), self._shell.user_ns)
                if awaited:
                    value = _finish(value)
            finally:
                _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        except BaseException as error:  # noqa: BLE001 - a test ends by whatever it raises
            return error, None, _clock() - began
        return None, value, _clock() - began

    def drive(self, question: dict[str, Any]) -> dict[str, Any]:
        """Look at what one check of a driven test asks for. What is expected of it stays outside."""
        outputs = self._outputs.start()
        self.take_streams()
        began = _clock()
        raised: BaseException | None = None
        value = None
        try:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
            try:
                value = driving.drive(question, self._shell.user_ns)
            finally:
                _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        except BaseException as error:  # noqa: BLE001 - the learner's code may raise anything
            raised = error
        described = None if raised is None else driving.describe_error(raised)
        seconds = _clock() - began
        return {"raised": described, "value": value, "outputs": plain_outputs(outputs), "seconds": seconds}

    def note_workers(self) -> dict[str, Any]:
        """Before a copy without a cell's threads is made: remember whose they are."""
        return pools.note_workers()

    def forget_workers(self) -> dict[str, Any]:
        """In a copy without a cell's threads: have the learner's pools start new ones when they are next used."""
        return pools.forget_workers()


def _finish(value: Any) -> Any:
    ended: list[Any] = []
    try:
        asyncio.run(_to_its_end(value, ended))
    finally:
        value.close()
    if not ended:
        raise RuntimeError("The test did not run to its end.")
    return ended[0]


async def _to_its_end(value: Any, ended: list[Any]) -> None:
    """Await a test; what ran it may be a learner's own, and is not to say that it is over."""
    ended.append(await value)
