"""A real hub with its proxy and database, and a service that says whom it sees; as a process of its own.

Arguments: data folder, port, and a token for the tests' own administrator. Prints `ready` when everything is.
"""

import contextlib
import os
import sys
from pathlib import Path

from studyhall.supervisor import probes
from studyhall.supervisor.installation import SERVICE_PREFIX, lay_out, open_data_folder
from studyhall.supervisor.keys import kept_keys
from studyhall.supervisor.launch import clean_environment
from studyhall.supervisor.lock import locked
from studyhall.supervisor.parts import Part
from studyhall.supervisor.plan import Plan
from studyhall.supervisor.progress import Progress
from studyhall.supervisor.runner import Runner, Stopped

SERVICE = Path(__file__).with_name("mirror_service.py")
COURSE = Path(__file__).parents[2] / "course-content" / "python-foundations"
NEEDED = ("postgres", "proxy-install", "proxy", "service", "hub")


class SmallPlan(Plan):
    """The try-it plan without judge, worker and cache, and with a service that only looks at tokens."""

    def parts(self) -> list[Part]:
        return [part for part in super().parts() if part.name in NEEDED]

    def service(self) -> Part:
        return self.command(
            "service",
            "mirror service",
            [sys.executable, str(SERVICE), str(self.at.ports.service)],
            environment=clean_environment(**self.service_hub_settings()),
            ready=lambda: probes.answers(f"{self.at.service_url}{SERVICE_PREFIX}health"),
        )


TESTER = """
c.JupyterHub.services.append({{"name": "tester", "api_token": {token!r}}})
c.JupyterHub.load_roles.append(
    {{
        "name": "tester",
        "services": ["tester"],
        "scopes": ["admin:users", "admin:servers", "tokens", "read:roles", "groups"],
    }}
)
"""


def add_tester(file: Path, *, token: str) -> None:
    """Let the tests look into the hub and stop servers."""
    file.write_text(file.read_text() + TESTER.format(token=token))


def main() -> None:
    data = open_data_folder(Path(sys.argv[1]))
    with locked(data):
        keys = kept_keys(data / "secrets.json", database=data / "postgres")
        at = lay_out(data=data, course=COURSE, host="127.0.0.1", port=int(sys.argv[2]))
        lifeline, _alive = os.pipe()
        plan = SmallPlan(at, keys, lifeline=lifeline)
        plan.write_settings()
        add_tester(at.hub / "jupyterhub_config.py", token=sys.argv[3])
        with Progress() as progress, Runner(plan.parts(), progress) as runner, contextlib.suppress(Stopped):
            runner.start()
            progress.say("ready")
            runner.watch()


if __name__ == "__main__":
    main()
