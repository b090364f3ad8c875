"""Grading a class: every student through the judge, as many at a time as it has slots."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from studyhall_judge.client import JudgeRefused, JudgeUnavailable
from studyhall_judge.report import (
    GradeReport,
    GradeRequest,
    Release,
    ReportStatus,
    Resources,
    Scoring,
)

from studyhall.offline_grading.course_reader import Assignment, StudentFolder
from studyhall.offline_grading.errors import OfflineGradingError
from studyhall.offline_grading.judge_process import JudgeProcess
from studyhall.offline_grading.results import StudentResult, result_of
from studyhall.offline_grading.sending import encoded, make_it_fit
from studyhall.offline_grading.submission_reader import ReadFolder, read_folder

ATTEMPTS: Final = 2
"""How often a submission is sent when the judge goes away; the second time it may be the submission's doing."""

PATIENCE: Final = 60.0
"""Seconds beyond a submission's own time until the judge counts as stuck."""


class ClassGrading:
    """Grades students' folders of one assignment with one judge."""

    def __init__(
        self, judge: JudgeProcess, assignment: Assignment, scoring: Scoring, *, at_once: int
    ) -> None:
        self._judge = judge
        self._assignment = assignment
        self._scoring = scoring
        # One more than there are slots: its files are read and sent while the others run.
        self._places = asyncio.Semaphore(at_once + 1)
        self._at_once = at_once

    async def grade(
        self, students: Sequence[StudentFolder], on_result: Callable[[StudentResult], None]
    ) -> list[StudentResult]:
        """Return every student's result, in the order of ``students``; ``on_result`` hears of each as it comes.

        Raises:
            OfflineGradingError: the judge cannot use the assignment, or does not start any more.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._student(student, on_result)) for student in students]
        except ExceptionGroup as group:
            raise _first_of(group) from group
        return [task.result() for task in running]

    async def _student(
        self, student: StudentFolder, on_result: Callable[[StudentResult], None]
    ) -> StudentResult:
        async with self._places:
            result = await self._result(student)
        on_result(result)
        return result

    async def _result(self, student: StudentFolder) -> StudentResult:
        """Return what came of one student. Whatever goes wrong with one is that one's result, not the class's end."""
        read = ReadFolder()
        try:
            read = read_folder(student.path, self._assignment)
            return result_of(student.student, read, await self.report(student.student, read))
        except OfflineGradingError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are still to be graded
            message = f"This could not be graded ({type(error).__name__}: {error}); look at it by hand."
            request = self._request(student.student, ReadFolder())
            return result_of(student.student, read, self._without_report(request, message))

    def _request(self, name: str, read: ReadFolder) -> GradeRequest:
        return GradeRequest(
            request_id=name,
            release_hash=self._assignment.release.hash,
            scoring=self._scoring,
            notebooks={} if read.refusal else read.notebooks,
            files={} if read.refusal else encoded(read),
            limits=self._assignment.limits,
        )

    async def report(self, name: str, read: ReadFolder) -> GradeReport:
        """Return what the judge says of one submission; ``name`` is what it is called in the report.

        Raises:
            OfflineGradingError: the judge cannot use the assignment, or does not start any more.
        """
        make_it_fit(read, self._assignment)
        request = self._request(name, read)
        for _ in range(ATTEMPTS):
            try:
                return await self._ask(request)
            except JudgeUnavailable:
                await self._judge.revive()
            except JudgeRefused as error:
                if error.code != "too_large":
                    raise OfflineGradingError(
                        f"The judge cannot use the assignment {self._assignment.name}: {error}"
                    ) from error
                # The tests are still wanted, with their points: an empty submission is refused with them.
                read.refusal = str(error)
                request = request.model_copy(update={"notebooks": {}, "files": {}})
        return self._without_report(
            request, "The judge went away twice while it graded this; look at it by hand."
        )

    async def _ask(self, request: GradeRequest) -> GradeReport:
        async def send() -> Release:
            return self._assignment.release

        # A submission may wait for those before it, each with all of its time.
        patience = 2 * request.limits.total_seconds + PATIENCE
        try:
            async with asyncio.timeout(patience):
                async for event in self._judge.client.grade(request, send):
                    if isinstance(event, GradeReport):
                        return event
        except TimeoutError as error:
            raise JudgeUnavailable("The judge does not answer any more.") from error
        raise JudgeUnavailable("The judge sent no report.")

    @staticmethod
    def _without_report(request: GradeRequest, message: str) -> GradeReport:
        return GradeReport(
            request_id=request.request_id,
            release_hash=request.release_hash,
            status=ReportStatus.internal_error,
            score=0,
            max_score=0,
            tests=[],
            repairs=[],
            flags=[],
            resources=Resources(),
            executed_notebooks={},
            message=message,
            judge_version="",
        )


def _first_of(group: ExceptionGroup[Exception]) -> Exception:
    for error in group.exceptions:
        if isinstance(error, OfflineGradingError):
            return error
    return group.exceptions[0]
