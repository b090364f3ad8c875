"""The command's own judge: one that has just ended is let go without a word about it."""

import asyncio
import os
import threading

import pytest
from studyhall.offline_grading.errors import OfflineGradingError
from studyhall.offline_grading.judge_process import JudgeProcess


def see_its_end(pid):
    """Wait until a process has ended, and leave its end to whoever collects it."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


class Refusing(JudgeProcess):
    """Has ended when it is given up, and the thread that waits for its end does not know yet."""

    def __init__(self, gate):
        super().__init__(slots=1, preload=())
        self.gate = gate

    async def _start(self):
        self._process = await asyncio.create_subprocess_exec("true")
        see_its_end(self._process.pid)
        # Opens with the first thing that is waited for from here on.
        asyncio.get_running_loop().call_soon(self.gate.set)
        raise OfflineGradingError("It refuses.")


async def test_a_judge_that_ends_by_itself_leaves_no_complaint_on_the_terminal(monkeypatch, caplog):
    gate, waitpid = threading.Event(), os.waitpid

    def late(pid, options):
        if threading.current_thread() is not threading.main_thread():
            assert gate.wait(60)
        return waitpid(pid, options)

    monkeypatch.setattr(os, "waitpid", late)
    with pytest.raises(OfflineGradingError, match="It refuses"):
        async with Refusing(gate):
            pass
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
