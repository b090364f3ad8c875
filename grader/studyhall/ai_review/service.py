"""Rules of reviews: who may ask, one current review per attempt, and nothing in it that a learner may not see."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from nbformat import NotebookNode
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import read_notebook

from studyhall.ai.reviewer import Findings, Material, Reviewer
from studyhall.ai_review import policy
from studyhall.ai_review.errors import AiUnavailable, NoReview, NotGradedYet, ReviewsOff
from studyhall.ai_review.models import Review, ReviewStatus
from studyhall.ai_review.schemas import ReviewOut
from studyhall.courses import service as courses
from studyhall.db.session import cohort_of
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.grading import service as grading
from studyhall.submissions import service as submissions
from studyhall.submissions.models import IN_FLIGHT, Attempt

Enqueue = Callable[[AsyncSession, Review], Awaitable[None]]
"""Defers the job that makes a review, in the session's transaction."""

MayAsk = Callable[[], Awaitable[None]]
"""Counts one more review against the learner's allowance; raises TooManyRequests when it is used up."""


async def course_of(session: AsyncSession, attempt: Attempt) -> str:
    """Return the slug of the course that an attempt belongs to."""
    offering = (await courses.offerings_by_id(session, {attempt.offering_id}))[attempt.offering_id]
    return offering.course.slug


async def _current(session: AsyncSession, attempt_id: uuid.UUID) -> Review | None:
    return await session.scalar(
        select(Review).where(Review.attempt_id == attempt_id, Review.superseded_at.is_(None))
    )


async def ask(
    session: AsyncSession,
    attempt: Attempt,
    *,
    reviewer: Reviewer | None,
    focus: Sequence[str],
    now: datetime,
    may_ask: MayAsk,
    enqueue: Enqueue,
) -> tuple[Review, bool]:
    """Ask for a review, and say whether it is a new one; while one is under way, that one is returned.

    Raises:
        ReviewsOff: the course gives no reviews for this lesson.
        AiUnavailable: the installation gives none.
        NotGradedYet: the attempt has no result yet.
        TooManyRequests: the learner's allowance is used up.
    """
    lesson = await grading.lesson_release(session, attempt)
    if not lesson.ai_review:
        raise ReviewsOff
    if reviewer is None:
        raise AiUnavailable
    # The lock on the attempt makes two presses at the same moment one review.
    locked = await submissions.attempt_by_id(session, attempt.id, lock=True)
    if locked is None or locked.status in IN_FLIGHT:
        raise NotGradedYet
    current = await _current(session, attempt.id)
    if current is not None and current.status == ReviewStatus.PROCESSING.value:
        return current, False
    await may_ask()
    if current is not None:
        current.superseded_at = now
        await session.flush()
    review = Review(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        attempt_id=attempt.id,
        user_id=attempt.user_id,
        status=ReviewStatus.PROCESSING.value,
        provider=reviewer.name,
        speaker=reviewer.speaker(passed=bool(attempt.passed)),
        focus_areas=list(dict.fromkeys(focus)),
        requested_at=now,
        message="",
    )
    session.add(review)
    await enqueue(session, review)
    return review, True


async def current_review(session: AsyncSession, attempt_id: uuid.UUID) -> ReviewOut:
    """Return the current review of an attempt.

    Raises:
        NoReview: nobody has asked for one.
    """
    review = await _current(session, attempt_id)
    if review is None:
        raise NoReview
    found = Findings.model_validate(review.findings) if review.findings else Findings(summary="")
    return ReviewOut(
        id=review.id,
        submission_id=review.attempt_id,
        status=ReviewStatus(review.status),
        provider=review.provider,
        speaker=review.speaker,
        overall_score=found.overall_score,
        dimensions=found.dimensions,
        summary=found.summary,
        strengths=found.strengths,
        improvements=found.improvements,
        code_suggestions=found.code_suggestions,
        complexity_analysis=found.complexity_analysis,
        generated_at=review.generated_at,
        message=review.message,
    )


async def under_way(session: AsyncSession, review_id: uuid.UUID) -> tuple[Review, Attempt] | None:
    """Return a review that is still to be made, locked, with its attempt; None when it is done or superseded.

    One that was given up on is made after all when staff queue its job again.
    """
    review = await session.scalar(
        select(Review)
        .where(Review.id == review_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if review is None or review.status == ReviewStatus.COMPLETE.value or review.superseded_at is not None:
        return None
    attempt = await submissions.attempt_by_id(session, review.attempt_id)
    return None if attempt is None else (review, attempt)


async def material_for(session: AsyncSession, review: Review, attempt: Attempt) -> Material:
    """Return what a reviewer gets: never the sealed report, never the graded source, no name of anybody."""
    lesson = await grading.lesson_release(session, attempt)
    sent = await grading.source_texts(session, attempt)
    files = [file for file in await courses.files_of(session, lesson) if file.is_notebook]
    report = (await grading.learner_reports(session, {attempt.id})).get(attempt.id)
    submitted = {name: await _readable(text) for name, text in sorted(sent.items())}
    released = {
        file.path.removesuffix(".ipynb"): await _readable(file.content)
        for file in sorted(files, key=lambda file: file.path)
    }
    return policy.material(
        lesson=lesson.title,
        passed=bool(attempt.passed),
        score=attempt.score,
        max_score=attempt.max_score,
        submitted={name: notebook for name, notebook in submitted.items() if notebook is not None},
        released={name: notebook for name, notebook in released.items() if notebook is not None},
        report=report,
        focus=[str(name) for name in review.focus_areas],
    )


async def _readable(data: str | bytes) -> NotebookNode | None:
    """Return a notebook, or None for one that can't be read; in a thread, since it may be large."""

    def read() -> NotebookNode | None:
        try:
            return read_notebook(data)
        except NotebookError:
            return None

    return await asyncio.to_thread(read)


async def complete(
    session: AsyncSession,
    review_id: uuid.UUID,
    findings: Findings,
    *,
    reviewer: Reviewer,
    took_ms: float,
    outbox: Outbox,
    now: datetime,
) -> Review | None:
    """Store a finished review; None when it was finished or superseded before. It changes no attempt and no ledger."""
    found = await under_way(session, review_id)
    if found is None:
        return None
    review, attempt = found
    review.status = ReviewStatus.COMPLETE.value
    review.provider = reviewer.name
    review.speaker = reviewer.speaker(passed=bool(attempt.passed))
    review.findings = findings.model_dump(mode="json")
    review.message = ""
    review.generated_at = now
    review.processing_ms = took_ms
    lesson = await grading.lesson_release(session, attempt)
    await outbox.emit(
        session,
        EventType.AI_REVIEW_COMPLETED,
        user_id=review.user_id,
        data={
            "review_id": str(review.id),
            "attempt_id": str(attempt.id),
            "course": await course_of(session, attempt),
            "lesson": lesson.lesson.slug,
            "title": lesson.title,
            "provider": review.provider,
        },
    )
    return review


async def fail(session: AsyncSession, review_id: uuid.UUID, message: str, *, now: datetime) -> Review | None:
    """Mark a review as failed, with a sentence for the learner; None when it is no longer under way."""
    found = await under_way(session, review_id)
    if found is None:
        return None
    review, _ = found
    review.status = ReviewStatus.FAILED.value
    review.message = message
    review.generated_at = now
    return review
