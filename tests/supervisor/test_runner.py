import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from studyhall.supervisor.errors import StartError
from studyhall.supervisor.orphans import children, descendants
from studyhall.supervisor.parts import Part, State
from studyhall.supervisor.runner import Runner, Stopped, describe_exit

PROGRAM = Path(__file__).with_name("little_parts.py")
STAYS = "touch {0}.ready; exec sleep 600"


class Running:
    """A runner in a process of its own."""

    def __init__(self, folder: Path, parts: list[dict]) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), json.dumps(parts)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        self.lines: list[str] = []

    def read_to(self, line: str) -> list[str]:
        """Read what it prints up to a line that starts with `line`."""
        for printed in self.process.stdout:
            self.lines.append(printed.rstrip("\n"))
            if printed.startswith(line):
                return self.lines
        pytest.fail(f"never said {line!r}: {self.lines}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait()


@pytest.fixture
def runner(tmp_path):
    started = []

    def start(*parts: dict) -> Running:
        for part in parts:
            part["script"] = part["script"].format(part["name"])
        started.append(Running(tmp_path, list(parts)))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.communicate()


def test_parts_start_when_those_they_need_are_ready(runner):
    running = runner(
        {"name": "third", "script": STAYS, "after": ["step"]},
        {"name": "first", "script": STAYS},
        {"name": "step", "script": "true", "after": ["first"], "once": True},
    )
    lines = running.read_to("all ready")
    order = [
        lines.index(line)
        for line in ("first ready", "step starting", "step done", "third starting", "third ready")
    ]
    assert order == sorted(order)
    assert running.stop() == 0
    assert running.lines[-1] == "stopped"


def test_nothing_is_left_when_it_stops(runner, until, alive):
    # A child in a session of its own whose parent has gone: only adoption finds it.
    script = "setsid sh -c 'echo $$ > stray.pid; exec sleep 600' & touch {0}.ready; exec sleep 600"
    running = runner({"name": "part", "script": script})
    running.read_to("all ready")
    file = running.folder / "stray.pid"
    stray = int(until(lambda: file.exists() and file.read_text().strip()))
    below = descendants(running.process.pid)
    assert stray in below
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 5
    until(lambda: not any(alive(pid) for pid in below))


def test_a_part_that_will_not_stop_is_killed(runner):
    running = runner(
        {"name": "deaf", "script": "trap '' TERM INT; touch {0}.ready; while true; do sleep 600; done"}
    )
    running.read_to("all ready")
    began = time.monotonic()
    assert running.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5


def test_later_stages_stop_after_earlier_ones(runner):
    script = "trap 'echo {0} >> order; exit' TERM; touch {0}.ready; while true; do sleep 0.01; done"
    running = runner(
        {"name": "database", "script": script, "stage": 2, "patience": 120},
        {"name": "proxy", "script": script, "stage": 1, "patience": 120},
        {"name": "service", "script": script, "patience": 120},
    )
    running.read_to("all ready")
    running.stop()
    assert (running.folder / "order").read_text().split() == ["service", "proxy", "database"]


def test_a_part_that_dies_is_started_again_at_once(runner):
    running = runner({"name": "part", "script": "echo $$ > pid; " + STAYS})
    running.read_to("all ready")
    first = int((running.folder / "pid").read_text())
    began = time.monotonic()
    os.kill(first, signal.SIGKILL)
    lines = running.read_to("The part is back.")
    assert time.monotonic() - began < 2
    assert int((running.folder / "pid").read_text()) != first
    assert "part returned" in lines
    said = next(line for line in lines if "ended" in line)
    assert (
        said
        == f"The part ended (killed by SIGKILL); it is started again now. Its log is {running.folder}/part.log."
    )


def test_a_part_that_keeps_dying_is_given_pauses(runner):
    # Ready the first time only: after that every start ends at once.
    script = "if [ -e been ]; then exit 7; fi; touch been {0}.ready; echo $$ > pid; exec sleep 600"
    running = runner({"name": "part", "script": script})
    running.read_to("all ready")
    os.kill(int((running.folder / "pid").read_text()), signal.SIGKILL)
    lines = running.read_to("The part ended (exit code 7); it is started again in 2 s.")
    assert sum("started again now" in line for line in lines) == 2
    assert sum("started again in 1 s" in line for line in lines) == 1
    assert running.stop() == 0


def test_a_part_that_does_not_start_stops_everything(runner):
    running = runner(
        {"name": "good", "script": STAYS},
        {"name": "bad", "script": "echo it is broken; exit 3", "after": ["good"]},
    )
    lines = running.read_to("failed")
    assert lines[-1] == f"failed: The bad did not start; its log is {running.folder}/bad.log:"
    assert running.process.wait() == 1
    assert "it is broken" in running.process.stdout.read()


def test_a_failed_step_may_explain_itself(runner):
    running = runner({"name": "check", "script": "echo no walls; exit 1", "once": True, "explain": True})
    assert running.read_to("failed")[-1] == "failed: explained: no walls"
    assert running.process.wait() == 1


def test_a_part_that_is_never_ready_is_given_up(runner):
    running = runner({"name": "slow", "script": "exec sleep 600", "seconds": 0.3})
    assert "was not ready within 0 s" in running.read_to("failed")[-1]
    assert running.process.wait() == 1


def test_it_can_be_stopped_while_it_starts(runner):
    running = runner({"name": "slow", "script": "exec sleep 600"})
    running.read_to("slow starting")
    assert running.stop() == 0
    assert "stopped early" in running.lines


def test_what_ctrl_c_breaks_off_did_not_fail():
    """A terminal's Ctrl-C reaches whatever prepares a part, too."""

    class Silent:
        def starting(self, parts):
            pass

        say = starting

    def launch():
        runner.asked_to_stop = True
        raise StartError("broken off")

    runner = Runner([Part(name="p", title="p", log=Path("log"), launch=launch)], Silent())
    with pytest.raises(Stopped):
        runner.start()


def test_its_parts_die_with_it(runner, until, alive):
    running = runner({"name": "one", "script": STAYS}, {"name": "two", "script": STAYS})
    running.read_to("all ready")
    below = children(running.process.pid)
    assert len(below) == 2
    running.process.kill()
    until(lambda: not any(alive(pid) for pid in below))


def test_pauses_double_and_are_forgotten():
    part = Part(name="p", title="p", log=Path("log"), launch=lambda: pytest.fail("never started here"))
    pauses = [part.died(float(second)) for second in range(9)]
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 30, 30]
    assert part.died(1000.0) == 0
    assert part.state is State.PAUSED


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-99, "killed by signal 99")],
)
def test_exits_are_described(code, said):
    assert describe_exit(code) == said
