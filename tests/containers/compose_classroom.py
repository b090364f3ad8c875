"""The compose profile on the tests' own engine, brought up as a person does it: by `docker/up`."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from containers.engines import BASE, ROOT, Engine, build_wheels, wait_for
from containers.people_in_containers import build_server_images

sys.path.insert(0, str(ROOT / "docker" / "manager"))

from demo import COHORTS, write_demo

PLATFORM = ("hub", "service", "worker", "proxy")
OTHERS = ("postgres", "valkey", "front")
IMAGES = {name: f"studyhall-{name}:tested" for name in (*PLATFORM, *OTHERS, "judge", "single-user", "staff")}
DEBIAN = "studyhall-debian:tested"
DEBIAN_PACKAGES = ("caddy", "postgresql-15", "redis-server")


def build_classroom_images(engine: Engine) -> None:
    """Make what the READMEs of docker/platform and docker/offline say."""
    wheels = engine.folder / "platform-wheels"
    filled = build_wheels(ROOT / "docker" / "platform" / "wheelhouse", wheels)
    debian = subprocess.Popen(
        [ROOT / "docker" / "base-image", DEBIAN, *DEBIAN_PACKAGES],
        env=os.environ | {"DOCKER_HOST": engine.url, "HOME": str(engine.folder), "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    build_server_images(engine)
    wait_for(filled, debian)

    def build(target: str, base: str, file: Path, context: Path) -> None:
        engine.docker(
            *(
                "build",
                "--quiet",
                "--network",
                "none",
                "--build-arg",
                f"BASE_IMAGE={base}",
                "--target",
                target,
            ),
            *("--file", str(file), "--tag", IMAGES[target], str(context)),
        )

    def build_others() -> None:
        offline = ROOT / "docker" / "offline"
        for target in OTHERS:
            build(target, DEBIAN, offline / "Dockerfile", offline)

    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(build_others)
        for target in PLATFORM:
            build(target, BASE, ROOT / "docker" / "platform" / "Dockerfile", wheels)
        others.result()


class ComposeClassroom:
    """Two cohorts of different organisations, and the commands that look after them."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine = engine
        self.home = home
        home.mkdir(mode=0o700)
        write_demo(home)
        with (home / "classroom.toml").open("a") as file:
            file.write("\n[images]\n" + "".join(f'{name} = "{image}"\n' for name, image in IMAGES.items()))

    def command(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of the programs in docker/ on the engine's machine."""
        return subprocess.run(
            self.engine.on_its_machine(str(ROOT / "docker" / program), *words),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.engine.folder),
                "PYTHON": sys.executable,
                "DOCKER_HOST": self.engine.url,
                "STUDYHALL_HOME": str(self.home),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def do(self, program: str, *words: str) -> str:
        done = self.command(program, *words)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.troubles()}"
        return done.stdout

    def troubles(self) -> str:
        """Return the last words of every container that is not well."""
        said = []
        for one in self.engine.containers("label=com.docker.compose.project"):
            about = self.engine.inspect(one)
            if about and about["State"].get("Health", {}).get("Status") not in (None, "healthy"):
                logs = subprocess.run(
                    ["docker", "--host", self.engine.url, "logs", "--tail", "20", one],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                said.append(f"{about['Name']}: {logs.stdout[-2000:]}{logs.stderr[-2000:]}")
        return "\n".join(said)

    def links(self, cohort: str) -> dict[str, str]:
        """Return the addresses at which people choose their first password."""
        text = (self.home / "cohorts" / cohort / "first-sign-in.csv").read_text()
        return {row[0]: row[2] for row in csv.reader(text.splitlines())}

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return what the engine knows of each container of ours, people's servers left out."""
        found = {}
        for one in self.engine.containers():
            about = self.engine.inspect(one)
            assert about is not None
            labels = about["Config"]["Labels"]
            if "com.docker.compose.service" in labels:
                project = labels["com.docker.compose.project"].removeprefix("studyhall").strip("-")
                found[f"{project} {labels['com.docker.compose.service']}".strip()] = about
            elif about["Name"] == "/studyhall-judge":
                found["judge"] = about
        return found

    def destroy(self) -> None:
        """Take away all containers and volumes of the classroom, people's too; others of the engine stay."""
        ours = ["studyhall", *(f"{cohort}[.]" for cohort in COHORTS)]
        if found := {one for name in ours for one in self.engine.containers(f"name=^{name}")}:
            self.engine.docker("rm", "--force", *found)
        volumes = self.engine.docker("volume", "ls", "--quiet").split()
        begins = ("studyhall-", *(f"{cohort}." for cohort in COHORTS))
        if mine := [name for name in volumes if name.startswith(begins)]:
            self.engine.docker("volume", "rm", *mine)

    def leave(self) -> None:
        """Take away what `destroy` leaves, so that the engine is as it was: networks, and the rules of the firewall."""
        for cohort in COHORTS:
            done = self.command("server-networks", "--remove", cohort)
            assert done.returncode == 0, done.stderr
        networks = self.engine.docker("network", "ls", "--format", "{{.Name}}").split()
        shared = [f"studyhall-{name}" for name in ("edge", "front", "database", "cache", "-outward")]
        begins = tuple(f"studyhall-{cohort}-" for cohort in COHORTS)
        mine = [name for name in networks if name in shared or name.startswith(begins)]
        for name in mine:
            self.engine.remove_network(name)

    def sql(self, database: str, query: str) -> Any:
        """Return what PostgreSQL's superuser sees, as JSON."""
        postgres = self.parts()["postgres"]["Id"]
        wrapped = f"SELECT coalesce(json_agg(found), '[]') FROM ({query}) found"  # noqa: S608 - the tests' own queries
        return json.loads(
            self.engine.docker(
                *("exec", postgres, "psql", "--username", "postgres", "--dbname", database),
                *("--no-psqlrc", "--tuples-only", "--no-align", "--command", wrapped),
            )
        )

    def browser_program(self, folder: Path) -> Path:
        """Return a program that is Chromium on the engine's machine, where the front listens."""
        program = folder / "chromium"
        words = " ".join(self.engine.on_its_machine(os.environ.get("CHROMIUM", "/usr/bin/chromium")))
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        program.chmod(0o755)
        return program
