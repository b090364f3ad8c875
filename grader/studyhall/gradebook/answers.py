"""What a learner wrote into the cells that people grade, read from what they sent."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import LessonFile
from studyhall.db.encryption import ContentCipher
from studyhall.gradebook.schemas import Answer
from studyhall.grading import service as grading
from studyhall.grading.prose import page_part
from studyhall.submissions import service as submissions
from studyhall.submissions.models import Attempt


@dataclass(frozen=True)
class Cell:
    """A cell with a grade id, as somebody wrote it."""

    source: str
    cell_type: str
    solution: bool
    graded: bool
    task: bool
    after: tuple[str, ...] = ()
    """The cells without a grade id that follow a task: there the learner answers it."""
    attachments: Mapping[str, Any] = field(default_factory=dict)
    """Pictures within the cell, and for a task within the cells that follow it."""


@dataclass
class Pages:
    """The notebooks of one attempt and of the release that it was made from, cell by cell."""

    sent: dict[str, dict[str, Cell]] = field(default_factory=dict)
    released: dict[str, dict[str, Cell]] = field(default_factory=dict)
    drawn: dict[tuple[str, str], str] = field(default_factory=dict)
    """What :func:`draw` made of answers in markdown, by notebook and grade id."""

    def answer(self, stem: str, grade_id: str) -> Answer | None:
        """Return what the learner wrote; none where they have deleted the cell."""
        found = self._answer(stem, grade_id)
        if found is not None:
            found.html = self.drawn.get((stem, grade_id))
        return found

    def draw(self, stem: str, grade_id: str) -> None:
        """Draw an answer as a page shows it, where it is markdown."""
        found = self._answer(stem, grade_id)
        if found is not None and found.cell_type == "markdown" and found.source.strip():
            attachments = self.sent[stem][grade_id].attachments
            self.drawn[stem, grade_id] = page_part(found.source, attachments=attachments, pictures={})

    def _answer(self, stem: str, grade_id: str) -> Answer | None:
        cell = self.sent.get(stem, {}).get(grade_id)
        original = self.released.get(stem, {}).get(grade_id)
        if cell is None:
            return None
        if cell.task or (original is not None and original.task):
            own = _beyond(cell.after, () if original is None else original.after)
            return Answer(source=own, cell_type="markdown", unchanged=not own.strip())
        unchanged = original is not None and original.source.strip() == cell.source.strip()
        return Answer(source=cell.source, cell_type=cell.cell_type, unchanged=unchanged)

    def has(self, stem: str, grade_id: str) -> bool:
        """Say whether the learner's notebook has the cell."""
        return grade_id in self.sent.get(stem, {})

    def comment_cells(self) -> list[tuple[str, str]]:
        """Return the answer cells without points of their own, by notebook and grade id, in the release's order."""
        return [
            (stem, grade_id)
            for stem, cells in self.released.items()
            for grade_id, cell in cells.items()
            if cell.solution and not cell.graded
        ]


def _beyond(sent: Sequence[str], released: Sequence[str]) -> str:
    """Return the texts that a learner added to the lesson's own, or wrote in their place."""
    lessons = Counter(text.strip() for text in released)
    own: list[str] = []
    for text in sent:
        if lessons[text.strip()]:
            lessons[text.strip()] -= 1
        else:
            own.append(text)
    return "\n\n".join(own)


def _attachments(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    found = cell.get("attachments")
    return found if isinstance(found, dict) else {}


def cells_of(text: str | bytes) -> dict[str, Cell]:
    """Return a notebook's cells by grade id, the first of each; what can't be read has none."""
    try:
        raw = json.loads(text)["cells"]
        found: dict[str, Cell] = {}
        last: str | None = None
        for cell in raw:
            source = cell["source"]
            source = "".join(source) if isinstance(source, list) else str(source)
            about = cell.get("metadata", {}).get("nbgrader", {})
            name = about.get("grade_id")
            if isinstance(name, str) and name:
                if name not in found:
                    found[name] = Cell(
                        source=source,
                        cell_type=str(cell.get("cell_type")),
                        solution=about.get("solution") is True,
                        graded=about.get("grade") is True,
                        task=about.get("task") is True,
                        attachments=_attachments(cell),
                    )
                    last = name
            elif last is not None and found[last].task:
                task = found[last]
                found[last] = replace(
                    task,
                    after=(*task.after, source),
                    attachments={**task.attachments, **_attachments(cell)},
                )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}
    return found


async def pages_of(session: AsyncSession, attempts: Sequence[Attempt]) -> dict[uuid.UUID, Pages]:
    """Return what some learners sent and what they began with; two queries, however many attempts."""
    if not attempts:
        return {}
    sent = await submissions.snapshots_of(session, [attempt.id for attempt in attempts])
    released: dict[uuid.UUID, dict[str, dict[str, Cell]]] = {}
    rows = await session.execute(
        select(LessonFile.lesson_release_id, LessonFile.path, LessonFile.content)
        .where(
            LessonFile.lesson_release_id.in_({attempt.lesson_release_id for attempt in attempts}),
            LessonFile.is_notebook,
        )
        .order_by(LessonFile.path)
    )
    for release_id, path, content in rows:
        released.setdefault(release_id, {})[path.removesuffix(".ipynb")] = cells_of(content)
    return {
        attempt.id: Pages(
            sent={stem: cells_of(text) for stem, text in sent.get(attempt.id, {}).items()},
            released=released.get(attempt.lesson_release_id, {}),
        )
        for attempt in attempts
    }


async def complete(
    session: AsyncSession,
    pages: Mapping[uuid.UUID, Pages],
    wanted: Mapping[uuid.UUID, set[tuple[str, str]]],
    cipher: ContentCipher,
) -> None:
    """Add answers that the judge found although their cells had lost their names.

    Such a cell is known from the rebuilt notebook only, which is sealed; so it is opened only where one is missing.
    """
    for attempt_id, cells in wanted.items():
        page = pages[attempt_id]
        missing = {(stem, grade_id) for stem, grade_id in cells if not page.has(stem, grade_id)}
        if not missing:
            continue
        report = await grading.full_report(session, attempt_id, cipher)
        executed: Mapping[str, str] = report.executed_notebooks if report else {}
        rebuilt: dict[str, dict[str, Any]] = {stem: dict(cells_of(text)) for stem, text in executed.items()}
        for stem, grade_id in missing:
            if grade_id in rebuilt.get(stem, {}):
                page.sent.setdefault(stem, {})[grade_id] = rebuilt[stem][grade_id]


async def draw(pages: Mapping[uuid.UUID, Pages], wanted: Mapping[uuid.UUID, set[tuple[str, str]]]) -> None:
    """Draw the wanted answers that are markdown; in a thread, as a learner decides how much there is to read."""
    await asyncio.to_thread(_draw, pages, wanted)


def _draw(pages: Mapping[uuid.UUID, Pages], wanted: Mapping[uuid.UUID, set[tuple[str, str]]]) -> None:
    for attempt_id, cells in wanted.items():
        for stem, grade_id in cells:
            pages[attempt_id].draw(stem, grade_id)
