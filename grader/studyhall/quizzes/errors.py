"""What can go wrong with quizzes."""

from studyhall.errors import Conflict, ErrorCode, Invalid, NotFound


class UnknownQuiz(NotFound):
    """There is no quiz of that name in this course. It may have been renamed: update the lesson from the outline."""

    code = ErrorCode.UNKNOWN_QUIZ


class QuizFinished(Conflict):
    """This attempt is finished and its answers are fixed. Start the quiz again; your best result counts."""

    code = ErrorCode.QUIZ_FINISHED


class QuizNotFinished(Conflict):
    """This attempt is not finished yet. Answer all questions and hand it in to see the result."""


class WrongAnswer(Invalid):
    """An answer does not fit its question."""


class Unanswered(Invalid):
    """Some questions are not answered yet."""
