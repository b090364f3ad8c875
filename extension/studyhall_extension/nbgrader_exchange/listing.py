"""`nbgrader list`: released assignments, submissions to collect, one's own; and taking them off the list."""

import hashlib
import json
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from nbgrader.exchange import abc

from studyhall_extension.nbgrader_exchange.client import Service, ServiceTrouble
from studyhall_extension.nbgrader_exchange.credentials import Credentials
from studyhall_extension.nbgrader_exchange.exchange import Exchange
from studyhall_extension.nbgrader_exchange.folders import put

Row = dict[str, Any]


class ExchangeList(Exchange, abc.ExchangeList):  # type: ignore[misc]  # nbgrader ships no types
    """Lists and removes. Formgrader and the assignment list read what `start` returns."""

    def list_files(self) -> list[Row]:
        """Return the list that the flags ask for, and say it in the log.

        Raises:
            nbgrader.exchange.ExchangeError: the service can't be asked, or says no.
        """
        with self.saying_troubles():
            rows = self._rows()
        self._say("Submitted assignments:" if self._submissions else "Released assignments:", rows)
        return rows

    def remove_files(self) -> list[Row]:
        """Take everything that the flags ask for off the list; return it with the status "removed".

        A released assignment can't be fetched any more, and a submission is not listed any more: attempts and grades
        stay, as they do for whoever has begun.

        Raises:
            nbgrader.exchange.ExchangeError: the service can't be asked, or says no.
        """
        with self.saying_troubles():
            rows = self._rows()
            for row in rows:
                for one in row.get("submissions", [row]):
                    self._remove(one)
                    one["status"] = "removed"
                row["status"] = "removed"
        self._say(f"Removing {'submitted' if self._submissions else 'released'} assignments:", rows)
        return rows

    @property
    def _submissions(self) -> bool:
        return bool(self.inbound or self.cached)

    def _rows(self) -> list[Row]:
        if not self._submissions:
            return [self._released_row(row) for row in self._released()]
        rows = [self._submission_row(row) for row in (self._inbound() if self.inbound else self._own())]
        groups: dict[tuple[str, str, str], list[Row]] = {}
        for row in rows:
            groups.setdefault((row["course_id"], row["student_id"], row["assignment_id"]), []).append(row)
        return [
            {
                "course_id": course,
                "student_id": student,
                "assignment_id": assignment,
                "status": "submitted",
                "submissions": sorted(
                    groups[course, student, assignment], key=lambda row: str(row["timestamp"])
                ),
            }
            for course, student, assignment in sorted(groups)
        ]

    # What the service is asked

    def _course(self) -> str | None:
        return self.wanted(self.coursedir.course_id)

    def _staff_doors(self, course: str | None) -> list[tuple[str, Service]]:
        """Return the courses that this terminal has staff power in, each with the service as its staff."""
        if course is not None:
            return [(course, self.staff_service(course))]
        known = Credentials(self.service_url).staff_courses()
        if known:
            return [(one, self.staff_service(one)) for one in known]
        service = self.staff_service("")
        return [(row["slug"], service) for row in service.rows("/staff/courses")]

    def _released(self) -> list[Row]:
        course, assignment = self._course(), self.wanted(self.coursedir.assignment_id)
        credentials = Credentials(self.service_url)
        staff = course is not None and credentials.staff(course) is not None
        if staff or credentials.learner(course or "") is None or self.remove:
            found = [
                row
                for slug, service in self._staff_doors(course)
                for row in service.rows(f"/staff/courses/{slug}/exchange/assignments")
            ]
        else:
            found = list(self.learner_service(course or "").rows("/exchange/assignments", course=course))
        return [row for row in found if assignment in (None, row["assignment"], row["lesson"])]

    def _inbound(self) -> list[Row]:
        return [
            row
            for slug, service in self._staff_doors(self._course())
            for row in service.rows(
                f"/staff/courses/{slug}/exchange/submissions",
                assignment=self.wanted(self.coursedir.assignment_id),
                student=self.wanted(self.coursedir.student_id),
                every="true",
            )
        ]

    def _own(self) -> list[Row]:
        course, assignment = self._course(), self.wanted(self.coursedir.assignment_id)
        forgotten = self._forgotten()
        rows = self.learner_service(course or "").rows("/exchange/submissions", course=course)
        return [row for row in rows if assignment in (None, row["assignment"]) and row["id"] not in forgotten]

    def _remove(self, row: Row) -> None:
        course = row["course_id"]
        if not self._submissions:
            self.staff_service(course).send(
                "DELETE", f"/staff/courses/{course}/exchange/assignments/{row['assignment_id']}"
            )
        elif self.inbound:
            self.staff_service(course).send(
                "DELETE", f"/staff/courses/{course}/exchange/submissions/{row['attempt_id']}"
            )
        else:
            self._forget(row["attempt_id"])

    # One's own list of submissions lives at the service; what was removed from it is remembered here.

    def _forgotten_file(self) -> Path:
        return Path(jupyter_data_dir()) / "nbgrader_cache" / "studyhall-removed.json"

    def _forgotten(self) -> set[str]:
        try:
            return set(json.loads(self._forgotten_file().read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return set()

    def _forget(self, attempt: str) -> None:
        file = self._forgotten_file()
        try:
            put(file, json.dumps(sorted({*self._forgotten(), attempt})).encode())
        except OSError as error:
            raise ServiceTrouble(f"{file} can't be written ({error.strerror}).") from error

    # What nbgrader's own pages read

    def _released_row(self, row: Row) -> Row:
        folder = self.local_folder(row["course"], row["assignment"])
        if folder.is_dir():
            notebooks = [(file.stem, str(file)) for file in sorted(folder.glob("*.ipynb"))]
        else:
            notebooks = [(stem, f"{row['assignment']}/{stem}.ipynb") for stem in row["notebooks"]]
        return {
            "course_id": row["course"],
            "assignment_id": row["assignment"],
            "status": "fetched" if folder.is_dir() else "released",
            "path": str(folder) if folder.is_dir() else row["assignment"],
            "notebooks": [{"notebook_id": stem, "path": path} for stem, path in notebooks],
        }

    def _submission_row(self, row: Row) -> Row:
        timestamp = self.timestamp_of(row["submitted_at"])
        feedback = self.local_folder(row["course"], row["assignment"]) / "feedback" / timestamp
        path = f"{row['student']}+{row['assignment']}+{timestamp}"
        notebooks = []
        for notebook in row["notebooks"]:
            stem, theirs = notebook["notebook"], notebook["feedback_sha256"]
            file = feedback / f"{stem}.html"
            ours = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
            notebooks.append(
                {
                    "notebook_id": stem,
                    "path": f"{path}/{stem}.ipynb",
                    "has_local_feedback": ours is not None,
                    "has_exchange_feedback": theirs is not None,
                    "local_feedback_path": str(file) if ours is not None else None,
                    "feedback_updated": ours is not None and theirs is not None and ours != theirs,
                }
            )
        local = bool(notebooks) and all(notebook["has_local_feedback"] for notebook in notebooks)
        return {
            "course_id": row["course"],
            "student_id": row["student"],
            "assignment_id": row["assignment"],
            "attempt_id": row["id"],
            "timestamp": timestamp,
            "status": "submitted",
            "path": path,
            "notebooks": notebooks,
            "has_local_feedback": local,
            "has_exchange_feedback": bool(notebooks)
            and all(notebook["has_exchange_feedback"] for notebook in notebooks),
            "feedback_updated": any(notebook["feedback_updated"] for notebook in notebooks),
            "local_feedback_path": str(feedback) if local else None,
        }

    def _say(self, heading: str, rows: list[Row]) -> None:
        self.log.info(heading)
        for row in rows:
            for one in row.get("submissions", [row]):
                self.log.info("%s", _line(one))


def _line(row: Row) -> str:
    if "student_id" not in row:
        fetched = " (already downloaded)" if row["status"] == "fetched" else ""
        return f"{row['course_id']} {row['assignment_id']}{fetched}"
    text = f"{row['course_id']} {row['student_id']} {row['assignment_id']} {row['timestamp']}"
    if row["status"] != "submitted":
        return text
    if row["has_local_feedback"] and not row["feedback_updated"]:
        return f"{text} (feedback already fetched)"
    return f"{text} ({'feedback ready to be fetched' if row['has_exchange_feedback'] else 'no feedback available'})"
