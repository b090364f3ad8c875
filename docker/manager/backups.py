"""One file with all that can't be made again: databases, people's volumes, and (where asked for) the secrets."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from bring_up import PROJECT
from classroom import Classroom
from homes import ask_store
from machine import containers_of, inspect, run, say
from packed import MANIFEST, ROLES, Manifest, opened_back_up
from trouble import Trouble

SECRET_PARTS = ("secrets", "cohorts", "tls")
"""What of the installation's folder is secret; `classroom.toml` and files beside it are not."""
PACK = """
import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as packed:
    packed.add("/volume", arcname=".")
"""


def databases_of(classroom: Classroom) -> list[str]:
    """Return the names of the service's database and of all hubs'."""
    return ["studyhall", *(cohort.database for cohort in classroom.cohorts)]


def volumes_of(classroom: Classroom) -> list[str]:
    """Return the volumes of people of all cohorts and of the hubs."""
    known = run("docker", "volume", "ls", "--quiet").split()
    begins = tuple(f"{cohort.slug}.{kind}." for cohort in classroom.cohorts for kind in ("learner", "staff"))
    hubs = {f"studyhall-{cohort.slug}-hub" for cohort in classroom.cohorts}
    return sorted(name for name in known if name.startswith(begins) or name in hubs)


def tables_of(postgres: str) -> str:
    """Return the version of the service's tables."""
    words = (
        "psql",
        "--username",
        "postgres",
        "--dbname",
        "studyhall",
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
    )
    return run(
        *("docker", "exec", postgres, *words, "--command", "SELECT version_num FROM alembic_version"),
        what="The tables of Studyhall are not there; docker/up makes them.",
    ).strip()


def back_up(classroom: Classroom, file: Path, *, with_secrets: bool) -> None:
    """Write a back-up; everything goes on running meanwhile.

    Raises:
        Trouble: a part can't be read, or the file can't be written; there is no half file then.
    """
    if file.exists():
        raise Trouble(f"{file} exists already. Name another file, or put that one aside.")
    postgres = containers_of(PROJECT).get("postgres")
    if postgres is None or not postgres["State"]["Running"]:
        raise Trouble("PostgreSQL is not running; docker/up starts it.")
    manifest = Manifest(made_at=datetime.now(UTC).isoformat(timespec="seconds"), has_secrets=with_secrets)
    manifest.databases = databases_of(classroom)
    manifest.tables = tables_of(postgres["Id"])
    try:
        with half_file(file) as half:
            _pack(classroom, half, manifest, volumes_of(classroom), postgres["Id"])
            with opened_back_up(half):
                say("  read again")
    except OSError as problem:
        raise Trouble(
            f"{file} can't be written ({problem.strerror}); nothing is left of it. Make room or name another place; "
            "its folder needs the room twice for the largest part."
        ) from problem
    say(f"{file} is complete and was read again: {megabytes(file.stat().st_size)}.")
    if not with_secrets:
        say(
            "It holds no secrets. Without this installation's content key released lessons and reports in it can never "
            f"be read: keep {classroom.home / 'secrets'} somewhere else, or back up --with-secrets."
        )


def _pack(classroom: Classroom, half: Path, manifest: Manifest, volumes: list[str], postgres: str) -> None:
    with tarfile.open(half, "w") as packed:
        half.chmod(0o600)
        step = Steps(len(manifest.databases) + len(volumes) + 2)
        # Work that was not submitted first: what is submitted meanwhile is in the database, which comes after.
        for volume in volumes:
            manifest.volumes[volume] = _described(classroom, volume)
            pack = in_volume(classroom, volume, PACK, "DAC_READ_SEARCH", mode="ro")
            step.done(f"volume {volume}", _add(packed, manifest, f"volumes/{volume}.tar", pack))
        execute = ["docker", "exec", postgres]
        roles = [*execute, "pg_dumpall", "--username", "postgres", "--roles-only"]
        step.done("roles of PostgreSQL", _add(packed, manifest, ROLES, roles))
        for name in manifest.databases:
            dump = [*execute, "pg_dump", "--username", "postgres", "--format", "custom", name]
            step.done(f"database {name}", _add(packed, manifest, f"databases/{name}.dump", dump))
        _add_home(packed, classroom.home, with_secrets=manifest.has_secrets)
        step.done("settings and secrets" if manifest.has_secrets else "settings, without secrets", 0)
        with tempfile.NamedTemporaryFile("w") as written:
            json.dump(asdict(manifest), written)
            written.flush()
            packed.add(written.name, arcname=MANIFEST)


class Steps:
    """Says how far a back-up is."""

    def __init__(self, number: int) -> None:
        """Begin; there will be so many steps."""
        self.number, self.reached = number, 0

    def done(self, what: str, size: int) -> None:
        """Say that a step is done, with how many bytes it has."""
        self.reached += 1
        say(f"  {self.reached}/{self.number} {what}{f', {megabytes(size)}' if size else ''}")


def megabytes(size: int) -> str:
    """Return a size for people."""
    return f"{size / 1e6:.1f} MB"


@contextmanager
def half_file(file: Path) -> Iterator[Path]:
    """Give a file beside the wanted one, which gets its name when all is in it."""
    half = file.with_name(f"{file.name}.half")
    try:
        yield half
        half.rename(file)
    finally:
        half.unlink(missing_ok=True)


def _add(packed: tarfile.TarFile, manifest: Manifest, name: str, words: list[str]) -> int:
    """Add what a command prints; return its size."""
    with tempfile.NamedTemporaryFile(dir=Path(str(packed.name)).parent) as part:
        _stream(words, part.file)
        with Path(part.name).open("rb") as written:
            manifest.sums[name] = hashlib.file_digest(written, "sha256").hexdigest()
        packed.add(part.name, arcname=name)
        return Path(part.name).stat().st_size


def _stream(words: list[str], out: IO[bytes]) -> None:
    """Run a command whose words go into a file."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(words[3:5])} failed: {done.stderr.decode(errors='replace').strip()[-600:]}")


def in_volume(classroom: Classroom, volume: str, program: str, *capabilities: str, mode: str) -> list[str]:
    """Return the command that runs a program over a volume, in a container with nothing else."""
    return [
        *("docker", "run", "--rm", "--interactive", "--network", "none", "--read-only", "--user", "0:0"),
        *("--cap-drop", "ALL", *(word for one in capabilities for word in ("--cap-add", one))),
        *(
            "--security-opt",
            "no-new-privileges:true",
            "--volume",
            f"{volume}:/volume:{mode}",
            "--entrypoint",
            "python3",
        ),
        *(classroom.images["hub"], "-I", "-c", program),
    ]


def _described(classroom: Classroom, volume: str) -> dict[str, Any]:
    about = inspect("volume", volume) or {}
    options = about["Options"] or {}
    described = {"driver": about["Driver"], "options": options, "labels": about["Labels"] or {}}
    if "device" in options and classroom.store is not None:
        # A home of a fixed size. To ask for it also makes it readable after a start of the host.
        described["mebibytes"] = ask_store(classroom.store, volume)["mebibytes"]
    return described


def _add_home(packed: tarfile.TarFile, home: Path, *, with_secrets: bool) -> None:
    for path in sorted(home.iterdir()):
        if path.is_file() or (with_secrets and path.name in SECRET_PARTS):
            packed.add(path, arcname=f"home/{path.name}")
