"""Rules of quizzes: one attempt under way at a time, nothing unanswered is handed in, keys come after the answer."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from studyhall_notebooks.course import CourseBundle

from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering, CourseRelease
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of
from studyhall.errors import ErrorDetail, NotFound
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.quizzes import policy
from studyhall.quizzes.errors import QuizFinished, QuizNotFinished, Unanswered, UnknownQuiz, WrongAnswer
from studyhall.quizzes.models import Quiz, QuizAttempt, QuizRelease
from studyhall.quizzes.schemas import (
    QuestionResult,
    QuizAnswer,
    QuizAttemptSummary,
    QuizInProgress,
    QuizOut,
    QuizQuestion,
    QuizResult,
    QuizSaved,
    QuizStarted,
)
from studyhall.submissions.counting import released_of

LISTED_ATTEMPTS = 20


async def write_release(
    session: AsyncSession, release: CourseRelease, bundle: CourseBundle, cipher: ContentCipher
) -> None:
    """Store a release's quizzes, keys and explanations sealed; those that are there stay as they are."""
    for slug, quiz in bundle.quizzes.items():
        await session.execute(
            insert(Quiz)
            .values(id=uuid.uuid4(), course_id=release.course_id, slug=slug)
            .on_conflict_do_nothing(index_elements=["course_id", "slug"])
        )
        identity = (
            await session.scalars(
                select(Quiz.id).where(Quiz.course_id == release.course_id, Quiz.slug == slug)
            )
        ).one()
        await session.execute(
            insert(QuizRelease)
            .values(
                id=uuid.uuid4(),
                release_id=release.id,
                quiz_id=identity,
                lesson=quiz.lesson,
                title=quiz.title,
                pass_score=quiz.pass_score,
                questions=[
                    question.model_dump(include={"id", "type", "text", "points", "options"})
                    for question in quiz.questions
                ],
                sealed=cipher.seal(
                    {
                        question.id: question.model_dump(include={"answer", "accepted", "explanation"})
                        for question in quiz.questions
                    }
                ),
            )
            .on_conflict_do_nothing(index_elements=["release_id", "quiz_id"])
        )


async def carry_release(session: AsyncSession, old: CourseRelease, new: CourseRelease) -> None:
    """Take a release's quizzes over into another one of the same course, as they are."""
    columns = (
        QuizRelease.quiz_id,
        QuizRelease.lesson,
        QuizRelease.title,
        QuizRelease.pass_score,
        QuizRelease.questions,
        QuizRelease.sealed,
    )
    await session.execute(
        insert(QuizRelease)
        .from_select(
            ["id", "release_id", *(column.key for column in columns)],
            select(func.gen_random_uuid(), literal(new.id), *columns).where(QuizRelease.release_id == old.id),
        )
        .on_conflict_do_nothing(index_elements=["release_id", "quiz_id"])
    )


async def _open_quiz(
    session: AsyncSession, user_id: uuid.UUID, course: str, quiz: str
) -> tuple[CourseOffering, QuizRelease]:
    """Return a quiz of the course's pinned release that the learner may take.

    Raises:
        UnknownCourse, UnknownQuiz: there is none.
        LessonLocked: its lesson is still locked.
    """
    offering = await courses.offering_of(session, course)
    found = None
    if "\x00" not in quiz:  # PostgreSQL can't even be asked for such a name
        found = await session.scalar(
            select(QuizRelease)
            .join(Quiz)
            .where(QuizRelease.release_id == offering.release_id, Quiz.slug == quiz)
        )
    if found is None:
        raise UnknownQuiz
    lesson = await courses.lesson_of(session, offering, found.lesson)
    await courses.require_unlocked(session, user_id, offering, lesson, released_of=released_of)
    return offering, found


def _questions(release: QuizRelease) -> list[QuizQuestion]:
    return [QuizQuestion.model_validate(question) for question in release.questions]


async def _in_progress(session: AsyncSession, user_id: uuid.UUID, quiz_id: uuid.UUID) -> QuizAttempt | None:
    return await session.scalar(
        select(QuizAttempt).where(
            QuizAttempt.user_id == user_id,
            QuizAttempt.quiz_id == quiz_id,
            QuizAttempt.submitted_at.is_(None),
        )
    )


async def show(session: AsyncSession, user_id: uuid.UUID, *, course: str, quiz: str) -> QuizOut:
    """Return a quiz with the learner's attempts, and without keys.

    Raises:
        UnknownCourse, UnknownQuiz: there is none.
        LessonLocked: its lesson is still locked.
    """
    _, release = await _open_quiz(session, user_id, course, quiz)
    underway = await _in_progress(session, user_id, release.quiz_id)
    finished = (QuizAttempt.user_id == user_id) & (QuizAttempt.quiz_id == release.quiz_id)
    rows = await session.scalars(
        select(QuizAttempt)
        .where(finished, QuizAttempt.submitted_at.is_not(None))
        .order_by(QuizAttempt.number.desc())
        .limit(LISTED_ATTEMPTS)
    )
    best = await session.scalar(select(func.max(QuizAttempt.percent)).where(finished))
    return QuizOut(
        id=release.quiz.slug,
        title=release.title,
        lesson=release.lesson,
        pass_score=release.pass_score,
        # Somebody who is in the middle of it goes on with the questions that they began with.
        questions=_questions(underway.quiz_release if underway else release),
        attempts=[QuizAttemptSummary.model_validate(_summary(row)) for row in rows],
        best_percent=best,
        in_progress=QuizInProgress(attempt_id=underway.id, answers=underway.answers) if underway else None,
    )


def _summary(row: QuizAttempt) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": row.number,
        "score": row.score,
        "total": row.total,
        "percent": row.percent,
        "passed": row.passed,
        "completed_at": row.submitted_at,
    }


async def start(
    session: AsyncSession, user_id: uuid.UUID, *, course: str, quiz: str, now: datetime
) -> QuizStarted:
    """Begin an attempt, or return the one that is under way.

    Raises:
        UnknownCourse, UnknownQuiz: there is none.
        LessonLocked: its lesson is still locked.
    """
    offering, release = await _open_quiz(session, user_id, course, quiz)
    last = await session.scalar(
        select(func.max(QuizAttempt.number)).where(
            QuizAttempt.user_id == user_id, QuizAttempt.quiz_id == release.quiz_id
        )
    )
    # The partial unique index decides when two windows begin at once: one attempt is made, both get it.
    await session.execute(
        insert(QuizAttempt)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            user_id=user_id,
            quiz_id=release.quiz_id,
            quiz_release_id=release.id,
            offering_id=offering.id,
            number=(last or 0) + 1,
            answers={},
            started_at=now,
        )
        .on_conflict_do_nothing()
    )
    attempt = await _in_progress(session, user_id, release.quiz_id)
    if attempt is None:
        # Another window began and handed in the same number in the meantime; begin after it.
        return await start(session, user_id, course=course, quiz=quiz, now=now)
    return QuizStarted(
        attempt_id=attempt.id,
        questions=_questions(attempt.quiz_release),
        started_at=attempt.started_at,
        answers=attempt.answers,
    )


async def course_of(session: AsyncSession, user_id: uuid.UUID, attempt_id: uuid.UUID) -> str:
    """Return the slug of the course that one's own attempt belongs to.

    Raises:
        NotFound: there is no such attempt, or it is somebody else's.
    """
    offering_id = await session.scalar(
        select(QuizAttempt.offering_id).where(QuizAttempt.id == attempt_id, QuizAttempt.user_id == user_id)
    )
    if offering_id is None:
        raise NotFound
    return (await courses.offerings_by_id(session, {offering_id}))[offering_id].course.slug


async def _locked(session: AsyncSession, attempt_id: uuid.UUID) -> QuizAttempt:
    return (
        await session.scalars(
            select(QuizAttempt)
            .where(QuizAttempt.id == attempt_id)
            .with_for_update(of=QuizAttempt)
            .execution_options(populate_existing=True)
        )
    ).one()


def _read(
    answers: Sequence[QuizAnswer], questions: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, str], set[str]]:
    """Return the given answers by question, and the questions that are explicitly left open.

    Raises:
        WrongAnswer: one names an unknown question or option, or is of another kind than its question.
    """
    by_id = {str(question["id"]): question for question in questions}
    given: dict[str, str] = {}
    cleared: set[str] = set()
    wrong: list[ErrorDetail] = []
    for answer in answers:
        question = by_id.get(answer.question_id)
        if question is None:
            wrong.append(ErrorDetail(field=answer.question_id, message="This quiz has no such question."))
            continue
        chosen, text = answer.selected_option_id, answer.answer_text
        if question["type"] == "multiple_choice":
            if text and text.strip():
                wrong.append(
                    ErrorDetail(field=answer.question_id, message="Choose one of the options here; no text.")
                )
            elif chosen is not None and chosen not in {option["id"] for option in question["options"]}:
                wrong.append(
                    ErrorDetail(field=answer.question_id, message="This question has no such option.")
                )
            value = chosen
        else:
            if chosen is not None:
                wrong.append(
                    ErrorDetail(field=answer.question_id, message="Answer this question with a text.")
                )
            # PostgreSQL's JSON knows no NUL; nobody types one.
            value = text.replace("\x00", "") if text else None
        if value is None or not value.strip():
            cleared.add(answer.question_id)
        else:
            given[answer.question_id] = value
    if wrong:
        raise WrongAnswer(
            f"{len(wrong)} of the answers {'does' if len(wrong) == 1 else 'do'} not fit the question. "
            "Load the quiz again and answer once more.",
            details=wrong[:20],
        )
    return given, cleared - set(given)


async def save_answers(
    session: AsyncSession, attempt_id: uuid.UUID, answers: Sequence[QuizAnswer], *, now: datetime
) -> QuizSaved:
    """Keep the answers of an attempt under way; they replace what was saved before.

    Raises:
        QuizFinished: the attempt was handed in already.
        WrongAnswer: an answer does not fit its question.
    """
    attempt = await _locked(session, attempt_id)
    if attempt.submitted_at is not None:
        raise QuizFinished
    attempt.answers, _ = _read(answers, attempt.quiz_release.questions)
    attempt.saved_at = now
    return QuizSaved(attempt_id=attempt.id, answers=attempt.answers, saved_at=now)


async def submit(
    session: AsyncSession,
    attempt_id: uuid.UUID,
    answers: Sequence[QuizAnswer],
    *,
    cipher: ContentCipher,
    outbox: Outbox,
    now: datetime,
) -> QuizResult:
    """Hand in an attempt and return its result; once more returns the same result and changes nothing.

    Answers that are not sent are taken from what was saved before.

    Raises:
        WrongAnswer: an answer does not fit its question.
        Unanswered: questions are left open; nothing is handed in then.
    """
    attempt = await _locked(session, attempt_id)
    if attempt.submitted_at is not None:
        return result_of(attempt, cipher)
    release = attempt.quiz_release
    given, cleared = _read(answers, release.questions)
    final = {name: text for name, text in attempt.answers.items() if name not in cleared} | given
    missing = policy.unanswered(release.questions, final)
    if missing:
        raise Unanswered(
            f"Nothing was handed in: {policy.named([number for number, _ in missing])} "
            f"{'has' if len(missing) == 1 else 'have'} no answer yet. Answer and hand in again.",
            details=[
                ErrorDetail(field=name, message=f"Question {number} has no answer yet.")
                for number, name in missing
            ][:20],
        )
    outcome = policy.mark(release.questions, cipher.open(release.sealed), final)
    attempt.answers = final
    attempt.submitted_at = now
    attempt.score, attempt.total = outcome.score, outcome.total
    attempt.percent = outcome.percent
    attempt.passed = outcome.passes(release.pass_score)
    attempt.results = [
        {"question_id": item.question_id, "is_correct": item.is_correct, "points_earned": item.points_earned}
        for item in outcome.marked
    ]
    offering = (await courses.offerings_by_id(session, {attempt.offering_id}))[attempt.offering_id]
    await outbox.emit(
        session,
        EventType.QUIZ_COMPLETED,
        user_id=attempt.user_id,
        data={
            "attempt_id": str(attempt.id),
            "quiz": release.quiz.slug,
            "quiz_id": str(release.quiz_id),
            "course": offering.course.slug,
            "lesson": release.lesson,
            "title": release.title,
            "percent": attempt.percent,
            "passed": attempt.passed,
            "number": attempt.number,
            "submitted_at": now.isoformat(),
        },
    )
    return result_of(attempt, cipher)


async def result(session: AsyncSession, attempt_id: uuid.UUID, cipher: ContentCipher) -> QuizResult:
    """Return a finished attempt with keys and explanations.

    Raises:
        QuizNotFinished: it is still under way, so keys stay here.
    """
    attempt = (await session.scalars(select(QuizAttempt).where(QuizAttempt.id == attempt_id))).one()
    if attempt.submitted_at is None:
        raise QuizNotFinished
    return result_of(attempt, cipher)


def result_of(attempt: QuizAttempt, cipher: ContentCipher) -> QuizResult:
    """Return what a finished attempt's owner may read of it.

    Raises:
        QuizNotFinished: it is still under way.
    """
    if (
        attempt.submitted_at is None
        or attempt.results is None
        or attempt.score is None
        or attempt.total is None
        or attempt.percent is None
        or attempt.passed is None
    ):
        raise QuizNotFinished
    release = attempt.quiz_release
    keys: dict[str, Any] = cipher.open(release.sealed)
    marked = {item["question_id"]: item for item in attempt.results}
    return QuizResult(
        attempt_id=attempt.id,
        score=attempt.score,
        total_points=attempt.total,
        percent=attempt.percent,
        correct_answers=sum(item["is_correct"] for item in attempt.results),
        total_questions=len(release.questions),
        passed=attempt.passed,
        completed_at=attempt.submitted_at,
        detailed_results=[
            QuestionResult(
                question_id=question["id"],
                is_correct=marked[question["id"]]["is_correct"],
                points_earned=marked[question["id"]]["points_earned"],
                points=question["points"],
                correct_option_id=keys[question["id"]]["answer"],
                accepted_answer=next(iter(keys[question["id"]]["accepted"]), None),
                explanation=keys[question["id"]]["explanation"],
                your_answer=attempt.answers.get(question["id"]),
            )
            for question in release.questions
        ],
    )
