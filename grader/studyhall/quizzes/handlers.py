"""Endpoints of quizzes."""

import uuid

from studyhall.errors import ErrorCode, NotFound
from studyhall.organizations.errors import require_open_cohort
from studyhall.permissions import Permission
from studyhall.quizzes import service
from studyhall.quizzes.schemas import (
    QuizAnswers,
    QuizOut,
    QuizQuery,
    QuizResult,
    QuizSaved,
    QuizStarted,
    StartQuiz,
)
from studyhall.web.routes import Request, Route


async def show_quiz(request: Request) -> QuizOut:
    """Return a quiz with one's own attempts."""
    course = request.query_as(QuizQuery).course
    request.person.require(Permission.QUIZZES_READ, course)
    return await service.show(
        request.session, request.person.user_id, course=course, quiz=request.path["quiz"]
    )


async def start_quiz(request: Request) -> QuizStarted:
    """Begin an attempt, or return the one that is under way."""
    course = request.body_as(StartQuiz).course
    request.person.require(Permission.QUIZZES_ANSWER, course)
    require_open_cohort(request.person.closed_because)
    return await service.start(
        request.session,
        request.person.user_id,
        course=course,
        quiz=request.path["quiz"],
        now=request.context.clock(),
    )


async def _own_attempt(request: Request, permission: Permission) -> uuid.UUID:
    """Return the id of one's own attempt in a course that one is still enrolled in.

    Raises:
        NotFound: there is none, it is somebody else's, or the course is no longer one's own.
    """
    attempt_id = request.uuid("attempt")
    course = await service.course_of(request.session, request.person.user_id, attempt_id)
    if not request.person.may(permission, course):
        raise NotFound
    return attempt_id


async def save_answers(request: Request) -> QuizSaved:
    """Keep the answers of an attempt under way."""
    attempt_id = await _own_attempt(request, Permission.QUIZZES_ANSWER)
    return await service.save_answers(
        request.session, attempt_id, request.body_as(QuizAnswers).answers, now=request.context.clock()
    )


async def submit_quiz(request: Request) -> QuizResult:
    """Hand in an attempt."""
    attempt_id = await _own_attempt(request, Permission.QUIZZES_ANSWER)
    require_open_cohort(request.person.closed_because)
    return await service.submit(
        request.session,
        attempt_id,
        request.body_as(QuizAnswers).answers,
        cipher=request.context.cipher,
        outbox=request.context.outbox,
        now=request.context.clock(),
    )


async def show_result(request: Request) -> QuizResult:
    """Return a finished attempt with keys and explanations."""
    attempt_id = await _own_attempt(request, Permission.QUIZZES_READ)
    return await service.result(request.session, attempt_id, request.context.cipher)


ROUTES = [
    Route(
        method="GET",
        path="/quizzes/{quiz}",
        summary="A quiz with my attempts",
        permission=Permission.QUIZZES_READ,
        handle=show_quiz,
        query=QuizQuery,
        response=QuizOut,
        errors=(ErrorCode.UNKNOWN_COURSE, ErrorCode.UNKNOWN_QUIZ, ErrorCode.LESSON_LOCKED),
    ),
    Route(
        method="POST",
        path="/quizzes/{quiz}/attempts",
        summary="Begin a quiz, or go on with it",
        permission=Permission.QUIZZES_ANSWER,
        handle=start_quiz,
        body=StartQuiz,
        response=QuizStarted,
        status=201,
        errors=(
            ErrorCode.UNKNOWN_COURSE,
            ErrorCode.UNKNOWN_QUIZ,
            ErrorCode.LESSON_LOCKED,
            ErrorCode.COHORT_CLOSED,
        ),
    ),
    Route(
        method="PUT",
        path="/quiz-attempts/{attempt}/answers",
        summary="Save my answers for later",
        permission=Permission.QUIZZES_ANSWER,
        handle=save_answers,
        body=QuizAnswers,
        response=QuizSaved,
        errors=(ErrorCode.QUIZ_FINISHED,),
    ),
    Route(
        method="POST",
        path="/quiz-attempts/{attempt}/submit",
        summary="Hand in my answers",
        permission=Permission.QUIZZES_ANSWER,
        handle=submit_quiz,
        body=QuizAnswers,
        response=QuizResult,
        errors=(ErrorCode.COHORT_CLOSED,),
    ),
    Route(
        method="GET",
        path="/quiz-attempts/{attempt}",
        summary="The result of a finished attempt",
        permission=Permission.QUIZZES_READ,
        handle=show_result,
        response=QuizResult,
        errors=(ErrorCode.CONFLICT,),
    ),
]
