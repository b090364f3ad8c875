"""nbgrader's own command, imported once: each command runs in a fork of this process, as fresh as one of its own.

Reads a line of JSON for each command (its words, folder, environment and a file for what it says) and answers with the
exit status. Importing nbgrader takes seconds, and a grader's week has forty commands.
"""

import json
import os
import sys
import traceback
import warnings

warnings.simplefilter("ignore")

import nbgrader.apps.nbgraderapp  # noqa: E402 - warnings are switched off first
import nbgrader.converters.autograde  # noqa: E402 - as above
import nbgrader.server_extensions.formgrader  # noqa: E402 - as above
import pandas as pd  # noqa: E402, F401 - `export` and `db` need it


def run(command):
    """Become the command; never returns."""
    output = os.open(command["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    os.environ.clear()
    os.environ.update(command["environment"])
    os.chdir(command["folder"])
    sys.path[:0] = [place for place in command["environment"]["PYTHONPATH"].split(os.pathsep) if place]
    status = 0
    try:
        if command["program"] is None:
            sys.argv = ["nbgrader", *command["words"]]
            nbgrader.apps.nbgraderapp.NbGraderApp.launch_instance()
        else:
            sys.argv = ["-c", *command["words"]]
            exec(command["program"], {"__name__": "__main__"})  # noqa: S102 - it is the test's own program
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - a command may end in any way
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main():
    print("ready", flush=True)  # noqa: T201 - it is how the tests are answered
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
