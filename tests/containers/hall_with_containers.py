"""The whole product with people's servers in containers; a process of its own, on the machine of the tests' engine.

As `studyhall run`, but that hub, service and the database's door listen everywhere on that machine, and servers are
containers. Arguments: data folder, a token for the tests' own administrator, the engine's address. Prints `ready`.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from containers.volume_stores import socket_of
from hub.small_hub import COURSE, add_tester
from studyhall.supervisor import probes
from studyhall.supervisor.installation import SERVICE_PREFIX, lay_out, open_data_folder
from studyhall.supervisor.keys import Account, easy_password, kept_keys, write_private
from studyhall.supervisor.lock import locked
from studyhall.supervisor.parts import Part
from studyhall.supervisor.plan import Plan
from studyhall.supervisor.progress import Progress
from studyhall.supervisor.runner import Runner, Stopped

NAME = "winter"
LEARNERS, STAFF = "10.97.0.1", "10.98.0.1"
"""The machine's own addresses on the two networks."""
PUBLIC, HUB, SERVICE, DATABASE = 8300, 8381, 8315, 5732
CLASS = ("lea", "liam", "lucia", "ana", "bo", "carla", "dario", "elsa", "finn", "gina")
LIMITS = {"memory_mebibytes": 400, "processors": 1.0, "processes": 96}
DISK = 64
"""Mebibytes of a learner's home folder."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - on the machine of the tests' engine, which nobody else reaches
DOOR = Path(__file__).with_name("database_door.py")


class HallPlan(Plan):
    """The plan of `studyhall run` with the profile `containers`."""

    def __init__(self, *words, engine: str, **options) -> None:
        super().__init__(*words, **options)
        self.engine = engine

    def parts(self) -> list[Part]:
        door = self.command(
            "door",
            "database's door",
            [sys.executable, str(DOOR), str(DATABASE), str(self.postgres.sockets)],
            environment={},
            after=("postgres",),
        )
        return [*super().parts(), door]

    def command(self, name, title, words, *, environment, **options) -> Part:
        if name == "service":
            environment = dict(environment) | {"STUDYHALL_SERVICE_HOST": EVERYWHERE}
        if name == "hub":
            # The proxy knows the service as soon as the hub has told it.
            through_proxy = f"{self.at.public_url.rstrip('/')}{SERVICE_PREFIX}health"
            options |= {
                "ready": lambda: probes.answers(through_proxy),
                "after": ("postgres", "proxy", "service"),
            }
        patience = {"start_seconds": 300.0}
        return super().command(name, title, words, environment=environment, **(patience | options))

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
            "containers": {
                "name": NAME,
                "engine": self.engine,
                "hub_bind_url": f"http://{EVERYWHERE}:{HUB}",
                # What a page of a learner's server can do to others is tried with subdomains, in a browser.
                "shared_origin": True,
                "volume_store": str(socket_of(self.at.data.parent / "volumes")),
                "learners": {
                    "image": "studyhall-single-user:tested",
                    "network": f"studyhall-{NAME}-learners",
                    **seen_from(LEARNERS),
                    **LIMITS,
                    "disk_mebibytes": DISK,
                },
                "staff": {
                    "image": "studyhall-staff:tested",
                    "network": f"studyhall-{NAME}-staff",
                    **seen_from(STAFF),
                },
            },
        }
        write_private(file, json.dumps(settings))


def main() -> None:
    data = open_data_folder(Path(sys.argv[1]))
    with locked(data):
        keys = kept_keys(data / "secrets.json", database=data / "postgres")
        known = {account.name for account in keys.accounts}
        more = [
            Account(name=name, role="learner", password=easy_password())
            for name in CLASS
            if name not in known
        ]
        keys = keys.model_copy(update={"accounts": (*keys.accounts, *more)})
        at = lay_out(data=data, course=COURSE, host="127.0.0.1", port=PUBLIC)
        ports = at.ports.__class__(**vars(at.ports) | {"hub": HUB, "service": SERVICE})
        at = at.__class__(**vars(at) | {"ports": ports})
        lifeline, _alive = os.pipe()
        plan = HallPlan(at, keys, lifeline=lifeline, engine=sys.argv[3])
        plan.write_settings()
        add_tester(at.hub / "jupyterhub_config.py", token=sys.argv[2])
        with Progress() as progress, Runner(plan.parts(), progress) as runner, contextlib.suppress(Stopped):
            runner.start()
            progress.say("ready")
            runner.watch()


if __name__ == "__main__":
    main()
