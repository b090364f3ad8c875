"""A copy is made without Python's own handlers for threads, and with those that libraries have registered."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest


def run(code: str) -> str:
    """Run a program that copies itself; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_copies_draw_different_numbers_and_can_fork_and_use_threads_themselves():
    said = run("""
        import os, random, threading, concurrent.futures, multiprocessing
        from studyhall_judge.sandbox import copying
        random.seed(1)
        for _ in range(2):
            pid = copying.fork()
            if pid == 0:
                number = random.random()
                with concurrent.futures.ThreadPoolExecutor(2) as pool:
                    assert list(pool.map(abs, [-1, -2])) == [1, 2]
                with multiprocessing.get_context("fork").Pool(1) as pool:
                    assert pool.map(abs, [-3]) == [3]
                again = os.fork()
                if again == 0:
                    assert threading.current_thread() is threading.main_thread()
                    os._exit(0)
                assert os.waitpid(again, 0)[1] == 0
                os.write(1, f"{number}\\n".encode())
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
    """)
    first, second = said.split()
    assert first != second


def test_what_a_library_wants_done_in_a_copy_is_done_and_what_threads_need_is_not():
    said = run("""
        import os
        from studyhall_judge.sandbox import copying

        class Library: pass

        def register(name, **handlers):
            exec("os.register_at_fork(**handlers)", {"__name__": name, "os": os, "handlers": handlers})

        real = os.register_at_fork
        with copying.heeding_handlers():
            register("threading", after_in_child=lambda: os.write(1, b"threading "))
            register("library", after_in_child=lambda: os.write(1, b"library "))
        assert os.register_at_fork is real
        for way in (copying.fork, os.fork):
            pid = way()
            if pid == 0:
                os.write(1, b"| ")
                os._exit(0)
            os.waitpid(pid, 0)
    """)
    assert said.split() == ["library", "|", "threading", "library", "|"]


def test_where_a_library_wants_something_done_before_a_copy_python_makes_it():
    said = run("""
        import os
        from studyhall_judge.sandbox import copying
        with copying.heeding_handlers():
            os.register_at_fork(
                before=lambda: os.write(1, b"before "), after_in_parent=lambda: os.write(1, b"parent ")
            )
        pid = copying.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    """)
    assert said.split() == ["before", "parent"]


def test_a_copy_that_cannot_be_made_is_an_error(monkeypatch):
    from studyhall_judge.sandbox import copying, linux

    class Full:
        @staticmethod
        def fork() -> int:
            return -1

    monkeypatch.setattr(linux, "_libc", Full)
    with pytest.raises(OSError, match="fork"):
        copying.fork()
    assert os.getpid() > 0
