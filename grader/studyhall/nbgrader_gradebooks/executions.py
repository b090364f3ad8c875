"""Running notebooks for graders' terminals: sent by ``nbgrader autograde``, run by the judge, fetched again.

A grader's terminal holds staff power, so nothing that a student wrote runs there. What is sent is the notebook as
nbgrader has restored it from the course's gradebook, with its tests; it is release and submission in one.
"""

import asyncio
import base64
import uuid
from datetime import datetime, timedelta

import structlog
from nbformat import NotebookNode
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer
from studyhall_judge.client import Judge, JudgeRefused, JudgeUnavailable
from studyhall_judge.report import GradeReport, GradeRequest, Limits, Release, ReportStatus
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import read_notebook, write_notebook
from studyhall_notebooks.structure import as_node

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.context import Context
from studyhall.courses import service as courses
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of
from studyhall.errors import BadRequest, NotFound
from studyhall.jobs.policy import Priority
from studyhall.jobs.queue import JobQueue
from studyhall.nbgrader_gradebooks.models import ExecutionStatus, NotebookExecution
from studyhall.nbgrader_gradebooks.outputs import result_of
from studyhall.nbgrader_gradebooks.schemas import ExecutionIn, ExecutionOut, ExecutionResult

log = structlog.get_logger(__name__)

QUEUE = "autograde"
TASK = "nbgrader.execute"

KEPT = timedelta(hours=1)
"""How long results can be fetched."""

CELLS_IN_TOTAL = 4
"""How many times the time of one cell a whole notebook gets: nbgrader has no such limit, a queue needs one."""

NOT_READABLE = "This notebook can't be read: {reason} Look at it by hand; the others are not held up."
GAVE_UP = (
    "The judge could not run this notebook, however often it was tried. Try again, or look at it by hand."
)
AWAY = "The judge does not answer right now. The notebook waits, and is tried again by itself."


async def request(
    session: AsyncSession,
    body: ExecutionIn,
    *,
    key: uuid.UUID,
    course: str,
    user_id: uuid.UUID,
    actor: Actor,
    queue: JobQueue,
    cipher: ContentCipher,
    now: datetime,
) -> ExecutionOut:
    """Take a notebook to be run; the same key again is the same request.

    Raises:
        UnknownCourse: there is no such course.
    """
    offering = await courses.offering_of(session, course)
    await session.execute(delete(NotebookExecution).where(NotebookExecution.created_at < now - KEPT))
    made = await session.scalar(
        insert(NotebookExecution)
        .values(
            id=key,
            cohort_id=cohort_of(session),
            created_at=now,
            offering_id=offering.id,
            user_id=user_id,
            status=ExecutionStatus.QUEUED.value,
            request=cipher.seal(body.model_dump(mode="json")),
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(NotebookExecution.id)
    )
    if made is None:
        return await show(session, key, user_id=user_id, course=course, cipher=cipher)
    audit.record(
        session,
        actor,
        Action.AUTOGRADED,
        about=f"{body.student}: {body.assignment}/{body.notebook}",
        course=course,
        at=now,
    )
    priority = Priority.DEFAULT if body.interactive else Priority.BATCH
    await queue.defer(session, TASK, queue=QUEUE, priority=priority, execution_id=str(key))
    return ExecutionOut(id=key, status=ExecutionStatus.QUEUED, message="", result=None)


async def show(
    session: AsyncSession, key: uuid.UUID, *, user_id: uuid.UUID, course: str, cipher: ContentCipher
) -> ExecutionOut:
    """Return how far one's own request has come.

    Raises:
        UnknownCourse: there is no such course.
        NotFound: there is no such request, it is somebody else's, or too old.
    """
    offering = await courses.offering_of(session, course)
    row = await session.scalar(
        select(NotebookExecution)
        .options(undefer(NotebookExecution.result))
        .where(
            NotebookExecution.id == key,
            NotebookExecution.user_id == user_id,
            NotebookExecution.offering_id == offering.id,
        )
    )
    if row is None:
        raise NotFound
    found = cipher.open(row.result) if row.result is not None else {}
    return ExecutionOut(
        id=row.id,
        status=ExecutionStatus(row.status),
        message=found.get("message", ""),
        result=ExecutionResult.model_validate(found["result"]) if found.get("result") else None,
    )


async def cancel(session: AsyncSession, key: uuid.UUID, *, user_id: uuid.UUID, course: str) -> None:
    """Forget one's own request: it is not run where it still waits, and where it runs nobody gets the result.

    Raises:
        UnknownCourse: there is no such course.
        NotFound: there is no such request, it is somebody else's, or too old.
    """
    offering = await courses.offering_of(session, course)
    gone = await session.scalar(
        delete(NotebookExecution)
        .where(
            NotebookExecution.id == key,
            NotebookExecution.user_id == user_id,
            NotebookExecution.offering_id == offering.id,
        )
        .returning(NotebookExecution.id)
    )
    if gone is None:
        raise NotFound


def key_of(header: str | None) -> uuid.UUID:
    """Return the key that a terminal has made for one notebook.

    Raises:
        BadRequest: there is none.
    """
    try:
        return uuid.UUID(header or "")
    except ValueError as error:
        raise BadRequest("A notebook to be run needs an Idempotency-Key header holding a UUID.") from error


def register(context: Context) -> None:
    """Make the job known to the worker."""
    judge = Judge(context.settings.judge_socket)

    async def execute(cohort_id: uuid.UUID, *, execution_id: str) -> None:
        """Run a notebook and keep its result; a second run of the same job changes nothing."""
        key = uuid.UUID(execution_id)
        async with context.database.session(cohort_id) as session:
            row = await _row(session, key)
            if row is None or row.status != ExecutionStatus.QUEUED.value:
                return
            offering = (await courses.offerings_by_id(session, {row.offering_id}))[row.offering_id]
            body = ExecutionIn.model_validate(context.cipher.open(row.request))
            lesson = (await courses.lessons_of(session, offering)).get(body.assignment)
            environment = lesson.environment if lesson else "default"
        try:
            message, result = await run(judge, body, key=key, environment=environment)
        except JudgeUnavailable:
            await keep(context, cohort_id, key, ExecutionStatus.QUEUED, AWAY, None)
            raise
        status = ExecutionStatus.FAILED if result is None else ExecutionStatus.DONE
        await keep(context, cohort_id, key, status, message, result)
        log.info("notebook_executed", course=offering.course.slug, status=status.value)

    async def give_up(cohort_id: uuid.UUID, *, execution_id: str) -> None:
        await keep(context, cohort_id, uuid.UUID(execution_id), ExecutionStatus.FAILED, GAVE_UP, None)

    context.queue.register(
        TASK, queue=QUEUE, database=context.database, function=execute, on_dead_letter=give_up
    )


async def _row(session: AsyncSession, key: uuid.UUID) -> NotebookExecution | None:
    return await session.scalar(
        select(NotebookExecution)
        .options(undefer(NotebookExecution.request))
        .where(NotebookExecution.id == key)
        .with_for_update()
    )


async def keep(
    context: Context,
    cohort_id: uuid.UUID,
    key: uuid.UUID,
    status: ExecutionStatus,
    message: str,
    result: ExecutionResult | None,
) -> None:
    """Keep what became of a notebook; once it is known, what was sent is not needed any more."""
    found = {"message": message, "result": result.model_dump(mode="json") if result else None}
    sealed = await asyncio.to_thread(context.cipher.seal, found)
    async with context.database.session(cohort_id) as session:
        row = await _row(session, key)
        if row is not None and row.status == ExecutionStatus.QUEUED.value:
            row.status, row.result = status.value, sealed
            if status is not ExecutionStatus.QUEUED:
                row.request = b""


async def run(
    judge: Judge, body: ExecutionIn, *, key: uuid.UUID, environment: str
) -> tuple[str, ExecutionResult | None]:
    """Have the judge run a notebook by nbgrader's rules; a sentence instead of a result where it will not.

    Raises:
        JudgeUnavailable: it does not answer; trying again can help.
    """
    try:
        sent = read_notebook(body.source)
    except NotebookError as error:
        return NOT_READABLE.format(reason=error.message), None
    text = write_notebook(_without_claims(sent))
    files = {path: base64.b64decode(content) for path, content in body.course_files.items()}
    release = Release.build({body.notebook: text}, files)
    asked = GradeRequest(
        request_id=str(key),
        release_hash=release.hash,
        environment=environment,
        scoring="nbgrader",
        notebooks={body.notebook: text},
        files=body.own_files,
        limits=Limits(
            cell_seconds=body.cell_seconds,
            total_seconds=max(Limits().total_seconds, CELLS_IN_TOTAL * body.cell_seconds),
        ),
    )

    async def send() -> Release:
        return release

    report: GradeReport | None = None
    try:
        async for event in judge.grade(asked, send):
            if isinstance(event, GradeReport):
                report = event
                break
    except JudgeRefused as refused:
        return str(refused), None
    if report is None:
        raise RuntimeError("The judge ended without a report.")
    if report.status in {ReportStatus.refused, ReportStatus.internal_error}:
        return report.message or GAVE_UP, None
    return "", result_of(sent, body.notebook, report)


def _without_claims(sent: NotebookNode) -> NotebookNode:
    """Return the notebook without Studyhall's own labels: the student could have written them.

    A test's text is the gradebook's, its points and its name too; but nbgrader leaves other metadata as it came.
    """
    cells = []
    for cell in sent.cells:
        marks = cell.metadata.get("nbgrader")
        plain = {**cell, "metadata": {"nbgrader": marks} if marks else {}}
        if cell.cell_type == "code":
            plain |= {"outputs": [], "execution_count": None}
        cells.append(plain)
    kept = {name: sent.metadata[name] for name in ("kernelspec", "language_info") if name in sent.metadata}
    return as_node({**sent, "metadata": kept, "cells": cells})
