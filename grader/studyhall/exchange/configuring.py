"""`studyhall nbgrader configure`: the lines of `nbgrader_config.py` that make nbgrader use Studyhall.

They stand between two marks. What an instructor wrote is kept as it is, and comes before them: the last word on the
exchange is ours, and everything else theirs. Standard library only, for a grader's laptop.
"""

import ast
import difflib
import re
from dataclasses import dataclass
from pathlib import Path

BEGIN = "# >>> studyhall: written by `studyhall nbgrader configure`; edit outside of these marks >>>"
END = "# <<< studyhall <<<"
FILE = "nbgrader_config.py"
_BLOCK = re.compile(rf"\n?^{re.escape(BEGIN)}$.*?^{re.escape(END)}$\n?", re.MULTILINE | re.DOTALL)
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class ConfigureError(Exception):
    """The configuration was left as it is; the message says why and what to do."""


@dataclass(frozen=True)
class Change:
    """What would become of a file."""

    file: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change as a unified diff; empty when there is none."""
        return "".join(
            difflib.unified_diff(
                self.before.splitlines(keepends=True),
                self.after.splitlines(keepends=True),
                fromfile=str(self.file),
                tofile=f"{self.file} (new)",
            )
        )

    def write(self) -> None:
        """Write it; a file that nothing is left of is removed.

        Raises:
            ConfigureError: it can't be written.
        """
        try:
            if self.after:
                self.file.write_text(self.after, encoding="utf-8")
            else:
                self.file.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigureError(f"{self.file} can't be written ({error.strerror}).") from error


def block(course: str) -> str:
    """Return our lines; without a course they are a student's: no course id, no autograding."""
    lines = [
        BEGIN,
        "from studyhall_extension.nbgrader_exchange import configure as studyhall_exchange",
        *(
            ["from studyhall_extension.nbgrader_autograde import configure as studyhall_autograde"]
            if course
            else []
        ),
        "",
        "c = get_config()",
        *([f"c.CourseDirectory.course_id = {course!r}"] if course else []),
        "studyhall_exchange(c)",
        *(["studyhall_autograde(c)  # student code runs in the judge, not here"] if course else []),
        END,
        "",
    ]
    return "\n".join(lines).replace("'", '"')


def planned(folder: Path, *, course: str | None, remove: bool = False) -> Change:
    """Return what would become of a course folder's configuration.

    Without a course it is the one that the file names already, by our lines or by the instructor's own.

    Raises:
        ConfigureError: the folder or the file can't be used.
    """
    if not folder.is_dir():
        raise ConfigureError(f"There is no folder {folder}. Name the course's folder with --course-dir.")
    file = folder / FILE
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigureError(f"{file} can't be read ({error}).") from error
    if (BEGIN in before) != bool(_BLOCK.search(before)):
        raise ConfigureError(
            f"{file} holds only one of the two marks around our lines. Remove the line with the mark and run this "
            "again."
        )
    own = _BLOCK.sub("", before)
    if remove:
        return Change(file, before, own)
    chosen = course if course is not None else named_course(before)
    if chosen and not SLUG.fullmatch(chosen):
        raise ConfigureError(
            f"{chosen!r} can't be a course's name: it has letters, digits, dots, dashes and underscores only."
        )
    gap = "" if not own or own.endswith("\n\n") else "\n" if own.endswith("\n") else "\n\n"
    return Change(file, before, f"{own}{gap}{block(chosen)}")


def named_course(text: str) -> str:
    """Return the course that a configuration names plainly; empty when it does not."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ""
    found = ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            target = ast.unparse(node.targets[0])
            if target == "c.CourseDirectory.course_id" and isinstance(node.value.value, str):
                found = node.value.value
    return found
