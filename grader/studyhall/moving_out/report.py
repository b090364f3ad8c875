"""REPORT.md: what an exported course folder holds, how to use it, and what could not be taken along. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from studyhall.moving_out.folder import EARLIER, OURS, Counted

LONGEST_LIST = 500
"""Notes of one kind that are written out; beyond that they are counted."""


@dataclass
class Written:
    """What an export did."""

    course: str
    title: str
    is_new: bool
    students: int = 0
    assignments: int = 0
    graded: int = 0
    ungraded: int = 0
    earlier: int = 0
    feedback: int = 0
    with_all_attempts: bool = False
    files: Counted = field(default_factory=Counted)
    gradebook_is_new: bool = True
    differences: list[str] = field(default_factory=list)
    """Scores that are not the same in nbgrader."""
    notes: list[str] = field(default_factory=list)
    """Single things that could not be taken along."""
    left_behind: Sequence[str] = ()
    """Kinds of things that nbgrader has no place for."""

    @property
    def text(self) -> str:
        """The numbers, for people."""
        counted = self.files
        lines = [
            f"  {self.students} students, {self.assignments} assignments",
            f"  {self.graded} graded submissions, {self.ungraded} that are not graded",
            f"  {counted.new} files new, {counted.changed} changed, {counted.same} the same, {counted.removed} removed",
        ]
        if counted.put_aside:
            lines.append(
                f"  {counted.put_aside} files had been changed by somebody since; they are in {OURS}/changed-by-hand/"
            )
        if self.with_all_attempts:
            lines.append(f"  {self.earlier} earlier attempts in {EARLIER}/")
        elif self.earlier:
            lines.append(f"  {self.earlier} earlier attempts left out (--all-attempts takes them along)")
        if self.differences:
            lines.append(
                f"  {len(self.differences)} scores are not the same in nbgrader; REPORT.md lists them"
            )
        else:
            lines.append("  every score is the same in nbgrader, which was asked for each one")
        return "\n".join(lines)


HEAD = """\
# {title}, moved out of Studyhall

Written {at} UTC, course `{course}`.

**This folder holds hidden tests, learners' names, their work and their grades.** Only its owner may read it
(mode 0700). Keep it so.

{numbers}

## Using it

The folder is a course of nbgrader's (0.9.5 or newer) and needs nothing of Studyhall:

```sh
cd {folder}
nbgrader db student list
nbgrader export
nbgrader generate_feedback ASSIGNMENT
```

- `gradebook.db` was written by nbgrader's own code. Names, due dates, submissions, automatic and manual scores, extra
  credit, comments, late penalties and extensions of learners with a graded submission are in it.
- `source/` is what was published, hidden tests included, with stubs between nbgrader's marks where solutions were.
- `submitted/` is the attempt that counts of each learner, exactly as it was sent; where none was graded, the newest.
- `autograded/` is the same attempt as the judge ran it.
- `nbgrader generate_feedback` shows the source of hidden tests to whoever gets its pages.
- `nbgrader autograde` runs learners' code on the machine that it is started on, and works scores and penalties out
  anew. Manual scores and comments stay.
- `{earlier}/` (with `--all-attempts`) and `{ours}/` are not nbgrader's. By the latter the next export into this
  folder knows its own files; nbgrader works without it.
- `course.yaml` and `quizzes/` are for `studyhall import nbgrader` and `studyhall publish`.
"""


def report_text(written: Written, *, folder: str, at: datetime) -> bytes:
    """Return REPORT.md."""
    head = HEAD.format(
        title=written.title,
        course=written.course,
        at=f"{at:%Y-%m-%d %H:%M}",
        numbers="\n".join(f"-{line[1:]}" for line in written.text.splitlines()),
        folder=folder,
        earlier=EARLIER,
        ours=OURS,
    )
    parts: Mapping[str, Sequence[str]] = {
        "What stays behind": written.left_behind,
        "What could not be taken along": written.notes,
        "Scores that differ": written.differences,
    }
    for title, lines in parts.items():
        head += f"\n## {title}\n\n"
        head += "\n".join(f"- {line}" for line in lines[:LONGEST_LIST]) or "Nothing."
        if len(lines) > LONGEST_LIST:
            head += f"\n- … and {len(lines) - LONGEST_LIST} more"
        head += "\n"
    return head.encode("utf-8", "replace")
