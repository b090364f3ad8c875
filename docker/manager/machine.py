"""Docker and compose on this host, and what is wrong when they don't do as they are told."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trouble import Trouble

CHECKOUT = Path(__file__).resolve().parents[2]
LABEL = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
MISSING = re.compile(r"no such |not found", re.IGNORECASE)
"""How the engine says that there is nothing of a name. Whatever else it complains of says nothing about that."""


def say(text: str) -> None:
    """Tell the person at the terminal how far it is."""
    print(text, flush=True)


def run(
    *words: str,
    env: Mapping[str, str] | None = None,
    text: str | None = None,
    what: str = "",
) -> str:
    """Run a command and return what it said.

    Raises:
        Trouble: it failed; with its last words.
    """
    done = subprocess.run(
        words,
        env=None if env is None else os.environ | env,
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-12:])
        raise Trouble(f"{what or 'This did not work: ' + ' '.join(words[:4])}\n{said}")
    return done.stdout


def require_engine() -> None:
    """See that this host has what is needed.

    Raises:
        Trouble: with what is missing.
    """
    if os.geteuid() != 0:
        raise Trouble(
            "This makes firewall rules and files that only root may read: run it as root, with sudo."
        )
    if shutil.which("docker") is None:
        raise Trouble("Docker is not installed. On Debian and Ubuntu: apt-get install docker.io")
    try:
        run("docker", "info", "--format", "{{.ServerVersion}}")
    except Trouble as trouble:
        raise Trouble(
            f"Docker does not answer. Start it: systemctl start docker. It says:\n{trouble}"
        ) from trouble
    compose()


def compose() -> list[str]:
    """Return the words that compose is called by; 2 is taken before 1.29.

    Raises:
        Trouble: there is none.
    """
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise Trouble(
        "Compose is not installed. Install Docker's compose plugin, or on Debian: apt-get install docker-compose"
    )


def is_compose_2() -> bool:
    """Say whether this compose knows all that docker/compose.yaml asks for."""
    if compose() == ["docker", "compose"]:
        return True
    return not run("docker-compose", "version", "--short").startswith("1.")


def compose_in(project: str, file: str, env: Mapping[str, str], *words: str, what: str = "") -> str:
    """Call compose about a project.

    docker-compose 1.29 can't replace a container on an engine of today (it looks for a field that images have no more),
    so there what is to be replaced is taken away first. Volumes stay.

    Raises:
        Trouble: it failed.
    """
    begin = [*compose(), "--project-name", project, "--file", str(CHECKOUT / "docker" / file)]
    try:
        return run(*begin, *words, env=env, what=what)
    except Trouble as trouble:
        if "ContainerConfig" not in str(trouble):
            raise
    # What is to be started, or all of it: what stands beside goes on.
    _, *services = [word for word in words if not word.startswith("-")]
    run(*begin, "rm", "--stop", "--force", *services, env=env)
    return run(*begin, *words, env=env, what=what)


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Return what the engine knows of a container, an image or a network; None when there is none of that name.

    Raises:
        Trouble: it does not say.
    """
    done = subprocess.run(["docker", kind, "inspect", name], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return json.loads(done.stdout)[0]
    if MISSING.search(done.stderr):
        return None
    raise Trouble(f"Docker does not say whether there is the {kind} {name}:\n{done.stderr.strip()}")


def remove(container: str, *, seconds: float = 60) -> None:
    """Take a container away if it is there; one that the engine is removing already is waited for.

    Raises:
        Trouble: it stays.
    """
    deadline = time.monotonic() + seconds
    while inspect("container", container) is not None:
        try:
            run("docker", "rm", "--force", container)
        except Trouble:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def containers_of(project: str) -> dict[str, dict[str, Any]]:
    """Return a project's containers by service, those that compose runs commands in left out."""
    found = run("docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}={project}").split()
    if not found:
        return {}
    done = subprocess.run(["docker", "inspect", *found], capture_output=True, text=True, check=False)
    # One that has gone since it was listed, as the operator's goes, is none.
    if odd := [line for line in done.stderr.splitlines() if line.strip() and not MISSING.search(line)]:
        raise Trouble("\n".join(["Docker does not say how its containers are:", *odd]))
    about = json.loads(done.stdout)
    return {
        one["Config"]["Labels"][SERVICE]: one
        for one in about
        if one["Config"]["Labels"].get("com.docker.compose.oneoff", "False") == "False"
    }


def wait_until_well(project: str, *services: str, seconds: float = 400) -> None:
    """Wait until these services of a project, or all, are well.

    Docker looks every ten seconds at most; here a part's health check is tried until it is well for the first time.

    Raises:
        Trouble: one of them ended, or is not well in time; with the last lines of its log.
    """
    deadline = time.monotonic() + seconds
    well: set[str] = set()
    while True:
        about = containers_of(project)
        waiting = []
        for service in services or about:
            if service in about and is_well(service, about[service], well):
                well.add(about[service]["Id"])
            else:
                waiting.append(service)
        if not waiting:
            return
        if time.monotonic() > deadline:
            words = "".join(
                f"\n{service}: {last_words(about[service]['Id'])}" for service in waiting if service in about
            )
            raise Trouble(f"Not well after {seconds:.0f} s in {project}: {', '.join(waiting)}.{words}")
        time.sleep(0.3)


def is_well(service: str, about: Mapping[str, Any], well: set[str]) -> bool:
    """Say whether a container is as it should be, with the ids of those that were well before.

    Raises:
        Trouble: it ended, and nobody starts it again.
    """
    state, config = about["State"], about["Config"]
    once = about["HostConfig"]["RestartPolicy"]["Name"] == "no"
    if state["Status"] == "exited" and once:
        if state["ExitCode"] == 0:
            return True
        raise Trouble(f"{service} ended: {last_words(about['Id'])}")
    if state["Status"] != "running" or once:
        return False
    test = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if about["Id"] in well or test[0] == "NONE" or state.get("Health", {}).get("Status") == "healthy":
        return True
    words = test[1:] if test[0] == "CMD" else ["sh", "-c", *test[1:]]
    done = subprocess.run(["docker", "exec", about["Id"], *words], capture_output=True, check=False)
    return done.returncode == 0


def last_words(container: str, lines: int = 15) -> str:
    """Return the end of a container's log."""
    done = subprocess.run(
        ["docker", "logs", "--tail", str(lines), container], capture_output=True, text=True, check=False
    )
    return f"{done.stdout}{done.stderr}".strip()


def require_free_ports(address: str, ports: Sequence[int]) -> None:
    """See that the front can have its ports.

    Raises:
        Trouble: another program has one.
    """
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise Trouble(
                    f"Port {port} on {address} can't be had ({error.strerror}). End the program that has it "
                    f"(ss -ltnp 'sport = :{port}' names it), or choose another in [front] of classroom.toml."
                ) from error


def write_secret(file: Path, text: str) -> bool:
    """Write a file whose folder only root may enter; return whether it changed.

    The file itself is open to all: in a container it is mounted alone, and programs there have users of their own.
    """
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    # In place, since a mounted file is the file and not its name.
    file.touch(mode=0o444)
    file.write_text(text, encoding="utf-8")
    return True


def python() -> str:
    """Return the Python that wheels are made with."""
    return os.environ.get("PYTHON", sys.executable)
