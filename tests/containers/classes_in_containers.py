"""The whole product with a class of learners in containers, and learners who work without a pause."""

from __future__ import annotations

import json
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import nbformat
import psutil
import psycopg
from containers import hall_with_containers as place
from containers.engines import ROOT, Engine
from containers.people_in_containers import Hub, OnTheMachine, Person, wait_until
from containers.volume_stores import running_store
from studyhall.supervisor.postgres import EmbeddedPostgres
from studyhall.supervisor.runtime import socket_folder

COURSE, LESSON = "python-foundations", "values-and-names"
SOLVED = ROOT / "course-content" / COURSE / "source" / LESSON / f"{LESSON}.ipynb"
PARTS = {
    "service": "studyhall.cli service",
    "worker": "studyhall.cli worker",
    "postgres": "bin/postgres -D",
    "valkey": "valkey-server",
    "hub": "jupyterhub_config.py",
}
SUBNETS = ("10.97.0.0/24", "10.98.0.0/24")
NETWORKS = (place.NAME, *SUBNETS, *(str(port) for port in (place.HUB, place.SERVICE, place.DATABASE)))
SERVICE_URL = f"http://127.0.0.1:{place.SERVICE}/services/studyhall"


class Hall(Hub):
    """A hub with the real service, worker, judge and databases."""

    program = Path(place.__file__)
    name = place.NAME
    inner, public = f"http://127.0.0.1:{place.HUB}", f"http://127.0.0.1:{place.PUBLIC}"

    def token_of(self, name: str, *scopes: str) -> str:
        """Return a token of somebody, as they make it on the hub's token page."""
        wanted = {"scopes": list(scopes)} if scopes else {}
        answer = self.ask("POST", f"/users/{name}/tokens", json=wanted)
        assert answer.is_success, answer.text
        return str(answer.json()["token"])

    def call(self, method: str, path: str, *, token: str, **options: Any) -> httpx.Response:
        """Call the service's API."""
        headers = {"Authorization": f"token {token}"} | options.pop("headers", {})
        return self.api.request(method, f"{SERVICE_URL}/api/v1{path}", headers=headers, **options)

    def part(self, name: str) -> psutil.Process | None:
        """Return the running process of a part."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                words = " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                continue
            if PARTS[name] in words and "tether.py" not in words:
                return process
        return None

    def kill_part(self, name: str) -> None:
        """Kill a part, and wait until its supervisor has started it again."""
        killed = self.part(name)
        assert killed is not None, f"no {name} is running"
        killed.send_signal(signal.SIGKILL)
        wait_until(lambda: (found := self.part(name)) and found.pid != killed.pid, what=f"{name} is back")
        if name == "hub":
            wait_until(self.answers, seconds=180, what="the hub answers again")

    def answers(self) -> bool:
        """Say whether the hub answers."""
        try:
            return self.ask("GET", "/users/lea").is_success
        except httpx.TransportError:
            return False

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the service's role sees of its cohort in the database."""
        kept = json.loads((self.data / "secrets.json").read_text())
        server = EmbeddedPostgres(
            self.data / "postgres",
            passwords=kept["database_passwords"],
            sockets=socket_folder(self.data) / "postgres",
        )
        with psycopg.connect(server.url()) as connection:
            connection.execute(
                "SELECT set_config('studyhall.cohort_id', id::text, true) FROM cohorts WHERE slug = 'demo'"
            )
            return connection.execute(query, values).fetchall()

    def clear(self) -> None:
        """Remove this hub's containers and volumes."""
        mine = self.engine.containers(f"name=^{self.name}[.]")
        if mine:
            self.engine.docker("rm", "--force", *mine)
        # As all tests have it, without live-restore; and with no mount that Docker counts from before its restarts.
        self.engine.daemon.stop()
        self.engine.daemon.start()
        volumes = self.engine.docker("volume", "ls", "--quiet", "--filter", f"name={self.name}.").split()
        if volumes:
            self.engine.docker("volume", "rm", "--force", *volumes)


@contextmanager
def running_hall(engine: Engine, data: Path) -> Iterator[Hall]:
    with running_store(data.parent / "volumes"):
        hall = Hall(engine, data)
        try:
            yield hall
        finally:
            hall.stop()
            hall.clear()


class Learner(Person):
    """Somebody who saves files and submits again and again, and presses reload when something fails."""

    def __init__(self, hall: Hall, name: str) -> None:
        super().__init__(hall, name)
        # Everybody's requests go side by side.
        self.browser = httpx.Client(
            transport=OnTheMachine(hall.engine), base_url=hall.public, follow_redirects=True, timeout=60
        )
        self.saved: dict[str, str] = {}
        """Files by name, with what the server said it has kept of them."""
        self.saved_at: list[float] = []
        self.submitted: list[str] = []
        """Keys of the submissions that the server took."""
        self.troubles: list[str] = []
        self.notebook = ""
        self.shall_submit = threading.Event()
        """Set: they submit as their next step, whether it is time or not."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._work, name=self.name)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way, and go home."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join(120)
        assert not self._thread.is_alive(), f"{self.name} hangs; {self.troubles[-5:]}"

    def close(self) -> None:
        self.browser.close()

    def open(self) -> None:
        """Open the own server and the lesson in it, as somebody does who presses reload."""
        page = self.browser.get(f"/user/{self.name}/lab")
        if page.url.path.startswith("/hub/login"):
            self.sign_in()
            page = self.browser.get(f"/user/{self.name}/lab")
        if f"/user/{self.name}/lab" not in page.url.path or page.status_code >= 400:
            self.browser.get("/hub/spawn")
            raise OSError("the server is being started")
        opened = self.ask("POST", f"studyhall/api/v1/courses/{COURSE}/lessons/{LESSON}/open", {})
        self.notebook = opened["data"]["path"]

    def ask(self, method: str, path: str, body: Any) -> Any:
        """Call the own server, as JupyterLab does.

        Raises:
            OSError: it does not answer, or with an error.
        """
        proof = self.browser.cookies.get("_xsrf", path=f"/user/{self.name}/") or ""
        try:
            answer = self.browser.request(
                method, f"/user/{self.name}/{path}", json=body, headers={"X-XSRFToken": proof}
            )
        except httpx.TransportError as error:
            raise OSError(f"{type(error).__name__} on {path}") from error
        if not answer.is_success:
            raise OSError(f"{answer.status_code} on {path}: {answer.text[:120]}")
        return answer.json()

    def save(self, name: str, text: str) -> None:
        """Save a file of text, as Lab does."""
        model = {"type": "file", "format": "text", "content": text}
        self.ask("PUT", f"api/contents/{name}", model)
        self.saved[name] = text
        self.saved_at.append(time.monotonic())

    def submit(self, key: str) -> None:
        """Press Submit; nothing is said before the server has kept the snapshot."""
        path = f"studyhall/api/v1/courses/{COURSE}/lessons/{LESSON}/submissions"
        self.ask("POST", path, {"idempotency_key": key, "path": self.notebook})
        self.submitted.append(key)

    def _work(self) -> None:
        is_open, turn, key = False, 0, str(uuid.uuid4())
        while not self._stop.is_set():
            try:
                if not is_open:
                    self.open()
                    is_open = True
                self.save(f"work-{turn}.txt", f"{self.name} {turn} {uuid.uuid4()}")
                if turn % SUBMITS_EVERY == 0 or self.shall_submit.is_set():
                    self.submit(key)
                    self.shall_submit.clear()
                    key = str(uuid.uuid4())
                turn += 1
            except (OSError, httpx.TransportError) as trouble:
                self.troubles.append(str(trouble))
                is_open = False
            self._stop.wait(PAUSE)


SUBMITS_EVERY, PAUSE = 6, 1.0
"""So that nobody submits more often than ten times a minute, which would only wait."""


def solve(learner: Learner) -> None:
    """Write a right solution into the learner's opened notebook."""
    notebook = nbformat.reads(SOLVED.read_text(), as_version=4)
    learner.ask("PUT", f"api/contents/{learner.notebook}", {"type": "notebook", "content": notebook})


@contextmanager
def working_class(learners: list[Learner]) -> Iterator[None]:
    """Let them all work at the same time."""
    for learner in learners:
        learner.start()
    try:
        yield
    finally:
        for learner in learners:
            learner.stop()


def until_all(
    learners: list[Learner], done: Callable[[Learner], object], *, seconds: float, what: str
) -> None:
    """Wait until each of them has done something."""

    def all_have() -> bool:
        return all(done(learner) for learner in learners)

    try:
        wait_until(all_have, seconds=seconds, what=what)
    except AssertionError as late:
        left = {one.name: one.troubles[-3:] for one in learners if not done(one)}
        raise AssertionError(f"{late}; not {left}") from late
