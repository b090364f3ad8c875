"""One cohort: its networks, its hub's database, its row and courses, its three containers, and its first accounts."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from classroom import Classroom, Cohort
from commands import Commands
from homes import SEEN_BY_HUBS, has_store
from keys import kept_secret
from machine import (
    CHECKOUT,
    LABEL,
    compose_in,
    containers_of,
    inspect,
    run,
    wait_until_well,
    write_secret,
)
from operators import Operator
from trouble import Trouble

PROJECT = "studyhall"
BEGUN = "begun"
"""The file in a cohort's folder that says that its people have their first accounts."""
HUB, SERVICE, DATABASE, PROXY = 2, 3, 4, 5
"""Numbers of their addresses on people's networks, as docker/server-networks opens them."""


def make_networks(classroom: Classroom) -> None:
    """Make the networks of all cohorts, and their firewall rules."""
    lines = [
        " ".join(
            [
                "--containers",
                *(["--allow", str(cohort.allow)] if cohort.allow else []),
                *(cohort.slug, str(cohort.learners), str(cohort.staff)),
            ]
        )
        for cohort in classroom.cohorts
    ]
    file = classroom.home / "networks"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run(
        *(str(CHECKOUT / "docker" / "server-networks"), "--from", str(file)),
        what="The networks for people's servers can't be made.",
    )
    for cohort in classroom.cohorts:
        if inspect("network", inner(cohort)) is None:
            run("docker", "network", "create", "--internal", inner(cohort))


def inner(cohort: Cohort) -> str:
    """Return the name of the network between a cohort's hub, service and proxy."""
    return f"studyhall-{cohort.slug}-inner"


def cohort_environment(cohort: Cohort, *, trusted: str) -> dict[str, str]:
    """Return the variables of docker/compose.cohort.yaml; `trusted` is the network that its proxy calls from."""
    places = {
        f"{kind.upper()}_{role}": str(net[number])
        for kind, net in (("learners", cohort.learners), ("staff", cohort.staff))
        for role, number in (("HUB", HUB), ("SERVICE", SERVICE), ("PROXY", PROXY))
    }
    return {
        "COHORT": cohort.slug,
        "URL": cohort.url,
        "SERVICE_URL": cohort.service_url,
        "TRUSTED": trusted,
        **places,
    }


@dataclass(frozen=True)
class Prepared:
    """A cohort whose containers can start."""

    is_new: bool
    """Whether nobody has an account yet."""
    is_changed: bool
    """Whether its hub has to read its settings again."""
    hints: list[str]
    """What the person should read at the end."""


def prepare_cohort(classroom: Classroom, cohort: Cohort, operator: Operator) -> Prepared:
    """Make all that a cohort's containers start from.

    Raises:
        Trouble: a step can't be done.
    """
    folder = classroom.home / "cohorts" / cohort.slug
    folder.mkdir(parents=True, exist_ok=True)
    attach("postgres", f"studyhall-{cohort.slug}-staff", "--ip", str(cohort.staff[DATABASE]))
    attach("valkey", inner(cohort))
    hub_database = make_hub_database(cohort, kept_secret(folder / "secrets" / "hub_database_password"))
    # What was said of it once stays in the database; the file says only how it begins.
    is_new = not (folder / BEGUN).exists()
    hints = make_row(cohort, operator)
    if is_new:
        for course in cohort.courses:
            operator.studyhall("publish", str(course), cohort=cohort.slug)
        if cohort.roster:
            operator.studyhall("cohort", "roster", cohort.slug, str(cohort.roster), "--apply")
        if cohort.owner:
            given = [cohort.slug, cohort.owner, "org_owner", "--mail", cohort.owner_mail]
            operator.studyhall("cohort", "role", "add", *given)
    changed = write_hub(classroom, cohort, operator, hub_database)
    return Prepared(is_new, changed, hints)


def start_cohort(cohort: Cohort, env: Mapping[str, str], *, changed: bool) -> None:
    """Start a cohort's containers; a hub that runs is started again when its settings changed.

    Raises:
        Trouble: one does not start.
    """
    network = inspect("network", inner(cohort)) or {}
    trusted = network["IPAM"]["Config"][0]["Subnet"]
    project, given = f"{PROJECT}-{cohort.slug}", dict(env) | cohort_environment(cohort, trusted=trusted)
    ran = containers_of(project).get("hub")
    for parts in (("proxy", "engine-door"), ("hub", "service")):
        if "hub" in parts:
            # A hub looks for its servers when it starts.
            wait_until_well(project, "engine-door")
        compose_in(
            project,
            "compose.cohort.yaml",
            given,
            *("up", "--detach", "--no-deps", *parts),
            what=f"The containers of {cohort.slug} do not start.",
        )
    if changed and ran is not None and containers_of(project)["hub"]["Id"] == ran["Id"]:
        run("docker", "restart", ran["Id"])


def attach(service: str, network: str, *words: str) -> None:
    """Put a container of the shared ones on a cohort's network, under its own name."""
    about = containers_of(PROJECT)[service]
    if network not in about["NetworkSettings"]["Networks"]:
        run("docker", "network", "connect", *words, "--alias", service, network, about["Id"])


def make_hub_database(cohort: Cohort, password: str) -> str:
    """Make the hub's database and its role, and return its address."""
    from bring_up import sql  # noqa: PLC0415 - the two modules call each other

    name = cohort.database
    sql(f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name}; END IF;
END $$;
ALTER ROLE {name} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '{password}';
SELECT 'CREATE DATABASE {name} OWNER {name}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
""")
    return f"postgresql+psycopg://{name}:{password}@postgres/{name}"


def make_row(cohort: Cohort, operator: Operator) -> list[str]:
    """Make the organisation and the cohort, unless they are there; return what of the file is not so any more."""
    there = {row["slug"] for row in json.loads(operator.studyhall("org", "list", "--json"))}
    if cohort.organization not in there:
        name = ["--name", cohort.organization_name] if cohort.organization_name else []
        operator.studyhall("org", "new", cohort.organization, *name)
    rows = {row["slug"]: row for row in json.loads(operator.studyhall("cohort", "list", "--json"))}
    if cohort.slug not in rows:
        words = [
            word
            for option in ("name", "timezone", "plan")
            if getattr(cohort, option)
            for word in (f"--{option}", getattr(cohort, option))
        ]
        operator.studyhall("cohort", "new", cohort.slug, "--organization", cohort.organization, *words)
    elif rows[cohort.slug]["organization"] != cohort.organization:
        raise Trouble(
            f"The cohort {cohort.slug} belongs to {rows[cohort.slug]['organization']}, not to {cohort.organization}."
        )
    else:
        return [
            f"  {cohort.slug} has the {name} {rows[cohort.slug][name]}, which counts, and classroom.toml says "
            f"{getattr(cohort, name)}. To change it: docker/studyhall cohort change {cohort.slug} --{name} "
            f"{getattr(cohort, name)} && docker/up"
            for name in ("plan", "timezone")
            if getattr(cohort, name) and rows[cohort.slug][name] != getattr(cohort, name)
        ]
    return []


def write_hub(classroom: Classroom, cohort: Cohort, operator: Operator, database_url: str) -> bool:
    """Write the hub's settings, and the tokens in them as files for service and proxy; return whether they changed."""
    folder = classroom.home / "cohorts" / cohort.slug
    (folder / "hub").mkdir(exist_ok=True)
    said = json.loads(
        operator.studyhall(
            *("cohort", "hub", cohort.slug, "--folder", f"/cohorts/{cohort.slug}/hub", "--url", cohort.url),
            *("--learners", str(cohort.learners), "--staff", str(cohort.staff)),
            *(
                "--learners-image",
                classroom.images["single-user"],
                "--staff-image",
                classroom.images["staff"],
                "--json",
            ),
            *(("--volume-store", SEEN_BY_HUBS) if has_store(classroom) else ()),
            hub_database_url=database_url,
        )
    )
    for file in (folder / "hub").iterdir():
        # In the container whoever reads it is somebody else; on this host only root gets as far as the folder.
        file.chmod(0o644)
    settings = json.loads((folder / "hub" / "hub.json").read_text(encoding="utf-8"))
    for part in ("proxy", "service"):
        write_secret(folder / "secrets" / f"{part}_token", settings[part]["token"])
    return bool(said["changed"])


def left_out(classroom: Classroom) -> list[str]:
    """Return lines about cohorts that the file has no more and whose containers go on."""
    running = run(
        "docker", "ps", "--filter", f"label={LABEL}", "--format", f'{{{{.Label "{LABEL}"}}}}'
    ).split()
    begin = f"{PROJECT}-"
    others = {name.removeprefix(begin) for name in running if name.startswith(begin)}
    # Other projects may be called so, too; a cohort of this installation has its folder.
    others = {name for name in others if (classroom.home / "cohorts" / name).is_dir()}
    return [
        f"  {slug} is not in classroom.toml any more. Nobody reaches it, its containers go on, and its data stays. "
        f"To stop them:\n    docker stop $(docker ps --quiet --filter label={LABEL}={begin}{slug}) "
        f"$(docker ps --quiet --filter name='^{slug}[.]')"
        for slug in sorted(others - {cohort.slug for cohort in classroom.cohorts})
    ]


def make_first_accounts(home: Path, cohort: Cohort) -> list[str]:
    """Make accounts for the owner and the people of the roster, and return lines about those of staff.

    Nobody gets a password: each gets an address, good for a day, at which they choose one.
    """
    folder = home / "cohorts" / cohort.slug
    hub = containers_of(f"{PROJECT}-{cohort.slug}")["hub"]["Id"]
    people = {cohort.owner: ("owner", cohort.owner_mail)} if cohort.owner else {}
    if cohort.roster:
        with cohort.roster.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                people.setdefault(row["username"], (row.get("role") or "learner", row.get("email") or ""))
    links = folder / "first-sign-in.csv"
    links.touch(mode=0o600)
    # Of a first time that was broken off.
    there = {line.split(",")[0] for line in links.read_text(encoding="utf-8").splitlines()}
    lines = []
    with (
        links.open("a", encoding="utf-8", newline="") as file,
        Commands(hub, "studyhall_hub.sign_in.__main__") as accounts,
    ):
        for name, (role, mail) in people.items():
            if name in there:
                continue
            # Who teaches or runs a cohort is let in with the address that is known of them only.
            address = ["--mail", mail] if mail else []
            said = accounts.run(
                "new", name, *address, what=f"There is no account for {name} of {cohort.slug}."
            )
            (link,) = re.findall(r"https://\S+", said)
            csv.writer(file).writerow([name, role, link])
            file.flush()
            if role != "learner":
                lines.append(f"  {name} ({role} of {cohort.slug}) chooses a password at\n    {link}")
    (folder / BEGUN).touch()
    if not people:
        return []
    return [
        *lines,
        f"  {links} has these addresses for all {len(people)} people; they are good for 24 hours.",
    ]
