"""Cognitive complexity of functions, worked out in a process of its own: ``python -m studyhall.ai.complexity``.

Reads a JSON list of sources (or nulls) from standard input and prints a JSON list of lists of functions.
"""

import json
import sys
from typing import Any

from complexipy import code_complexity


def functions_of(source: str | None) -> list[dict[str, Any]]:
    """Return each function of a source with its complexity and lines; none when Python can't read it."""
    if source is None:
        return []
    try:
        found = code_complexity(source)
    except ValueError:
        return []
    return [
        {
            "name": function.name,
            "complexity": int(function.complexity),
            "line_start": int(function.line_start),
            "line_end": int(function.line_end),
        }
        for function in found.functions
    ]


def main() -> None:
    """Answer one request."""
    sources = json.load(sys.stdin)
    json.dump([functions_of(source) for source in sources], sys.stdout)


if __name__ == "__main__":
    main()
