"""Moving a course out: everything that nbgrader has a place for, a few learners at a time, as often as one likes."""

import base64
import json
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer
from studyhall_notebooks.errors import NotebookError

from studyhall.audit.service import Action, operator, record
from studyhall.context import Context
from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering
from studyhall.exchange.models import ExchangeFeedback
from studyhall.gradebook.standing import Candidate, Worth, worth_of
from studyhall.grading import service as grading
from studyhall.identity.models import User
from studyhall.moving_out import course_files, notebooks, reading
from studyhall.moving_out.folder import EARLIER, READ_ONLY, ExportFolder
from studyhall.moving_out.gradebook import (
    NO_CELLS,
    Cells,
    GradebookFile,
    Score,
    assignment_spec,
    cells_of,
    graded_texts,
    lost_marks,
    submission_spec,
)
from studyhall.moving_out.reading import Assignment, Chosen, Sizes, student_name
from studyhall.moving_out.report import Written, report_text
from studyhall.nbgrader_gradebooks.projector_process import Projector
from studyhall.submissions import service as submissions
from studyhall.submissions.files import files_of
from studyhall.submissions.models import Attempt

OPERATOR: Final = operator()
AT_ONCE: Final = 25
"""Learners of one step; their notebooks are read and written one by one."""
NEARLY: Final = 1e-6
"""Points by which sums of the same numbers may differ."""
TIMESTAMP: Final = "timestamp.txt"
LONGEST_PART: Final = 255
"""Bytes of a file's name that file systems take."""

Progress = Callable[[int, int, str], None]
"""Called with submissions done, submissions in all, and what is being written."""


@dataclass(frozen=True)
class Planned:
    """What an export would write."""

    course: str
    title: str
    assignments: int
    sizes: Sizes
    all_attempts: bool
    left_behind: Sequence[str]

    @property
    def text(self) -> str:
        """The numbers, for people."""
        sizes = self.sizes
        earlier = "taken along" if self.all_attempts else "left out; --all-attempts takes them along"
        return "\n".join(
            (
                f"  {sizes.students} students, {self.assignments} assignments",
                f"  {sizes.graded} graded submissions, {sizes.submissions - sizes.graded} that are not graded",
                f"  {sizes.marks} marks and comments",
                f"  {sizes.earlier} earlier attempts ({earlier})",
                f"  about {max(sizes.bytes / 1_000_000, 0.1):.1f} MB",
            )
        )


async def plan(session: AsyncSession, course: str, *, all_attempts: bool) -> Planned:
    """Return what moving a course out would write, without writing any of it.

    Raises:
        UnknownCourse: the cohort does not take it.
    """
    offering = await courses.offering_of(session, course)
    assignments = await reading.assignments_of(session, offering)
    return Planned(
        course=course,
        title=offering.course.title,
        assignments=sum(bool(one.lesson.tests) for one in assignments),
        sizes=await reading.sizes_of(session, offering, assignments, all_attempts=all_attempts),
        all_attempts=all_attempts,
        left_behind=await reading.left_behind(session, offering, assignments),
    )


async def export(
    context: Context, planned: Planned, folder: ExportFolder, projector: Projector, *, progress: Progress
) -> Written:
    """Write a course into a folder that is opened for it.

    Raises:
        UnknownCourse: it was removed since.
        ProjectorFailed: nbgrader is not there, or could not write its gradebook.
        OSError: the disk refused; run again, it goes on.
    """
    return await _Export(context, planned, folder, projector, progress).run()


class _Export:
    def __init__(
        self,
        context: Context,
        planned: Planned,
        folder: ExportFolder,
        projector: Projector,
        progress: Progress,
    ) -> None:
        self._context = context
        self._planned = planned
        self._folder = folder
        self._progress = progress
        self._gradebook = GradebookFile(projector, folder.staging, planned.course)
        self._people: dict[uuid.UUID, User] = {}
        self._done = 0
        self._said = Written(
            course=planned.course,
            title=planned.title,
            is_new=folder.told("gradebook") is None,
            assignments=planned.assignments,
            earlier=planned.sizes.earlier,
            with_all_attempts=planned.all_attempts,
            files=folder.counted,
            left_behind=planned.left_behind,
        )

    def _session(self) -> Any:
        return self._context.database.session(self._context.cohort_id)

    async def run(self) -> Written:
        now = self._context.clock()
        async with self._session() as session:
            offering = await courses.offering_of(session, self._planned.course)
            assignments = await reading.assignments_of(session, offering)
            people = await reading.people_of(session, offering)
            quizzes = await reading.quizzes_of(session, offering)
            # Before the first file: what was written until somebody stopped it has left, too.
            self._record(session, now)
        self._people = {user.id: user for user in people}
        self._said.students = len(people)
        self._note_names(people)
        self._folder.write("nbgrader_config.py", course_files.nbgrader_config(self._planned.course))
        try:
            self._folder.write("course.yaml", course_files.course_yaml(offering, assignments))
        except ValidationError:
            self._said.notes.append(
                "course.yaml: this release's settings do not fit together, so it is left out."
            )
        for quiz in quizzes:
            keys = self._context.cipher.open(quiz.sealed)
            self._folder.write(f"quizzes/{quiz.quiz.slug}.yaml", course_files.quiz_yaml(quiz, keys))
        await self._gradebook.write_students(people)
        for assignment in assignments:
            cells = await self._write_lesson(assignment)
            await self._write_work(offering, assignment, cells)
            self._folder.save()
        self._put_gradebook()
        if not self._planned.all_attempts:
            self._folder.keep_below(EARLIER)
        self._folder.remove_old()
        report = report_text(self._said, folder=str(self._folder.root.absolute()), at=now.astimezone(UTC))
        self._folder.replace("REPORT.md", report)
        return self._said

    def _record(self, session: AsyncSession, now: datetime) -> None:
        sizes = self._planned.sizes
        record(
            session,
            OPERATOR,
            Action.COURSE_EXPORTED,
            about="an nbgrader course with its gradebook",
            course=self._planned.course,
            at=now,
            after={
                "students": sizes.students,
                "submissions": sizes.submissions,
                "all_attempts": self._planned.all_attempts,
                "folder": str(self._folder.root.absolute()),
            },
        )

    def _note_names(self, people: Sequence[User]) -> None:
        for user in people:
            name = student_name(user.hub_username)
            if name != user.hub_username:
                self._said.notes.append(
                    f"{user.hub_username!r} can't be a folder's name, so this student is {name!r} in nbgrader."
                )

    # Lessons

    async def _write_lesson(self, assignment: Assignment) -> dict[str, Cells]:
        """Write ``source/`` and ``release/`` of a lesson, and its rows in the gradebook; return its cells."""
        name = assignment.name
        async with self._session() as session:
            sealed = await courses.sealed_of(session, assignment.lesson)
            files = await courses.files_of(session, assignment.lesson)
        graded = graded_texts(self._context.cipher, sealed)
        for stem, text in graded.items():
            source, replaced = notebooks.source_form(text)
            self._folder.write(f"source/{name}/{stem}.ipynb", source.encode())
            if replaced:
                self._said.notes.append(
                    f"{name}/{stem}: the course used stubs of its own in {', '.join(replaced)}; `nbgrader "
                    "generate_assignment` would put nbgrader's there. The release as it was is in release/."
                )
        for file in files:
            self._folder.write(f"release/{name}/{file.path}", file.content)
            if not file.is_notebook:
                self._folder.write(f"source/{name}/{file.path}", file.content)
        if not assignment.lesson.tests:
            return {}
        spec = assignment_spec(assignment, graded)
        await self._gradebook.write_assignment(spec)
        return cells_of(spec)

    # Learners' work

    async def _write_work(
        self, offering: CourseOffering, assignment: Assignment, cells: Mapping[str, Cells]
    ) -> None:
        after: uuid.UUID | None = None
        while True:
            specs: list[dict[str, Any]] = []
            worths: list[Worth] = []
            async with self._session() as session:
                found = await reading.chosen_of(
                    session, offering, assignment.lesson.lesson_id, after=after, limit=AT_ONCE
                )
                counting = [Candidate.of(one.attempt) for one in found if one.counts]
                known = await worth_of(session, assignment.terms, counting)
                for one in found:
                    self._progress(self._done, self._planned.sizes.submissions, assignment.name)
                    await self._write_one(session, assignment, one, cells)
                    if one.counts:
                        worth = known[one.attempt.id]
                        specs.append(submission_spec(assignment, self._name(one.attempt), one.attempt, worth))
                        worths.append(worth)
                        self._note_marks(assignment, one.attempt, worth, cells)
                    self._done += 1
            self._compare(specs, worths, await self._gradebook.write_submissions(specs))
            self._folder.save()
            if len(found) < AT_ONCE:
                self._progress(self._done, self._planned.sizes.submissions, assignment.name)
                return
            after = found[-1].attempt.user_id

    def _name(self, attempt: Attempt) -> str:
        return student_name(self._people[attempt.user_id].hub_username)

    async def _write_one(
        self, session: AsyncSession, assignment: Assignment, chosen: Chosen, cells: Mapping[str, Cells]
    ) -> None:
        attempt = chosen.attempt
        place = f"{self._name(attempt)}/{assignment.name}"
        who = f"{self._name(attempt)}, {assignment.name}"
        readable = await self._write_sent(session, attempt, f"submitted/{place}", who)
        if chosen.counts:
            self._said.graded += 1
            await self._write_graded(session, attempt, place, who, cells)
        elif readable:
            self._said.ungraded += 1
            self._said.notes.append(
                f"{who}: no attempt has a grade ({attempt.status.replace('_', ' ')}); the newest one is in submitted/."
            )
        else:
            self._said.ungraded += 1
            self._said.notes.append(f"{who}: no attempt has a notebook that can be read.")
        if self._planned.all_attempts:
            for other in await reading.others_of(session, attempt):
                await self._write_earlier(session, other, place, who)

    async def _write_sent(self, session: AsyncSession, attempt: Attempt, place: str, who: str) -> bool:
        """Write what a learner sent; says whether there is a notebook in it that can be read."""
        texts = await submissions.snapshot_of(session, attempt.id)
        files = (await files_of(session, [attempt.id])).get(attempt.id, {})
        sound: dict[str, bytes] = {}
        for position, (stem, text) in enumerate(texts.items(), start=1):
            data = notebooks.submitted_form(text)
            if data is not None and reading.is_file_stem(stem):
                sound[stem] = data
                continue
            # What it is called, too, is whatever somebody has sent.
            path = f"unreadable/{place}/{attempt.number}-{position}.ipynb"
            self._folder.write(path, text.encode("utf-8", "replace"))
            self._said.notes.append(
                f"{who}: the notebook {stem[:80]!r} can't be read or named; it is {path}."
            )
        if not sound:
            return False
        for stem, data in sound.items():
            self._folder.write(f"{place}/{stem}.ipynb", data)
        taken = {TIMESTAMP, *(f"{stem}.ipynb" for stem in sound)}
        for path, content in files.items():
            parts = path.split("/")
            if parts[0] in taken or any(len(part.encode()) > LONGEST_PART for part in parts):
                self._said.notes.append(f"{who}: the file {path[:80]!r} can't have this name here.")
                continue
            self._folder.write(f"{place}/{path}", base64.b64decode(content))
        self._folder.write(f"{place}/{TIMESTAMP}", _timestamp(attempt.submitted_at))
        return True

    async def _write_graded(
        self,
        session: AsyncSession,
        attempt: Attempt,
        place: str,
        who: str,
        cells: Mapping[str, Cells],
    ) -> None:
        report = await grading.full_report(session, attempt.id, self._context.cipher)
        executed = report.executed_notebooks if report is not None else {}
        tests = report.tests if report is not None else []
        for stem, text in executed.items():
            known = cells.get(stem, NO_CELLS)
            if stem not in cells:
                self._said.notes.append(f"{who}: the assignment has no notebook {stem} any more.")
                continue
            try:
                data = notebooks.autograded_form(
                    text,
                    {test.grade_id: test for test in tests if test.notebook == stem},
                    graded=known.graded,
                    commented=known.commented,
                )
            except NotebookError as error:
                self._said.notes.append(f"{who}: {stem}.ipynb as it was run can't be read: {error.message}")
                continue
            self._folder.write(f"autograded/{place}/{stem}.ipynb", data, mode=READ_ONLY)
        if executed:
            self._folder.write(
                f"autograded/{place}/{TIMESTAMP}", _timestamp(attempt.submitted_at), mode=READ_ONLY
            )
        else:
            self._said.notes.append(f"{who}: the judge kept no executed notebook, so autograded/ has none.")
        await self._write_feedback(session, attempt, place)

    async def _write_feedback(self, session: AsyncSession, attempt: Attempt, place: str) -> None:
        rows = await session.scalars(
            select(ExchangeFeedback)
            .options(undefer(ExchangeFeedback.html))
            .where(ExchangeFeedback.attempt_id == attempt.id)
            .order_by(ExchangeFeedback.notebook)
        )
        pages = {
            row.notebook: zlib.decompress(row.html) for row in rows if reading.is_file_stem(row.notebook)
        }
        for stem, html in pages.items():
            self._folder.write(f"feedback/{place}/{stem}.html", html)
        if pages:
            self._said.feedback += 1
            self._folder.write(f"feedback/{place}/{TIMESTAMP}", _timestamp(attempt.submitted_at))

    async def _write_earlier(self, session: AsyncSession, attempt: Attempt, place: str, who: str) -> None:
        below = f"{EARLIER}/{place}/{attempt.number}"
        await self._write_sent(session, attempt, below, f"{who}, attempt {attempt.number}")
        told = {
            "number": attempt.number,
            "status": attempt.status,
            "submitted_at": attempt.submitted_at.isoformat(),
            "late": attempt.late,
            "score": attempt.score,
            "max_score": attempt.max_score,
        }
        self._folder.write(f"{below}.json", (json.dumps(told, indent=1) + "\n").encode())

    # Grades

    def _note_marks(
        self, assignment: Assignment, attempt: Attempt, worth: Worth, cells: Mapping[str, Cells]
    ) -> None:
        for test_id in lost_marks(worth, cells):
            self._said.notes.append(
                f"{self._name(attempt)}, {assignment.name}: what a person gave for {test_id} has no place in nbgrader: "
                "it keeps scores with cells that have points, and comments with answers."
            )

    def _compare(
        self, specs: Sequence[Mapping[str, Any]], worths: Sequence[Worth], scores: Sequence[Score]
    ) -> None:
        for spec, worth, score in zip(specs, worths, scores, strict=True):
            ours, theirs = worth.final, score
            pairs = ((ours.score, theirs.final), (ours.raw, theirs.raw), (ours.max_score, theirs.max_score))
            if any(abs(mine - other) > NEARLY for mine, other in pairs):
                self._said.differences.append(
                    f"{spec['student']}, {spec['assignment']}: {ours.score:g} of {ours.max_score:g} here, "
                    f"{theirs.final:g} of {theirs.max_score:g} in nbgrader. It was graded with another release of the "
                    "assignment; grade all attempts again on the staff pages, and export once more."
                )

    def _put_gradebook(self) -> None:
        """Let the new gradebook take its place, unless the one that is there says the same."""
        digest = self._gradebook.digest
        if self._folder.told("gradebook") == digest and self._folder.keep("gradebook.db"):
            self._folder.staging.unlink()
            self._said.gradebook_is_new = False
            return
        self._folder.take("gradebook.db", self._gradebook.finished())
        self._folder.tell("gradebook", digest)


def _timestamp(moment: datetime) -> bytes:
    """Return a moment as nbgrader's ``timestamp.txt`` has it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC".encode()
