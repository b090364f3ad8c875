"""Rules of following: what goes into a course's nbgrader gradebook, and what comes back from it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit.service import Actor, AuditOrigin
from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering, Enrolment, LessonRelease
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of
from studyhall.events.outbox import Outbox
from studyhall.gradebook import service as gradebook_service
from studyhall.gradebook import standing
from studyhall.gradebook.carrying import carry_over, mark_of
from studyhall.gradebook.deadlines import Terms, terms_of
from studyhall.gradebook.models import Grade, ManualGrade, Origin
from studyhall.gradebook.policy import Mark
from studyhall.gradebook.standing import Candidate, Worth
from studyhall.identity.models import User
from studyhall.identity.service import user_by_id, users_by_id
from studyhall.nbgrader_gradebooks import policy, translation
from studyhall.nbgrader_gradebooks.models import NbgraderProjection, NbgraderSchema, NbgraderTerminal
from studyhall.nbgrader_gradebooks.policy import Given
from studyhall.permissions import Role
from studyhall.submissions import service as submissions
from studyhall.submissions.models import Attempt

AT_ONCE = 50
"""Grades that go into one step: few enough that a step takes a second or two."""


@dataclass(frozen=True)
class Change:
    """A submission in which somebody has changed something on nbgrader's side, and the database role that did."""

    student: str
    assignment: str
    role: str


@dataclass(frozen=True)
class Step:
    """What is to be exchanged with nbgrader, and what has to be remembered once it is done."""

    request: dict[str, Any]
    """``students``, ``assignments`` and ``submissions`` for the projector."""
    rows: Sequence[tuple[uuid.UUID, int, Given]] = ()
    """In the order of the submissions: the projection's id, the change that it answers, and what is to be written."""
    digests: Mapping[str, str] = field(default_factory=dict)
    learners: int = 0

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to do."""
        return not any(self.request.values())


async def want(
    session: AsyncSession,
    offering_id: uuid.UUID,
    lesson_id: uuid.UUID,
    user_ids: Collection[uuid.UUID],
) -> None:
    """Note that grades have changed and have to be written again."""
    if not user_ids:
        return
    values = [
        {
            "id": uuid.uuid4(),
            "cohort_id": cohort_of(session),
            "offering_id": offering_id,
            "lesson_id": lesson_id,
            "user_id": user_id,
            "written": {},
        }
        for user_id in sorted(user_ids)
    ]
    await session.execute(
        insert(NbgraderProjection)
        .values(values)
        .on_conflict_do_update(
            index_elements=["offering_id", "lesson_id", "user_id"],
            set_={"wanted": NbgraderProjection.wanted + literal(1, Integer)},
        )
    )


async def want_everything(session: AsyncSession, offering: CourseOffering) -> None:
    """Note that every grade of a course has to be written: its gradebook is new."""
    rows = await session.execute(
        select(Grade.lesson_id, Grade.user_id).where(Grade.offering_id == offering.id)
    )
    by_lesson: dict[uuid.UUID, set[uuid.UUID]] = {}
    for lesson_id, user_id in rows:
        by_lesson.setdefault(lesson_id, set()).add(user_id)
    for lesson_id, user_ids in sorted(by_lesson.items()):
        await want(session, offering.id, lesson_id, user_ids)


async def learners_of(session: AsyncSession, offering_id: uuid.UUID) -> list[User]:
    """Return the learners of a course."""
    rows = await session.scalars(
        select(User)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(Enrolment.offering_id == offering_id, Enrolment.role == Role.LEARNER.value)
        .order_by(User.hub_username)
    )
    return list(rows)


async def numbers_of_learners(session: AsyncSession) -> dict[uuid.UUID, int]:
    """Return how many learners each course of the cohort has."""
    rows = await session.execute(
        select(Enrolment.offering_id, func.count())
        .where(Enrolment.role == Role.LEARNER.value)
        .group_by(Enrolment.offering_id)
    )
    return {row[0]: row[1] for row in rows}


async def plan(
    session: AsyncSession,
    gradebook: NbgraderSchema,
    offering: CourseOffering,
    cipher: ContentCipher,
    changes: Sequence[Change] = (),
) -> Step:
    """Decide what to exchange next, and note everything that is about to be written as possibly there.

    Args:
        session: the cohort's; must be committed before the exchange.
        gradebook: the course's.
        offering: the course.
        cipher: opens the graded sources of assignments that have changed.
        changes: what somebody has changed on nbgrader's side.
    """
    lessons = {slug: row for slug, row in (await courses.lessons_of(session, offering)).items() if row.tests}
    rows = await _rows(session, offering, lessons, changes)
    terms = await terms_of(session, offering, {row.lesson_id: row for row in lessons.values()})
    learners = await learners_of(session, offering.id)
    changed = {
        slug: digest
        for slug, lesson in lessons.items()
        if (digest := translation.digest_of(lesson, terms[lesson.lesson_id].deadlines().due_at))
        != gradebook.assignments.get(slug)
    }
    assignments = []
    for slug in changed:
        lesson = lessons[slug]
        graded = cipher.open(await courses.sealed_of(session, lesson))["notebooks"]
        assignments.append(
            translation.assignment_of(lesson, graded, terms[lesson.lesson_id].deadlines().due_at)
        )
    by_id = {lesson.lesson_id: lesson for lesson in lessons.values()}
    users = await users_by_id(session, {row.user_id for row in rows})
    written, specs = [], []
    for row in rows:
        spec, target = await _submission(
            session, row, by_id[row.lesson_id], terms[row.lesson_id], users[row.user_id]
        )
        row.written = policy.possible(row.written, target)
        spec["accepted"] = policy.accepted_marks(row.written)
        spec["accepted_penalties"] = policy.accepted_penalties(row.written)
        written.append((row.id, row.wanted, target))
        specs.append(spec)
    wanted = {user.id: user for user in (*learners, *users.values())}
    new_people = len(learners) != gradebook.learners or bool(specs)
    return Step(
        request={
            "students": [translation.student_of(user) for user in wanted.values()] if new_people else [],
            "assignments": assignments,
            "submissions": specs,
        },
        rows=written,
        digests=changed,
        learners=len(learners),
    )


async def _rows(
    session: AsyncSession,
    offering: CourseOffering,
    lessons: Mapping[str, LessonRelease],
    changes: Sequence[Change],
) -> list[NbgraderProjection]:
    """Return the projections to deal with next, locked: those that nbgrader's side has changed, and those wanted."""
    lesson_ids = {lesson.lesson_id for lesson in lessons.values()}
    people = {
        user.hub_username: user.id
        for user in await session.scalars(
            select(User).where(User.hub_username.in_({change.student for change in changes}))
        )
    }
    touched = {
        (lessons[change.assignment].lesson_id, people[change.student])
        for change in changes
        if change.assignment in lessons and change.student in people
    }
    for lesson_id in sorted({lesson_id for lesson_id, _ in touched}):
        known = await session.scalars(
            select(Grade.user_id).where(
                Grade.offering_id == offering.id,
                Grade.lesson_id == lesson_id,
                Grade.user_id.in_([user_id for other, user_id in touched if other == lesson_id]),
            )
        )
        await want(session, offering.id, lesson_id, known.all())
    # A lesson that has left the course stays in nbgrader as it is.
    await session.execute(
        update(NbgraderProjection)
        .where(
            NbgraderProjection.offering_id == offering.id,
            NbgraderProjection.lesson_id.not_in(lesson_ids),
            NbgraderProjection.wanted > NbgraderProjection.done,
        )
        .values(done=NbgraderProjection.wanted)
    )
    found = await session.scalars(
        select(NbgraderProjection)
        .where(
            NbgraderProjection.offering_id == offering.id,
            NbgraderProjection.lesson_id.in_(lesson_ids),
            NbgraderProjection.wanted > NbgraderProjection.done,
        )
        .order_by(NbgraderProjection.lesson_id, NbgraderProjection.user_id)
        .limit(AT_ONCE)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(found)


async def _submission(
    session: AsyncSession, row: NbgraderProjection, lesson: LessonRelease, terms: Terms, user: User
) -> tuple[dict[str, Any], Given]:
    """Return a grade as the projector takes it, and what people gave for it."""
    attempt = await _counting(session, row)
    spec: dict[str, Any] = {
        "student": user.hub_username,
        "assignment": lesson.lesson.slug,
        "attempt": None,
        "automatic": {},
        "marks": {},
        "penalties": {},
    }
    if attempt is None:
        return spec, Given()
    worth: Worth = (await standing.worth_of(session, terms, [Candidate.of(attempt)]))[attempt.id]
    target = policy.given(worth.marks, translation.penalties_of(worth))
    extension, due_at = terms.extensions.get(user.id), terms.deadlines().due_at
    spec |= {
        "attempt": str(attempt.id),
        "timestamp": translation.naive(attempt.submitted_at),
        "extension_seconds": max(0.0, (extension.due_at - due_at).total_seconds())
        if extension and due_at
        else None,
        "automatic": translation.automatic_of(worth),
        "marks": target.marks,
        "penalties": target.penalties,
    }
    return spec, target


async def _counting(session: AsyncSession, row: NbgraderProjection) -> Attempt | None:
    return await session.scalar(
        select(Attempt)
        .join(Grade, Grade.attempt_id == Attempt.id)
        .where(
            Grade.offering_id == row.offering_id,
            Grade.lesson_id == row.lesson_id,
            Grade.user_id == row.user_id,
        )
    )


async def finish(
    session: AsyncSession,
    gradebook: NbgraderSchema,
    step: Step,
    exchanged: Sequence[Mapping[str, Any]],
    *,
    changes: Sequence[Change],
    outbox: Outbox,
    now: datetime,
) -> int:
    """Take over what people typed in nbgrader and remember what was written, all in one transaction.

    Returns:
        How many values were taken over.
    """
    actors = await _actors(session, changes)
    taken = 0
    for (row_id, wanted, target), spec, said in zip(
        step.rows, step.request["submissions"], exchanged, strict=True
    ):
        row = (
            await session.scalars(
                select(NbgraderProjection)
                .where(NbgraderProjection.id == row_id)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
        ).one()
        actor = actors.get((spec["student"], spec["assignment"]), _NBGRADER)
        new = uuid.UUID(spec["attempt"]) if spec["attempt"] else None
        if new is not None:
            edits, penalties = said["edits"], said["penalties"]
            shown = uuid.UUID(said["shown"]) if said["shown"] else row.attempt_id or new
            await _take_over(session, shown, new, edits, penalties, actor=actor, outbox=outbox, now=now)
            row.written = policy.settled(target, edits, penalties)
            row.attempt_id = new
            row.projected_at = now
            taken += len(edits) + len(penalties)
        row.done = wanted
    gradebook.assignments = {**gradebook.assignments, **step.digests}
    gradebook.learners = step.learners
    gradebook.paused_until = None
    return taken


_NBGRADER = Actor(user_id=None, username="nbgrader", origin=AuditOrigin.NBGRADER)
"""Whoever typed something in nbgrader under the platform's own login."""


async def _actors(session: AsyncSession, changes: Sequence[Change]) -> dict[tuple[str, str], Actor]:
    """Return who made each change, from the login of their terminal."""
    roles = {change.role for change in changes}
    people = dict(
        (
            await session.execute(
                select(NbgraderTerminal.role_name, NbgraderTerminal.user_id).where(
                    NbgraderTerminal.role_name.in_(roles)
                )
            )
        ).all()
    )
    found = {}
    for change in changes:
        if change.role in people:
            user = await user_by_id(session, people[change.role])
            found[change.student, change.assignment] = Actor(
                user_id=user.id, username=user.hub_username, origin=AuditOrigin.NBGRADER
            )
    return found


async def _take_over(
    session: AsyncSession,
    shown: uuid.UUID,
    new: uuid.UUID,
    edits: Mapping[str, Mapping[str, Any]],
    penalties: Mapping[str, float],
    *,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Record what was typed for the attempt that was to be seen there; it goes along to the one that counts now."""
    if not edits and not penalties:
        return
    seen = await submissions.attempt_by_id(session, shown)
    counting = await submissions.attempt_by_id(session, new)
    if seen is None or counting is None:
        return
    for test_id, values in edits.items():
        mark = policy.with_edits(await _mark(session, seen.id, test_id), values)
        for attempt in (seen, counting) if await _goes_along(session, seen, counting, test_id) else (seen,):
            await gradebook_service.record_manual(
                session,
                attempt,
                test_id,
                mark,
                actor=actor,
                outbox=outbox,
                now=now,
                origin=Origin.NBGRADER,
            )
    for notebook, penalty in penalties.items():
        await gradebook_service.record_penalty(
            session, seen, notebook, penalty, actor=actor, outbox=outbox, now=now, origin=Origin.NBGRADER
        )
    if seen.id != counting.id:
        await carry_over(session, seen.id, counting.id)
        offering = (await courses.offerings_by_id(session, {counting.offering_id}))[counting.offering_id]
        await standing.refresh(
            session,
            offering,
            counting.lesson_id,
            {counting.user_id},
            outbox=outbox,
            now=now,
            origin=Origin.NBGRADER.value,
            touched=frozenset({counting.user_id}),
        )


async def _mark(session: AsyncSession, attempt_id: uuid.UUID, test_id: str) -> Mark:
    found = await session.scalar(
        select(ManualGrade)
        .where(ManualGrade.attempt_id == attempt_id, ManualGrade.test_id == test_id)
        .execution_options(populate_existing=True)
    )
    return mark_of(found) if found else Mark()


async def _goes_along(session: AsyncSession, seen: Attempt, counting: Attempt, test_id: str) -> bool:
    """Say whether the counting attempt has this mark from the one that was seen; a new one is carried over below."""
    if seen.id == counting.id:
        return False
    carried = await session.scalar(
        select(ManualGrade.id).where(
            ManualGrade.attempt_id == counting.id,
            ManualGrade.test_id == test_id,
            ManualGrade.carried_from == seen.id,
        )
    )
    return carried is not None
