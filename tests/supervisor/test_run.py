"""`studyhall run` itself: everything starts, stays up, says what is wrong, and stops."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from studyhall.supervisor import probes
from studyhall.supervisor.orphans import children, descendants
from studyhall.supervisor.ports import reserved_port

START_SECONDS = 120


def studyhall(*words: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "studyhall.cli", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
        env=os.environ | (environment or {}),
    )


class Classroom:
    """A running `studyhall run`."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = reserved_port()
        self.start()

    def start(self) -> None:
        self.printed = ""
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "studyhall.cli",
                "run",
                "--data",
                str(self.data),
                "--port",
                str(self.port),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.read_to("Ctrl-C stops everything")
        self.places = json.loads((self.data / "places.json").read_text())

    def read_to(self, *words: str) -> str:
        """Read what it prints up to a line that holds all `words`, and return that line."""
        for line in self.process.stdout:
            self.printed += line
            if all(word in line for word in words):
                return line
        self.process.communicate()
        pytest.fail(f"never said {words!r}:\n{self.printed}")

    def part(self, *words: str) -> int:
        """Return the process number of the part whose command line holds all `words`."""
        for pid in children(self.process.pid):
            # One that has ended since has none.
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if all(word in command for word in words):
                    return pid
        raise LookupError(words)

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Stop it; return how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.printed += self.process.stdout.read()
        assert self.process.wait(timeout=120) == 0
        self.process.stdout.close()
        return time.monotonic() - began

    @property
    def passwords(self) -> dict[str, str]:
        """The passwords that were printed."""
        rows = re.findall(r"^ (\w+) +(\S{14}) +(instructor|grader|learner)", self.printed, re.MULTILINE)
        return {name: password for name, password, _role in rows}


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    running = Classroom(tmp_path_factory.mktemp("run") / "data")
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.communicate()


def test_it_prints_one_address_and_who_can_sign_in(classroom):
    assert re.findall(r"https?://\S+", classroom.printed) == [f"http://127.0.0.1:{classroom.port}/"]
    assert set(classroom.passwords) == {"ines", "gabriel", "lea", "liam", "lucia"}
    assert "for trying out" in classroom.printed


def test_progress_names_every_part(classroom):
    for title in (
        "database",
        "cache",
        "proxy",
        "judge",
        "schema",
        "sample course",
        "service",
        "worker",
        "hub",
    ):
        assert re.search(rf"{title}.*: (ready|done) \(\d+\.\d s\)", classroom.printed), title


def open_files(pid: int) -> list[str]:
    """Return what a process has open; it goes on meanwhile, and closes some, or ends."""
    found = []
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(str(entry.readlink()))
    return found


def test_everything_listens_on_this_machine_only(classroom):
    ours = {file for pid in descendants(classroom.process.pid) for file in open_files(pid)}
    listening = {}
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "00000000000000000000000001000000")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in ours:
                listening[fields[1]] = fields[1].startswith(loopback)
    assert listening
    assert all(listening.values()), listening


def test_the_service_answers_through_the_proxy(classroom):
    base = f"http://127.0.0.1:{classroom.port}"
    assert probes.answers(f"{base}/hub/health", seconds=120)
    assert probes.answers(f"{base}/services/studyhall/ready", seconds=120)


def test_the_doctor_finds_it_well(classroom):
    done = studyhall("doctor", "--data", classroom.data, "--json")
    report = json.loads(done.stdout)
    bad = [finding for finding in report["findings"] if finding["level"] == "fail"]
    assert (bad, report["ok"], done.returncode) == ([], True, 0)
    subjects = {finding["subject"]: finding["level"] for finding in report["findings"]}
    assert subjects["row security"] == subjects["database"] == subjects["service"] == subjects["hub"] == "ok"
    assert subjects["subdomains"] == "warn"


def test_a_second_one_on_the_same_data_is_refused(classroom):
    done = studyhall("run", "--data", classroom.data, "--port", reserved_port())
    assert done.returncode == 1
    assert "already running" in done.stderr
    assert str(classroom.process.pid) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_taken_port_is_refused_before_anything_starts(classroom, tmp_path):
    done = studyhall("run", "--data", tmp_path / "other", "--port", classroom.port)
    assert done.returncode == 1
    assert re.search(rf"Port {classroom.port} .* is taken .*--port \d+", done.stderr)
    assert not (tmp_path / "other" / "postgres").exists()


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (("studyhall.cli", "service"), "service"),
        (("studyhall.cli", "worker"), "worker"),
        (("valkey-server",), "Valkey"),
        (("postgres", "-D"), "PostgreSQL"),
        (("configurable-http-proxy",), "proxy"),
        (("jupyterhub_config.py",), "hub"),
        (("studyhall_judge",), "judge"),
    ],
)
def test_a_part_that_is_killed_is_back(classroom, until, words, answers):
    old = classroom.part(*words)
    os.kill(old, signal.SIGKILL)
    # Others may end and come back meanwhile: those that need it.
    assert "started again now" in classroom.read_to(answers, "ended (killed by SIGKILL)")
    classroom.read_to(answers, "is back")
    assert classroom.part(*words) != old
    base = f"http://127.0.0.1:{classroom.port}"
    until(
        lambda: probes.answers(f"{base}/services/studyhall/ready"),
        seconds=120,
        what="the service is ready again",
    )
    until(lambda: probes.answers(f"{base}/hub/health"), seconds=120, what="the hub is reached again")


def test_it_stops_within_five_seconds_leaves_nothing_and_keeps_everything(classroom, until, alive):
    database = classroom.places["database_url"]
    with psycopg.connect(database, connect_timeout=30) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    below = descendants(classroom.process.pid)
    assert len(below) > 8
    passwords = classroom.passwords

    assert classroom.stop() < 5
    assert not [pid for pid in below if alive(pid)]
    assert "All data is kept" in classroom.printed

    classroom.start()
    # The course is as it was: there is nothing to publish again.
    assert "sample course" not in classroom.printed
    assert classroom.passwords == passwords
    assert classroom.places["database_url"] == database


def test_killed_itself_it_takes_everything_along_and_comes_back(classroom, until, alive):
    below = descendants(classroom.process.pid)
    classroom.process.kill()
    classroom.process.communicate()
    until(lambda: not [pid for pid in below if alive(pid)], seconds=120, what="every part is gone")
    classroom.start()
    assert classroom.stop(signal.SIGTERM) < 5


# ---------------------------------------------------------------- what is in the way


def refused(data: Path, *words: object) -> str:
    """Return the one sentence with which it does not start."""
    done = studyhall("run", "--data", data, "--port", reserved_port(), *words)
    assert done.returncode == 1, done.stdout
    sentence = done.stderr.strip()
    assert "Traceback" not in sentence
    assert len(sentence.splitlines()) == 1
    return sentence


def test_a_data_folder_that_is_a_file(tmp_path):
    (tmp_path / "data").write_text("")
    assert "cannot be used" in refused(tmp_path / "data")


def test_damaged_secrets(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secrets.json").write_text("{")
    (tmp_path / "data" / "secrets.json").chmod(0o600)
    assert "are damaged" in refused(tmp_path / "data")


def test_a_database_of_another_version(tmp_path):
    cluster = tmp_path / "data" / "postgres" / "cluster"
    data = tmp_path / "data"
    data.mkdir()
    from studyhall.supervisor.keys import kept_keys

    kept_keys(data / "secrets.json", database=data / "postgres")
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("15\n")
    assert "made by PostgreSQL 15" in refused(data)


def test_secrets_that_are_gone(tmp_path):
    (tmp_path / "data" / "postgres").mkdir(parents=True)
    assert "are gone" in refused(tmp_path / "data")


def test_an_address_beyond_this_machine(tmp_path):
    assert "other machines" in refused(tmp_path / "data", "--host", "0.0.0.0")  # noqa: S104 - refused is the point


def test_a_course_that_is_not_there(tmp_path):
    assert "no course folder" in refused(tmp_path / "data", "--course", tmp_path / "nowhere")


def test_a_course_that_cannot_be_read(tmp_path):
    (tmp_path / "course").mkdir()
    assert "course" in refused(tmp_path / "data", "--course", tmp_path / "course")


WITHOUT_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'


def test_a_machine_without_user_namespaces(tmp_path):
    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = ["unshare", "--user", "--map-root-user", "sh", "-c", WITHOUT_NAMESPACES, "sh"]
        return subprocess.run(
            [*command, sys.executable, "-m", "studyhall.cli", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("run", "--data", tmp_path / "data", "--port", reserved_port())
    assert done.returncode == 1
    assert re.fullmatch(
        r"This machine refuses user namespaces, .* `studyhall doctor` names the line .*\n", done.stderr
    )
    examined = run("doctor", "--data", tmp_path / "data", "--json")
    findings = json.loads(examined.stdout)["findings"]
    failed = {finding["subject"]: finding["way_out"] for finding in findings if finding["level"] == "fail"}
    assert {"user namespaces", "bubblewrap", "judge"} <= set(failed)
    assert "sudo sysctl -w user.max_user_namespaces=10000" in failed["user namespaces"]
