"""A real hub whose people's servers are containers; a process of its own, on the machine of the tests' engine.

Arguments: data folder, a token for the tests' own administrator, the engine's address. Prints `ready` when all is.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from containers.volume_stores import socket_of
from hub.small_hub import COURSE, SmallPlan, add_tester
from studyhall.supervisor import probes
from studyhall.supervisor.installation import SERVICE_PREFIX, lay_out, open_data_folder
from studyhall.supervisor.keys import kept_keys, write_private
from studyhall.supervisor.launch import clean_environment
from studyhall.supervisor.lock import locked
from studyhall.supervisor.parts import Part
from studyhall.supervisor.progress import Progress
from studyhall.supervisor.runner import Runner, Stopped
from studyhall_hub.engine_door.door import EngineDoor, StoreDoor
from studyhall_hub.engine_door.policy import Rules

PARTS = Path(__file__).with_name("service_and_database.py")
LEARNERS, STAFF = "10.77.0.1", "10.78.0.1"
"""The machine's own addresses on the two networks."""
FRONT = "http://studyhall.localhost:8000"
"""Names below localhost are this machine, in browsers too."""
PUBLIC, HUB, SERVICE, DATABASE = 8000, 8081, 8015, 5432
LIMITS = {"memory_mebibytes": 400, "processors": 1.0, "processes": 96}
DISK = 64
"""Mebibytes of a learner's home folder."""


class ContainerPlan(SmallPlan):
    """The small hub with the profile `containers`."""

    def __init__(self, *words, engine: str, store: Path, **options) -> None:
        super().__init__(*words, **options)
        self.engine = engine
        self.store = store

    def command(self, name: str, title: str, words: list[str], **options) -> Part:
        """With a name for each server the proxy goes by names; no probe looks the service's up."""
        if name == "proxy":
            words = [*words, "--host-routing"]
        if name == "hub":
            options["ready"] = lambda: probes.answers(f"http://127.0.0.1:{PUBLIC}/hub/health")
        return super().command(name, title, words, **options)

    def service(self) -> Part:
        return self.command(
            "service",
            "mirror service, and the database's door",
            [sys.executable, str(PARTS), str(SERVICE), str(DATABASE), str(self.postgres.sockets)],
            environment=clean_environment(**self.service_hub_settings()),
            ready=lambda: probes.answers(f"{self.at.service_url}{SERVICE_PREFIX}health"),
        )

    def write_settings(self) -> None:
        super().write_settings()
        file = self.at.hub / "settings.json"
        settings = json.loads(file.read_text())
        del settings["servers"]

        def seen_from(gateway: str) -> dict[str, str]:
            return {
                "hub_url": f"http://{gateway}:{HUB}",
                "service_url": f"http://{gateway}:{SERVICE}{SERVICE_PREFIX.rstrip('/')}",
            }

        settings |= {
            "profile": "containers",
            "subdomain_host": FRONT,
            "containers": {
                "name": "spring",
                "engine": self.engine,
                "hub_bind_url": f"http://0.0.0.0:{HUB}",
                "culling": {"report_seconds": 3},
                "volume_store": str(socket_of(self.store)),
                "learners": {
                    "image": "studyhall-single-user:tested",
                    "network": "studyhall-spring-learners",
                    **seen_from(LEARNERS),
                    **LIMITS,
                    "disk_mebibytes": DISK,
                },
                "staff": {
                    "image": "studyhall-staff:tested",
                    "network": "studyhall-spring-staff",
                    **seen_from(STAFF),
                },
            },
        }
        write_private(file, json.dumps(settings))


@contextlib.contextmanager
def opened_door(folder: Path, *, engine: str, store: Path) -> Iterator[None]:
    """Stand between the hub and the engine, as under compose: no hub has the engine's own socket."""
    folder.mkdir()
    rules = Rules(
        name="spring",
        images={"learner": "studyhall-single-user:tested", "staff": "studyhall-staff:tested"},
        networks={"learner": "studyhall-spring-learners", "staff": "studyhall-spring-staff"},
        devices=str(store.parent / "devices"),
    )
    with (
        EngineDoor(folder / "docker.sock", engine=engine.removeprefix("unix://"), rules=rules) as door,
        StoreDoor(socket_of(folder), store=str(store), rules=rules) as stores,
    ):
        for one in (door, stores):
            threading.Thread(target=one.serve_forever, daemon=True).start()
        yield


def main() -> None:
    data = open_data_folder(Path(sys.argv[1]))
    with locked(data):
        keys = kept_keys(data / "secrets.json", database=data / "postgres")
        at = lay_out(data=data, course=COURSE, host="127.0.0.1", port=PUBLIC)
        ports = at.ports.__class__(**vars(at.ports) | {"hub": HUB, "service": SERVICE})
        at = at.__class__(**vars(at) | {"ports": ports})
        lifeline, _alive = os.pipe()
        door = data.parent / "door"
        plan = ContainerPlan(at, keys, lifeline=lifeline, engine=f"unix://{door}/docker.sock", store=door)
        plan.write_settings()
        config = at.hub / "jupyterhub_config.py"
        add_tester(config, token=sys.argv[2])
        config.write_text(config.read_text() + 'c.JupyterHub.load_roles[-1]["scopes"].append("groups")\n')
        with (
            opened_door(door, engine=sys.argv[3], store=socket_of(data.parent / "volumes")),
            Progress() as progress,
            Runner(plan.parts(), progress) as runner,
            contextlib.suppress(Stopped),
        ):
            runner.start()
            progress.say("ready")
            runner.watch()


if __name__ == "__main__":
    main()
