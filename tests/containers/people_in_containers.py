"""Images for people's servers, a hub that starts them, and people who use them."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from containers.engines import BASE, ROOT, Engine, build_base, build_wheels, wait_for
from containers.volume_stores import running_store
from studyhall_hub.proxy import install

PROGRAM = Path(__file__).with_name("hub_with_containers.py")
HUB = "http://127.0.0.1:8081"


def wait_until(condition: Callable[[], object], *, seconds: float = 180.0, what: str = "") -> object:
    """Return what `condition` returns as soon as it is true; fail when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what or condition}"
        time.sleep(0.3)
    return found


def build_server_images(engine: Engine) -> None:
    """Make both images as docker/single-user/README.md and docker/staff/README.md say, unless they are there."""
    if engine.docker("images", "--quiet", "studyhall-staff:tested").strip():
        return
    wheels = engine.folder / "server-wheels"
    server_wheels = build_wheels(ROOT / "docker" / "single-user" / "wheelhouse", wheels, "numpy")
    wait_for(*build_base(engine), server_wheels)
    for folder, below in (
        ("single-user", f"BASE_IMAGE={BASE}"),
        ("staff", "SINGLE_USER_IMAGE=studyhall-single-user:tested"),
    ):
        engine.docker(
            *("build", "--quiet", "--network", "none", "--build-arg", below),
            *("--file", str(ROOT / "docker" / folder / "Dockerfile")),
            *("--tag", f"studyhall-{folder}:tested", str(wheels)),
        )


SPRING = ("spring", "10.77.0.0/24", "10.78.0.0/24")


def make_networks(engine: Engine, *words: str) -> None:
    """Make both networks and the firewall's rules, as docs/operating.md says."""
    done = subprocess.run(
        engine.on_its_machine(str(ROOT / "docker" / "server-networks"), *(words or SPRING)),
        env=os.environ | {"DOCKER_HOST": engine.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


class OnTheMachine(httpx.HTTPTransport):
    """Sends requests from a thread that is on the engine's machine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._thread = ThreadPoolExecutor(1, initializer=engine.enter_its_machine)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # Names below localhost are this machine, which not every resolver knows. The Host header keeps the name, the
        # browser its own request, to which its cookies belong.
        if request.url.host.endswith(".localhost"):
            request = httpx.Request(
                request.method,
                request.url.copy_with(host="127.0.0.1"),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )

        def ask() -> httpx.Response:
            response = super(OnTheMachine, self).handle_request(request)
            response.read()
            return response

        return self._thread.submit(ask).result()

    def close(self) -> None:
        self._thread.submit(super().close).result()
        self._thread.shutdown()


class Hub:
    """The running hub, and its service and database."""

    program = PROGRAM
    name = "spring"
    """What names of its containers and volumes begin with."""
    inner, public = HUB, "http://127.0.0.1:8000"

    def __init__(self, engine: Engine, data: Path) -> None:
        self.engine = engine
        self.data = data
        self.token = secrets.token_hex(32)
        self.transport = OnTheMachine(engine)
        self.api = httpx.Client(
            transport=self.transport, headers={"Authorization": f"token {self.token}"}, timeout=120
        )
        # Nobody reaches npm's registry from the engine's machine.
        data.mkdir(mode=0o700)
        install(data / "hub" / "proxy")
        self.output = ""
        self.process = subprocess.Popen(
            engine.on_its_machine(sys.executable, str(self.program), str(data), self.token, engine.url),
            env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if line.rstrip().endswith("ready") and "(" not in line:
                break
        else:
            raise AssertionError(f"the hub did not start: {self.output}{self.log()}")
        self.passwords = json.loads((data / "hub" / "accounts.json").read_text())
        self.database_passwords = json.loads((data / "secrets.json").read_text())["database_passwords"]

    def log(self) -> str:
        file = self.data / "logs" / "hub.log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""

    def troubles(self) -> str:
        """Return what the hub's log has of warnings, errors and tracebacks."""
        file = self.data / "logs" / "hub.log"
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        return "\n".join(line for line in lines if not line.startswith("[I "))[-8000:]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        self.process.stdout.read()
        self.process.stdout.close()
        self.process.wait(timeout=120)
        self.api.close()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the hub's API, as the tests' own administrator unless a header says otherwise."""
        return self.api.request(method, f"{self.inner}/hub/api{path}", **options)

    def server(self, name: str) -> dict[str, Any]:
        """Return what the hub says about a person's server; nothing while there is none."""
        return self.ask("GET", f"/users/{name}").json()["servers"].get("", {})

    def start_server(self, name: str, **options: str) -> None:
        answer = self.ask("POST", f"/users/{name}/server", json=options)
        assert answer.status_code in (201, 202), answer.text + self.log()

    def await_server(self, name: str) -> None:
        """Wait until a server that is being started is ready.

        Raises:
            AssertionError: its start failed, or takes too long; it says what the hub noted.
        """

        def is_ready() -> object:
            server = self.server(name)
            assert server, f"the start of {name}'s server failed"
            return server["ready"]

        try:
            wait_until(is_ready, seconds=400, what=f"{name}'s server")
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.troubles()}") from problem

    def stop_server(self, name: str) -> None:
        self.ask("DELETE", f"/users/{name}/server")
        wait_until(lambda: not self.server(name), what=f"{name}'s server has stopped")

    def kill_and_await(self) -> None:
        """Kill the hub itself, which its supervisor starts again at once."""
        killed = self.pid()
        os.kill(killed, signal.SIGKILL)

        def is_back() -> bool:
            try:
                return self.pid() != killed and self.ask("GET", "/users/lea").status_code == httpx.codes.OK
            except (httpx.TransportError, LookupError):
                return False

        wait_until(is_back, seconds=180, what="the hub is back")

    def pid(self) -> int:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    command = (folder / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if os.fsencode(self.data / "hub" / "jupyterhub_config.py") in command:
                    return int(folder.name)
        raise LookupError("no hub")


class HubWithSubdomains(Hub):
    """The hub of tests/containers/hub_with_containers.py, whose servers have an origin each."""

    public = "http://studyhall.localhost:8000"


class Person:
    """Somebody with a browser, and with a container once it runs."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.browser = httpx.Client(
            transport=hub.transport, base_url=hub.public, follow_redirects=True, timeout=120
        )

    def sign_in(self) -> None:
        self.browser.get("/hub/login")
        answer = self.browser.post(
            "/hub/login",
            params={"_xsrf": self.xsrf()},
            data={"username": self.name, "password": self.hub.passwords[self.name]},
            follow_redirects=False,
        )
        assert answer.status_code == httpx.codes.FOUND, answer.text

    def xsrf(self) -> str:
        return self.browser.cookies.get("_xsrf", path="/hub/") or ""

    def container(self, kind: str = "learner") -> dict[str, Any] | None:
        # A container and a volume have one name; `inspect` alone would find either.
        name = f"{self.hub.name}.{kind}.{self.name}"
        found = self.hub.engine.containers(f"name=^{name}$")
        return self.hub.engine.inspect(found[0]) if found else None

    def opens_their_server(self) -> bool:
        """Sign in and open the own server, as a person does; says whether its API answers them then."""
        self.sign_in()
        server = self.origin()
        self.browser.get(f"{server}/user/{self.name}/lab")
        return self.browser.get(f"{server}/user/{self.name}/api/status").status_code == httpx.codes.OK

    def origin(self) -> str:
        """Return the scheme, host and port at which a browser finds the person's own server."""
        scheme, _, place = self.hub.public.partition("://")
        return f"{scheme}://{self.name}.{place}" if place.startswith("studyhall.") else f"{scheme}://{place}"

    def address(self, kind: str = "learner") -> str:
        """Return the address of the person's server on the network of its kind."""
        about = self.container(kind)
        assert about is not None
        (network,) = about["NetworkSettings"]["Networks"].values()
        return network["IPAddress"]

    def run(self, program: str, *arguments: str, kind: str = "learner") -> Any:
        """Run a Python program in the person's container, as a cell would; return the JSON that it prints last."""
        said = self.hub.engine.docker(
            "exec", f"{self.hub.name}.{kind}.{self.name}", "python3", "-c", program, *arguments
        )
        return json.loads(said.splitlines()[-1])


@contextmanager
def running_hub(engine: Engine, data: Path) -> Iterator[Hub]:
    with running_store(data.parent / "volumes"):
        hub = HubWithSubdomains(engine, data)
        try:
            yield hub
        finally:
            hub.stop()
