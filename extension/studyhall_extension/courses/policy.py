"""When a lesson's file may be written: pure rules, so that they can be read and tested as a table."""

import hashlib
import json
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

# What Jupyter writes into cells and notebooks by itself, without the learner changing anything.
_VOLATILE_CELL_METADATA = frozenset({"execution", "trusted", "ExecuteTime", "collapsed", "scrolled"})


class Action(StrEnum):
    """What to do with one file of a lesson."""

    CREATE = "create"  # nothing is there
    KEEP = "keep"  # what is there stays, nothing is written
    REPLACE = "replace"  # what is there is as it was fetched
    BESIDE = "beside"  # what is there is the learner's work; the new version goes beside it


def decide(*, exists: bool, same: bool, untouched: bool, known: bool, update: bool) -> Action:
    """Choose for one file.

    Args:
        exists: something is at the file's place.
        same: it already holds the new content.
        untouched: it is still as it was fetched.
        known: the new content says what the file said when it was fetched, so it would bring nothing new.
        update: the learner asked for the newest version.
    """
    if not exists:
        return Action.CREATE
    if same or not update:
        return Action.KEEP
    if untouched:
        return Action.REPLACE
    return Action.KEEP if known else Action.BESIDE


def digest(content: bytes) -> str:
    """SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def fingerprint(content: bytes) -> str | None:
    """A notebook's digest without what Jupyter changes by itself on opening and saving; None for other files.

    Sources, outputs and execution counts count: what a notebook that was only run shows is the learner's.
    """
    try:
        notebook = json.loads(content)
        cells = [_cell(cell) for cell in notebook["cells"]]
        return digest(json.dumps(cells, sort_keys=True).encode())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def beside_name(path: str, release: int, attempt: int) -> str:
    """Where a newer version goes that must not replace the learner's; `attempt` counts names taken."""
    file = PurePosixPath(path)
    mark = f"release {release}" if attempt == 0 else f"release {release}, {attempt + 1}"
    return str(file.with_name(f"{file.stem} ({mark}){file.suffix}"))


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        key: value for key, value in cell.get("metadata", {}).items() if key not in _VOLATILE_CELL_METADATA
    }
    source = cell["source"]
    return {
        "type": cell["cell_type"],
        "source": "".join(source) if isinstance(source, list) else source,
        "metadata": metadata,
        "outputs": [_output(output) for output in cell.get("outputs", [])],
        "count": cell.get("execution_count"),
        "attachments": cell.get("attachments") or {},
    }


def _output(output: dict[str, Any]) -> dict[str, Any]:
    return {
        key: "".join(value) if key == "text" and isinstance(value, list) else value
        for key, value in output.items()
    }
