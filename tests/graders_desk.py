"""A terminal with nbgrader in it, a person at it, and what was typed and said there written down as a page."""

import json
import os
import re
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
from installations import call, token_of
from nbgrader_environments import OURS

ZYGOTE = Path(__file__).parent / "nbgrader" / "exchange" / "nbgrader_zygote.py"
COMMAND = re.compile(r"^\w+\$ (.+)$", re.MULTILINE)


class Zygote:
    """A process that has nbgrader imported; each command is a fork of it."""

    def __init__(self, python):
        self.python = python
        self._process = subprocess.Popen(
            [str(python), "-W", "ignore", str(ZYGOTE)],
            env={"PATH": f"{Path(python).parent}:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"

    def run(self, command):
        """Run a command to its end and return how it ended."""
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def stop(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Page:
    """A page of what happened: words of ours, and each command with what it said.

    What differs from run to run (folders, times, codes, ports) is replaced by words that do not.
    """

    def __init__(self, stable):
        """Take the texts to be replaced, each with the word that takes its place."""
        self._parts = []
        self._stable = sorted(stable.items(), key=lambda pair: -len(pair[0]))

    def say(self, text):
        self._parts.append(text)

    def typed(self, who, command, said):
        lines = "\n".join(line.rstrip() for line in self.stable(said).strip().splitlines())
        self._parts.append(f"```console\n{who}$ {command}\n{lines}".rstrip() + "\n```")

    def picture(self, name, words):
        self._parts.append(f"![{words}](screenshots/{name}.png)")

    def stable(self, text):
        """Return a text without what is different each time."""
        for found, word in self._stable:
            text = text.replace(found, word)
        for pattern, word in TIMES:
            text = re.sub(pattern, word, text)
        return text

    @property
    def text(self):
        return "\n\n".join(self._parts) + "\n"


TIMES = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", "2026-11-23 09:00:00.000000"),
    (r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", "until 2026-11-23 17:00 UTC"),
    (r"\b[A-Z]{4}-[A-Z]{4}\b", "ABCD-EFGH"),
)
"""Times and codes, and those that stand on the page."""


def commands_of(text):
    """Return the commands on a page, in their order."""
    return COMMAND.findall(text)


class Desk:
    """Somebody's terminal: a home, a folder in it, and nbgrader's and our commands."""

    def __init__(self, who, zygote, page, *, home, folder, variables=None):
        self.who, self.zygote, self.page, self.home, self.folder = who, zygote, page, home, folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": f"{Path(zygote.python).parent}:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(OURS),
            "JUPYTER_PLATFORM_DIRS": "1",
            "COLUMNS": "110",
            **(variables or {}),
        }

    def nbgrader(self, *words, code=0):
        """Run a command of nbgrader's; it has to end as it should. Returns what it said."""
        said = self._forked(words, None, code)
        self.page.typed(self.who, " ".join(("nbgrader", *words)), said)
        return said

    def python(self, program, *words):
        """Run a program beside nbgrader and return what it prints as JSON; it is not written down."""
        return json.loads(self._forked(words, program, 0).splitlines()[-1])

    def studyhall(self, *words, code=0):
        """Run a command of ours and return what it said."""
        process = self.start(*words)
        return self.finish(process, words, code=code)

    def start(self, *words):
        """Start a command of ours that waits for a person."""
        return subprocess.Popen(
            [str(self.zygote.python), "-W", "ignore", "-m", "studyhall.cli", *words],
            cwd=self.folder,
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, process, words, *, said="", code=0):
        """Wait for its end; what was read of it already is ``said``."""
        said += process.communicate()[0]
        assert process.returncode == code, said
        self.page.typed(self.who, self.page.stable(" ".join(("studyhall", *words))), said)
        return said

    def _forked(self, words, program, code):
        output = self.home / ".said"
        ended = self.zygote.run(
            {
                "words": list(words),
                "program": program,
                "folder": str(self.folder),
                "environment": self.environment,
                "output": str(output),
            }
        )
        said = output.read_text()
        assert ended == code, said
        return said


def until(condition, *, seconds=300):
    """Wait until something is true and return it."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it never came true"
        threading.Event().wait(0.1)
    return found


@contextmanager
def server_of(installation, client, name):
    """Have the hub start the server of somebody who is signed in, and stop it afterwards."""
    token = token_of(installation, name)
    user = f"/hub/api/users/{name}"
    client.get("/hub/spawn")
    until(lambda: call(installation, "GET", user, token=token)["servers"].get("", {}).get("ready"))
    yield
    headers = {"Authorization": f"token {token}"}
    httpx.delete(f"{installation.url}{user}/server", headers=headers, timeout=120)
    until(lambda: not call(installation, "GET", user, token=token)["servers"])


def sign_terminal_in(desk, course, approve):
    """Run `studyhall login`; ``approve`` is given the code that the terminal shows."""
    words = ("login", "--service", desk.environment["STUDYHALL_URL"], "--course", course)
    process = desk.start(*words)
    said, code = "", None
    while code is None:
        line = process.stdout.readline()
        assert line, said
        said += line
        code = re.fullmatch(r"\s+([A-Z]{4}-[A-Z]{4})\s*", line)
    approve(code[1])
    return desk.finish(process, words, said=said)
