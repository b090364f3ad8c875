"""One attempt as a grader sees it: every cell with the judge's points, the answer, and what people gave."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import CourseOffering, Enrolment, LessonRelease
from studyhall.db.encryption import ContentCipher
from studyhall.gradebook import answers, claims, rubrics, service
from studyhall.gradebook.errors import NotGradedYet, OutOfRange, UnknownCell
from studyhall.gradebook.models import Grade, ManualGrade, PenaltyOverride
from studyhall.gradebook.policies import Assignment, show_policy
from studyhall.gradebook.schemas import (
    ClaimOut,
    FinalOut,
    GradedAttempt,
    GradedCell,
    GradeIn,
    Grading,
    PenaltyOut,
)
from studyhall.gradebook.standing import NEEDS_PERSON, Worth
from studyhall.grading import service as grading
from studyhall.grading.models import Report
from studyhall.identity.models import User
from studyhall.identity.service import user_by_id
from studyhall.permissions import Role
from studyhall.submissions.models import Attempt
from studyhall.submissions.schemas import LearnerName


@dataclass(frozen=True)
class Sheet:
    """An attempt with everything about its cells."""

    attempt: Attempt
    offering: CourseOffering
    lesson: LessonRelease
    tests: Sequence[Mapping[str, Any]]
    pages: answers.Pages
    worth: Worth
    marks: Mapping[str, ManualGrade]
    rubric: Mapping[uuid.UUID, list[uuid.UUID]]
    claims: Mapping[tuple[uuid.UUID, str], ClaimOut]

    @property
    def by_hand(self) -> set[str]:
        """Return the ids of the tests that people grade."""
        released = {str(test["id"]) for test in self.lesson.tests if test.get("manual")}
        return released | {str(test["id"]) for test in self.tests if test["status"] == NEEDS_PERSON}

    def cells(self) -> list[GradedCell]:
        """Return the tests in their order, then the answer cells that only a comment may stand on."""
        by_hand, waiting = self.by_hand, set(self.worth.final.waiting)
        found = []
        for test in self.tests:
            test_id, stem, grade_id = str(test["id"]), str(test["notebook"]), str(test["grade_id"])
            manual = test_id in by_hand
            written_in = grade_id if manual else str(test.get("answer_grade_id") or grade_id)
            found.append(
                GradedCell(
                    test_id=test_id,
                    notebook=stem,
                    grade_id=grade_id,
                    title=str(test["title"]),
                    kind="manual" if manual else "auto",
                    max_points=float(test["max_points"]),
                    auto_score=None if test["status"] == NEEDS_PERSON else float(test["points"]),
                    needs_grading=test_id in waiting,
                    answer=self.pages.answer(stem, written_in),
                    **self._given(test_id),
                )
            )
        known = {cell.test_id for cell in found}
        found.extend(
            GradedCell(
                test_id=f"{stem}/{grade_id}",
                notebook=stem,
                grade_id=grade_id,
                title=grade_id,
                kind="answer",
                max_points=0,
                auto_score=None,
                needs_grading=False,
                answer=self.pages.answer(stem, grade_id),
                **self._given(f"{stem}/{grade_id}"),
            )
            for stem, grade_id in self.pages.comment_cells()
            if f"{stem}/{grade_id}" not in known
        )
        return found

    def _given(self, test_id: str) -> dict[str, Any]:
        row = self.marks.get(test_id)
        return {
            "manual_score": row.manual_score if row else None,
            "extra_credit": row.extra_credit if row else None,
            "comment": row.comment if row else None,
            "rubric_marks": self.rubric.get(row.id, []) if row else [],
            "carried_from": row.carried_from if row else None,
            "graded_by": row.graded_by if row else None,
            "graded_at": row.graded_at if row else None,
            "origin": row.origin if row else None,
            "version": row.version if row else 0,
            "claim": self.claims.get((self.attempt.id, test_id)),
        }


async def sheet_of(
    session: AsyncSession, attempt: Attempt, *, viewer: uuid.UUID, cipher: ContentCipher, now: datetime
) -> Sheet:
    """Return all cells of a graded attempt.

    Raises:
        NotGradedYet: it has no score.
    """
    worth = await service.final_grade(session, attempt)
    tests = await session.scalar(select(Report.for_learner["tests"]).where(Report.attempt_id == attempt.id))
    if tests is None:
        raise NotGradedYet
    offering, lesson = await service.place_of(session, attempt)
    pages = await answers.pages_of(session, [attempt])
    sheet = Sheet(
        attempt=attempt,
        offering=offering,
        lesson=lesson,
        tests=tests,
        pages=pages[attempt.id],
        worth=worth,
        marks={row.test_id: row for row in await service.marks_of(session, [attempt.id])},
        rubric={},
        claims=await claims.claims_of(session, [attempt.id], viewer=viewer, now=now),
    )
    wanted = {(str(test["notebook"]), str(test["grade_id"])) for test in tests if test["id"] in sheet.by_hand}
    wanted |= {
        (str(test["notebook"]), str(test["answer_grade_id"])) for test in tests if test.get("answer_grade_id")
    }
    await answers.complete(session, pages, {attempt.id: wanted}, cipher)
    await answers.draw(pages, {attempt.id: wanted})
    rubric = await rubrics.marks_by_grade(session, [row.id for row in sheet.marks.values()])
    return Sheet(**{**sheet.__dict__, "rubric": rubric})


async def show(
    session: AsyncSession,
    attempt: Attempt,
    *,
    viewer: uuid.UUID,
    anonymous: bool,
    cipher: ContentCipher,
    now: datetime,
) -> Grading:
    """Return an attempt for grading, with its neighbours in the class.

    Raises:
        NotGradedYet: it has no score.
    """
    sheet = await sheet_of(session, attempt, viewer=viewer, cipher=cipher, now=now)
    assignment = Assignment(offering=sheet.offering, lesson=sheet.lesson)
    policy = await show_policy(session, assignment)
    hidden = anonymous or policy.anonymous
    learner = await user_by_id(session, attempt.user_id)
    counts, before, after = await _neighbours(session, attempt, hidden=hidden)
    flagged = await grading.flagged(session, {attempt.id})
    return Grading(
        attempt=GradedAttempt(
            id=attempt.id,
            course=assignment.course,
            lesson=assignment.slug,
            lesson_title=sheet.lesson.title,
            number=attempt.number,
            status=attempt.status,
            submitted_at=attempt.submitted_at,
            graded_at=attempt.graded_at,
            late=attempt.late,
            counts=counts,
            flagged=attempt.id in flagged,
            notebooks=[str(stem) for stem in sheet.lesson.notebooks],
        ),
        learner=None
        if hidden
        else LearnerName(username=learner.hub_username, display_name=learner.display_name),
        policy=policy,
        cells=sheet.cells(),
        penalties=await penalties_of(session, attempt, sheet.worth),
        final=final_out(sheet.worth, policy.grades_released_at),
        previous=before,
        next=after,
    )


def final_out(worth: Worth, released_at: datetime | None) -> FinalOut:
    """Return a grade as staff see it."""
    final = worth.final
    return FinalOut(
        raw_score=final.raw,
        extra_credit=final.extra_credit,
        penalty=final.penalty,
        score=final.score,
        max_score=final.max_score,
        needs_grading=bool(final.waiting),
        late=final.late,
        released_at=released_at,
    )


async def penalties_of(session: AsyncSession, attempt: Attempt, worth: Worth) -> dict[str, PenaltyOut]:
    """Return the late penalties of an attempt by notebook."""
    rows = await session.scalars(select(PenaltyOverride).where(PenaltyOverride.attempt_id == attempt.id))
    versions = {row.notebook: row.version for row in rows}
    return {
        stem: PenaltyOut(
            raw=notebook.raw,
            penalty=notebook.penalty,
            automatic=notebook.automatic_penalty,
            overridden=notebook.overridden,
            version=versions.get(stem, 0),
        )
        for stem, notebook in worth.final.notebooks.items()
    }


def check_points(sheet: Sheet, given: GradeIn) -> None:
    """Refuse points for what is no cell of the attempt, and more of them than the cell can have.

    Raises:
        UnknownCell: the attempt has no such cell.
        OutOfRange: too many points, or points where only a comment may stand.
    """
    cell = next((cell for cell in sheet.cells() if cell.test_id == given.test_id), None)
    if cell is None:
        raise UnknownCell
    if cell.kind == "answer" and (
        given.manual_score is not None or given.extra_credit is not None or given.rubric_items
    ):
        raise OutOfRange("This cell has no points of its own; only a comment may stand on it.")
    if given.manual_score is not None and given.manual_score > cell.max_points:
        raise OutOfRange(
            f"This cell has at most {cell.max_points:g} points. Give what goes beyond as extra credit."
        )


async def _neighbours(
    session: AsyncSession, attempt: Attempt, *, hidden: bool
) -> tuple[bool, uuid.UUID | None, uuid.UUID | None]:
    """Return whether the attempt counts, and the attempts of the learners before and after this one."""
    order = (
        (func.md5(cast(Grade.attempt_id, String)),)
        if hidden
        else (func.lower(User.display_name), User.hub_username)
    )
    line = (
        select(
            Grade.attempt_id,
            func.lag(Grade.attempt_id).over(order_by=order).label("before"),
            func.lead(Grade.attempt_id).over(order_by=order).label("after"),
        )
        .join(User, User.id == Grade.user_id)
        .join(Enrolment, (Enrolment.user_id == Grade.user_id) & (Enrolment.offering_id == Grade.offering_id))
        .where(
            Grade.offering_id == attempt.offering_id,
            Grade.lesson_id == attempt.lesson_id,
            Grade.attempt_id.is_not(None),
            Enrolment.role == Role.LEARNER.value,
        )
        .subquery()
    )
    row = (
        await session.execute(select(line.c.before, line.c.after).where(line.c.attempt_id == attempt.id))
    ).one_or_none()
    return (False, None, None) if row is None else (True, row.before, row.after)
