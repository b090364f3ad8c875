"""A runner over little parts, as a process of its own: it adopts and kills everything below itself.

The first argument is a folder for logs, the second a JSON list of parts: `name`, `script` (of the shell), and as wanted
`after`, `once`, `stage`, `seconds`, `patience`. What happens is printed line by line.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from studyhall.supervisor.errors import StartError
from studyhall.supervisor.launch import clean_environment, launch
from studyhall.supervisor.parts import Part, State
from studyhall.supervisor.runner import Runner, Stopped

FOLDER = Path(sys.argv[1])


class Lines:
    """Prints each change of a part's state once."""

    def __init__(self) -> None:
        self.told: dict[str, State] = {}

    def starting(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if self.told.get(part.name) != part.state:
                self.told[part.name] = part.state
                self.say(f"{part.name} {part.state}")

    def say(self, sentence: str) -> None:
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()


def part(description: dict) -> Part:
    name = description["name"]
    flag = FOLDER / f"{name}.ready"

    def start() -> subprocess.Popen[bytes]:
        flag.unlink(missing_ok=True)
        return launch(
            ["sh", "-c", f"cd {FOLDER}; {description['script']}"],
            environment=clean_environment(),
            log=FOLDER / f"{name}.log",
        )

    return Part(
        name=name,
        title=name,
        log=FOLDER / f"{name}.log",
        launch=start,
        is_ready=flag.exists,
        after=tuple(description.get("after", ())),
        once=description.get("once", False),
        start_seconds=description.get("seconds", 120.0),
        stop_stage=description.get("stage", 0),
        signals=((signal.SIGTERM, description.get("patience", 2.0)),),
        on_return=lambda: Lines().say(f"{name} returned"),
        explain=(lambda log: f"explained: {log.read_text().strip()}") if description.get("explain") else None,
    )


def main() -> int:
    parts = [part(description) for description in json.loads(sys.argv[2])]
    display = Lines()
    try:
        with Runner(parts, display) as runner:
            try:
                runner.start()
                display.starting(parts)
                display.say("all ready")
                runner.watch()
            except Stopped:
                display.say("stopped early")
            display.say("stopping")
    except StartError as problem:
        display.say(f"failed: {problem}")
        return 1
    display.say("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
