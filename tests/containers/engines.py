"""A Docker engine of the tests' own, and the images that are tried in it, made without a registry.

The engine has a network of its own too, as if on another machine: bridges, addresses and firewall rules of these tests
meet nobody else's. What is to play a part on that machine is started with `Engine.on_its_machine`.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
JUDGE = "studyhall-judge:tested"
SANDBOX = "studyhall-sandbox:tested"
BASE = "studyhall-base:tested"
PACKAGES = ["g++", "bash"]
"""A compiler for programs, and what another kernel drives."""

MODULES = ["numpy", "nbclient", "bash_kernel"]
"""One library of those that lessons use is enough here; and another kernel."""

_PREFIX = "studyhall-engine-"
_SETTLED = 60
"""Seconds after which a folder is locked by those who made it, if they live."""
_READY = "API listen on"
_CLONE_NEWNET = 0x40000000
_MUCH_MEMORY = 16 * 1024**3
"""Where this is to be had, images are kept in half of it: their tens of thousands of small files take half as long."""
_WITH_LOOPBACK = """
import contextlib, fcntl, pathlib, socket, struct, sys
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
with contextlib.suppress(FileNotFoundError):
    pathlib.Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
print("ready", flush=True)
sys.stdin.read()
"""
"""Keeps a network of its own until nobody holds its input open any more.

Each container that starts brings an interface. One that gave itself an IPv6 address would have a browser on this
machine break off what it is loading: to Chromium the network has changed.
"""


_SHARES = Path("/sys/fs/cgroup/cpu/studyhall-tests")
_AS_MANY_PROCESSES = 4


def _fair_share() -> list[str]:
    """Return the engine's words that let its containers count as several processes beside the tests' own.

    By default all containers of all engines together get as much of the processors as any one process, so they starve
    beside tests that run at the same time. Where control groups are of the second version nothing is changed.
    """
    if not os.access(_SHARES.parent / "cpu.shares", os.W_OK):
        return []
    _SHARES.mkdir(exist_ok=True)
    (_SHARES / "cpu.shares").write_text(str(1024 * _AS_MANY_PROCESSES))
    return ["--cgroup-parent", f"/{_SHARES.name}"]


class Daemon:
    """The engine's process, which may be started again on the same machine."""

    def __init__(self, folder: Path, machine: int) -> None:
        program = shutil.which("dockerd")
        assert program, "Docker is missing: apt-get install docker.io"
        self._folder = folder
        self._command = [
            # When the tests are killed it stops, and with it all that it runs.
            *("setpriv", "--pdeathsig", "TERM", "--"),
            *("nsenter", f"--net=/proc/{machine}/ns/net", "--", program),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"),
            *("--host", f"unix://{folder}/docker.sock", "--bridge", "none"),
            *_fair_share(),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        """Start it with more words than the usual ones, and wait until it answers."""
        said = self._folder / "log"
        with said.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [*self._command, *words], stdout=log, stderr=log, start_new_session=True
            )
        while _READY.encode() not in said.read_bytes()[begin:]:
            assert self.process.poll() is None, f"Docker did not start; it said: {said.read_text()[-2000:]}"
            time.sleep(0.1)

    def stop(self) -> None:
        """Let it end as at a host's shutdown: without live-restore its containers end, too."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(120)
            self.process = None

    def kill(self) -> None:
        """End it whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Engine:
    """An engine that listens on a socket in a folder of its own."""

    folder: Path
    pid: int
    """A process that is on the engine's machine for as long as there is one."""
    daemon: Daemon

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def docker(self, *words: str) -> str:
        """Run the engine's command; returns what it said."""
        done = subprocess.run(
            ["docker", *words],
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "DOCKER_HOST": self.url,
                "DOCKER_BUILDKIT": "0",
            },
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def on_its_machine(self, *words: str) -> list[str]:
        """Return the words that run a command in the engine's network."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *words]

    def enter_its_machine(self) -> None:
        """Let this thread, and no other, open its connections in the engine's network from now on."""
        with Path(f"/proc/{self.pid}/ns/net").open("rb") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "the engine's network cannot be entered")

    def inspect(self, identifier: str) -> dict[str, Any] | None:
        """Return what the engine knows of a container; None when it is gone already."""
        try:
            (about,) = json.loads(self.docker("inspect", identifier))
        except AssertionError as error:
            if "No such object" in str(error):
                return None
            raise
        return about

    def remove(self, identifier: str) -> None:
        """Remove a container; one that the engine is removing already, for a swarm or a judge, is waited for."""
        until = time.monotonic() + 180
        while self.inspect(identifier) is not None:
            try:
                self.docker("rm", "--force", identifier)
            except AssertionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def remove_network(self, name: str) -> None:
        """Remove a network; the places that containers which are gone still hold in it are taken from them.

        An engine that removes a container while it starts it again, as its restart policy says, forgets its place.
        """
        until = time.monotonic() + 60
        while True:
            (about,) = json.loads(self.docker("network", "inspect", name))
            held = {one["Name"] for one in about["Containers"].values()}
            living = self.docker("ps", "--all", "--format", "{{.Names}}").split()
            for gone in held.difference(living):
                subprocess.run(
                    ["docker", "--host", self.url, "network", "disconnect", "--force", name, gone],
                    capture_output=True,
                    check=False,
                )
            try:
                self.docker("network", "rm", name)
            except AssertionError as error:
                if time.monotonic() > until:
                    raise AssertionError(f"{error}; held by {held}; there are {living}") from error
                time.sleep(0.3)
            else:
                return

    def containers(self, *filters: str) -> list[str]:
        words = [word for one in filters for word in ("--filter", one)]
        return self.docker("ps", "--all", "--quiet", "--no-trunc", *words).split()


@contextmanager
def _folder(*, in_memory: bool) -> Iterator[str]:
    """Make a folder for an engine. Its gigabytes of images are deleted while the tests go on."""
    for left in _left_behind():
        _delete(left)
    name = tempfile.mkdtemp(prefix=_PREFIX)
    if in_memory and _available() > _MUCH_MEMORY:
        options = f"size={_MUCH_MEMORY // 2},mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "studyhall-tests", name], check=True)
    held = os.open(name, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield name
    finally:
        os.close(held)
        _delete(Path(name))


def _available() -> int:
    """Return how many bytes of memory programs could still get."""
    (line,) = (
        one for one in Path("/proc/meminfo").read_text().splitlines() if one.startswith("MemAvailable:")
    )
    return int(line.split()[1]) * 1024


def _delete(folder: Path) -> None:
    """Delete a folder in the background, unless something uses a mount in it; a killed engine leaves some."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in reversed([one for one in mounts if Path(one).is_relative_to(folder)]):
        if subprocess.run(["umount", mount], capture_output=True, check=False).returncode != 0:
            return
    subprocess.run(["sh", "-c", 'rm -rf "$0" </dev/null >/dev/null 2>&1 &', folder], check=True)


def _left_behind() -> list[Path]:
    """Return engines' folders of tests that were killed: no tests hold them, and no process has them in its command."""
    found = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            about = folder.stat()
            held = os.open(folder, os.O_RDONLY)
        except OSError:
            continue  # gone meanwhile, or somebody else's
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        finally:
            os.close(held)
        is_old = time.time() - about.st_mtime > _SETTLED
        if is_old and about.st_uid == os.getuid() and not _is_named(os.fsencode(folder)):
            found.append(folder)
    return found


def _is_named(folder: bytes) -> bool:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if folder in (process / "cmdline").read_bytes():
                return True
        except OSError:
            continue  # it has ended
    return False


@contextmanager
def running_engine(*, in_memory: bool = False) -> Iterator[Engine]:
    """Start an engine that knows nothing of any other on this machine; its end is the end of all its containers.

    Its images are kept in memory if that is wished and there is enough: not where times are to say something of others.
    """
    with (
        _folder(in_memory=in_memory) as name,
        subprocess.Popen(
            ["unshare", "--net", sys.executable, "-c", _WITH_LOOPBACK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as machine,
    ):
        assert machine.stdout is not None
        assert machine.stdout.readline(), "no network of the engine's own"
        daemon = Daemon(Path(name), machine.pid)
        # `unshare` becomes what it starts.
        engine = Engine(Path(name), machine.pid, daemon)
        try:
            daemon.start()
            yield engine
            for one in engine.containers():
                engine.remove(one)
            daemon.stop()
        finally:
            daemon.kill()


def build_base(engine: Engine) -> list[subprocess.Popen[bytes]]:
    """Begin to make the image that all others stand on, unless it is there."""
    if engine.docker("images", "--quiet", BASE).strip():
        return []
    environment = {"DOCKER_HOST": engine.url, "HOME": str(engine.folder), "PYTHON": sys.executable}
    return [
        subprocess.Popen(
            [ROOT / "docker" / "base-image", BASE, *PACKAGES],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    ]


def build_wheels(program: Path, folder: Path, *modules: str) -> subprocess.Popen[bytes]:
    """Begin to fill a folder with wheels."""
    return subprocess.Popen(
        [program, folder, *modules],
        env=os.environ | {"PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def wait_for(*makers: subprocess.Popen[bytes]) -> None:
    for maker in makers:
        said, _ = maker.communicate(timeout=400)
        assert maker.returncode == 0, said.decode()


def build_images(engine: Engine) -> None:
    """Make both images as docker/judge/README.md says: base and wheels first, then without any network."""
    wheels = engine.folder / "wheels"
    judge_wheels = build_wheels(ROOT / "docker" / "judge" / "wheelhouse", wheels, *MODULES)
    wait_for(*build_base(engine), judge_wheels)
    for target, tag in (("judge", JUDGE), ("sandbox", SANDBOX)):
        engine.docker(
            *(
                "build",
                "--quiet",
                "--network",
                "none",
                "--build-arg",
                f"BASE_IMAGE={BASE}",
                "--target",
                target,
            ),
            *("--file", str(ROOT / "docker" / "judge" / "Dockerfile"), "--tag", tag, str(wheels)),
        )
