"""A real hub whose people sign in with accounts of its own and by providers; as a process of its own.

Arguments: data folder, port, a token for the tests' own administrator, and a JSON file: `sign_in` is that part of
the settings, `clock` a file with the seconds by which the hub's clock is ahead, `google` the address of a provider that
plays Google, `settings` other parts of the hub's settings.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from small_hub import COURSE, SmallPlan, add_tester
from studyhall.supervisor.installation import lay_out, open_data_folder
from studyhall.supervisor.keys import kept_keys, write_private
from studyhall.supervisor.lock import locked
from studyhall.supervisor.progress import Progress
from studyhall.supervisor.runner import Runner, Stopped

HANDED_IN = """
import time
from pathlib import Path
c.SignIn.clock = lambda: time.time() + float(Path({clock!r}).read_text())
c.GoogleSignIn.authorize_url = {google!r} + "/google/auth"
c.GoogleSignIn.google_api_url = {google!r} + "/google"
"""


def main() -> None:
    data = open_data_folder(Path(sys.argv[1]))
    wanted = json.loads(Path(sys.argv[4]).read_text())
    with locked(data):
        keys = kept_keys(data / "secrets.json", database=data / "postgres")
        at = lay_out(data=data, course=COURSE, host="127.0.0.1", port=int(sys.argv[2]))
        lifeline, _alive = os.pipe()
        plan = SmallPlan(at, keys, lifeline=lifeline)
        plan.write_settings()
        file = at.hub / "settings.json"
        settings = json.loads(file.read_text())
        del settings["accounts"]
        write_private(
            file, json.dumps(settings | {"sign_in": wanted["sign_in"]} | wanted.get("settings", {}))
        )
        configuration = at.hub / "jupyterhub_config.py"
        add_tester(configuration, token=sys.argv[3])
        configuration.write_text(
            configuration.read_text() + HANDED_IN.format(clock=wanted["clock"], google=wanted["google"])
        )
        with Progress() as progress, Runner(plan.parts(), progress) as runner, contextlib.suppress(Stopped):
            runner.start()
            progress.say("ready")
            runner.watch()


if __name__ == "__main__":
    main()
