"""The forms that notebooks have in a course folder of nbgrader's. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from studyhall_judge.report import TestResult
from studyhall_notebooks.cells import grade_id, is_grade, is_solution, is_task, nbgrader_metadata
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import parse_notebook, read_notebook, write_notebook
from studyhall_notebooks.release import DEFAULT_OPTIONS
from studyhall_notebooks.structure import as_node

from studyhall.nbgrader_gradebooks.outputs import saying

MAX_BYTES: Final = 100_000_000
"""More than any notebook that was accepted has, with its outputs."""

MARKS: Final = {"sas": "/* {} */", "java": "// {}", "matlab": "% {}", "octave": "% {}"}
"""How a line that begins or ends a solution is a comment, by language; elsewhere it begins with a hash."""

ALLOWED: Final = frozenset(
    {"schema_version", "grade", "solution", "locked", "task", "grade_id", "points", "checksum", "cell_type"}
)
"""What nbgrader's schema lets a cell say; one word more and it refuses the notebook."""


def source_form(graded: str) -> tuple[str, list[str]]:
    """Return a graded source as nbgrader's ``source/`` has it, and names of answers that its stub would replace whole.

    The solutions themselves were taken out when the course was published. Where one was, its stub is put between
    nbgrader's marks, so that ``nbgrader generate_assignment`` makes what was released, and an author sees where
    solutions belong.
    """
    node = read_notebook(graded, max_bytes=MAX_BYTES)
    language = str(node.metadata.get("kernelspec", {}).get("language", "python"))
    changed: list[str] = []
    for cell in node.cells:
        about = nbgrader_metadata(cell)
        about.pop("checksum", None)
        about.pop("cell_type", None)
        if not is_solution(cell):
            continue
        is_code = cell.cell_type == "code"
        stub = DEFAULT_OPTIONS.code_stub.get(language) if is_code else DEFAULT_OPTIONS.text_stub
        if stub is None or cell.source == stub:
            continue
        mark = MARKS.get(language, "### {}") if is_code else "### {}"
        source, found = _marked(cell.source.split("\n"), stub.split("\n"), mark)
        if found:
            cell["source"] = source
        else:
            changed.append(str(grade_id(cell)))
    return write_notebook(node), changed


def _marked(lines: Sequence[str], stub: Sequence[str], mark: str) -> tuple[str, bool]:
    kept: list[str] = []
    place, found = 0, False
    while place < len(lines):
        indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
        part = list(lines[place : place + len(stub)])
        if part == [indent + line for line in stub]:
            begin, end = (
                mark.format(words) for words in (DEFAULT_OPTIONS.begin_solution, DEFAULT_OPTIONS.end_solution)
            )
            kept += [indent + begin, *part, indent + end]
            place, found = place + len(stub), True
        else:
            kept.append(lines[place])
            place += 1
    return "\n".join(kept), found


def submitted_form(text: str) -> bytes | None:
    """Return what a learner sent as a file: exactly that where it can be; None where no notebook can be read in it."""
    try:
        node = read_notebook(text, max_bytes=MAX_BYTES)
    except NotebookError:
        return _left_of(text)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character, which no file in UTF-8 can hold
        return write_notebook(node).encode()


def _left_of(text: str) -> bytes | None:
    """Return what the judge, too, read of a damaged file; None where there is nothing."""
    try:
        found = parse_notebook(text, max_bytes=MAX_BYTES, salvaging=True)
    except NotebookError:
        return None
    return write_notebook(found.notebook).encode()


def autograded_form(
    executed: str,
    tests: Mapping[str, TestResult],
    *,
    graded: Collection[str],
    commented: Collection[str],
) -> bytes:
    """Return an executed notebook as formgrader and ``generate_feedback`` read it.

    Args:
        executed: the judge's, with outputs.
        tests: the judge's results by grade id, so that outputs say what the points say.
        graded: names of the cells that have points in the gradebook.
        commented: names of those that have comments there.

    Raises:
        NotebookError: it can't be read.
    """
    node = read_notebook(executed, max_bytes=MAX_BYTES)
    for cell in node.cells:
        name = grade_id(cell)
        test = tests.get(name or "")
        if cell.cell_type == "code" and test is not None and is_grade(cell) and not is_solution(cell):
            cell["outputs"] = [as_node(output) for output in saying(cell.outputs, test)]
        about = nbgrader_metadata(cell)
        if not about:
            cell.metadata.pop("nbgrader", None)
            continue
        is_known = (name in graded or not (is_grade(cell) or is_task(cell))) and (
            name in commented or not (is_solution(cell) or is_task(cell))
        )
        if is_known:
            for word in set(about) - ALLOWED:
                del about[word]
        else:
            # An older release had this cell: nbgrader would look for it in the gradebook, and stop.
            del cell.metadata["nbgrader"]
    return write_notebook(node).encode("utf-8", "replace")
