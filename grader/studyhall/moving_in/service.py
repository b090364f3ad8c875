"""Taking an nbgrader course over: what is there already stays, so it may be done again."""

import base64
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit.service import Action, operator, record
from studyhall.context import Context
from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering, LessonRelease
from studyhall.courses.policy import Deadlines
from studyhall.courses.publishing import ReleaseWriter, publish
from studyhall.errors import StudyhallError
from studyhall.gradebook import extensions, policies
from studyhall.gradebook import service as gradebook
from studyhall.gradebook.deadlines import deadlines_of
from studyhall.gradebook.models import Origin
from studyhall.gradebook.policy import Mark
from studyhall.identity.service import ensure_user, user_named
from studyhall.moving_in.reading import FoundCourse, FoundSubmission
from studyhall.organizations.service import cohort_by_id
from studyhall.permissions import Role
from studyhall.submissions import service as submissions
from studyhall.submissions.counting import enter_lesson
from studyhall.submissions.models import Attempt
from studyhall.submissions.service import Enqueue

NAMESPACE = uuid.UUID("6f0a3b0e-5a0c-4f0f-9d53-6f8b6d1f2a11")
"""Of the keys of taken submissions: the same one again finds its attempt."""
OPERATOR = operator()
MANY = 1_000_000


@dataclass
class Taken:
    """What was taken, or would be."""

    course: str
    lessons: int = 0
    new_students: int = 0
    known_students: int = 0
    due_dates: int = 0
    new_extensions: int = 0
    known_extensions: int = 0
    new_submissions: int = 0
    known_submissions: int = 0
    marks: int = 0
    penalties: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The numbers, for people."""
        return "\n".join(
            (
                f"  {self.new_students} new students ({self.known_students} are known here)",
                f"  {self.new_submissions} new submissions ({self.known_submissions} are here already)",
                f"  {self.marks} marks and comments, {self.penalties} late penalties, {self.due_dates} due dates",
                f"  {self.new_extensions} new extensions ({self.known_extensions} are here already)",
            )
        )


def key_of(course: str, submission: FoundSubmission) -> uuid.UUID:
    """Return the key under which a submission is handed in."""
    parts = (course, submission.student.lower(), submission.assignment, submission.submitted_at.isoformat())
    return uuid.uuid5(NAMESPACE, "/".join(parts))


async def plan(session: AsyncSession, found: FoundCourse) -> Taken:
    """Return what taking a course over would do, without doing any of it."""
    course = found.bundle.course.slug
    taken = Taken(course, lessons=len(found.bundle.course.lessons), notes=list(found.notes))
    for name in found.students:
        if await user_named(session, name) is None:
            taken.new_students += 1
        else:
            taken.known_students += 1
    keys = {key_of(course, submission): submission for submission in found.submissions}
    there = set(
        await session.scalars(select(Attempt.idempotency_key).where(Attempt.idempotency_key.in_(keys)))
    )
    taken.known_submissions = len(there)
    for key, submission in keys.items():
        if key not in there:
            taken.new_submissions += 1
            taken.marks += len(submission.marks)
            taken.penalties += len(submission.penalties)
    slugs = {lesson.source_folder: lesson.slug for lesson in found.bundle.course.lessons}
    taken.due_dates = len(set(slugs) & set(found.due))
    extended = await extensions.extended(session, course)
    taken.known_extensions = sum((who, slugs[folder]) in extended for who, folder in found.extensions)
    taken.new_extensions = len(found.extensions) - taken.known_extensions
    return taken


async def take(
    context: Context, found: FoundCourse, *, writers: Iterable[ReleaseWriter], enqueue: Enqueue
) -> Taken:
    """Take a course over: publish it, enrol its students, hand in their work at its own time, keep people's marks.

    Each submission is one transaction with its marks; one that can't be taken is noted and costs no other. What is
    there already (the same work of the same student at the same time) stays as it is, with marks given since.

    Raises:
        CourseInvalid: a notebook can't be released; nothing is taken then.
    """
    course = found.bundle.course.slug
    taken = Taken(course, lessons=len(found.bundle.course.lessons), notes=list(found.notes))
    slugs = {lesson.source_folder: lesson.slug for lesson in found.bundle.course.lessons}
    async with context.database.session(context.cohort_id) as session:
        cohort = await cohort_by_id(session, context.cohort_id)
        offering, _ = await publish(
            session,
            found.bundle,
            organization_id=cohort.organization_id,
            published_by=OPERATOR.username,
            cipher=context.cipher,
            outbox=context.outbox,
            writers=list(writers),
        )
        await _enrol(session, found, offering, taken, context)
        assignments = await _entered(session, found, course, slugs)
        for folder, due in found.due.items():
            if folder in slugs:
                assignment = assignments[folder]
                policy = await policies.made_policy(session, assignment)
                if policy.due_at is None and assignment.lesson.due_at is None:
                    policy.due_at = due
                    taken.due_dates += 1
        await _extend(session, found, assignments, taken, context)
    for submission in sorted(found.submissions, key=lambda one: one.submitted_at):
        try:
            async with context.database.session(context.cohort_id) as session:
                is_new = await _hand_in(
                    session, context, submission, course, slugs[submission.assignment], enqueue
                )
        except StudyhallError as error:
            taken.notes.append(f"{submission.student}, {submission.assignment}: {error.message}")
            continue
        taken.new_submissions += is_new
        taken.known_submissions += not is_new
        if is_new:
            taken.marks += len(submission.marks)
            taken.penalties += len(submission.penalties)
    async with context.database.session(context.cohort_id) as session:
        record(
            session,
            OPERATOR,
            Action.IMPORT_DONE,
            about="an nbgrader course",
            course=course,
            at=context.clock(),
            after={
                "students": taken.new_students + taken.known_students,
                "submissions": taken.new_submissions,
                "marks": taken.marks,
                "extensions": taken.new_extensions,
            },
        )
    return taken


async def _enrol(
    session: AsyncSession, found: FoundCourse, offering: CourseOffering, taken: Taken, context: Context
) -> None:
    for student in found.students.values():
        user = await user_named(session, student.name)
        if user is None:
            taken.new_students += 1
            user = await ensure_user(session, username=student.name, outbox=context.outbox)
            user.display_name = student.display_name or user.display_name
        else:
            taken.known_students += 1
        if offering.course.slug not in await courses.roles_of(session, user.id):
            await courses.enrol(session, offering=offering, user_id=user.id, role=Role.LEARNER)


async def _entered(
    session: AsyncSession, found: FoundCourse, course: str, slugs: Mapping[str, str]
) -> dict[str, policies.Assignment]:
    """Return the assignments whose terms the course brings, by folder; nobody else changes their grades meanwhile."""
    folders = (set(found.due) & set(slugs)) | {folder for _, folder in found.extensions}
    assignments = {folder: await policies.assignment_of(session, course, slugs[folder]) for folder in folders}
    # In the order in which everybody enters lessons.
    ordered = dict(sorted(assignments.items(), key=lambda item: item[1].lesson.lesson_id))
    for assignment in ordered.values():
        await enter_lesson(session, assignment.offering.id, assignment.lesson.lesson_id, alone=True)
    return ordered


async def _extend(
    session: AsyncSession,
    found: FoundCourse,
    assignments: Mapping[str, policies.Assignment],
    taken: Taken,
    context: Context,
) -> None:
    """Give students the time that they had; before their work is handed in, so that it is late or not as it was."""
    extended = {folder for _, folder in found.extensions}
    for folder, assignment in assignments.items():
        if folder not in extended:
            continue
        new = 0
        for (student, whose), due in sorted(found.extensions.items()):
            if whose == folder:
                new += await extensions.adopt_extension(
                    session,
                    assignment,
                    student,
                    due,
                    reason="Had it in nbgrader.",
                    actor=OPERATOR,
                    outbox=context.outbox,
                    now=context.clock(),
                )
                taken.known_extensions += 1
        taken.new_extensions += new
        taken.known_extensions -= new
        if new:
            await policies.say_changed(session, assignment, outbox=context.outbox)


async def _never_closed(
    session: AsyncSession, user_id: uuid.UUID, offering: CourseOffering, lessons: Iterable[LessonRelease]
) -> Mapping[uuid.UUID, Deadlines]:
    """Return a learner's deadlines without the closing time: what was accepted once is not refused now."""
    found = await deadlines_of(session, user_id, offering, lessons)
    return {lesson: replace(one, closes_at=None) for lesson, one in found.items()}


async def _hand_in(
    session: AsyncSession,
    context: Context,
    submission: FoundSubmission,
    course: str,
    lesson: str,
    enqueue: Enqueue,
) -> bool:
    user = await ensure_user(session, username=submission.student.lower())
    # Their marks follow in the same transaction, and attempts come before anything that handing in takes.
    assignment = await policies.assignment_of(session, course, lesson)
    await gradebook.keep_attempts(session, assignment.offering.id, assignment.lesson.lesson_id, user.id)
    attempt, is_new = await submissions.submit(
        session,
        user.id,
        key=key_of(course, submission),
        course=course,
        lesson=lesson,
        notebooks=submission.notebooks,
        max_notebook_bytes=context.settings.max_notebook_bytes,
        files={path: base64.b64encode(data).decode() for path, data in submission.files.items()},
        max_files_bytes=context.settings.max_submission_files_bytes,
        max_waiting=MANY,
        zone=ZoneInfo("UTC"),
        now=submission.submitted_at,
        outbox=context.outbox,
        enqueue=enqueue,
        deadlines_of=_never_closed,
    )
    if not is_new:
        return False
    now = context.clock()
    for test_id, mark in sorted(submission.marks.items()):
        await gradebook.record_manual(
            session,
            attempt,
            test_id,
            Mark(manual_score=mark.manual_score, extra_credit=mark.extra_credit, comment=mark.comment),
            actor=OPERATOR,
            outbox=context.outbox,
            now=now,
            origin=Origin.NBGRADER,
        )
    for notebook, penalty in sorted(submission.penalties.items()):
        await gradebook.record_penalty(
            session,
            attempt,
            notebook,
            penalty,
            actor=OPERATOR,
            outbox=context.outbox,
            now=now,
            origin=Origin.NBGRADER,
        )
    return True
