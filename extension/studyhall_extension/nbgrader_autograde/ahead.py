"""Sending a class ahead: while nbgrader deals with one student, the notebooks of the next ones are on their way.

nbgrader takes one student after the other. With each run waited for in turn, the judge would be idle most of the time.
"""

import hashlib
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from studyhall_extension.nbgrader_autograde.files import files_of
from studyhall_extension.nbgrader_exchange.client import Service, ServiceTrouble
from studyhall_extension.nbgrader_exchange.credentials import NO_STAFF, Credentials

PATIENCE_SECONDS = 900.0
"""How long one notebook is waited for."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between two questions whether a notebook has run."""

UPLOAD_SECONDS = 60.0


class NotExecuted(Exception):
    """A notebook was not run in the judge; nbgrader goes on with the next student."""


@dataclass(frozen=True)
class Place:
    """Which notebook of whom."""

    student: str
    assignment: str
    notebook: str


@dataclass(frozen=True)
class Sent:
    """A notebook on its way, and what it was when it was sent."""

    digest: str
    key: "Future[str]"


class Ahead:
    """The notebooks of one call of ``nbgrader autograde``."""

    def __init__(self, converter: Any, *, cell_seconds: float) -> None:
        self._converter = converter
        self._cell_seconds = cell_seconds
        self._course = str(converter.coursedir.course_id)
        found = Credentials(str(_service_url(converter))).staff(self._course)
        if found is None:
            raise NotExecuted(NO_STAFF.format(course=self._course or "COURSE"))
        self._service = Service(*found, timeout=UPLOAD_SECONDS)
        self._sent: dict[Place, Sent] = {}
        self._had_its_turn: set[Place] = set()
        self._lock = threading.Lock()
        self._trouble: ServiceTrouble | None = None
        self._thread: threading.Thread | None = None

    # The student whose turn it is

    def run(self, place: Place, notebook: Any, folder: str) -> dict[str, Any]:
        """Return what became of a notebook: its cells' outputs.

        Raises:
            NotExecuted: it could not be sent or run.
        """
        body = self._body(place, notebook, folder)
        with self._lock:
            sent = self._sent.pop(place, None)
            self._had_its_turn.add(place)
        try:
            key = sent.key.result() if sent is not None and sent.digest == _digest(body) else self._send(body)
        except ServiceTrouble as trouble:
            raise NotExecuted(str(trouble)) from trouble
        self._begin_after(place)
        return self._result(key)

    def _result(self, key: str) -> dict[str, Any]:
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE
        while True:
            try:
                told = self._service.get(f"/staff/courses/{self._course}/autograde/{key}")
            except ServiceTrouble as trouble:
                raise NotExecuted(str(trouble)) from trouble
            if told["status"] == "done":
                result: dict[str, Any] = told["result"]
                return result
            if told["status"] == "failed":
                raise NotExecuted(told["message"])
            if time.monotonic() > deadline:
                raise NotExecuted(
                    f"The judge has not run this notebook within {PATIENCE_SECONDS / 60:g} minutes. Try again later."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _body(self, place: Place, notebook: Any, *folders: str) -> dict[str, Any]:
        course_files, own_files = files_of(self._converter, place.assignment, *folders)
        return {
            "assignment": place.assignment,
            "student": place.student,
            "notebook": place.notebook,
            "source": _plain(notebook),
            "course_files": course_files,
            "own_files": own_files,
            "cell_seconds": self._cell_seconds,
        }

    def _send(self, body: dict[str, Any]) -> str:
        """Send a notebook and return its key. Once the service is not there, nobody waits for it again.

        Raises:
            ServiceTrouble: it was refused, or nothing came in time.
        """
        if self._trouble is not None:
            raise self._trouble
        key = str(uuid.uuid4())
        try:
            self._service.send("POST", f"/staff/courses/{self._course}/autograde", body, key=key)
        except ServiceTrouble as trouble:
            if trouble.status in {0, 401, 403}:
                self._trouble = trouble
            raise
        return key

    # The students whose turn comes

    def _begin_after(self, place: Place) -> None:
        if self._thread is None:
            waiting = list(self._places_after(place))
            # A daemon: whoever stops nbgrader does not wait for notebooks that nobody asks for any more.
            self._thread = threading.Thread(target=self._send_all, args=(waiting,), daemon=True)
            self._thread.start()

    def _send_all(self, waiting: list[tuple[Place, str]]) -> None:
        for place, path in waiting:
            if place in self._had_its_turn:
                continue
            try:
                notebook = self._restored(place, path)
                body = self._body(place, notebook, str(Path(path).parent))
            except Exception:  # noqa: BLE001, S112 - nbgrader meets the same in this student's turn, and says it
                continue
            future: Future[str] = Future()
            with self._lock:
                if place in self._had_its_turn:
                    continue
                self._sent[place] = Sent(_digest(body), future)
            try:
                future.set_result(self._send(body))
            except ServiceTrouble as trouble:
                future.set_exception(trouble)
                if self._trouble is not None:
                    return

    def _places_after(self, place: Place) -> Iterator[tuple[Place, str]]:
        """Yield the notebooks that nbgrader will come to after this one, in its order, with their paths."""
        coursedir = self._converter.coursedir
        pattern = coursedir.format_path(
            coursedir.submitted_directory, "(?P<student_id>.*)", "(?P<assignment_id>.*)", escape=True
        )
        is_after = False
        for folder, paths in sorted(self._converter.assignments.items()):
            match = re.match(pattern, folder)
            if match is None:
                continue
            student, assignment = match["student_id"], match["assignment_id"]
            if (student, assignment) != (place.student, place.assignment) and (
                not is_after or not self._is_wanted(student, assignment)
            ):
                continue
            for path in sorted(paths):
                here = Place(student, assignment, Path(path).stem)
                if is_after:
                    yield here, path
                is_after = is_after or here == place

    def _is_wanted(self, student: str, assignment: str) -> bool:
        """Say whether nbgrader will deal with a submission: it leaves out what it has graded and is not newer."""
        converter, coursedir = self._converter, self._converter.coursedir
        if student in coursedir.student_id_exclude.split(","):
            return False
        done = coursedir.format_path(coursedir.autograded_directory, student, assignment)
        if converter.force or coursedir.notebook_id != "*" or not Path(done).exists():
            return True
        submitted = coursedir.format_path(coursedir.submitted_directory, student, assignment)
        new, old = coursedir.get_existing_timestamp(submitted), coursedir.get_existing_timestamp(done)
        return new is not None and old is not None and new > old

    def _restored(self, place: Place, path: str) -> Any:
        """Return a notebook as nbgrader will have restored it from the gradebook when its turn comes."""
        converter = self._converter
        exporter = converter.exporter_class(config=converter.config, log=_SILENT)
        for preprocessor in converter.sanitize_preprocessors:
            exporter.register_preprocessor(preprocessor)
        resources = {
            "unique_key": place.notebook,
            "output_files_dir": f"{place.notebook}_files",
            "nbgrader": {
                "student": place.student,
                "assignment": place.assignment,
                "notebook": place.notebook,
                "db_url": converter.coursedir.db_url,
            },
        }
        output, _ = exporter.from_filename(path, resources=resources)
        return nbformat.reads(output, as_version=4)  # type: ignore[no-untyped-call]  # nbformat ships no types for it


_SILENT = logging.getLogger("studyhall_extension.nbgrader_autograde.ahead")
"""What nbgrader has to say of a notebook it says in its turn; saying it twice would frighten."""
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


def _service_url(converter: Any) -> str:
    """Return the address that the configuration names for the exchange, if any."""
    return str(converter.config.get("Exchange", {}).get("service_url", "") or "")


def _plain(notebook: Any) -> str:
    """Return a notebook as JSON text without what is of no use to the judge: outputs, and other programs' metadata."""
    cells = []
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader")
        plain = {
            "cell_type": cell.cell_type,
            "metadata": {"nbgrader": marks} if marks else {},
            "source": cell.source,
        }
        if cell.cell_type == "code":
            plain |= {"outputs": [], "execution_count": None}
        cells.append(plain)
    kept = {name: notebook.metadata[name] for name in ("kernelspec",) if name in notebook.metadata}
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": kept, "cells": cells})


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
