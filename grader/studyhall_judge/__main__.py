"""``python -m studyhall_judge --socket PATH``: the judge as a process of its own.

This module stays light: the launcher outside the wall needs the command line and bubblewrap, nothing more.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from studyhall_judge import __version__, outer_wall

DEFAULT_PRELOAD = "numpy,pandas,matplotlib.pyplot,matplotlib_inline.backend_inline"


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m studyhall_judge", description="Grades notebooks in a sandbox."
    )
    parser.add_argument("--socket", type=Path, help="unix socket to listen on")
    parser.add_argument("--slots", type=int, default=0, help="submissions at a time (default: processors)")
    parser.add_argument("--outer-wall", choices=("bubblewrap", "none"), default="bubblewrap")
    parser.add_argument("--sandbox", choices=("namespaces", "docker"), default="namespaces")
    parser.add_argument("--sandbox-image", default="studyhall-sandbox", help="of the docker sandbox")
    parser.add_argument(
        "--engine", default="unix:///var/run/docker.sock", help="container engine of the docker sandbox"
    )
    parser.add_argument("--preload", default=DEFAULT_PRELOAD, help="modules imported in advance, by commas")
    parser.add_argument(
        "--environment",
        action="append",
        default=[],
        metavar="NAME=PYTHON[@KERNEL][:MODULE,…]",
        help="another interpreter with its preload list, or one that has another kernel; may be repeated",
    )
    parser.add_argument(
        "--warm-memory",
        type=int,
        default=2048,
        metavar="MB",
        help="memory for warm environments, all slots together; what was not used for long is let go (2048)",
    )
    parser.add_argument("--self-test", action="store_true", help="say which walls stand, as JSON, and exit")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--group", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--languages", default="", help=argparse.SUPPRESS)
    parser.add_argument("--groups-detail", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.socket is None and not options.self_test:
        parser.error("--socket is required")
    if options.slots < 0:
        parser.error("--slots must be 1 or more")
    options.slots = options.slots or os.cpu_count() or 1
    return options


def main() -> int:
    """Run the command; returns the exit code."""
    options = parse(sys.argv[1:])
    # nbformat's validator imports it, which takes a second, to check a kind of web address that no notebook has.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # how Python marks what is not there
    if options.inside:
        from studyhall_judge import inside  # noqa: PLC0415 - heavy, and not for the launcher

        return inside.main(options)
    return outer_wall.launch(options, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
