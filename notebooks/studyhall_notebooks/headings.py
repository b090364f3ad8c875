"""What a notebook calls itself: its first heading."""

import re
from typing import Final

from nbformat.notebooknode import NotebookNode

_HEADING: Final = re.compile(r" {0,3}#{1,6}\s+(.*)")
_LONGEST_READ: Final = 1_000


def first_heading(notebook: NotebookNode) -> str:
    """Return the text of the first markdown heading outside of code fences, or ""."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        fenced = False
        for line in cell.source.splitlines():
            if line.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
            elif not fenced and (found := _HEADING.match(line)):
                text = found[1].rstrip().rstrip("#").rstrip()[:_LONGEST_READ]
                title = re.sub(r"[*_`]{1,3}(\S.*?\S|\S)[*_`]{1,3}", r"\1", text).strip()
                if title:
                    return title[:200]
    return ""
