"""`studyhall run` with a hub whose servers have nbgrader, as an operator would write it into the hub's configuration.

The try-it profile runs everybody's server without nbgrader. Here staff get a server in nbgrader's environment, opened
in their course's folder; and one learner gets one, too, with the configuration that every learner's server has.

A program: the interpreter that has nbgrader, then the words of `studyhall`.
"""

import sys
from pathlib import Path

from nbgrader_environments import OURS

DESK = "harbour-kitchen"
"""The course's folder in the home of whoever grades it."""
LEARNER = "lucia"
"""The learner whose server has nbgrader installed."""
LINES = """
import sys
sys.path.insert(0, {tests!r})
from staff_servers import with_nbgrader
with_nbgrader(c, {python!r}, service={service!r})
"""


def with_nbgrader(c, python, *, service):
    """Have the hub whose config object is `c` start some people's servers with nbgrader."""
    from studyhall_hub.permissions import is_staff_group

    def before_start(spawner):
        is_staff = any(is_staff_group(group.name) for group in spawner.user.groups)
        if not is_staff and spawner.user.name != LEARNER:
            return
        environment = dict(spawner.environment) | {"PYTHONPATH": ":".join(OURS)}
        if is_staff:
            # Without what switches nbgrader's pages off, and with the address that `studyhall login` was given.
            del environment["JUPYTER_CONFIG_PATH"]
            environment["STUDYHALL_URL"] = service
        folder = spawner.home / DESK if is_staff else spawner.home
        folder.mkdir(parents=True, exist_ok=True)
        # The enclosure shows the hub's own Python only, and this one lies elsewhere.
        spawner.enclose = False
        spawner.cmd = [
            *("/usr/bin/env", f"--chdir={folder}", f"PATH={Path(python).parent}:/usr/bin:/bin"),
            *(python, "-m", "jupyterhub.singleuser"),
        ]
        spawner.args = [*spawner.args, "--ServerApp.allow_root=True"]  # the tests run as root in CI
        spawner.environment = environment

    c.Spawner.pre_spawn_hook = before_start


def main():
    from studyhall import cli
    from studyhall.supervisor.plan import Plan

    python, *words = sys.argv[1:]
    write_settings = Plan.write_settings

    def and_the_servers(plan):
        write_settings(plan)
        file = plan.at.hub / "jupyterhub_config.py"
        service = f"{plan.at.public_url}services/studyhall"
        lines = LINES.format(tests=str(Path(__file__).parent), python=python, service=service)
        file.write_text(file.read_text() + lines)

    Plan.write_settings = and_the_servers
    sys.argv = ["studyhall", *words]
    cli.main()


if __name__ == "__main__":
    main()
