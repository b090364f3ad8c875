"""The whole product as `studyhall run` starts it, and calls to its API as its people."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

from studyhall.supervisor.ports import reserved_port
from studyhall.supervisor.postgres import EmbeddedPostgres
from studyhall.supervisor.runtime import socket_folder

API = "/services/studyhall/api/v1"
DEADLINE = 180
BROKEN_OFF = (OSError, http.client.HTTPException)
"""What is said of an answer that never began, and of one that ended in the middle."""

UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
"""The tests' own environment without what measures coverage in the processes that start in it.

It costs a fifth of their time, and what an installation runs is measured in tests/service, tests/hub, tests/extension
and tests/supervisor already.
"""


class Installation:
    """A running `studyhall run`, or a ``program`` that takes its options and says what it says."""

    def __init__(self, data, *, environment=None, arguments=(), program=("-m", "studyhall.cli", "run")):
        self.data = data
        self.port = reserved_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment or {}
        self._arguments = arguments
        self._program = program

    def __enter__(self):
        self.process = subprocess.Popen(
            [
                sys.executable,
                *self._program,
                "--data",
                str(self.data),
                "--port",
                str(self.port),
                *self._arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**UNMEASURED, **self._environment},
            start_new_session=True,
        )
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        text = "".join(said)
        assert self.url in text, text
        self.passwords = dict(
            re.findall(r"^\s*(\w+)\s+(\S+)\s+(?:instructor|grader|learner)\s*$", text, re.MULTILINE)
        )
        assert {"ines", "gabriel", "lea", "liam", "lucia"} <= set(self.passwords), text
        return self

    def __exit__(self, *exc):
        self.process.send_signal(signal.SIGINT)
        self.process.stdout.read()
        self.process.wait(120)
        self.process.stdout.close()

    def secret(self, name):
        """Return one of the secrets that the installation made for itself."""
        return json.loads((self.data / "secrets.json").read_text())[name]

    def operator_settings(self):
        """Return what an operator's commands need to know: the settings of the running worker."""
        kept = json.loads((self.data / "secrets.json").read_text())
        places = json.loads((self.data / "places.json").read_text())
        return {
            "STUDYHALL_DATABASE_URL": places["database_url"],
            "STUDYHALL_REDIS_URL": places["redis_url"],
            "STUDYHALL_COHORT": "demo",
            "STUDYHALL_CONTENT_KEY": kept["content_key"],
            **self._environment,
        }

    def database_url(self):
        """Return the address of the running database for the service's role."""
        kept = json.loads((self.data / "secrets.json").read_text())
        server = EmbeddedPostgres(
            self.data / "postgres",
            passwords=kept["database_passwords"],
            sockets=socket_folder(self.data) / "postgres",
        )
        return server.url()


def call(installation, method, path, *, token=None, body=None, headers=None):
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{installation.url}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            **({"Authorization": f"token {token}"} if token else {}),
            **(headers or {}),
        },
    )
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def token_of(installation, username):
    auth = {"username": username, "password": installation.passwords[username]}
    return call(installation, "POST", f"/hub/api/users/{username}/tokens", body={"auth": auth})["token"]


def submit(installation, token, course, lesson, notebooks):
    """Hand a lesson in as a learner's extension does, and wait until it is graded."""
    attempt = call(
        installation,
        "POST",
        f"{API}/submissions",
        token=token,
        body={"course": course, "lesson": lesson, "notebooks": notebooks},
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )["data"]["id"]
    return wait_for_status(installation, token, attempt, {"graded", "needs_manual"})


def wait_for_status(installation, token, attempt, wanted):
    ends = time.monotonic() + DEADLINE
    status = "nothing"
    while time.monotonic() < ends:
        try:
            answer = call(
                installation, "GET", f"/services/studyhall/api/v1/submissions/{attempt}", token=token
            )
            status = answer["data"]["status"]
            if status in wanted:
                return answer["data"]
        except BROKEN_OFF:  # HTTPError is one too: the part is on its way back
            pass
        threading.Event().wait(0.1)
    raise AssertionError(f"attempt {attempt} is {status}")
