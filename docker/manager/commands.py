"""Many commands of one program in a container, by one process: its libraries are imported once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from trouble import Trouble

PROGRAM = """
import contextlib, importlib, io, json, os, sys, traceback
answers, module = sys.stdout, sys.argv[1]
main = importlib.import_module(module).main
for line in sys.stdin:
    asked = json.loads(line)
    for name, value in asked["given"].items():
        os.environ.pop(name, None)
        if value:
            os.environ[name] = value
    sys.argv = [module, *asked["words"]]
    code, said, complaint = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaint):
        try:
            code = main() or 0
        except SystemExit as end:
            code = end.code or 0
            if isinstance(code, str):
                complaint.write(code)
                code = 1
        except Exception:
            traceback.print_exc()
            code = 1
    answer = {"code": code, "said": said.getvalue(), "complaint": complaint.getvalue()}
    print(json.dumps(answer), file=answers, flush=True)
"""
"""Runs commands that come as lines of JSON, one after the other; each answer is a line, too."""


class Commands:
    """A program that waits for commands, from the first one to the end of the block."""

    def __init__(self, container: str, module: str, *begin: str) -> None:
        """Prepare it; `begin` are words that stand before the program, such as `with-secrets`."""
        self.words = ["docker", "exec", "--interactive", container, *begin, "python3", "-c", PROGRAM, module]
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.communicate()
            self.process = None

    def run(self, *words: str, given: Mapping[str, str] | None = None, what: str = "") -> str:
        """Run a command and return what it printed; `given` are variables, empty ones taken away.

        Raises:
            Trouble: it refused, with `what` and its own sentence.
        """
        if self.process is None:
            self.process = subprocess.Popen(
                self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        process = self.process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process was opened without its pipes")
        try:
            process.stdin.write(json.dumps({"words": words, "given": dict(given or {})}) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
        except (OSError, ValueError) as error:
            process.kill()
            _, said = process.communicate()
            self.process = None
            raise Trouble(f"{what} Its container ended the command.\n{said.strip()[-1500:]}") from error
        if answer["code"]:
            said = (answer["complaint"] or answer["said"]).strip()
            raise Trouble(f"{what}\n{said[-1500:]}".lstrip())
        return str(answer["said"])
