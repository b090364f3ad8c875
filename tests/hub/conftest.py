"""A real hub with real servers, started once for all tests here."""

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from studyhall.supervisor.ports import reserved_port

PROGRAM = Path(__file__).with_name("small_hub.py")


def wait_until(condition: Callable[[], object], *, seconds: float = 180.0, what: str = "") -> object:
    """Return what `condition` returns as soon as it is true; fail when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what or condition}")
        time.sleep(0.05)
    return found


@pytest.fixture
def until():
    return wait_until


class Person:
    """Somebody at a browser."""

    def __init__(self, hub: "Hub", name: str) -> None:
        self.hub = hub
        self.name = name
        self.browser = httpx.Client(base_url=hub.url, follow_redirects=True, timeout=120)

    def xsrf(self, path: str) -> str:
        return self.browser.cookies.get("_xsrf", path=path) or ""

    def sign_in(self, password: str | None = None) -> httpx.Response:
        """Fill in the sign-in form; the answer is the hub's own, not followed."""
        self.browser.get("/hub/login")
        return self.browser.post(
            "/hub/login",
            params={"_xsrf": self.xsrf("/hub/")},
            data={
                "username": self.name,
                "password": self.hub.passwords[self.name] if password is None else password,
            },
            follow_redirects=False,
        )

    def start_server(self) -> None:
        """Start the person's server and enter it, as opening it in a browser does."""
        self.browser.get("/hub/spawn")
        wait_until(
            lambda: self.hub.model(self.name)["servers"].get("", {}).get("ready"), what="the server is ready"
        )
        wait_until(lambda: self.browser.get(f"/user/{self.name}/lab").status_code == httpx.codes.OK)

    def stop_server(self) -> None:
        self.hub.ask("DELETE", f"/users/{self.name}/server")
        wait_until(lambda: not self.hub.model(self.name)["servers"], what="the server has stopped")

    def in_server(self, method: str, path: str, **options) -> httpx.Response:
        """Call the API of the person's own server."""
        headers = {"X-XSRFToken": self.xsrf(f"/user/{self.name}/")}
        return self.browser.request(method, f"/user/{self.name}/api/{path}", headers=headers, **options)

    def run(self, program: str) -> str:
        """Run a Python program in the person's server, as a terminal would; return what it wrote to `out`."""
        name = f"program-{time.monotonic_ns()}"
        home = self.hub.data / "learners" / self.name
        (home / f"{name}.py").write_text(program)
        terminal = self.in_server("POST", "terminals").json()["name"]
        from websocket import create_connection

        cookies = "; ".join(
            f"{cookie.name}={cookie.value}"
            for cookie in self.browser.cookies.jar
            if cookie.path in ("/", f"/user/{self.name}/")
        )
        address = self.hub.url.replace("http", "ws") + f"/user/{self.name}/terminals/websocket/{terminal}"
        channel = create_connection(address, cookie=cookies, timeout=120)
        try:
            command = f"{sys.executable} ~/{name}.py > ~/{name}.out 2>&1; mv ~/{name}.out ~/{name}.done\r"
            channel.send(json.dumps(["stdin", command]))
            wait_until((home / f"{name}.done").exists, what="the program has ended")
        finally:
            channel.close()
            self.in_server("DELETE", f"terminals/{terminal}")
        return (home / f"{name}.done").read_text()


class Hub:
    """The running hub."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = reserved_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = ""
        self.tester_token = secrets.token_hex(32)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.data), str(self.port), self.tester_token],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in self.process.stdout:
            self.output += line
            if line.rstrip().endswith("ready") and "(" not in line:
                break
        else:
            self.process.communicate()
            pytest.fail(f"the hub did not start: {self.output}")
        self.settings = json.loads((self.data / "hub" / "settings.json").read_text())
        self.passwords = json.loads((self.data / "hub" / "accounts.json").read_text())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.output += self.process.stdout.read()
        self.process.wait(timeout=120)

    def part(self, word: str) -> int:
        """Return the process number of the part whose command line holds `word`."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
                if parent == self.process.pid and word in command:
                    return int(folder.name)
        raise LookupError(word)

    def ask(self, method: str, path: str, *, token: str | None = None) -> httpx.Response:
        """Call the hub's API, as the test's own administrator unless `token` says otherwise."""
        shown = token or self.tester_token
        return httpx.request(
            method,
            f"{self.settings['hub_url']}/hub/api{path}",
            headers={"Authorization": f"token {shown}"},
            timeout=120,
        )

    def model(self, name: str) -> dict:
        """Return what the hub says about a person."""
        answer = self.ask("GET", f"/users/{name}")
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running_hub(data: Path):
    hub = Hub(data)
    try:
        yield hub
    finally:
        if hub.process.poll() is None:
            hub.stop()
        hub.process.stdout.close()


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    with running_hub(tmp_path_factory.mktemp("hub") / "data") as running:
        yield running


@pytest.fixture
def person(hub):
    people = []

    def arrive(name: str) -> Person:
        people.append(Person(hub, name))
        return people[-1]

    yield arrive
    for somebody in people:
        somebody.browser.close()


@pytest.fixture(scope="session")
def lea(hub):
    """Lea, whose server runs."""
    somebody = Person(hub, "lea")
    somebody.sign_in()
    somebody.start_server()
    yield somebody
    somebody.stop_server()
    somebody.browser.close()
