"""`docker/up` and its companions: what is typed. Needs Python 3.11 and nothing else."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import backups
import building
import restoring
from bring_up import bring_up, make_home, shared_environment, stop
from classroom import IMAGES, OURS, PLANS, free_subnets, read_classroom
from demo import write_demo
from front import make_certificate
from machine import require_engine, say
from operators import Operator
from trouble import Trouble

HOME = Path("/srv/studyhall")


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    whole = argparse.ArgumentParser(
        prog="docker/manager", description="A classroom on one host, in containers."
    )
    whole.add_argument(
        "--home",
        type=Path,
        default=Path(os.environ.get("STUDYHALL_HOME", HOME)),
        help=f"folder of this installation (STUDYHALL_HOME, else {HOME})",
    )
    commands = whole.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything; run again it mends what is missing")
    up.add_argument("--demo", action="store_true", help="begin with two cohorts for trying out")
    up.add_argument(
        "--self-signed", action="store_true", help="make certificates that are missing, for trying out"
    )
    commands.add_parser("stop", help="stop everything; nothing is lost")
    images = commands.add_parser("images", help="build the images of this checkout anew")
    images.add_argument("names", nargs="*", help="which; else all")
    new = commands.add_parser("new-cohort", help="add a cohort to classroom.toml")
    new.add_argument("slug")
    new.add_argument("--organization", required=True, help="slug of its organisation")
    new.add_argument("--url", required=True, help="its hub's address: https://spring.school.example")
    new.add_argument("--owner", default="", help="user name of who looks after it")
    new.add_argument("--owner-mail", default="", help="their mail address, which their account has to show")
    new.add_argument("--plan", default="", choices=("", *PLANS))
    new.add_argument("--timezone", default="", help="such as Europe/Berlin")
    new.add_argument(
        "--course", action="append", default=[], type=Path, help="course folder; may be given several times"
    )
    new.add_argument("--roster", type=Path, help="CSV file of its people")
    new.add_argument("--certificate", type=Path, help="PEM file, good for the host and all hosts below it")
    new.add_argument("--key", type=Path, help="its private key")
    new.add_argument("--learners", default="", help="subnet of learners' servers")
    new.add_argument("--staff", default="", help="subnet of servers for staff")
    back_up = commands.add_parser("backup", help="write databases and people's work into one file")
    back_up.add_argument("file", type=Path)
    back_up.add_argument(
        "--with-secrets", action="store_true", help="the secrets, too: keep the file as you keep them"
    )
    restore = commands.add_parser("restore", help="put a back-up in the place of what is there")
    restore.add_argument("file", type=Path)
    restore.add_argument("--yes", action="store_true", help="do not ask")
    operate = commands.add_parser("studyhall", help="run a `studyhall` command as operator")
    operate.add_argument(
        "--cohort", default="", help="the cohort that it is about, where the command takes none"
    )
    operate.add_argument("words", nargs=argparse.REMAINDER, help="the command: cohort list")
    return whole


def add_cohort(given: argparse.Namespace) -> None:
    """Write a cohort into classroom.toml.

    Raises:
        Trouble: there is one of that name, or it would get into another's way; the file is as it was then.
    """
    file = given.home / "classroom.toml"
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    classroom = read_classroom(given.home) if before else None
    if classroom and any(cohort.slug == given.slug for cohort in classroom.cohorts):
        raise Trouble(f"{file} has a cohort {given.slug} already; change it there, then run docker/up.")
    learners, staff = free_subnets(classroom)
    values: dict[str, object] = {
        "organization": given.organization,
        "url": given.url,
        "learners": given.learners or str(learners),
        "staff": given.staff or str(staff),
        "owner": given.owner,
        "owner_mail": given.owner_mail,
        "plan": given.plan,
        "timezone": given.timezone,
        "courses": [str(course.resolve()) for course in given.course],
        **{
            name: str(path.resolve())
            for name in ("roster", "certificate", "key")
            if (path := getattr(given, name))
        },
    }
    lines = [
        f"[cohorts.{given.slug}]",
        *(f"{name} = {toml(value)}" for name, value in values.items() if value),
    ]
    file.write_text(
        "\n".join([before.rstrip(), *([""] if before else []), *lines, ""]).lstrip(), encoding="utf-8"
    )
    try:
        read_classroom(given.home)
    except Trouble:
        file.write_text(before, encoding="utf-8") if before else file.unlink()
        raise
    say(f"{file} has the cohort {given.slug} now. docker/up starts it.")


def toml(value: object) -> str:
    """Return a text or a list of texts as TOML has it."""
    if isinstance(value, list):
        return f"[{', '.join(toml(one) for one in value)}]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def start(given: argparse.Namespace) -> None:
    """Start everything that `classroom.toml` says."""
    if given.demo and not (given.home / "classroom.toml").exists():
        write_demo(given.home)
    classroom = read_classroom(given.home)
    if given.self_signed or given.demo:
        for cohort in classroom.cohorts:
            make_certificate(cohort)
    for line in bring_up(classroom):
        say(line)


def restore(given: argparse.Namespace) -> None:
    """Put a back-up in the place of what is there, after asking.

    Raises:
        Trouble: it can't be used, or a step can't be done.
    """

    def may_go_on(what: str) -> bool:
        say(what)
        return given.yes or input("Go on? [y/N] ").strip().lower() in ("y", "yes")

    restoring.restore(given.home, given.file.resolve(), may_go_on=may_go_on)


def operate(given: argparse.Namespace) -> None:
    """Run a `studyhall` command; files that it names are read where they are."""
    classroom = read_classroom(given.home)
    words = [
        str(Path(word).resolve()) if Path(word).exists() else word for word in given.words if word != "--"
    ]
    paths = [Path(word) for word in words if Path(word).is_absolute() and Path(word).exists()]
    with Operator(classroom, shared_environment(classroom), *paths) as operator:
        sys.stdout.write(operator.studyhall(*words, cohort=given.cohort))


def back_up(given: argparse.Namespace) -> None:
    """Write a back-up."""
    backups.back_up(read_classroom(given.home), given.file.resolve(), with_secrets=given.with_secrets)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "up": start,
    "stop": lambda given: stop(read_classroom(given.home)),
    "new-cohort": add_cohort,
    "studyhall": operate,
    "backup": back_up,
    "restore": restore,
    "images": lambda given: building.build(given.names or OURS, images_of(given.home)),
}


def images_of(home: Path) -> Mapping[str, str]:
    """Return the names of images that a classroom uses, or the usual ones where there is none yet."""
    return read_classroom(home).images if (home / "classroom.toml").exists() else IMAGES


def main() -> int:
    """Do what was typed; return the exit code."""
    try:
        given = parser().parse_args()
        require_engine()
        make_home(given.home)
        COMMANDS[given.command](given)
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
