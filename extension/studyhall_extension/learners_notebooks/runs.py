"""Having a learner's notebook run in the judge: sent with the token of `studyhall login`, asked for, taken back.

The token is the one that the person's terminal holds, for one course and some hours. It is used for these three
requests and for nothing else that a browser may ask of this server.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from studyhall_extension.errors import (
    NotebookNotJsonError,
    NotebookTooLargeError,
    ServiceUnavailableError,
    disk_errors,
)
from studyhall_extension.learners_notebooks.errors import CourseUnclearError, StaffLoginNeededError
from studyhall_extension.learners_notebooks.files import files_beside
from studyhall_extension.learners_notebooks.folders import LearnersWork
from studyhall_extension.nbgrader_exchange.credentials import (
    Credentials,
    NotSignedIn,
    kept_tokens,
    tokens_file,
)
from studyhall_extension.service_client import ServiceAddress, ServiceClient, ServiceReply
from studyhall_extension.service_errors import ServiceRefusedError, accepted_data

CELL_SECONDS = 30.0
"""How long one cell may run; nbgrader's own default."""
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 60.0

SIGN_IN = (
    "The sandbox needs you to be signed in as staff of this course. Open a terminal here and type: "
    "studyhall login --course {course}"
)
SIGNED_OUT = (
    "Your sign-in as staff of this course has ended. Open a terminal here and type: "
    "studyhall login --course {course}"
)
CELL_TYPES = frozenset({"code", "markdown", "raw"})


class StaffClient(ServiceClient):
    """Asks the service with a staff token for one course."""

    def __init__(self, url: str, token: str) -> None:
        """Take the address and the token that belong together.

        Raises:
            ValueError: the address is none.
        """
        super().__init__(
            ServiceAddress.parse(url), connect_timeout=CONNECT_SECONDS, request_timeout=ANSWER_SECONDS
        )
        self._token = token

    def token(self) -> str:
        """The person's token, not the server's."""
        return self._token


class Runs:
    """Notebooks of learners on their way to the judge and back."""

    def __init__(self, *, max_notebook_bytes: int) -> None:
        """Take the size in bytes that a notebook may have without its outputs."""
        self.max_notebook_bytes = max_notebook_bytes

    async def begin(
        self, work: LearnersWork, notebook: Any, *, key: str, request_id: str, staff_courses: frozenset[str]
    ) -> dict[str, Any]:
        """Send a notebook; return its id, its course, and the files that were too large to go along.

        Args:
            work: whose it is.
            notebook: what the browser shows of it.
            key: a UUID for this press of the button; the same again is the same run.
            request_id: the browser's request.
            staff_courses: where the owner of this server grades.

        Raises:
            NotebookNotJsonError, NotebookTooLargeError: it can't be sent.
            CourseUnclearError: nothing says which course it is of.
            DiskUnusableError: the files beside it can't be read.
            StaffLoginNeededError, ServiceRefusedError, ServiceUnavailableError: as for :meth:`show`.
        """
        course = work.course or (next(iter(staff_courses)) if len(staff_courses) == 1 else "")
        if not course:
            raise CourseUnclearError
        source = plain_text(notebook)
        if len(source.encode()) > self.max_notebook_bytes:
            raise NotebookTooLargeError(
                f"This notebook is larger than the sandbox takes ({self.max_notebook_bytes / 1_000_000:g} MB "
                "without outputs). Look at it by hand."
            )
        with disk_errors():
            files = await asyncio.to_thread(files_beside, work.folder, work.given)
        body = {
            "assignment": work.assignment,
            "student": work.student or "unknown",
            "notebook": work.notebook,
            "source": source,
            "course_files": files.given,
            "own_files": files.own,
            "cell_seconds": CELL_SECONDS,
            "interactive": True,
        }
        data = await _ask(course, "POST", "", request_id, body=json.dumps(body).encode(), key=key)
        return {"id": data["id"], "course": course, "left_out": files.left_out}

    async def show(self, course: str, run: str, *, request_id: str) -> Any:
        """Return how far a run has come.

        Raises:
            StaffLoginNeededError: there is no token for the course, or none that still counts.
            ServiceRefusedError: the service says no.
            ServiceUnavailableError: it does not answer.
        """
        return await _ask(course, "GET", f"/{run}", request_id)

    async def cancel(self, course: str, run: str, *, request_id: str) -> None:
        """Take a run back.

        Raises:
            StaffLoginNeededError, ServiceRefusedError, ServiceUnavailableError: as for :meth:`show`.
        """
        await _ask(course, "DELETE", f"/{run}", request_id)


async def _ask(
    course: str, method: str, path: str, request_id: str, *, body: bytes | None = None, key: str | None = None
) -> Any:
    url, token = await asyncio.to_thread(credentials, course)
    try:
        client = StaffClient(url, token)
    except ValueError as error:
        raise StaffLoginNeededError(SIGN_IN.format(course=course)) from error
    try:
        reply: ServiceReply = await client.fetch(
            method,
            f"/staff/courses/{course}/autograde{path}",
            body=body,
            request_id=request_id,
            idempotency_key=key,
        )
    finally:
        client.close()
    if reply.status == 204:
        return None
    try:
        return accepted_data(reply)
    except ServiceRefusedError as refused:
        if reply.status == 401:
            raise StaffLoginNeededError(SIGNED_OUT.format(course=course)) from refused
        raise
    except ServiceUnavailableError as error:
        raise ServiceUnavailableError(
            "Studyhall can't be reached right now, so this was not run. Try again in a minute."
        ) from error


def credentials(course: str) -> tuple[str, str]:
    """Return address and token for a course: of the environment, or of `studyhall login`.

    Raises:
        StaffLoginNeededError: there is none.
    """
    try:
        found = Credentials().staff(course)
        if found is None:
            # A server knows the service by an inner address, the terminal by the one that was typed.
            rows = kept_tokens(tokens_file(os.environ), now=datetime.now(UTC))
            of_course = [(row["service"], row["token"]) for row in rows if row["course"] == course]
            found = of_course[-1] if of_course else None
    except NotSignedIn as error:
        raise StaffLoginNeededError(str(error)) from error
    if found is None:
        raise StaffLoginNeededError(SIGN_IN.format(course=course))
    return found


def plain_text(notebook: Any) -> str:
    """Return a notebook as JSON text with what the judge needs: sources, nbgrader's labels, the kernel's name.

    Raises:
        NotebookNotJsonError: it is no notebook.
    """
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    if not isinstance(cells, list):
        raise _no_notebook()
    plain = []
    for cell in cells:
        kind, source = (
            cell.get(name) if isinstance(cell, Mapping) else None for name in ("cell_type", "source")
        )
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if kind not in CELL_TYPES or not isinstance(source, str):
            raise _no_notebook()
        metadata = cell.get("metadata")
        marks = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
        one: dict[str, Any] = {
            "cell_type": kind,
            "metadata": {"nbgrader": marks} if isinstance(marks, Mapping) else {},
            "source": source,
        }
        plain.append(one | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    metadata = notebook.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, Mapping) else None
    kept = {"kernelspec": spec} if isinstance(spec, Mapping) else {}
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": kept, "cells": plain})


def _no_notebook() -> NotebookNotJsonError:
    return NotebookNotJsonError("This is not a notebook that can be run. Look at it by hand.")
