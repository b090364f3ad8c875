"""A small deployment for benchmarks: real databases, judge, workers and service as processes, restarted when killed."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet
from studyhall.migrations.upgrade import upgrade
from studyhall.permissions import Role
from studyhall.seed import seed_demo
from studyhall.settings import Settings
from studyhall.supervisor.postgres import APP, OWNER, EmbeddedPostgres
from studyhall.supervisor.valkey import EmbeddedValkey
from studyhall_judge.client import Judge, JudgeError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

LEARNER_SCOPES = ["custom:studyhall:learner", "access:services!service=studyhall"]
STAFF_SCOPES = [*LEARNER_SCOPES, "custom:studyhall:grade", "custom:studyhall:teach"]
STAFF = "ines"
CLASS = "the class itself and the hub"
"""This process: it plays all learners, and the hub that the service asks."""
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Hub(RequestHandler):
    """The one call that the service makes to a hub: who holds this token? Here the token is the name."""

    def get(self):
        name = self.request.headers["Authorization"].removeprefix("token ")
        scopes = STAFF_SCOPES if name == STAFF else LEARNER_SCOPES
        self.finish({"kind": "user", "name": name, "groups": [], "scopes": scopes})


@dataclass
class Part:
    """A process that is started again whenever it ends."""

    name: str
    words: list[str]
    environment: Mapping[str, str]
    log: Path
    kills: int = 0
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task | None = None
    cpu_of_the_dead: float = 0.0

    async def keep(self):
        """Run the process for ever; a new one stands within a tenth of a second."""
        while True:
            with self.log.open("ab") as log:
                self.process = await asyncio.create_subprocess_exec(
                    *self.words,
                    env=dict(self.environment),
                    stdout=log,
                    stderr=log,
                    stdin=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
            await self.process.wait()
            await asyncio.sleep(0.1)

    def kill(self):
        """Kill the process as a crash would."""
        if self.process is not None and self.process.returncode is None:
            self.cpu_of_the_dead += cpu_seconds(self.process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.kills += 1

    def cpu(self):
        """Return the CPU seconds that it has used, its children and killed forerunners included."""
        alive = self.process is not None and self.process.returncode is None
        return self.cpu_of_the_dead + (cpu_seconds(self.process.pid) if alive else 0.0)

    async def stop(self):
        if self.keeper is not None:
            self.keeper.cancel()
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                os.killpg(self.process.pid, signal.SIGKILL)
                await self.process.wait()


def cpu_seconds(root):
    """Return the CPU seconds of a process and all below it, as Linux counts them."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        used[int(entry.name)] = sum(int(value) for value in fields[11:15]) / TICKS_PER_SECOND
    total, waiting = 0.0, [root]
    while waiting:
        pid = waiting.pop()
        total += used.get(pid, 0.0)
        waiting.extend(children.get(pid, ()))
    return total


@dataclass
class Deployment:
    """Everything that runs, and how to reach it."""

    settings: Settings
    url: str
    parts: dict[str, Part] = field(default_factory=dict)
    postgres: EmbeddedPostgres | None = None
    valkey: EmbeddedValkey | None = None
    database: str = "studyhall"

    def cpu(self):
        """Return the CPU seconds used so far, by part."""
        used = {name: part.cpu() for name, part in self.parts.items()}
        used["postgres"] = cpu_seconds(self.postgres.process.pid)
        used["valkey"] = cpu_seconds(self.valkey.process.pid)
        used[CLASS] = time.process_time()
        return used

    async def ready(self, name, port_path):
        """Wait until the service answers at a path."""
        import httpx

        async with httpx.AsyncClient() as http:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get(f"{self.url}{port_path}", timeout=2)).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    async def judged(self, socket):
        """Wait until the judge answers."""
        while True:
            with contextlib.suppress(JudgeError):
                return await Judge(socket).status()
            await asyncio.sleep(0.05)


def free_port():
    """Return a loopback port that was free a moment ago."""
    (listener,) = bind_sockets(0, "127.0.0.1")
    with listener:
        return listener.getsockname()[1]


@contextlib.asynccontextmanager
async def deployed(course, learners, *, workers=1, judge_slots=2, **settings):
    """Start everything on loopback with a course and its people, and take it down at the end."""
    with tempfile.TemporaryDirectory(prefix="studyhall-bench-") as name, contextlib.ExitStack() as databases:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        postgres = databases.enter_context(EmbeddedPostgres(folder / "postgres"))
        valkey = databases.enter_context(EmbeddedValkey(folder / "valkey"))
        postgres.create_database("bench")
        upgrade(postgres.url(OWNER, "bench"))
        given = {
            "database_url": postgres.url(APP, "bench"),
            "redis_url": valkey.url(),
            "cohort": "demo",
            "content_key": Fernet.generate_key().decode(),
            "judge_socket": str(folder / "run" / "judge.sock"),
            "judge_slots": str(judge_slots),
            "service_port": str(free_port()),
            "submissions_per_minute": "100000",
            "waiting_submissions_per_lesson": "1000",
            "requests_per_minute": "1000000",
            "log_format": "json",
            **{key: str(value) for key, value in settings.items()},
        }
        chosen = Settings(**given)
        people = [(learner, Role.LEARNER) for learner in learners] + [(STAFF, Role.INSTRUCTOR)]
        await seed_demo(chosen, organization="demo", cohort="demo", courses=[course], people=people)
        hub = HTTPServer(Application([(r"/hub/api/user", Hub)]))
        hub_socket, hub_port = bind_unused_port()
        hub.add_socket(hub_socket)
        path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        ours = {f"STUDYHALL_{key.upper()}": value for key, value in given.items()}
        hubs = {
            "JUPYTERHUB_API_TOKEN": "service-token",
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub_port}/hub/api",
            "JUPYTERHUB_CLIENT_ID": "service-studyhall",
            "JUPYTERHUB_SERVICE_NAME": "studyhall",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/studyhall/",
        }
        profiles = os.environ.get("STUDYHALL_BENCH_PROFILES")

        def command(name):
            profiled = ["-m", "cProfile", "-o", f"{profiles}/{name}.prof"] if profiles else []
            return [sys.executable, *profiled, "-m", "studyhall.cli"]

        words = {
            "judge": (
                [
                    *(sys.executable, "-m", "studyhall_judge"),
                    *("--socket", given["judge_socket"], "--slots", str(judge_slots)),
                ],
                path,
            ),
            "service": ([*command("service"), "service"], path | ours | hubs),
        } | {
            f"worker {number + 1}": ([*command(f"worker-{number + 1}"), "worker"], path | ours)
            for number in range(workers)
        }
        deployment = Deployment(
            settings=chosen,
            url=f"http://127.0.0.1:{given['service_port']}/services/studyhall",
            postgres=postgres,
            valkey=valkey,
            database="bench",
            parts={
                part: Part(part, line, environment, folder / f"{part}.log")
                for part, (line, environment) in words.items()
            },
        )
        try:
            for part in deployment.parts.values():
                part.keeper = asyncio.create_task(part.keep())
            async with asyncio.timeout(60):
                await deployment.ready("service", "/ready")
                await deployment.judged(Path(given["judge_socket"]))
            yield deployment
        except TimeoutError:
            for part in deployment.parts.values():
                sys.stderr.write(f"--- {part.name}\n{part.log.read_text()[-3000:]}\n")
            raise
        finally:
            for part in deployment.parts.values():
                await part.stop()
            hub.stop()
            if os.environ.get("STUDYHALL_BENCH_LOGS"):
                for part in deployment.parts.values():
                    shutil.copy(part.log, os.environ["STUDYHALL_BENCH_LOGS"])


def said(value):
    """Return a JSON value as request text."""
    return json.dumps(value, separators=(",", ":")).encode()
