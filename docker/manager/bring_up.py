"""From `classroom.toml` to a classroom that runs: every step may be done again, and then changes nothing."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from building import require_images
from classroom import Classroom, Cohort
from cohorts import (
    cohort_environment,
    left_out,
    make_first_accounts,
    make_networks,
    prepare_cohort,
    start_cohort,
)
from front import reload_front, write_front
from homes import NO_LIMIT, has_store, store_environment
from keys import make_secrets
from machine import (
    CHECKOUT,
    compose_in,
    containers_of,
    inspect,
    is_compose_2,
    is_well,
    last_words,
    remove,
    require_engine,
    require_free_ports,
    run,
    say,
    wait_until_well,
)
from operators import Operator
from trouble import Trouble

PROJECT = "studyhall"
JUDGE = "studyhall-judge"
ENOUGH_STARTS = 3
"""How often a judge that does not answer was started again before it is said to refuse."""
RESTORING = "restoring"
"""The file in the installation's folder that is there while a back-up is put in place; it names the back-up."""


def bring_up(classroom: Classroom) -> list[str]:
    """Start everything, and return what the person should read at the end.

    Raises:
        Trouble: a step can't be done; what was done before stays.
    """
    require_engine()
    make_home(classroom.home)
    if (classroom.home / RESTORING).exists():
        file = (classroom.home / RESTORING).read_text(encoding="utf-8")
        raise Trouble(
            f"docker/restore was broken off, so what is there is half old and half new. Run it again, then docker/up: "
            f"docker/restore {file}"
        )
    front = containers_of(PROJECT).get("front")
    if front is None or front["State"]["Status"] != "running":
        require_free_ports(classroom.address, (classroom.http_port, classroom.https_port))
    write_front(classroom)
    env = shared_environment(classroom)
    say("Images")
    require_images(classroom.images)
    say("Secrets")
    kept = make_secrets(classroom.home)
    say("Database, cache and judge")
    begin(env, "postgres", "valkey", what="PostgreSQL or Valkey does not start.")
    start_judge(classroom, env)
    wait_until_well(PROJECT, "postgres")
    make_roles(kept)
    say("Tables")
    begin(env, "migrate", what="The tables can't be made.")
    say("Networks for people's servers")
    make_networks(classroom)
    wait_until_well(PROJECT, "migrate", "valkey")
    begin(env, "worker", what="The worker does not start.")
    first: list[str] = []
    new = []
    with Operator(classroom, env) as operator:
        for cohort in classroom.cohorts:
            say(f"Cohort {cohort.slug} of {cohort.organization}: {cohort.url}")
            prepared = prepare_cohort(classroom, cohort, operator)
            first += prepared.hints
            start_cohort(cohort, env, changed=prepared.is_changed)
            new += [cohort] if prepared.is_new else []
    say("The front")
    begin(env, "front", what="The front does not start.")
    reload_front(PROJECT)
    say("Waiting until all are well")
    wait_until_well(PROJECT)
    wait_for_judge()
    for cohort in classroom.cohorts:
        wait_until_well(f"{PROJECT}-{cohort.slug}")
    for cohort in new:
        first += make_first_accounts(classroom.home, cohort)
    return [
        *addresses(classroom),
        *first,
        *left_out(classroom),
        *([] if has_store(classroom) or classroom.store is None else [NO_LIMIT]),
    ]


def begin(env: dict[str, str], *services: str, what: str) -> None:
    """Start some of what all cohorts share; what these depend on is well already."""
    compose_in(PROJECT, "compose.yaml", env, "up", "--detach", "--no-deps", *services, what=what)


def make_home(home: Path) -> None:
    """Make the folder of the installation, which is for root alone: containers' files in it are open to their users."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)


def engine_socket() -> Path:
    """Return the engine's socket on this host.

    Raises:
        Trouble: the engine is somewhere else.
    """
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    path = Path(host.removeprefix("unix://"))
    if not host.startswith("unix://") or not path.exists():
        raise Trouble(f"The Docker engine has to be on this host, and DOCKER_HOST is {host}.")
    return path


def shared_environment(classroom: Classroom) -> dict[str, str]:
    """Return the variables of docker/compose.yaml."""
    socket = engine_socket()
    group = str(socket.stat()[stat.ST_GID])
    images = {
        f"STUDYHALL_{name.upper().replace('-', '_')}_IMAGE": image for name, image in classroom.images.items()
    }
    return {
        # By default compose gives an engine that is busy one minute for each question.
        "COMPOSE_HTTP_TIMEOUT": os.environ.get("COMPOSE_HTTP_TIMEOUT", "600"),
        **classroom.variables,
        **images,
        "STUDYHALL_HOME": str(classroom.home),
        "STUDYHALL_CHECKOUT": str(CHECKOUT),
        "STUDYHALL_ADDRESS": classroom.address,
        "STUDYHALL_HTTP_PORT": str(classroom.http_port),
        "STUDYHALL_HTTPS_PORT": str(classroom.https_port),
        "STUDYHALL_ENGINE_SOCKET": str(socket),
        "STUDYHALL_ENGINE_GROUP": group,
        **store_environment(classroom, group),
    }


def start_judge(classroom: Classroom, env: dict[str, str]) -> None:
    """Start the judge: by compose, or by hand where compose can't hand over one of its options."""
    if is_compose_2():
        begin(env, "judge", what="The judge does not start.")
        return
    about = inspect("container", JUDGE)
    image = inspect("image", classroom.images["judge"])
    if about and image and about["Image"] == image["Id"] and about["State"]["Running"]:
        return
    remove(JUDGE)
    run(*judge_command(env), what="The judge does not start.")


def judge_command(env: dict[str, str]) -> list[str]:
    """Return the command that starts the judge as docker/compose.yaml describes it."""
    memory = env.get("STUDYHALL_JUDGE_MEMORY", "4g")
    return [
        *("docker", "run", "--detach", "--name", JUDGE, "--restart", "unless-stopped", "--network", "none"),
        *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),  # noqa: S108 - the container's own
        *("--security-opt", "no-new-privileges:true"),
        *("--security-opt", f"seccomp={CHECKOUT}/docker/judge/seccomp.json"),
        *("--security-opt", "systempaths=unconfined", "--memory", memory, "--pids-limit", "1024"),
        *("--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=5"),
        *("--volume", "studyhall-judge:/run/studyhall-judge", env["STUDYHALL_JUDGE_IMAGE"]),
        *("--slots", env.get("STUDYHALL_JUDGE_SLOTS", "2")),
    ]


def wait_for_judge(*, seconds: float = 400) -> None:
    """Wait until the judge that was started by hand answers.

    Raises:
        Trouble: it refuses to start.
    """
    if is_compose_2():
        return
    deadline = time.monotonic() + seconds
    while (about := inspect("container", JUDGE)) is None or not is_well("judge", about, set()):
        # One that refuses ends at once, each time that it is started again.
        if about is None or about["RestartCount"] >= ENOUGH_STARTS or time.monotonic() > deadline:
            said = "" if about is None else last_words(JUDGE, 5)
            raise Trouble(
                f"The judge does not start; docker/judge/README.md says what it needs of the host.\n{said}"
            )
        time.sleep(0.3)


def make_roles(kept: dict[str, str]) -> None:
    """Make the two roles and the database of the service."""
    sql(f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'studyhall_owner') THEN CREATE ROLE studyhall_owner; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'studyhall_app') THEN CREATE ROLE studyhall_app; END IF;
END $$;
ALTER ROLE studyhall_owner LOGIN NOSUPERUSER NOBYPASSRLS CREATEROLE PASSWORD '{kept["owner_password"]}';
ALTER ROLE studyhall_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '{kept["app_password"]}';
SELECT 'CREATE DATABASE studyhall OWNER studyhall_owner'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'studyhall') \\gexec
REVOKE ALL ON DATABASE studyhall, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE studyhall TO studyhall_app;
""")


def sql(text: str) -> str:
    """Have PostgreSQL do something, as its superuser; passwords are on no command line.

    Raises:
        Trouble: it refuses.
    """
    return run(
        *("docker", "exec", "--interactive", containers_of(PROJECT)["postgres"]["Id"]),
        *(
            "psql",
            "--username",
            "postgres",
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--set",
            "ON_ERROR_STOP=1",
        ),
        text=text,
        what="PostgreSQL refuses.",
    )


def addresses(classroom: Classroom) -> list[str]:
    """Return the lines that say where everything is."""
    lines = ["", "Studyhall runs."]
    for cohort in classroom.cohorts:
        lines += [
            f"  {cohort.slug} ({cohort.organization}): {cohort.url}",
            f"    staff pages: {cohort.service_url}/",
        ]
    return lines


def stop(classroom: Classroom) -> None:
    """Stop everything; nothing is lost, and people's servers go with their hubs' containers left as they are."""
    env = shared_environment(classroom)
    for cohort in classroom.cohorts:
        run_down(cohort, env)
    compose_in(PROJECT, "compose.yaml", env, "stop")
    if inspect("container", JUDGE):
        run("docker", "stop", JUDGE)


def run_down(cohort: Cohort, env: dict[str, str]) -> None:
    """Stop a cohort's hub, service and proxy."""
    compose_in(
        f"{PROJECT}-{cohort.slug}",
        "compose.cohort.yaml",
        env | cohort_environment(cohort, trusted=""),
        "stop",
    )
