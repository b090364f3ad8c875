import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from studyhall.supervisor.launch import TETHER

TIED = [sys.executable, "-I", "-S", str(TETHER)]


def tied(*words: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*TIED, *map(str, words)], capture_output=True, text=True, check=False, **options)


def test_the_program_takes_its_place():
    done = tied("--parent", os.getpid(), "--", "sh", "-c", "echo hello; exit 3")
    assert (done.returncode, done.stdout) == (3, "hello\n")


def test_a_program_that_is_not_there_is_one_sentence():
    done = tied("--parent", os.getpid(), "--", "/no/such/program")
    assert done.returncode == 127
    assert done.stderr == "/no/such/program could not be started: No such file or directory\n"


def test_it_does_not_start_for_a_parent_that_is_gone():
    done = tied("--parent", 1, "--", "echo", "hello")
    assert (done.returncode, done.stdout) == (127, "")


def test_a_mapped_user_is_not_root():
    done = tied("--map-user", 1234, "--", "id", "-u")
    assert done.stdout == "1234\n"


def test_the_death_signal_survives_the_change_of_user(python, until, alive):
    program = """
import os, subprocess, sys
child = subprocess.Popen([*sys.argv[1:], "--parent", str(os.getpid()), "--map-user", "1234", "--", "sleep", "600"])
print(child.pid, flush=True)
child.wait()
"""
    parent = python(program, *TIED)
    pid = int(parent.stdout.readline())
    until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n", what="the program runs")
    parent.kill()
    until(lambda: not alive(pid), what="the program is gone")


@pytest.fixture
def kept(until):
    """A keeper, the writing end of its lifeline, and the process it keeps."""
    reader, writer = os.pipe()
    keeper = subprocess.Popen(
        [*TIED, "--lifeline", str(reader), "--", "sh", "-c", "echo $$; exec sleep 600"],
        pass_fds=(reader,),
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(reader)
    child = int(keeper.stdout.readline())
    yield keeper, writer, child
    keeper.kill()
    keeper.communicate()


def test_a_closed_lifeline_ends_the_program(kept, until, alive):
    keeper, writer, child = kept
    assert alive(child)
    os.close(writer)
    assert keeper.wait(timeout=120) == 0
    until(lambda: not alive(child), what="the program is gone")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_keeper_ends_the_program(kept, until, alive, number):
    keeper, writer, child = kept
    keeper.send_signal(number)
    keeper.wait(timeout=120)
    until(lambda: not alive(child), what="the program is gone")
    os.close(writer)


def test_the_keeper_ends_as_its_program_did():
    reader, writer = os.pipe()
    done = tied("--lifeline", reader, "--", "sh", "-c", "exit 5", pass_fds=(reader,))
    assert done.returncode == 5
    os.close(reader)
    os.close(writer)
