"""A back-up in the place of what is there: everything is looked at before anything is changed."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backups import Steps, databases_of, in_volume, megabytes
from bring_up import PROJECT, RESTORING, begin, make_home, make_roles, run_down, shared_environment, sql
from building import require_images
from classroom import Classroom, read_classroom
from cohorts import make_hub_database
from homes import ask_store, has_store
from keys import kept_secret, make_secrets
from machine import CHECKOUT, compose_in, containers_of, inspect, run, say, wait_until_well
from packed import ROLES, Manifest, Packed, opened_back_up
from trouble import Trouble

UNPACK = """
import os, shutil, sys, tarfile
for entry in os.scandir("/volume"):
    shutil.rmtree(entry) if entry.is_dir(follow_symlinks=False) else os.unlink(entry)
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as packed:
    packed.extractall("/volume", numeric_owner=True, filter="fully_trusted")
"""
STAGED = "restoring_"
"""Begins the names of databases that are filled before they replace those of now."""


def restore(home: Path, file: Path, *, may_go_on: Callable[[str], bool]) -> None:
    """Put a back-up in the place of what is there; docker/up then starts it.

    `may_go_on` is told what is replaced, and says whether to do it.

    Raises:
        Trouble: the back-up or this host won't do (nothing was changed then), or a step can't be done.
    """
    make_home(home)
    say("Reading the back-up")
    with opened_back_up(file) as packed, tempfile.TemporaryDirectory(dir=home, prefix=".restore-") as name:
        folder = Path(name)
        packed.unpack_home(folder)
        classroom = replace(read_classroom(folder / "home"), home=home)
        require_all(packed, classroom, home)
        if not may_go_on(what_is_replaced(packed, classroom, home)):
            say("Nothing was changed.")
            return
        if not (home / "secrets" / "content_key").exists():
            # Nothing is here that could be lost, and what starts below needs secrets.
            put_home(folder / "home", home)
        env = shared_environment(classroom)
        stop_what_works(home, env)
        begin(env, "postgres", what="PostgreSQL does not start.")
        wait_until_well(PROJECT, "postgres")
        stage_databases(packed)
        # From here on only the same again helps.
        (home / RESTORING).write_text(str(file), encoding="utf-8")
        put_home(folder / "home", home)
        replace_databases(classroom, packed, make_secrets(home))
        step = Steps(len(packed.manifest.volumes))
        for volume, about in packed.manifest.volumes.items():
            put_volume(classroom, packed, volume, about)
            step.done(f"volume {volume}", packed.size(f"volumes/{volume}.tar"))
        (home / RESTORING).unlink()
    say(f"The back-up of {packed.manifest.made_at} is in place. docker/up starts everything.")


def require_all(packed: Packed, classroom: Classroom, home: Path) -> None:
    """See that a back-up can be put in place here, before anything is changed.

    Raises:
        Trouble: it can't be, and why.
    """
    manifest = packed.manifest
    if not manifest.has_secrets and not (home / "secrets" / "content_key").exists():
        raise Trouble(
            f"The back-up holds no secrets, and {home / 'secrets'} has none: nothing in it could be read. Put "
            "back the folder secrets of the installation that it was made of, then run this again."
        )
    begins = tuple(f"{cohort.slug}.{kind}." for cohort in classroom.cohorts for kind in ("learner", "staff"))
    hubs = {f"studyhall-{cohort.slug}-hub" for cohort in classroom.cohorts}
    odd = [name for name in manifest.databases if name not in databases_of(classroom)]
    odd += [name for name in manifest.volumes if not name.startswith(begins) and name not in hubs]
    if odd:
        raise Trouble(f"The back-up has {', '.join(odd)}, and its classroom.toml no cohort of it.")
    require_known_tables(manifest)
    require_images(classroom.images)
    if any("mebibytes" in about for about in manifest.volumes.values()) and not has_store(classroom):
        raise Trouble(
            "The back-up has homes of a fixed size, and docker/volume-store does not answer on this host. Start it "
            "(docs/operating.md, Limits on disks), then run this again."
        )
    require_room(packed)


def require_known_tables(manifest: Manifest) -> None:
    """Refuse tables that are newer than this checkout.

    Raises:
        Trouble: they are.
    """
    folder = CHECKOUT / "grader" / "studyhall" / "migrations" / "versions"
    known = {
        found[1]
        for file in folder.glob("*.py")
        if (
            found := re.search(
                r'^revision(?:: \w+)? = "([^"]+)"', file.read_text(encoding="utf-8"), re.MULTILINE
            )
        )
    }
    if manifest.tables and manifest.tables not in known:
        raise Trouble(
            f"The back-up was made by a newer Studyhall: its tables are of version {manifest.tables}, which this "
            "checkout does not know. Update the checkout and its images (docker/images), then run this again."
        )


def require_room(packed: Packed) -> None:
    """See that there is room for all of it beside what is there.

    Raises:
        Trouble: there is not.
    """
    root = run("docker", "info", "--format", "{{.DockerRootDir}}").strip()
    free = shutil.disk_usage(root).free if Path(root).is_dir() else None
    needed = sum(packed.size(name) for name in packed.manifest.sums)
    # Tables take more room than a dump of them, which is compressed.
    needed += 3 * sum(packed.size(f"databases/{name}.dump") for name in packed.manifest.databases)
    if free is not None and free < needed:
        raise Trouble(
            f"{root} has {megabytes(free)} free, and this back-up may need {megabytes(needed)}. Make room, then run "
            "this again."
        )


def what_is_replaced(packed: Packed, classroom: Classroom, home: Path) -> str:
    """Return what a person should know before they go on."""
    manifest = packed.manifest
    comes = [cohort.slug for cohort in classroom.cohorts]
    try:
        there = [cohort.slug for cohort in read_classroom(home).cohorts]
    except Trouble:
        there = []
    said = (
        f"The back-up of {manifest.made_at} has the cohorts {', '.join(comes)}: {len(manifest.databases)} databases, "
        f"{len(manifest.volumes)} volumes, classroom.toml{' and the secrets' if manifest.has_secrets else ''}."
    )
    lines = [
        said,
        f"They replace what is in {home}, its databases, and these people's homes. Everything is stopped for it.",
    ]
    if lost := [slug for slug in there if slug not in comes]:
        lines.append(
            f"{', '.join(lost)} of now is not in it: its people and their work are gone from Studyhall afterwards."
        )
    return "\n".join(lines)


def stop_what_works(home: Path, env: dict[str, str]) -> None:
    """Stop all that works on the data, of the cohorts of now."""
    say("Stopping what works on the data")
    try:
        now = read_classroom(home).cohorts
    except Trouble:
        return
    for cohort in now:
        if containers_of(f"{PROJECT}-{cohort.slug}"):
            run_down(cohort, env)
    if "worker" in containers_of(PROJECT):
        compose_in(PROJECT, "compose.yaml", env, "stop", "worker")


def stage_databases(packed: Packed) -> None:
    """Fill databases beside those of now.

    Raises:
        Trouble: one can't be filled; those of now are as they were, and nothing is left of it.
    """
    execute = ["docker", "exec", "--interactive", containers_of(PROJECT)["postgres"]["Id"]]
    # Roles that are there already are no error: their passwords are set anew at the end.
    packed.pour(ROLES, [*execute, "psql", "--username", "postgres", "--no-psqlrc", "--quiet"])
    step = Steps(len(packed.manifest.databases))
    try:
        for name in packed.manifest.databases:
            # The hub's role has its database's name.
            owner = "studyhall_owner" if name == "studyhall" else name
            sql(
                f"DROP DATABASE IF EXISTS {STAGED}{name} WITH (FORCE);\nCREATE DATABASE {STAGED}{name} OWNER {owner};"
            )
            words = ["pg_restore", "--username", "postgres", "--exit-on-error", "--dbname", f"{STAGED}{name}"]
            packed.pour(f"databases/{name}.dump", [*execute, *words])
            step.done(f"database {name}", packed.size(f"databases/{name}.dump"))
    except BaseException as problem:
        for name in packed.manifest.databases:
            sql(f"DROP DATABASE IF EXISTS {STAGED}{name} WITH (FORCE);")
        if isinstance(problem, Trouble):
            raise Trouble(
                f"{problem}\nNothing was replaced. docker/up starts everything as it was."
            ) from problem
        raise


def replace_databases(classroom: Classroom, packed: Packed, kept: Mapping[str, str]) -> None:
    """Give the filled databases their names, and the roles the passwords of this installation."""
    for name in packed.manifest.databases:
        sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE);\nALTER DATABASE {STAGED}{name} RENAME TO {name};")
    make_roles(dict(kept))
    for cohort in classroom.cohorts:
        file = classroom.home / "cohorts" / cohort.slug / "secrets" / "hub_database_password"
        make_hub_database(cohort, kept_secret(file))


def put_home(found: Path, home: Path) -> None:
    """Write the files of the installation's folder; a file that is mounted stays the same file."""
    for path in sorted(found.rglob("*")):
        to = home / path.relative_to(found)
        if path.is_dir():
            to.mkdir(exist_ok=True)
        else:
            to.touch()
            to.write_bytes(path.read_bytes())
            to.chmod(path.stat().st_mode & 0o777)


def put_volume(classroom: Classroom, packed: Packed, volume: str, about: Mapping[str, Any]) -> None:
    """Put one volume in the place of what has its name."""
    if inspect("volume", volume):
        users = run("docker", "ps", "--all", "--quiet", "--filter", f"volume={volume}").split()
        if users:
            run("docker", "rm", "--force", *users)
        run("docker", "volume", "rm", volume)
    options = dict(about["options"])
    if "mebibytes" in about and classroom.store is not None:
        options["device"] = str(ask_store(classroom.store, volume, about["mebibytes"])["device"])
    words = [word for key, value in options.items() for word in ("--opt", f"{key}={value}")]
    words += [word for key, value in about["labels"].items() for word in ("--label", f"{key}={value}")]
    run("docker", "volume", "create", "--driver", about["driver"], *words, volume)
    capabilities = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")
    packed.pour(f"volumes/{volume}.tar", in_volume(classroom, volume, UNPACK, *capabilities, mode="rw"))
