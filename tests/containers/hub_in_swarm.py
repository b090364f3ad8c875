"""A hub, its proxy and a service as containers beside a swarm of one host; people's servers are its services."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from containers.engines import BASE, ROOT, Engine
from containers.people_in_containers import OnTheMachine, Person, build_server_images, wait_until
from studyhall_hub.proxy import PROGRAM, install, node_folder

HUB, PROXY, SERVICE = "studyhall-hub", "studyhall-proxy", "studyhall-service"
DOORS = [HUB, PROXY, SERVICE]
FRONT = "studyhall-front"
"""The network on which the three talk to one another; no server is on it."""
HUB_THERE, SERVICE_THERE, PROXY_THERE = "10.79.0.2", "10.79.0.3", "10.79.0.4"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - in a container of its own
PREFIX = "/services/studyhall/"
LIMITS = {"memory_mebibytes": 400, "processors": 1.0, "processes": 96}
PASSWORDS = {name: f"{name}-knocks-twice" for name in ("lea", "liam")}
CONFIG = """
from studyhall_hub import configure
configure(c, {settings!r})
c.JupyterHub.services.append({{"name": "tester", "api_token": {tester!r}}})
c.JupyterHub.load_roles.append(
    {{"name": "tester", "services": ["tester"], "scopes": ["admin:users", "admin:servers", "tokens"]}}
)
"""


class SwarmHub:
    """What the tests do with the three containers and the swarm."""

    def __init__(self, engine: Engine, data: Path) -> None:
        self.engine = engine
        self.data = data
        self.homes = data / "homes"
        self.tokens = {name: os.urandom(32).hex() for name in ("tester", "service", "proxy")}
        self.passwords = PASSWORDS
        self.public = "http://127.0.0.1:8000"
        self.transport = OnTheMachine(engine)
        self.api = httpx.Client(
            transport=self.transport,
            base_url=self.public,
            headers={"Authorization": f"token {self.tokens['tester']}"},
            timeout=120,
        )

    def set_up(self) -> None:
        if not self.engine.docker("images", "--quiet", "studyhall-single-user:tested").strip():
            build_server_images(self.engine)
        self.engine.docker(
            "swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377"
        )
        self.engine.docker("network", "create", "--subnet", "10.79.0.0/24", FRONT)
        install(self.data / "proxy")
        self.homes.mkdir()
        self.write_settings()
        self.start_service()
        self.start_proxy()
        self.start_hub()

    def write_settings(self) -> None:
        seen = {"hub_url": f"http://{HUB}:8081", "service_url": f"http://{SERVICE}:8015{PREFIX.rstrip('/')}"}
        settings = {
            "profile": "swarm",
            "bind_url": "http://127.0.0.1:8000/",
            "hub_url": f"http://{HUB_THERE}:8081",
            "database_url": f"sqlite:///{self.data}/hub.sqlite",
            "cookie_secret_file": f"{self.data}/cookie_secret",
            "proxy": {"api_url": f"http://{PROXY_THERE}:8001", "token": self.tokens["proxy"]},
            "service": {"url": f"http://{SERVICE_THERE}:8015", "token": self.tokens["service"]},
            "accounts": {"file": f"{self.data}/accounts.json"},
            "swarm": {
                "name": "spring",
                "engine": self.engine.url,
                "hub_bind_url": "http://0.0.0.0:8081",
                "shared_origin": True,
                "homes": {"folder": str(self.homes)},
                "learners": {"image": "studyhall-single-user:tested", "doors": DOORS, **seen, **LIMITS},
                "staff": {"image": "studyhall-single-user:tested", "doors": DOORS, **seen},
            },
        }
        file = self.data / "hub.json"
        for path, text in (
            (file, json.dumps(settings)),
            (self.data / "accounts.json", json.dumps(PASSWORDS)),
            (
                self.data / "jupyterhub_config.py",
                CONFIG.format(settings=str(file), tester=self.tokens["tester"]),
            ),
        ):
            path.touch(mode=0o600)
            path.write_text(text)

    def run(self, name: str, *words: str, options: tuple[str, ...] = (), **environment: str) -> None:
        """Start a container that has this checkout's programs."""
        places = {str(ROOT), sys.prefix, sys.base_prefix} - {"/usr", "/usr/local"}
        mounts = [word for place in sorted(places) for word in ("--volume", f"{place}:{place}:ro")]
        told = [word for item in environment.items() for word in ("--env", "=".join(item))]
        self.engine.docker(
            *("run", "--detach", "--name", name, "--network", FRONT, "--workdir", str(self.data)),
            *(
                "--volume",
                f"{self.engine.folder}:{self.engine.folder}",
                "--volume",
                f"{self.data}:{self.data}",
            ),
            # The engine keeps the two outputs apart.
            *(*mounts, *told, *options, BASE, "sh", "-c", 'exec "$@" 2>&1', "sh", *words),
        )

    def start_hub(self) -> None:
        words = ("-m", "jupyterhub", "--config", f"{self.data}/jupyterhub_config.py")
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        self.run(HUB, sys.executable, *words, options=("--ip", HUB_THERE), PATH=path)
        wait_until(self.answers, seconds=180, what="the hub answers")

    def start_proxy(self) -> None:
        self.run(
            PROXY,
            *(str(node_folder() / "bin" / "node"), str(self.data / "proxy" / PROGRAM)),
            *("--ip", EVERYWHERE, "--port", "8000", "--api-ip", PROXY_THERE, "--api-port", "8001"),
            *("--default-target", f"http://{HUB_THERE}:8081"),
            *("--error-target", f"http://{HUB_THERE}:8081/hub/error"),
            options=("--ip", PROXY_THERE, "--publish", "127.0.0.1:8000:8000"),
            CONFIGPROXY_AUTH_TOKEN=self.tokens["proxy"],
        )

    def start_service(self) -> None:
        self.run(
            SERVICE,
            *(sys.executable, str(ROOT / "tests/hub/mirror_service.py"), "8015", EVERYWHERE),
            options=("--ip", SERVICE_THERE),
            JUPYTERHUB_SERVICE_PREFIX=PREFIX,
            JUPYTERHUB_API_TOKEN=self.tokens["service"],
            JUPYTERHUB_API_URL=f"http://{HUB_THERE}:8081/hub/api",
            JUPYTERHUB_CLIENT_ID="service-studyhall",
        )

    def answers(self) -> bool:
        about = self.engine.inspect(HUB)
        assert about is not None, "there is no hub"
        assert about["State"]["Running"], self.log()
        try:
            return self.ask("GET", "/users/lea").status_code in (httpx.codes.OK, httpx.codes.NOT_FOUND)
        except httpx.TransportError:
            return False

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.api.request(method, f"/hub/api{path}", **options)

    def server(self, name: str) -> dict[str, Any]:
        return self.ask("GET", f"/users/{name}").json()["servers"].get("", {})

    def start_server(self, name: str) -> None:
        self.ask("POST", f"/users/{name}")
        answer = self.ask("POST", f"/users/{name}/server")
        assert answer.status_code in (201, 202), answer.text + self.log()

    def await_server(self, name: str) -> None:
        wait_until(lambda: self.server(name).get("ready"), seconds=180, what=f"{name}'s server\n{self.log()}")

    def stop_server(self, name: str) -> None:
        self.ask("DELETE", f"/users/{name}/server")
        wait_until(lambda: not self.server(name), seconds=180, what=f"{name}'s server has stopped")

    def log(self) -> str:
        return self.engine.docker("logs", "--tail", "40", HUB)

    def names(self, what: str) -> set[str]:
        """Return the names of the swarm's services, or of its networks, that belong to this hub."""
        said = self.engine.docker(
            what, "ls", "--filter", "label=studyhall.hub=spring", "--format", "{{.Name}}"
        )
        return set(said.split())

    def tear_down(self) -> None:
        self.api.close()
        for service in self.names("service"):
            self.engine.docker("service", "rm", service)
        for door in DOORS:
            self.engine.docker("rm", "--force", door)
        self.engine.docker("swarm", "leave", "--force")
        self.engine.docker("network", "rm", FRONT)


class PersonInSwarm(Person):
    """Somebody whose server is a service."""

    def container(self, kind: str = "learner") -> dict[str, Any] | None:
        name = f"spring_{kind}_{self.name}"
        found = self.hub.engine.docker(
            "ps", "--quiet", "--no-trunc", "--filter", f"label=com.docker.swarm.service.name={name}"
        ).split()
        return self.hub.engine.inspect(found[0]) if found else None

    def service(self) -> dict[str, Any]:
        (about,) = json.loads(self.hub.engine.docker("service", "inspect", f"spring_learner_{self.name}"))
        return about

    def run(self, program: str, *arguments: str, kind: str = "learner") -> Any:
        about = self.container(kind)
        assert about is not None
        said = self.hub.engine.docker("exec", about["Id"], "python3", "-c", program, *arguments)
        return json.loads(said.splitlines()[-1])


@contextmanager
def running_swarm(engine: Engine, data: Path) -> Iterator[SwarmHub]:
    hub = SwarmHub(engine, data)
    try:
        hub.set_up()
        yield hub
    finally:
        hub.tear_down()
