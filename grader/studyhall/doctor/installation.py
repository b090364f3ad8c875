"""Checks of an installation that runs: does it answer, and do its second walls stand?"""

import asyncio
import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
import redis
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from studyhall_judge.client import Judge, JudgeError

from studyhall.doctor.findings import Check, Finding, fail, ok, warn
from studyhall.doctor.machine import judge_walls
from studyhall.supervisor import lock, probes

ANSWER_SECONDS = 20
"""What answers late on a busy machine is not sick."""
SHORTEST_SECRET = 24
KNOWN_SECRETS = ("changeme", "change-me", "secret", "password", "example", "insecure", "default")

ROLE: LiteralString = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
# Tables with learners' rows are those with a cohort; procrastinate's own have none.
UNGUARDED: LiteralString = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner) = current_user,
       EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'cohort_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY c.relname
"""
# The first and the last: after a change of keys both the old and the new one are needed.
SEALED: LiteralString = """
(SELECT graded FROM lesson_releases ORDER BY created_at LIMIT 1)
UNION ALL (SELECT graded FROM lesson_releases ORDER BY created_at DESC LIMIT 1)
"""


@dataclass(frozen=True)
class Places:
    """Where the parts of an installation are; empty where nobody said."""

    hub_url: str = ""
    service_url: str = ""
    database_url: str = ""
    redis_url: str = ""
    judge_socket: str = ""
    public_url: str = ""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Places":
        """Return the places that settings name, as `studyhall service` reads them."""
        host = environment.get("STUDYHALL_SERVICE_HOST", "127.0.0.1")
        port = environment.get("STUDYHALL_SERVICE_PORT", "8015")
        prefix = environment.get("STUDYHALL_SERVICE_PREFIX", "/services/studyhall/").rstrip("/")
        return cls(
            hub_url=environment.get("JUPYTERHUB_API_URL", "").removesuffix("/hub/api"),
            service_url=f"http://{host}:{port}{prefix}",
            database_url=environment.get("STUDYHALL_DATABASE_URL", ""),
            redis_url=environment.get("STUDYHALL_REDIS_URL", ""),
            judge_socket=environment.get("STUDYHALL_JUDGE_SOCKET", ""),
        )

    @classmethod
    def of_data_folder(cls, data: Path) -> "Places | None":
        """Return the places of the try-it installation that runs in `data`, or None when none runs."""
        if lock.holder(data) is None:
            return None
        try:
            return cls(**json.loads((data / "places.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def installation_checks(data: Path, environment: Mapping[str, str]) -> Sequence[Check]:
    """Return the checks of the installation that settings name, or else of the one in `data`."""
    checks: list[Check] = []
    if data.exists():
        checks.append(lambda: check_files(data))
    if environment.get("STUDYHALL_DATABASE_URL"):
        places: Places | None = Places.of_environment(environment)
        checks.append(lambda: check_secrets(environment))
        keys = environment.get("STUDYHALL_CONTENT_KEY", "")
    else:
        places = Places.of_data_folder(data)
        keys = content_key_in(data)
    if places is None:
        checks.append(
            lambda: iter([ok("installation", "None is running here; start one with `studyhall run`.")])
        )
        return checks
    found = places
    return [
        *checks,
        lambda: check_service(found),
        lambda: check_hub(found),
        lambda: check_subdomains(environment),
        lambda: check_database(found),
        lambda: check_content_key(found, keys),
        lambda: check_cache(found),
        lambda: check_running_judge(found),
    ]


def check_files(data: Path) -> Iterator[Finding]:
    """Nobody else can read the data folder and the secrets in it."""
    for path in (data, data / "secrets.json", data / "hub" / "accounts.json", data / "hub" / "settings.json"):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield fail("files", f"Others may read {path}.", f"chmod go= {path}")
            return
    yield ok("files", f"{data} is closed to others")


def check_secrets(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Secrets are there, long, and nobody's default."""
    bad = False
    for name in ("STUDYHALL_CONTENT_KEY", "JUPYTERHUB_API_TOKEN"):
        value = environment.get(name, "")
        if not value and name == "JUPYTERHUB_API_TOKEN":
            # Workers have none.
            continue
        if len(value) < SHORTEST_SECRET or any(known in value.lower() for known in KNOWN_SECRETS):
            bad = True
            yield fail("secrets", f"{name} is missing, short or a default.", make_secret(name))
    for key in filter(None, environment.get("STUDYHALL_CONTENT_KEY", "").split(",")):
        try:
            Fernet(key.strip())
        except ValueError:
            bad = True
            yield fail(
                "secrets", "STUDYHALL_CONTENT_KEY holds no Fernet key.", make_secret("STUDYHALL_CONTENT_KEY")
            )
    if not bad:
        yield ok("secrets", "set, and no defaults")


def make_secret(name: str) -> str:
    """Say how to make a good value for the setting `name`."""
    if name == "STUDYHALL_CONTENT_KEY":
        return "Make one with: studyhall content-key. Keep the old key behind a comma while releases use it."
    return "Make one with: openssl rand -hex 32"


def check_service(places: Places) -> Iterator[Finding]:
    """The service lives and is ready."""
    health = probes.http_status(f"{places.service_url}/health", seconds=ANSWER_SECONDS)
    if health is None:
        yield fail(
            "service",
            f"Nothing answers at {places.service_url}.",
            "Start it with `studyhall service`, or see its log.",
        )
        return
    ready = probes.http_status(f"{places.service_url}/ready", seconds=ANSWER_SECONDS)
    if ready == 200:
        yield ok("service", f"ready at {places.service_url}")
    else:
        yield fail(
            "service", f"It runs but is not ready (status {ready}).", "See the next lines and its log."
        )


def check_hub(places: Places) -> Iterator[Finding]:
    """The hub answers."""
    if not places.hub_url:
        yield warn("hub", "Its address is not set.", "Set JUPYTERHUB_API_URL, as the service needs it.")
    elif probes.answers(f"{places.hub_url}/hub/api/", seconds=ANSWER_SECONDS):
        yield ok("hub", f"answers at {places.hub_url}")
    else:
        yield fail("hub", f"Nothing answers at {places.hub_url}.", "Start the hub, or see its log.")


def check_subdomains(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Learners' servers do not share the staff pages' origin."""
    if environment.get("STUDYHALL_SUBDOMAINS", "").lower() in ("1", "true", "yes", "on"):
        yield ok("subdomains", "each server has its own")
    else:
        yield warn(
            "subdomains",
            "Learners' servers share an address with the staff pages, so a learner's page could act as a "
            "signed-in instructor.",
            "Fine for trying out. For a class give the hub a subdomain_host and set "
            "STUDYHALL_SUBDOMAINS=true.",
        )


def check_database(places: Places) -> Iterator[Finding]:
    """The database answers, and keeps cohorts apart even when the service errs."""
    try:
        with psycopg.connect(places.database_url, connect_timeout=ANSWER_SECONDS) as connection:
            role = connection.execute(ROLE).fetchone()
            tables = connection.execute(UNGUARDED).fetchall()
    except psycopg.Error as problem:
        said = " ".join(str(problem).split())[-200:]
        yield fail(
            "database", f"It cannot be reached: {said}", "Check STUDYHALL_DATABASE_URL and the server."
        )
        return
    if role is None or role[1] or role[2]:
        yield fail(
            "database",
            f"The service's role {role[0] if role else ''} may step over row-level security.",
            f"ALTER ROLE {role[0] if role else 'studyhall_app'} NOSUPERUSER NOBYPASSRLS;",
        )
    else:
        yield ok("database", f"answers; role {role[0]} is NOSUPERUSER NOBYPASSRLS")
    yield from check_row_security(tables)


def check_row_security(tables: Sequence[tuple[object, ...]]) -> Iterator[Finding]:
    """Every table with learners' rows has forced row-level security, a policy, and another owner."""
    if not tables:
        yield fail("row security", "The database has no tables yet.", "Run `studyhall db upgrade`.")
        return
    open_tables = [
        str(name)
        for name, enabled, forced, ours, policy in tables
        if not (enabled and forced and policy) or ours
    ]
    if open_tables:
        yield fail(
            "row security",
            f"Cohorts are not kept apart in: {', '.join(open_tables)}.",
            "Run `studyhall db upgrade` as studyhall_owner, and let the service connect as studyhall_app.",
        )
    else:
        yield ok("row security", f"forced on all {len(tables)} tables with learners' rows")


def content_key_in(data: Path) -> str:
    """Return the content key that the try-it installation in `data` made for itself; empty where none can be read."""
    try:
        return str(json.loads((data / "secrets.json").read_text(encoding="utf-8"))["content_key"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def check_content_key(places: Places, keys: str) -> Iterator[Finding]:
    """The content keys open what is stored: a database that was restored with another key grades nobody."""
    try:
        fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
        with psycopg.connect(places.database_url, connect_timeout=ANSWER_SECONDS) as connection:
            sealed = [row[0] for row in connection.execute(SEALED)]
    except (ValueError, psycopg.Error):
        # Keys that are none, and a database that is away or empty, are other checks' findings.
        return
    try:
        for content in sealed:
            fernet.decrypt(bytes(content))
    except InvalidToken:
        yield fail(
            "content key",
            "It does not open the releases in the database, so nothing can be graded.",
            "Set the STUDYHALL_CONTENT_KEY that was kept with this database's backup; after a change of keys: new,old.",
        )
    else:
        yield ok("content key", "opens what is stored" if sealed else "nothing is stored yet")


def check_cache(places: Places) -> Iterator[Finding]:
    """Redis or Valkey answers."""
    try:
        with redis.Redis.from_url(
            places.redis_url or "redis://127.0.0.1:6379/0", socket_timeout=ANSWER_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError):
        yield fail(
            "cache",
            "Redis or Valkey does not answer: no live updates.",
            "Check STUDYHALL_REDIS_URL and the server.",
        )
    else:
        yield ok("cache", "Redis or Valkey answers")


def check_running_judge(places: Places) -> Iterator[Finding]:
    """The judge answers, and its walls stand."""
    socket = Path(places.judge_socket or ".studyhall/run/judge.sock")
    try:
        status = asyncio.run(Judge(socket).status())
    except JudgeError:
        yield fail(
            "judge", f"It does not answer at {socket}.", "Start it with `studyhall judge`, or see its log."
        )
        return
    yield from judge_walls([wall.model_dump() for wall in status.walls])
    names = ", ".join(environment.name for environment in status.environments)
    yield ok("judge", f"answers with {status.slots} slots; environments: {names}")
