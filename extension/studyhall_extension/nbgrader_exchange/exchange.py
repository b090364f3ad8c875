"""What all verbs of the exchange share: settings, the service, and errors as nbgrader's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange import abc
from traitlets import Bool, Float, Unicode

from studyhall_extension.nbgrader_exchange.client import Service, ServiceTrouble
from studyhall_extension.nbgrader_exchange.credentials import NO_LEARNER, NO_STAFF, Credentials, NotSignedIn


class Exchange(abc.Exchange):  # type: ignore[misc]  # nbgrader ships no types
    """The classroom service as an nbgrader exchange."""

    service_url = Unicode(
        "", help="Address of the Studyhall service; else STUDYHALL_URL, else the one of `studyhall login`."
    ).tag(config=True)

    timeout = Float(10.0, help="Seconds to wait for an answer of the service.").tag(config=True)

    upload_timeout = Float(60.0, help="Seconds to wait while files are sent.").tag(config=True)

    path_includes_course = Bool(
        False, help="Whether assignments lie in a folder of their course: ./course/assignment."
    ).tag(config=True)

    def init_src(self) -> None:
        """Look at what is to be transferred."""

    def init_dest(self) -> None:
        """Look at where it goes."""

    def copy_files(self) -> None:
        """Transfer it."""

    @contextmanager
    def saying_troubles(self) -> Iterator[None]:
        """Turn every trouble with the service into nbgrader's own error, whose words people see.

        Raises:
            nbgrader.exchange.ExchangeError: with the sentence.
        """
        try:
            yield
        except (ServiceTrouble, NotSignedIn) as trouble:
            self.fail(str(trouble))

    def staff_service(self, course: str, *, upload: bool = False) -> Service:
        """Return the service as staff of a course.

        Raises:
            NotSignedIn: there is no token for it.
        """
        found = Credentials(self.service_url).staff(course)
        if found is None:
            raise NotSignedIn(NO_STAFF.format(course=course or "COURSE"))
        return Service(*found, timeout=self.upload_timeout if upload else self.timeout)

    def learner_service(self, course: str, *, upload: bool = False) -> Service:
        """Return the service as whoever this terminal or server belongs to.

        Raises:
            NotSignedIn: there is no token.
        """
        found = Credentials(self.service_url).learner(course)
        if found is None:
            raise NotSignedIn(NO_LEARNER.format(course=course or "COURSE"))
        return Service(*found, timeout=self.upload_timeout if upload else self.timeout)

    def named_course(self) -> str:
        """Return the course that was asked for, or say that there is none.

        Raises:
            nbgrader.exchange.ExchangeError: no course, or all of them, where it has to be one.
        """
        if self.coursedir.course_id in ("", "*"):
            self.fail("No course id specified. Re-run with --course flag.")
        return str(self.coursedir.course_id)

    def wanted(self, name: str) -> str | None:
        """Return an assignment or student that was asked for; nothing and `*` both mean all."""
        return name if name not in ("", "*") else None

    def local_folder(self, course: str, assignment: str) -> Path:
        """Return a student's folder of an assignment."""
        parts = (course, assignment) if self.path_includes_course else (assignment,)
        return Path(self.assignment_dir, *parts).absolute()

    def timestamp_of(self, submitted_at: str) -> str:
        """Return a moment as `timestamp.txt` and the feedback's folder say it, always in UTC."""
        moment = datetime.fromisoformat(submitted_at).astimezone(UTC)
        return moment.strftime(self.timestamp_format)

    def released(self, service: Service, course: str, assignment: str) -> dict[str, Any]:
        """Return what the service says of a released assignment.

        Raises:
            nbgrader.exchange.ExchangeError: there is none; similar names are named.
            ServiceTrouble: the service can't say.
        """
        rows = list(service.rows("/exchange/assignments", course=course))
        for row in rows:
            if assignment in (row["assignment"], row["lesson"]):
                return row
        known = ", ".join(row["assignment"] for row in rows) or "none"
        return self.fail(f"Assignment not found: {course} {assignment}. Released are: {known}.")  # type: ignore[no-any-return] # it raises
